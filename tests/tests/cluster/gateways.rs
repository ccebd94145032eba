//! Several gateways on one cluster: what one wrote the others know before they refuse, repeat or
//! answer, whatever the cluster loses on the way.

use chrono::{Days, Duration, NaiveDate};
use proto::payledger::v1::PaymentState;
use tests::chance::Chance;
use tests::cluster::{Fault, Node};
use tests::process::failed;
use tests::refusals::{reason, refused};
use tests::requests::{auto_loan, from_timestamp};
use tests::server::Town;
use tests::views::agree;

const MORNING: &str = "2026-03-03T09:00:00-05:00";

async fn two(node: &Node) -> (Town, Town) {
    let one = Town::on_cluster(&node.connection(), MORNING).await;
    let other = Town::on_cluster(&node.connection(), MORNING).await;
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_gateway_wrote_the_other_knows_before_it_answers() {
    let node = Node::start().await;
    let (one, other) = two(&node).await;
    // Both have the account in memory, as absent.
    assert_eq!(
        reason(one.schedule("early", "a-1", "1.00", "2026-03-03").await),
        "ACCOUNT_NOT_FOUND"
    );
    assert_eq!(reason(other.account("a-1").await), "ACCOUNT_NOT_FOUND");
    one.open(auto_loan("a-1")).await.unwrap();
    assert_eq!(other.account("a-1").await.unwrap().account_id, "a-1");
    let first = other.schedule("pay", "a-1", "310.00", "2026-03-03").await.unwrap();
    let payment = first.payment.unwrap().payment_id;
    let again = one.schedule("pay", "a-1", "310.00", "2026-03-03").await.unwrap();
    assert_eq!((again.position, again.replayed), (first.position, true));
    let cancelled = one.cancel("cancel", "a-1", &payment).await.unwrap();
    assert_eq!(cancelled.payment.unwrap().state(), PaymentState::Cancelled);
    let seen = other.payment("a-1", &payment).await.unwrap();
    assert_eq!(seen.state(), PaymentState::Cancelled);
    let other_content = other.schedule("pay", "a-1", "311.00", "2026-03-03").await;
    assert_eq!(reason(other_content), "REQUEST_ID_REUSED");
    agree(&one).await;
    agree(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_of_a_gateway_is_served_without_its_cluster_by_nobody() {
    let node = Node::start().await;
    let gateway = Town::on_cluster(&node.connection(), MORNING).await;
    gateway.open(auto_loan("a-1")).await.unwrap();
    let directory = gateway.stop().await;
    for is_left in [true, false] {
        let folder = directory.path().to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            let here = folder.to_str().unwrap();
            let serve = failed(&["serve", "--listen", "127.0.0.1:0", "--data-dir", here]);
            let standby = folder.join("standby");
            let standby = standby.to_str().unwrap();
            let replicate = failed(&["replicate", "--from", here, "--to", standby]);
            (serve, [failed(&["verify", "--data-dir", here]), replicate])
        });
        let (serve, others) = asked.await.unwrap();
        assert_eq!(serve.0, 1, "{serve:?}");
        assert!(serve.1.contains("name the cluster with --store"), "{serve:?}");
        for other in others {
            assert_eq!(other.0, 4, "{other:?}");
            assert!(other.1.contains("payledger copy-log --from CONNECTION"), "{other:?}");
        }
        if is_left {
            std::fs::remove_dir_all(directory.path().join("read")).unwrap();
        }
    }
    assert!(!directory.path().join("events.db").exists(), "no log was begun");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_requests_sent_to_both_have_one_outcome_each() {
    let node = Node::start().await;
    let (one, other) = two(&node).await;
    one.open(auto_loan("a-1")).await.unwrap();
    // One of three appends meets a fault: the answer or the request is lost, or the leader moves.
    node.faults().often(3, &[Fault::AnswerLost, Fault::WrongLeader, Fault::RequestLost]);
    let mut tasks = tokio::task::JoinSet::new();
    for gateway in [&one, &other] {
        for lane in 0..3 {
            let client = gateway.another_client().await;
            tasks.spawn(async move {
                let mut answers = Vec::new();
                for n in 0..6 {
                    let name = format!("shared {lane} {n}");
                    let amount = format!("{lane}.{n}1");
                    // What did not come to an outcome is sent again, as the contract says.
                    let answer = loop {
                        match client.schedule(&name, "a-1", &amount, "2026-03-03").await {
                            Ok(answer) => break answer,
                            Err(status) => {
                                let reason = tests::refusals::Refused::read(&status).reason;
                                let again =
                                    ["OUTCOME_UNKNOWN", "VERSION_CONFLICT", "STORE_UNAVAILABLE"];
                                assert!(again.contains(&reason.as_str()), "{status:?}");
                            }
                        }
                    };
                    answers.push((name, answer.position, answer.payment.unwrap().payment_id));
                }
                answers
            });
        }
    }
    let mut answers: Vec<_> = tasks.join_all().await.concat();
    node.faults().heal();
    answers.sort();
    for pair in answers.chunks(2) {
        assert_eq!(pair[0], pair[1], "both gateways gave the same answer");
    }
    let events = one.replay().await.unwrap();
    let scheduled = events.iter().filter(|event| event.r#type == "PaymentScheduled");
    assert_eq!(scheduled.count(), 18);
    let count = u64::try_from(events.len()).unwrap();
    assert!(events.iter().map(|event| event.position).eq(1..=count));
    assert_eq!(events, other.replay().await.unwrap(), "the same positions on both");
    agree(&one).await;
    agree(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_at_one_and_a_run_at_another_have_one_outcome() {
    let node = Node::start().await;
    let (one, other) = two(&node).await;
    let mut chance = Chance::of(11);
    let mut day: NaiveDate = "2026-03-03".parse().unwrap();
    let (mut cancelled, mut applied) = (0, 0);
    for round in 0..12 {
        day = day.checked_add_days(Days::new(1)).unwrap();
        let (account, date) = (format!("a-{round}"), day.to_string());
        one.open(auto_loan(&account)).await.unwrap();
        let answer = one.schedule(&account, &account, "310.00", &date).await.unwrap();
        let payment = answer.payment.unwrap();
        let cutoff = from_timestamp(payment.cancel_before_time.as_ref()).unwrap();
        let payment = payment.payment_id;
        let late = i64::try_from(chance.below(2)).unwrap();
        let at = cutoff - Duration::milliseconds(1) + Duration::seconds(late);
        one.set_clock(at).await.unwrap();
        other.set_clock(cutoff + Duration::seconds(6)).await.unwrap();
        let client = one.another_client().await;
        let cancel = {
            let (name, account, payment) = (format!("c {round}"), account.clone(), payment.clone());
            tokio::spawn(async move { client.cancel(&name, &account, &payment).await })
        };
        // The clocks of the two are as far apart as no two may be: only the order of commits
        // decides then, and there is one outcome all the same.
        let run = other.run(&date, "15:00").await.unwrap().summary.unwrap();
        let cancel = cancel.await.unwrap();
        let state = one.payment(&account, &payment).await.unwrap().state();
        assert_eq!(state, other.payment(&account, &payment).await.unwrap().state());
        match cancel {
            Ok(_) => {
                cancelled += 1;
                assert_eq!(state, PaymentState::Cancelled);
            }
            Err(status) => {
                applied += 1;
                let told = tests::refusals::Refused::read(&status).reason;
                let named = ["CANCEL_WINDOW_CLOSED", "NOT_PENDING"];
                assert!(named.contains(&told.as_str()), "{status:?}");
                assert_eq!(state, PaymentState::Applied);
            }
        }
        assert_eq!(run.applied_count + run.cancelled_count, 1);
        one.set_clock(cutoff + Duration::seconds(6)).await.unwrap();
    }
    assert!(applied > 0, "{cancelled} cancelled, {applied} applied");
    agree(&one).await;
    agree(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_started_again_goes_on_with_its_read_models() {
    let node = Node::start().await;
    let (one, other) = two(&node).await;
    one.open(auto_loan("a-1")).await.unwrap();
    agree(&one).await;
    let files = one.stop().await;
    other.schedule("meanwhile", "a-1", "310.00", "2026-03-03").await.unwrap();
    let one = Town::on_cluster_in(files, &node.connection(), MORNING, false).await;
    agree(&one).await;
    assert_eq!(one.payments_of("a-1").await.unwrap().len(), 1);
    // Its read models belong to this cluster's log, and to no other, whatever was read of it.
    let files = one.stop().await;
    std::fs::remove_file(files.path().join("positions")).unwrap();
    let elsewhere = Node::start().await;
    let store = Some(elsewhere.connection());
    let at = tests::requests::instant(MORNING);
    let settings =
        gateway::serve::ServiceSettings { store, ..tests::server::settings(files.path(), at) };
    let refused = gateway::serve::Service::start(settings).await.unwrap_err();
    assert!(matches!(refused, gateway::serve::ServiceError::Projections(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_are_kept_by_two_gateways_as_by_one() {
    let node = Node::start().await;
    let (one, other) = two(&node).await;
    for (gateway, account) in [(&one, "a-1"), (&other, "a-2")] {
        gateway.open(auto_loan(account)).await.unwrap();
        gateway.schedule(account, account, "310.00", "2026-03-03").await.unwrap();
    }
    for gateway in [&one, &other] {
        gateway.clock("2026-03-03T15:00:06-05:00").await;
    }
    let run = one.run("2026-03-03", "15:00").await.unwrap().summary.unwrap();
    assert_eq!(run.applied_count, 2);
    let again = other.run("2026-03-03", "15:00").await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.summary.unwrap(), run);
    let refused = refused(other.schedule("late", "a-1", "1.00", "2026-03-02").await);
    assert_eq!(refused.reason, "DATE_IN_PAST");
    agree(&one).await;
    agree(&other).await;
}

/// The first events of a new log are written by whoever starts first, before anybody asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_starts_on_a_new_log_whatever_becomes_of_its_first_answers() {
    for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::Hangs] {
        let node = Node::start().await;
        for kind in ["RulebookAdopted", "DayOpened"] {
            node.faults().plan_for(kind, fault);
        }
        let town = Town::on_cluster(&node.connection(), MORNING).await;
        town.open(auto_loan("a-1")).await.unwrap();
        let events = town.replay().await.unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event.r#type.as_str()).collect();
        assert_eq!(kinds[..2], ["RulebookAdopted", "DayOpened"], "{fault:?}");
        assert!(kinds[2..].iter().all(|kind| kind.starts_with("Account")), "{fault:?}: {kinds:?}");
    }
}

/// It reads before it writes: the log, its end, the last receipts, what was lost, the rules.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_starts_whichever_of_its_first_reads_has_no_answer() {
    let whole = Fault::Ends { after: usize::MAX };
    for answered in 0..16 {
        let node = Node::start().await;
        for _ in 0..answered {
            node.faults().plan_read(whole);
        }
        node.faults().plan_read(Fault::RequestLost);
        let town = Town::on_cluster(&node.connection(), MORNING).await;
        node.faults().heal();
        town.open(auto_loan("a-1")).await.unwrap();
        let _files = town.stop().await;
    }
}
