//! Runs of cut-off windows: when they may start, what they seal, and what a second run does.

use proto::payledger::v1::{Channel, PaymentState, Product, RunCutoffResponse};
use tests::refusals::{field, reason, refused};
use tests::requests::{auto_loan, from_timestamp, instant, lease, personal_loan, text};
use tests::server::Town;
use tests::views::agree;

fn counts(run: &RunCutoffResponse) -> (i64, String, i64, String) {
    let summary = run.summary.as_ref().unwrap();
    let (applied, cancelled) = (&summary.applied_amount, &summary.cancelled_amount);
    let texts = (text(applied.as_ref()), text(cancelled.as_ref()));
    (summary.applied_count, texts.0, summary.cancelled_count, texts.1)
}

#[tokio::test]
async fn a_run_waits_until_every_command_before_the_cutoff_is_settled() {
    let town = Town::at("2026-03-03T14:59:59.999-05:00").await;
    for at in [
        "2026-03-03T14:59:59.999-05:00",
        "2026-03-03T15:00:00-05:00",
        "2026-03-03T15:00:05.999-05:00",
    ] {
        town.clock(at).await;
        let refused = refused(town.run("2026-03-03", "15:00").await);
        assert_eq!(refused.reason, "WINDOW_NOT_CLOSED", "{at}");
        assert_eq!(instant(refused.fact("starts_at")), instant("2026-03-03T15:00:06-05:00"));
        assert_eq!(instant(refused.fact("cutoff_at")), instant("2026-03-03T15:00:00-05:00"));
    }
    town.clock("2026-03-03T15:00:06-05:00").await;
    town.run("2026-03-03", "15:00").await.unwrap();
}

#[tokio::test]
async fn a_window_that_the_date_does_not_have_is_refused_with_those_it_has() {
    let town = Town::at("2026-03-10T09:00:00-04:00").await;
    for (product, day, window, windows) in [
        (Product::AutoLoan, "2026-03-03", "24:00", "15:00, 18:00"),
        (Product::Lease, "2026-03-03", "17:00", "15:00, 18:00"),
        (Product::PersonalLoan, "2026-03-07", "17:00", "15:00, 18:00, 24:00"),
        (Product::CreditCard, "2026-03-03", "15:00", "24:00"),
        // Nor will it, if it is run later.
        (Product::AutoLoan, "2026-03-11", "16:00", "15:00, 18:00"),
    ] {
        let refused = refused(town.run_of(product, day, window).await);
        assert_eq!((refused.reason.as_str(), refused.fact("windows")), ("NO_SUCH_WINDOW", windows));
    }
    for rubbish in ["", "25:00", "3 pm", "15:00:00", "\u{661}5:00"] {
        assert_eq!(reason(town.run("2026-03-03", rubbish).await), "INVALID_FIELD", "{rubbish}");
    }
}

#[tokio::test]
async fn a_window_from_before_the_books_were_begun_is_none() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.clock("2026-03-04T09:00:00-05:00").await;
    let head = town.head().await.unwrap();
    for (product, day, window) in [
        (Product::AutoLoan, "2026-03-02", "18:00"),
        (Product::AutoLoan, "1926-03-05", "15:00"),
        (Product::Lease, "0001-01-01", "15:00"),
        (Product::CreditCard, "1926-03-06", "24:00"),
    ] {
        let refused = refused(town.run_of(product, day, window).await);
        let told = (refused.reason.as_str(), refused.fact("first_gl_date"));
        assert_eq!(told, ("NO_SUCH_WINDOW", "2026-03-03"), "{day}");
    }
    let told = field(town.run_of(Product::CreditCard, "9999-12-31", "24:00").await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "date".to_owned()));
    assert_eq!(town.head().await.unwrap(), head);
    // One without payments since then is sealed as such.
    town.run("2026-03-03", "18:00").await.unwrap();
    assert_eq!(town.head().await.unwrap(), head + 1);
}

#[tokio::test]
async fn a_run_seals_what_was_in_the_window_and_running_again_changes_nothing() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    for account in ["a-1", "a-2", "a-3"] {
        town.open(auto_loan(account)).await.unwrap();
    }
    town.open(personal_loan("p-1")).await.unwrap();
    for (account, amount) in [("a-1", "310.00"), ("a-2", "99.99"), ("a-3", "1.00"), ("p-1", "5.00")]
    {
        town.schedule(account, account, amount, "2026-03-03").await.unwrap();
    }
    let three = town.payments_of("a-3").await.unwrap().remove(0).payment_id;
    town.cancel("cancel", "a-3", &three).await.unwrap();
    town.clock("2026-03-03T15:00:01-05:00").await;
    town.schedule("for six", "a-3", "7.00", "2026-03-03").await.unwrap();
    town.clock("2026-03-03T15:00:06-05:00").await;
    let first = town.run("2026-03-03", "15:00").await.unwrap();
    assert!(!first.replayed);
    assert_eq!(counts(&first), (2, "409.99".to_owned(), 1, "1.00".to_owned()));
    let summary = first.summary.clone().unwrap();
    assert_eq!((summary.supplements, summary.root.len()), (0, 64));
    assert_eq!(from_timestamp(summary.cutoff_time.as_ref()), Some(instant("2026-03-03T20:00:00Z")));
    let head = town.head().await.unwrap();
    assert_eq!(first.position, head);
    let town = town.restart().await;
    let again = town.run("2026-03-03", "15:00").await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.summary, again.position), (first.summary, first.position));
    assert_eq!(town.head().await.unwrap(), head);
    let personal = town.payments_of("p-1").await.unwrap().remove(0);
    assert_eq!(personal.state(), PaymentState::Scheduled, "another product's window");
    agree(&town).await;
}

#[tokio::test]
async fn an_empty_window_is_sealed_once_as_empty() {
    let town = Town::at("2026-03-03T15:00:06-05:00").await;
    let first = town.run("2026-03-03", "15:00").await.unwrap();
    assert_eq!(counts(&first), (0, "0.00".to_owned(), 0, "0.00".to_owned()));
    let head = town.head().await.unwrap();
    let again = town.run("2026-03-03", "15:00").await.unwrap();
    assert_eq!(
        (again.replayed, again.position, town.head().await.unwrap()),
        (true, first.position, head)
    );
}

#[tokio::test]
async fn the_window_at_the_end_of_a_weekend_day_counts_on_that_day() {
    let town = Town::at("2026-03-07T18:00:00-05:00").await;
    town.open(lease("l-1")).await.unwrap();
    let payment =
        town.schedule("pay", "l-1", "389.00", "2026-03-07").await.unwrap().payment.unwrap();
    assert_eq!(payment.window, "24:00");
    town.clock("2026-03-07T23:59:59.999-05:00").await;
    let early = town.run_of(Product::Lease, "2026-03-07", "24:00").await;
    assert_eq!(reason(early), "WINDOW_NOT_CLOSED");
    town.clock("2026-03-08T00:00:06-05:00").await;
    let run = town.run_of(Product::Lease, "2026-03-07", "24:00").await.unwrap();
    assert_eq!(counts(&run).0, 1);
    let applied = town.payment("l-1", &payment.payment_id).await.unwrap();
    assert_eq!(applied.state(), PaymentState::Applied);
    assert_eq!(applied.effective_date, payment.payment_date);
    let allocation = applied.allocation.unwrap();
    assert_eq!(text(allocation.rentals.as_ref()), "362.00");
    assert_eq!(text(allocation.tax.as_ref()), "27.00");
    agree(&town).await;
}

#[tokio::test]
async fn a_long_window_is_run_to_its_end() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let commands = (0..1200_u32).flat_map(|n| {
        let account = format!("a-{n:04}");
        let pay = tests::client::schedule("pay", &account, "310.00", "2026-03-03");
        [
            proto::payledger::v1::batch_command::Command::OpenAccount(Box::new(auto_loan(
                &account,
            ))),
            proto::payledger::v1::batch_command::Command::SchedulePayment(pay),
        ]
    });
    town.batch(commands.collect()).await.unwrap();
    town.clock("2026-03-03T15:00:06-05:00").await;
    let run = town.run("2026-03-03", "15:00").await.unwrap();
    assert_eq!(counts(&run), (1200, "372000.00".to_owned(), 0, "0.00".to_owned()));
    let books = town.trial_balance().await.unwrap();
    assert_eq!(books.total_debits, books.total_credits);
}

#[tokio::test]
async fn money_of_other_channels_is_in_no_window() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.receive("wire", "a-1", Channel::Wire, "310.00", "2026-03-03").await.unwrap();
    town.clock("2026-03-03T18:00:06-05:00").await;
    for window in ["15:00", "18:00"] {
        assert_eq!(counts(&town.run("2026-03-03", window).await.unwrap()).0, 0);
    }
}
