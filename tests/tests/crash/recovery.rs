//! What a restore loses: recorded once, and nothing goes out until somebody approves.

use std::path::Path;

use proto::payledger::v1::{
    ApproveOriginationRequest, ApproveOriginationResponse, Channel, GetRecoveryRequest,
    GetRecoveryResponse, LossCause, LossKnownBy, PaymentState, RunsState, TitleState,
};
use serde_json::Value;
use tests::client::Client;
use tests::process::{Process, answered, failed, offline_finds_nothing_wrong};
use tests::refusals::{field, reason, refused};
use tests::requests::{auto_loan, instant, quoted_loan, request_id};
use tonic::{Code, Status};

const CLOCK: &str = "2026-06-15T09:00:00-04:00";
const TODAY: &str = "2026-06-15";

async fn recovery(client: &Client) -> GetRecoveryResponse {
    let request = GetRecoveryRequest { min_position: 0 };
    client.operations().get_recovery(request).await.unwrap().into_inner()
}

async fn approve(
    client: &Client,
    name: &str,
    loss_position: u64,
) -> Result<ApproveOriginationResponse, Status> {
    let (request_id, note) = (request_id(name), "compared with the bank".to_owned());
    let request = ApproveOriginationRequest { request_id, loss_position, note };
    Ok(client.operations().approve_origination(request).await?.into_inner())
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A payment that is scheduled and cancelled, and a loan that is paid off with more than it owes.
struct Before {
    /// The last position before the cancel.
    kept: u64,
    head: u64,
    payment: String,
    later: String,
}

async fn lived(data_dir: &Path, backup: &Path) -> Before {
    let process = Process::start_without_runner(data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(quoted_loan("a-1")).await.unwrap();
    client.receive("all", "a-1", Channel::Wire, "12403.60", TODAY).await.unwrap();
    client.open(auto_loan("a-2")).await.unwrap();
    let scheduled = client.schedule("pay", "a-2", "310.00", TODAY).await.unwrap();
    let (kept, payment) = (scheduled.position, scheduled.payment.unwrap().payment_id);
    client.cancel("cancel", "a-2", &payment).await.unwrap();
    let later = client.schedule("later", "a-2", "20.00", "2026-06-16").await.unwrap();
    let (head, later) = (later.position, later.payment.unwrap().payment_id);
    let report = answered(&["backup", "--data-dir", words(data_dir), "--to", words(backup)]);
    assert_eq!(report["head_position"], head);
    assert!(process.stop().status.success());
    Before { kept, head, payment, later }
}

/// How many bytes the blocks behind a position have.
fn bytes_beyond(data_dir: &Path, position: u64) -> i64 {
    let log = rusqlite::Connection::open(data_dir.join("events.db")).unwrap();
    let sql = "SELECT sum(length(payload)) FROM blocks WHERE first_position > ?1";
    log.query_row(sql, [position.cast_signed()], |row| row.get(0)).unwrap()
}

/// What sends money or work out is refused, and all else goes on.
async fn nothing_goes_out(client: &Client, loss: u64, amount: &str) {
    let held = [
        refused(client.run(TODAY, "15:00").await),
        refused(client.refund("refund", "a-1").await),
        refused(client.release("release", "a-1").await),
    ];
    for refused in held {
        assert_eq!(
            (refused.reason.as_str(), refused.code),
            ("ORIGINATION_ON_HOLD", Code::FailedPrecondition)
        );
        assert_eq!(refused.fact("loss"), loss.to_string());
    }
    let name = format!("{amount} scheduled");
    client.schedule(&name, "a-2", amount, "2026-06-16").await.unwrap();
    let name = format!("{amount} received");
    client.receive(&name, "a-2", Channel::Wire, amount, TODAY).await.unwrap();
    let state = client.title("a-1").await.unwrap().state();
    assert_eq!(state, TitleState::PaidOffOnHold);
}

#[tokio::test]
async fn a_restore_to_a_position_records_what_it_loses_and_holds_origination_until_approved() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, backup, fresh] =
        ["data", "backup", "fresh"].map(|name| folder.path().join(name));
    let before = lived(&data_dir, &backup).await;
    let kept = before.kept.to_string();
    let restored = answered(&[
        "restore",
        "--from",
        words(&backup),
        "--data-dir",
        words(&fresh),
        "--to-position",
        &kept,
    ]);
    assert_eq!(restored["head_position"], before.kept);
    let range = &restored["lost"];
    assert_eq!(
        (&range["from_position"], &range["to_position"]),
        (&(before.kept + 1).into(), &before.head.into())
    );
    assert_eq!((&range["known_by"], &range["payments"]), (&"backup".into(), &2.into()));
    assert_eq!(range["bytes"], bytes_beyond(&data_dir, 0) - bytes_beyond(&fresh, 0));
    offline_finds_nothing_wrong(&["verify"], &fresh);
    // A copy of it would not know yet.
    let copy = folder.path().join("copy");
    let (code, said) = failed(&["backup", "--data-dir", words(&fresh), "--to", words(&copy)]);
    assert_eq!(code, 5, "{said}");

    let process = Process::start(&fresh, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let told = recovery(&client).await;
    assert!(told.origination_on_hold);
    let [loss] = told.losses.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (loss.cause(), loss.known_by()),
        (LossCause::RestoreToPosition, LossKnownBy::Backup)
    );
    assert_eq!((loss.kept_position, loss.known_position), (before.kept, before.head));
    let affected = loss.affected.as_ref().unwrap();
    let payments: Vec<_> = affected
        .payments
        .iter()
        .map(|payment| (payment.payment_id.as_str(), payment.state.as_str()))
        .collect();
    assert_eq!(payments, [(&*before.payment, "cancelled"), (&*before.later, "scheduled")]);
    assert_eq!((affected.through_position, affected.payment_count), (before.head, 2));
    let position = loss.position;
    let runs = client.set_clock(instant("2026-06-15T15:00:06-04:00")).await.unwrap();
    assert_eq!(runs, RunsState::OnHold);
    nothing_goes_out(&client, position, "1.00").await;
    assert_eq!(
        client.payment("a-2", &before.payment).await.unwrap().state(),
        PaymentState::Scheduled
    );
    process.kill();

    // The hold is in the log: it is there after a start, once.
    let process = Process::start(&fresh, "2026-06-15T15:00:06-04:00").unwrap();
    let client = Client::connect(process.address()).await;
    assert_eq!(recovery(&client).await.losses, told.losses);
    nothing_goes_out(&client, position, "2.00").await;
    let server = format!("http://{}", process.address());
    let shown = answered(&["operations", "recovery", "--server", &server]);
    assert_eq!(shown["origination_on_hold"], true);
    approved(&client, position).await;

    // What was held goes on, under the same request ids too.
    goes_on(&client, &before.payment).await;
    assert!(process.stop().status.success());
    offline_finds_nothing_wrong(&["verify"], &fresh);
    answered(&["backup", "--data-dir", words(&fresh), "--to", words(&copy)]);
    let verified = answered(&["verify", "--file", words(&copy)]);
    assert_eq!(verified["is_whole"], true);
}

/// The release that was refused, and the payment whose window waited.
async fn goes_on(client: &Client, payment: &str) {
    assert!(!client.release("release", "a-1").await.unwrap().replayed);
    client
        .until(async |client| {
            let payment = client.payment("a-2", payment).await.unwrap();
            payment.state() == PaymentState::Applied
        })
        .await;
}

/// Approves, by whatever is no approval first.
async fn approved(client: &Client, position: u64) {
    assert_eq!(reason(approve(client, "other", position + 1).await), "LOSS_NOT_FOUND");
    assert_eq!(field(approve(client, "none", 0).await).1, "loss_position");
    assert!(recovery(client).await.origination_on_hold);
    let answer = approve(client, "approve", position).await.unwrap();
    assert!(!answer.replayed && !answer.origination_on_hold);
    let approval = answer.loss.as_ref().unwrap().approval.as_ref().unwrap();
    assert_eq!(
        (approval.position, approval.note.as_str()),
        (answer.position, "compared with the bank")
    );
    approved_once(client, position, answer.position).await;
}

/// Another approval is refused, and the same one is answered as it was.
async fn approved_once(client: &Client, position: u64, approved_at: u64) {
    let again = approve(client, "approve", position).await.unwrap();
    assert_eq!((again.replayed, again.position), (true, approved_at));
    let other = refused(approve(client, "approve too", position).await);
    assert_eq!(other.reason, "ORIGINATION_ALREADY_APPROVED");
    assert_eq!(other.fact("approved_position"), approved_at.to_string());
    let other = refused(approve(client, "approve too", position).await);
    assert_eq!(other.fact("replayed"), "true");
    assert_eq!(reason(approve(client, "approve", position + 1).await), "REQUEST_ID_REUSED");
}

/// A lost log is not served beside the one that a restore made of it, until that one is given up.
fn give_up(restored: &Value, made: &str, lost_dir: &Path) {
    assert_eq!(restored["lost_dir_superseded"], true);
    let (code, said) = failed(&["serve", "--data-dir", words(lost_dir)]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains(made), "{said}");
    std::fs::remove_file(lost_dir.join("SUPERSEDED")).unwrap();
}

/// What is not known of a loss of which nothing tells.
const NOT_KNOWN: [&str; 6] =
    ["to_position", "events", "bytes", "known_by", "payments", "lien_releases"];

#[tokio::test]
async fn a_restore_is_told_what_it_loses_by_whoever_knows() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, backup] = ["data", "backup"].map(|name| folder.path().join(name));
    let before = lived(&data_dir, &backup).await;
    let restore = |fresh: &str, more: &[&str]| {
        let fresh = folder.path().join(fresh);
        let mut all = vec!["restore", "--from", words(&backup), "--data-dir", words(&fresh)];
        all.extend(more);
        answered(&all)
    };
    // Only the log itself, whole, can tell that there was no more.
    let whole = restore("ends here", &["--lost-dir", words(&data_dir)]);
    assert_eq!(whole["lost"], Value::Null);
    assert!(!folder.path().join("ends here/LOSS").exists());
    give_up(&whole, "ends here", &data_dir);
    let process = Process::start_without_runner(&data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let wire = client.receive("wire", "a-2", Channel::Wire, "5.00", TODAY).await.unwrap();
    client.until(async |client| client.payments_of("a-2").await.unwrap().len() == 3).await;
    assert!(process.stop().status.success());
    let unknown = restore("unknown", &[])["lost"].clone();
    assert_eq!(unknown["from_position"], before.head + 1);
    assert!(NOT_KNOWN.iter().all(|it| unknown.get(it) == Some(&Value::Null)), "{unknown}");
    let head = before.head.to_string();
    assert_eq!(restore("known", &["--known-head", &head])["lost"], unknown);
    let further = restore("further", &["--known-head", "1000"]);
    assert_eq!(
        (&further["lost"]["known_by"], &further["lost"]["payments"]),
        (&"operator".into(), &Value::Null)
    );
    let whole = restore("whole", &["--lost-dir", words(&data_dir)]);
    assert_eq!(whole["lost"]["known_by"], "lost_log");
    assert_eq!(
        (&whole["lost"]["to_position"], &whole["lost"]["payments"]),
        (&wire.position.into(), &1.into())
    );
    assert_eq!(whole["lost"]["bytes"], bytes_beyond(&data_dir, before.head));
    give_up(&whole, "whole", &data_dir);
    std::fs::remove_file(data_dir.join("events.db")).unwrap();
    let head = restore("head", &["--lost-dir", words(&data_dir)]);
    assert_eq!(
        (&head["lost"]["known_by"], &head["lost"]["payments"], &head["lost_dir_superseded"]),
        (&"lost_log".into(), &1.into(), &false.into())
    );
    std::fs::remove_file(data_dir.join("HEAD")).unwrap();
    let models = restore("models", &["--lost-dir", words(&data_dir)]);
    assert_eq!(models["lost"]["known_by"], "lost_read_models");
    assert_eq!(models["lost"]["bytes"], Value::Null);
    assert_eq!(
        (&models["lost"]["to_position"], &models["lost"]["payments"]),
        (&wire.position.into(), &1.into())
    );
    // A directory that tells nothing is a mistake, not a proof.
    let empty = folder.path().join("empty");
    let fresh = folder.path().join("mistaken");
    for missing in [&empty, folder.path()] {
        let from = ["--from", words(&backup), "--lost-dir", words(missing)];
        let all = [&["restore", "--data-dir", words(&fresh)][..], &from].concat();
        let (code, said) = failed(&all);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("holds no log, and no read models"), "{said}");
    }
    // Somebody who knows something else is not believed.
    let chain = format!("{}:{}", before.head, "0".repeat(64));
    let fresh = folder.path().join("wrong");
    let from = ["--from", words(&backup), "--known-head", &chain];
    let (code, said) = failed(&[&["restore", "--data-dir", words(&fresh)][..], &from].concat());
    assert_eq!(code, 3, "{said}");
    assert!(!fresh.join("events.db").exists());
}

#[tokio::test]
async fn what_cannot_be_read_of_a_lost_log_may_have_known_of_more() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, backup] = ["data", "backup"].map(|name| folder.path().join(name));
    lived(&data_dir, &backup).await;
    for broken in ["HEAD", "read/CURRENT"] {
        let file = data_dir.join(broken);
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, "rubbish").unwrap();
        let fresh = folder.path().join(broken.replace('/', " "));
        let restored = ["restore", "--from", words(&backup), "--data-dir", words(&fresh)];
        let restored = answered(&[&restored[..], &["--lost-dir", words(&data_dir)]].concat());
        let to_position = restored["lost"].get("to_position");
        assert_eq!(to_position, Some(&Value::Null), "{broken}");
        assert!(fresh.join("LOSS").exists());
        std::fs::write(&file, whole).unwrap();
        std::fs::remove_file(data_dir.join("SUPERSEDED")).unwrap();
    }
}

#[tokio::test]
async fn a_loss_that_nothing_rules_out_holds_origination_and_one_that_is_left_lists_all() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, backup, fresh, again] =
        ["data", "backup", "fresh", "again"].map(|name| folder.path().join(name));
    let before = lived(&data_dir, &backup).await;
    let restore = ["restore", "--from", words(&backup), "--data-dir"];
    answered(&[&restore[..], &[words(&fresh)]].concat());
    // A copy of the events alone would not know.
    let copy = folder.path().join("copy");
    for sides in [
        ["--from", words(&fresh), "--to", words(&copy)],
        ["--from", words(&data_dir), "--to", words(&fresh)],
    ] {
        let (code, said) = failed(&[&["copy-log"][..], &sides].concat());
        assert_eq!(code, 5, "{said}");
        assert!(said.contains("serve it once first"), "{said}");
    }
    let process = Process::start_without_runner(&fresh, "2026-06-15T15:00:06-04:00").unwrap();
    let client = Client::connect(process.address()).await;
    let told = recovery(&client).await;
    let [loss] = told.losses.as_slice() else { panic!("{told:?}") };
    assert_eq!((loss.kept_position, loss.known_position), (before.head, before.head));
    assert_eq!((loss.cause(), loss.affected.as_ref()), (LossCause::Restore, None));
    nothing_goes_out(&client, loss.position, "1.00").await;
    approved(&client, loss.position).await;
    // The release that is lost next is in no other log.
    let released = client.release("release", "a-1").await.unwrap().position;
    let served = [&restore[..], &[words(&again), "--lost-dir", words(&fresh)]].concat();
    let (code, said) = failed(&served);
    assert_eq!(code, 7, "{said}");
    process.kill();
    let range = &answered(&served)["lost"];
    assert_eq!(range["lien_releases"], 1, "{range}");
    let process = Process::start(&again, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let told = recovery(&client).await;
    let affected = told.losses[0].affected.as_ref().unwrap();
    assert_eq!(affected.lien_release_count, Some(1));
    let [release] = affected.lien_releases.as_slice() else { panic!("{affected:?}") };
    assert_eq!((release.account_id.as_str(), release.position), ("a-1", released));
    process.kill();
}

#[test]
fn what_is_no_backup_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, fresh, none] = ["data", "fresh", "none"].map(|name| folder.path().join(name));
    Process::start_without_runner(&data_dir, CLOCK).unwrap().kill();
    let log = data_dir.join("events.db");
    let (code, said) = failed(&["restore", "--from", words(&log), "--data-dir", words(&fresh)]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("payledger backup"), "{said}");
    assert!(!fresh.exists());
    let (code, said) = failed(&["verify", "--file", words(&data_dir)]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("it is a directory"), "{said}");
    let (code, said) = failed(&["verify", "--file", words(&none)]);
    assert_eq!(code, 4, "{said}");
    assert!(!said.contains("--data-dir"), "{said}");
}

#[tokio::test]
async fn a_position_inside_a_request_is_refused_with_the_nearest_ones() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, backup, fresh] =
        ["data", "backup", "fresh"].map(|name| folder.path().join(name));
    let process = Process::start_without_runner(&data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(quoted_loan("a-1")).await.unwrap();
    let before = client.head().await.unwrap();
    let paid = client.receive("all", "a-1", Channel::Wire, "12403.60", TODAY).await.unwrap();
    assert!(paid.position > before + 1, "a payoff causes more than one event");
    answered(&["backup", "--data-dir", words(&data_dir), "--to", words(&backup)]);
    let inside = (before + 1).to_string();
    let (code, said) = failed(&[
        "restore",
        "--from",
        words(&backup),
        "--data-dir",
        words(&fresh),
        "--to-position",
        &inside,
    ]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains(&format!("restore to {before} or to {}", paid.position)), "{said}");
    let (code, said) = failed(&[
        "restore",
        "--from",
        words(&backup),
        "--data-dir",
        words(&fresh),
        "--to-position",
        "1000",
    ]);
    assert_eq!(code, 4, "{said}");
    process.kill();
}
