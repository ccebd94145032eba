//! A standby beside a service under load: killed again and again, promoted, and served.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use proto::payledger::v1::batch_command::Command as Sending;
use proto::payledger::v1::batch_result::Outcome;
use proto::payledger::v1::{BatchResult, Channel, GetRecoveryRequest, LossCause, LossKnownBy};
use tests::chance::Chance;
use tests::client::{Client, receive, schedule};
use tests::process::{Process, answered, binary, failed, offline_finds_nothing_wrong};
use tests::refusals::reason;
use tests::requests::auto_loan;

const CLOCK: &str = "2026-03-03T09:00:00-05:00";
const TODAY: &str = "2026-03-03";
/// Where the chances start; `PAYLEDGER_CRASH_SEED` says otherwise.
const SEED: u64 = 7;
/// How often the replica is killed.
const KILLS: u64 = 8;

/// A command and the position it was acknowledged with.
#[derive(Debug)]
struct Sent {
    command: Sending,
    position: u64,
}

/// The position of what was accepted, and whether it is a repeat.
fn outcome(result: &BatchResult) -> (u64, bool) {
    let outcome = result.outcome.as_ref().unwrap();
    if let Outcome::OpenAccount(answer) = outcome {
        (answer.position, answer.replayed)
    } else if let Outcome::SchedulePayment(answer) = outcome {
        (answer.position, answer.replayed)
    } else if let Outcome::ReceivePayment(answer) = outcome {
        (answer.position, answer.replayed)
    } else {
        unreachable!("{outcome:?}")
    }
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A replica that follows until it is killed.
fn follow(from: &Path, to: &Path) -> Child {
    let mut command = Command::new(binary());
    command.arg("replicate").arg("--from").arg(from).arg("--to").arg(to).arg("--follow");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn replicate(from: &Path, to: &Path) -> serde_json::Value {
    answered(&["replicate", "--from", words(from), "--to", words(to)])
}

/// Writes `batches` batches of commands and remembers what was answered.
async fn write(client: &Client, number: &mut u64, batches: u64, sent: &mut Vec<Sent>) {
    use Sending::{OpenAccount, ReceivePayment, SchedulePayment};
    for _ in 0..batches {
        *number += 1;
        let account = format!("a-{number}");
        let name = |what: &str| format!("{account} {what}");
        let wire = receive(&name("wire"), &account, Channel::Wire, "99.99", TODAY);
        let commands = vec![
            OpenAccount(Box::new(auto_loan(&account))),
            SchedulePayment(schedule(&name("pay"), &account, "310.00", TODAY)),
            ReceivePayment(wire),
        ];
        let answer = client.batch(commands.clone()).await.unwrap();
        for (command, result) in commands.into_iter().zip(&answer.results) {
            sent.push(Sent { command, position: outcome(result).0 });
        }
    }
}

/// Sends again what was acknowledged: up to `head` it is a repeat, and beyond it is not.
async fn asked_again(client: &Client, sent: &[Sent], head: u64) -> u64 {
    let mut lost = 0;
    for chunk in sent.chunks(300) {
        let batch = chunk.iter().map(|sent| sent.command.clone()).collect();
        let answer = client.batch(batch).await.unwrap();
        for (sent, result) in chunk.iter().zip(&answer.results) {
            let (position, replayed) = outcome(result);
            assert_eq!(replayed, sent.position <= head, "{sent:?}");
            assert!(!replayed || position == sent.position, "{sent:?}");
            lost += u64::from(!replayed);
        }
    }
    lost
}

fn chance() -> Chance {
    let seed = std::env::var("PAYLEDGER_CRASH_SEED");
    let seed = seed.map_or(SEED, |text| text.parse().unwrap());
    say(&format!("PAYLEDGER_CRASH_SEED={seed} cargo test -p tests --test crash standby"));
    Chance::of(seed)
}

/// Says how to run a failed test again: the harness shows it only if the test fails.
#[expect(clippy::print_stdout, reason = "the harness keeps it back unless the test fails")]
fn say(line: &str) {
    println!("to run this again: {line}");
}

/// Nothing is written to the old primary, nor followed there; it can still be read.
fn is_served_no_more(old: &Path, promoted: &Path) {
    let said = format!("{} was promoted in its place", words(promoted));
    let ended = Process::start(old, CLOCK).unwrap_err();
    assert_eq!(ended.status.code(), Some(5), "{}", ended.said);
    assert!(ended.said.contains(&said), "{}", ended.said);
    let elsewhere = old.with_file_name("elsewhere");
    for verb in ["replicate", "copy-log"] {
        let (code, said_so) = failed(&[verb, "--from", words(old), "--to", words(&elsewhere)]);
        assert_eq!(code, 5, "{said_so}");
        assert!(said_so.contains(&said), "{said_so}");
    }
    offline_finds_nothing_wrong(&["verify"], old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_killed_at_random_goes_on_and_loses_no_more_than_it_says() {
    let mut chance = chance();
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, to] = ["data", "standby"].map(|name| folder.path().join(name));
    let process = Process::start(&data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let (mut number, mut sent) = (0, Vec::new());
    for _ in 0..KILLS {
        let mut replica = follow(&data_dir, &to);
        write(&client, &mut number, chance.below(60) + 1, &mut sent).await;
        replica.kill().unwrap();
        replica.wait().unwrap();
        if to.join("events.db").exists() {
            let verified = answered(&["verify", "--data-dir", words(&to)]);
            assert_eq!(verified["is_whole"], true);
        }
    }
    // From wherever it was killed it receives the rest, beside the service.
    let round = replicate(&data_dir, &to);
    let head = round["head_position"].as_u64().unwrap();
    assert!(head >= sent.last().unwrap().position, "{round}");
    assert_eq!(round["lag_blocks"], 0);
    // What the standby never receives.
    let before = sent.len();
    write(&client, &mut number, 5, &mut sent).await;
    let last = client.head().await.unwrap();
    client.until(async |client| client.payments_of("a-1").await.unwrap().len() == 2).await;
    process.kill();

    let ended = Process::start(&to, CLOCK).unwrap_err();
    assert_eq!(ended.status.code(), Some(5), "{}", ended.said);
    assert!(ended.said.contains("payledger promote"), "{}", ended.said);
    let range =
        &answered(&["promote", "--data-dir", words(&to), "--lost-dir", words(&data_dir)])["lost"];
    assert_eq!(
        (range["from_position"].as_u64(), range["to_position"].as_u64()),
        (Some(head + 1), Some(last))
    );
    assert_eq!((&range["known_by"], &range["payments"]), (&"lost_log".into(), &10.into()));
    let (code, said) = failed(&["replicate", "--from", words(&data_dir), "--to", words(&to)]);
    assert_eq!(code, 5, "{said}");
    is_served_no_more(&data_dir, &to);

    let process = Process::start(&to, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let request = GetRecoveryRequest { min_position: 0 };
    let recovery = client.operations().get_recovery(request).await.unwrap().into_inner();
    let loss = recovery.losses.first().unwrap();
    assert_eq!((loss.cause(), loss.known_by()), (LossCause::Promotion, LossKnownBy::LostLog));
    assert_eq!((loss.kept_position, loss.known_position), (head, last));
    assert_eq!(reason(client.run(TODAY, "15:00").await), "WINDOW_NOT_CLOSED");
    let again = asked_again(&client, &sent, head).await;
    assert_eq!(again, u64::try_from(sent.len() - before).unwrap());
    assert!(process.stop().status.success());
    offline_finds_nothing_wrong(&["verify"], &to);
    // The old primary's log has parted from the new one's.
    let (code, said) = failed(&["replicate", "--from", words(&to), "--to", words(&data_dir)]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("is not a standby") && said.contains("empty or missing"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_has_everything_takes_over_and_is_held_unless_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, to, other] = ["data", "standby", "other"].map(|name| folder.path().join(name));
    let process = Process::start(&data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let (mut number, mut sent) = (0, Vec::new());
    write(&client, &mut number, 20, &mut sent).await;
    replicate(&data_dir, &to);
    let (code, said) = failed(&["promote", "--data-dir", words(&to)]);
    assert_eq!(code, 7, "two would go on from here: {said}");
    assert!(said.contains("is in use by process"), "{said}");
    assert!(process.stop().status.success());
    let round = replicate(&data_dir, &to);
    replicate(&data_dir, &other);
    let ours = answered(&["verify", "--data-dir", words(&data_dir)]);
    let theirs = answered(&["verify", "--data-dir", words(&to)]);
    for name in ["log_id", "head_position", "chain", "blocks"] {
        assert_eq!(ours[name], theirs[name], "{name}");
    }
    assert_eq!(theirs["standby"]["lag_events"], 0);
    let head = round["head_position"].as_u64().unwrap();
    let (code, said) = failed(&["copy-log", "--from", words(&to), "--to", words(&data_dir)]);
    assert_eq!(code, 5, "{said}");
    // What the standby saw last need not be the last that was acknowledged.
    let known = format!("{head}:{}", round["chain"].as_str().unwrap());
    let promoted = answered(&["promote", "--data-dir", words(&other), "--known-head", &known]);
    assert_eq!(
        (&promoted["lag_events"], &promoted["source_superseded"]),
        (&0.into(), &true.into())
    );
    assert_eq!(promoted["lost"]["origination"], "on hold until it is approved");
    let process = Process::start(&other, CLOCK).unwrap();
    let request = GetRecoveryRequest { min_position: 0 };
    let client = Client::connect(process.address()).await;
    let told = client.operations().get_recovery(request).await.unwrap().into_inner();
    assert!(told.origination_on_hold && told.losses[0].known_position == head, "{told:?}");
    process.kill();
    let planned = ["promote", "--data-dir", words(&to), "--lost-dir", words(&data_dir)];
    let (code, said) = failed(&planned);
    assert_eq!(code, 5, "two would go on from here: {said}");
    assert!(said.contains(&format!("{} was promoted in its place", words(&other))), "{said}");
    // The other one is given up.
    std::fs::remove_file(data_dir.join("SUPERSEDED")).unwrap();
    let promoted = answered(&planned);
    assert_eq!(promoted["lost"], serde_json::Value::Null);
    let process = Process::start(&to, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let request = GetRecoveryRequest { min_position: 0 };
    let recovery = client.operations().get_recovery(request).await.unwrap().into_inner();
    assert!(!recovery.origination_on_hold && recovery.losses.is_empty(), "{recovery:?}");
    assert_eq!(asked_again(&client, &sent, head).await, 0);
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_of_a_standby_takes_the_place_of_both_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, middle, end] = ["data", "middle", "end"].map(|name| folder.path().join(name));
    let process = Process::start(&data_dir, CLOCK).unwrap();
    replicate(&data_dir, &middle);
    replicate(&middle, &end);
    let (code, said) = failed(&["promote", "--data-dir", words(&end)]);
    assert_eq!(code, 7, "two would go on from here: {said}");
    assert!(said.contains(&format!("{} is in use by process", words(&data_dir))), "{said}");
    assert!(process.stop().status.success());
    let promoted = answered(&["promote", "--data-dir", words(&end)]);
    assert_eq!(promoted["source_superseded"], true);
    is_served_no_more(&data_dir, &end);
    let (code, said) = failed(&["promote", "--data-dir", words(&middle)]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains(&format!("{} was promoted in its place", words(&end))), "{said}");
    assert!(Process::start(&end, CLOCK).unwrap().stop().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_the_place_of_the_source_that_it_followed_last() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, first, second] =
        ["data", "first", "second"].map(|name| folder.path().join(name));
    assert!(Process::start(&data_dir, CLOCK).unwrap().stop().status.success());
    replicate(&data_dir, &first);
    replicate(&data_dir, &second);
    answered(&["promote", "--data-dir", words(&first), "--lost-dir", words(&data_dir)]);
    let process = Process::start(&first, CLOCK).unwrap();
    replicate(&first, &second);
    // Nobody takes the place of what it comes from by a detour over itself.
    let third = folder.path().join("third");
    replicate(&second, &third);
    for from in [&second, &third] {
        let (code, said) = failed(&["replicate", "--from", words(from), "--to", words(&second)]);
        assert_eq!(code, 5, "{said}");
        assert!(said.contains("and a standby follows no log of its own"), "{said}");
    }
    std::fs::rename(&data_dir, folder.path().join("away")).unwrap();
    let (code, said) = failed(&["promote", "--data-dir", words(&second)]);
    assert_eq!(code, 7, "two would go on from here: {said}");
    assert!(said.contains(&format!("{} is in use by process", words(&first))), "{said}");
    assert!(process.stop().status.success());
    let promoted = answered(&["promote", "--data-dir", words(&second)]);
    assert_eq!(promoted["source"], words(&first));
    assert_eq!(promoted["source_superseded"], true);
    is_served_no_more(&first, &second);
    assert!(Process::start(&second, CLOCK).unwrap().stop().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_gone_or_another_log_is_left_as_it_is_by_a_promotion() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, other] = ["data", "other"].map(|name| folder.path().join(name));
    for data_dir in [&data_dir, &other] {
        assert!(Process::start(data_dir, CLOCK).unwrap().stop().status.success());
    }
    let standbys = ["gone", "another"].map(|name| folder.path().join(name));
    for to in &standbys {
        replicate(&data_dir, to);
    }
    std::fs::rename(&data_dir, folder.path().join("away")).unwrap();
    for to in &standbys {
        let promoted = answered(&["promote", "--data-dir", words(to)]);
        assert_eq!(promoted["source_superseded"], false);
        assert!(Process::start(to, CLOCK).unwrap().stop().status.success());
        // In the old one's place there is another ledger now.
        if !data_dir.exists() {
            std::fs::rename(&other, &data_dir).unwrap();
        }
    }
    assert!(Process::start(&data_dir, CLOCK).unwrap().stop().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_stops_when_it_is_told_and_says_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, to] = ["data", "standby"].map(|name| folder.path().join(name));
    let process = Process::start(&data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    let mut command = Command::new(binary());
    command.arg("replicate").arg("--from").arg(&data_dir).arg("--to").arg(&to).arg("--follow");
    let mut replica = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(replica.stdout.take().unwrap()));
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["lag_blocks"], 0, "{first}");
    client.receive("wire", "a-1", Channel::Wire, "5.00", TODAY).await.unwrap();
    let head = client.head().await.unwrap();
    let last: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&last["head_position"], &last["lag_bytes"]), (&head.into(), &0.into()));
    let id = replica.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    assert!(replica.wait().unwrap().success());
    process.kill();
    offline_finds_nothing_wrong(&["verify"], &to);
}
