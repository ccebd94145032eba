//! What a preview shows is what happens, or the commit that names it is refused.

use super::super::{Engine, EngineError, Preview};
use super::{account_id, at, engine, execute, receive, request};
use crate::domain::account::commands::{Command, ReceivePayment};
use crate::domain::account::consequences::Figures;
use crate::domain::account::events::{FeeKind, Split};
use crate::domain::account::refusal::Refusal;
use crate::domain::product::Channel;
use crate::envelope::Position;
use crate::ids::PaymentId;

/// An engine with two payments, of which the first may come back.
async fn two_payments() -> (Engine, PaymentId) {
    let engine = engine().await;
    at(&engine, "2026-04-01T10:00:00-04:00");
    let first = execute(&engine, "first", receive("310.00", "2026-04-01")).await.unwrap();
    at(&engine, "2026-04-20T10:00:00-04:00");
    execute(&engine, "second", receive("150.00", "2026-04-20")).await.unwrap();
    let payment = first.account.open().unwrap().payments.keys().next().unwrap();
    (engine, payment)
}

fn take_back(payment: PaymentId, return_code: &str, preview: Option<&str>) -> Command {
    let return_code = return_code.to_owned();
    Command::ReturnPayment { payment, return_code, preview: preview.map(str::to_owned) }
}

async fn preview(engine: &Engine, command: &Command) -> Preview {
    engine.preview_change(&account_id(), command).await.unwrap()
}

fn current(error: EngineError) -> String {
    let EngineError::Refused { refusal: Refusal::PreviewOutdated { current }, .. } = error else {
        panic!("{error}");
    };
    current
}

#[tokio::test]
async fn a_preview_lists_what_a_return_means_and_writes_nothing() {
    let (engine, payment) = two_payments().await;
    let head = engine.store().head().await.unwrap();
    let shown = preview(&engine, &take_back(payment, "R01", None)).await;
    assert_eq!(engine.store().head().await.unwrap(), head);
    assert_eq!(shown.position, head);

    let all = shown.consequences().unwrap();
    // Nothing of the first payment is left, and the second one pays 100.00 of interest (50 days of
    // 2.00 a day) where it had paid 37.06 (19 days of 9,752.00 at 7.3 %).
    let text = |split: &Option<Split>| {
        split.map_or_else(|| "-".to_owned(), |it| format!("{}/{}", it.interest, it.principal))
    };
    let splits: Vec<_> = all
        .payments
        .iter()
        .map(|it| (it.amount.to_string(), text(&it.before), text(&it.after)))
        .collect();
    let split = |amount: &str, before: &str, after: &str| {
        (amount.to_owned(), before.to_owned(), after.to_owned())
    };
    assert_eq!(
        splits,
        [split("310.00", "62.00/248.00", "-"), split("150.00", "37.06/112.94", "100.00/50.00")]
    );
    let opened: Vec<_> =
        all.instalments.iter().map(|it| (it.after.number, it.before.met, it.after.met)).collect();
    // The second payment had paid 150.00 of the second one; more will be left of the last.
    assert_eq!(opened, [(1, true, false), (2, false, false), (36, false, false)]);
    let fees: Vec<_> = all.fees.iter().map(|it| (it.after.kind, it.after.amount)).collect();
    assert_eq!(fees, [(FeeKind::ReturnedItem, "25.00".parse().unwrap())]);
    assert_eq!(all.before.standing.days_past_due(), 0);
    assert_eq!(all.after.standing.days_past_due(), 19);
    assert_eq!(all.after.standing.past_due, "160.00".parse().unwrap());
    let next = Some("2026-05-01".parse().unwrap());
    assert_eq!([all.before.next_due_date, all.after.next_due_date], [next, next]);
    assert!(!all.journal.is_empty());
}

#[tokio::test]
async fn what_was_previewed_is_what_a_commit_with_its_hash_does() {
    let (engine, payment) = two_payments().await;
    let shown = preview(&engine, &take_back(payment, "R01", None)).await;
    let again = preview(&engine, &take_back(payment, "R01", Some("another"))).await;
    assert_eq!(shown.hash, again.hash);
    let command = take_back(payment, "R01", Some(&shown.hash));
    let done = execute(&engine, "return", command).await.unwrap();
    let foreseen = shown.consequences().unwrap().after;
    assert_eq!(Figures::of(done.account.open().unwrap(), shown.today), foreseen);
    assert_eq!(done.events.len(), shown.events.len());
}

#[tokio::test]
async fn a_commit_is_refused_once_history_has_moved() {
    let (engine, payment) = two_payments().await;
    let shown = preview(&engine, &take_back(payment, "R01", None)).await;
    execute(&engine, "third", receive("1.00", "2026-04-02")).await.unwrap();
    let head = engine.store().head().await.unwrap();
    let late = take_back(payment, "R01", Some(&shown.hash));
    let refused = current(execute(&engine, "return", late.clone()).await.unwrap_err());
    // The refusal is on record, answers a repeat, and outdates nothing itself.
    assert_eq!(engine.store().head().await.unwrap(), Position(head.0 + 1));
    assert_eq!(current(execute(&engine, "return", late).await.unwrap_err()), refused);
    assert_eq!(preview(&engine, &take_back(payment, "R01", None)).await.hash, refused);
    let now = take_back(payment, "R01", Some(&refused));
    execute(&engine, "return again", now).await.unwrap();
}

#[tokio::test]
async fn a_hash_stands_for_one_command_on_one_day() {
    let (engine, payment) = two_payments().await;
    let shown = preview(&engine, &take_back(payment, "R01", None)).await;
    let other = take_back(payment, "R09", Some(&shown.hash));
    current(execute(&engine, "another code", other).await.unwrap_err());
    // On the next day the journals go to another accounting day.
    at(&engine, "2026-04-21T10:00:00-04:00");
    let tomorrow = take_back(payment, "R01", Some(&shown.hash));
    current(execute(&engine, "tomorrow", tomorrow).await.unwrap_err());
}

#[tokio::test]
async fn what_would_be_refused_is_refused_by_its_own_reason() {
    let (engine, payment) = two_payments().await;
    let reinstate = Command::ReinstatePayment { payment, preview: Some("of yesterday".to_owned()) };
    let head = engine.store().head().await.unwrap();
    let shown = engine.preview_change(&account_id(), &reinstate).await.unwrap_err();
    assert!(
        matches!(&shown, EngineError::Refused { refusal: Refusal::NotReturned { .. }, .. }),
        "{shown}"
    );
    assert_eq!(engine.store().head().await.unwrap(), head);
    let refused = execute(&engine, "reinstate", reinstate).await.unwrap_err();
    assert!(matches!(refused, EngineError::Refused { refusal: Refusal::NotReturned { .. }, .. }));
}

#[tokio::test]
async fn in_a_batch_a_preview_is_outdated_by_the_command_before_it() {
    let (engine, payment) = two_payments().await;
    let mut wire = receive("9.00", "2026-04-20");
    if let Command::ReceivePayment(ReceivePayment { channel, .. }) = &mut wire {
        *channel = Channel::Wire;
    }
    let (returned, received) = (
        preview(&engine, &take_back(payment, "R01", None)).await.hash,
        preview(&engine, &wire).await.hash,
    );
    if let Command::ReceivePayment(ReceivePayment { preview, .. }) = &mut wire {
        *preview = Some(received);
    }
    let commands = [("wire", wire), ("return", take_back(payment, "R01", Some(&returned)))];
    let requests =
        commands.map(|(name, command)| request(name, engine.receive().unwrap(), command)).to_vec();
    let mut outcomes = engine.execute_batch(requests).await;
    let outdated = outcomes.pop().unwrap().unwrap_err();
    current(outdated);
    outcomes.pop().unwrap().unwrap();
}
