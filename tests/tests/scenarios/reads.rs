//! Reads: as of a value date, as known at a position, and never older than asked for.

use std::time::Duration;

use proto::payledger::v1::{
    Channel, ExplainAmountRequest, Figure, GetAccountRequest, GetBalanceRequest, GetPaymentRequest,
    GetProjectionStatusRequest, GetTitleRequest, ListPaymentsRequest, ProjectionState,
    RebuildProjectionRequest, RebuildState,
};
use tests::refusals::{field, reason, refused};
use tests::requests::{auto_loan, instant, money, request_id, text, timestamp};
use tests::server::Town;
use tests::views::{agree, standing};
use tokio::time::Instant;

use crate::days::paid_by_ach;

#[tokio::test]
async fn a_balance_is_told_as_of_a_day_and_as_it_was_known() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let opened = town.open(auto_loan("a-1")).await.unwrap().position;
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    let paid = town.head().await.unwrap();
    town.clock("2026-04-03T08:30:00-04:00").await;
    let returned = town.take_back("return", "a-1", &payment, "R01").await.unwrap().position;
    for (day, expected) in [
        ("2026-03-01", "principal 10000.00 interest 0.00 fees 0.00 credit 0.00 dpd 0"),
        ("2026-03-02", "principal 10000.00 interest 2.00 fees 0.00 credit 0.00 dpd 0"),
        ("2026-04-01", "principal 10000.00 interest 62.00 fees 0.00 credit 0.00 dpd 0"),
        ("2026-04-02", "principal 10000.00 interest 64.00 fees 0.00 credit 0.00 dpd 1"),
        ("2026-04-03", "principal 10000.00 interest 66.00 fees 25.00 credit 0.00 dpd 2"),
        ("2026-05-01", "principal 10000.00 interest 122.00 fees 25.00 credit 0.00 dpd 30"),
    ] {
        assert_eq!(standing(&town, "a-1", day).await, expected, "{day}");
    }
    let known = async |day: &str, position: u64| {
        let balance = town.balance_known("a-1", day, position).await.unwrap();
        (text(balance.principal.as_ref()), text(balance.accrued_interest.as_ref()))
    };
    assert_eq!(known("2026-04-03", opened).await, ("10000.00".to_owned(), "66.00".to_owned()));
    assert_eq!(known("2026-04-03", paid).await, ("9752.00".to_owned(), "3.90".to_owned()));
    assert_eq!(known("2026-04-03", returned).await, ("10000.00".to_owned(), "66.00".to_owned()));
    let before = opened - 1;
    let told = refused(town.balance_known("a-1", "2026-04-03", before).await);
    assert_eq!((told.reason.as_str(), told.fact("account_id")), ("ACCOUNT_NOT_FOUND", "a-1"));
    assert_eq!(told.message, format!("account a-1 is not on the books at position {before}"));
    assert_eq!(told.fact("known_position"), before.to_string());
    let request = ExplainAmountRequest {
        account_id: "a-1".to_owned(),
        figure: Figure::Payoff.into(),
        known_time: Some(timestamp(instant("2026-04-01T08:59:59-04:00"))),
        ..ExplainAmountRequest::default()
    };
    let told = refused(town.audit().explain_amount(request).await);
    let (time, at) = ("2026-04-01T12:59:59Z", "by what was received until");
    assert_eq!(told.message, format!("account a-1 is not on the books {at} {time}"));
    assert_eq!((told.reason.as_str(), told.fact("known_time")), ("ACCOUNT_NOT_FOUND", time));
    let above = field(town.balance_known("a-1", "2026-04-03", returned + 1).await);
    assert_eq!(above.1, "known_position");
    let before = field(town.balance("a-1", "2026-02-28").await);
    assert_eq!(before.1, "effective_date");
}

#[tokio::test]
async fn a_read_that_would_be_older_than_asked_for_says_so() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let head = town.head().await.unwrap();
    for min_position in [head + 1, u64::MAX] {
        let account = GetAccountRequest { account_id: "a-1".to_owned(), min_position };
        let balance = GetBalanceRequest {
            account_id: "a-1".to_owned(),
            min_position,
            ..GetBalanceRequest::default()
        };
        let payment = GetPaymentRequest {
            account_id: "a-1".to_owned(),
            payment_id: request_id("any"),
            min_position,
        };
        let title = GetTitleRequest { account_id: "a-1".to_owned(), min_position };
        for refusal in [
            refused(town.accounts().get_account(account).await),
            refused(town.accounts().get_balance(balance).await),
            refused(town.payments().get_payment(payment).await),
            refused(town.titles().get_title(title).await),
        ] {
            assert_eq!(
                (refusal.reason.as_str(), refusal.code),
                ("PROJECTION_BEHIND", tonic::Code::Unavailable)
            );
            assert!(refusal.retry_info);
            assert_eq!(refusal.fact("read_position"), head.to_string());
        }
    }
    let list = ListPaymentsRequest { min_position: head + 1, ..ListPaymentsRequest::default() };
    let status = GetProjectionStatusRequest { min_position: u64::MAX };
    let (mut payments, mut operations) = (town.payments(), town.operations());
    let asked = Instant::now();
    let (list, status) =
        tokio::join!(payments.list_payments(list), operations.get_projection_status(status));
    // What the log does not hold is not waited for.
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    for refusal in [refused(list), refused(status)] {
        assert_eq!(refusal.reason, "PROJECTION_BEHIND");
        let end = format!("the log ends at position {head}, before");
        assert!(refusal.message.contains(&end), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_list_that_waits_for_a_write_has_it() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    for n in 1..40_usize {
        let name = format!("wire {n}");
        let written =
            town.receive(&name, "a-1", Channel::Wire, "1.00", "2026-03-03").await.unwrap();
        let request = ListPaymentsRequest {
            min_position: written.position,
            ..ListPaymentsRequest::default()
        };
        let page = town.payments().list_payments(request).await.unwrap().into_inner();
        assert_eq!(page.payments.len(), n);
        assert!(page.read_position >= written.position);
    }
}

#[tokio::test]
async fn a_rebuild_goes_on_beside_the_live_views_and_ends_in_the_same() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    let before = tests::views::all_payments(&town, town.head().await.unwrap()).await;
    let status = |min_position| GetProjectionStatusRequest { min_position };
    let old = town.operations().get_projection_status(status(0)).await.unwrap().into_inner();
    assert_eq!(old.state(), ProjectionState::Following);
    let answer = town.operations().rebuild_projection(RebuildProjectionRequest {}).await.unwrap();
    assert!(answer.into_inner().started);
    town.until(async |town| {
        let now = town.operations().get_projection_status(status(0)).await.unwrap().into_inner();
        let ended = now.rebuild.is_some_and(|rebuild| rebuild.state() == RebuildState::Done);
        now.live_generation > old.live_generation && ended
    })
    .await;
    assert_eq!(tests::views::all_payments(&town, town.head().await.unwrap()).await, before);
    agree(&town).await;
    town.receive("after", "a-1", Channel::Wire, "1.00", "2026-04-01").await.unwrap();
    agree(&town).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found_by_its_name() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    assert_eq!(reason(town.account("nobody").await), "ACCOUNT_NOT_FOUND");
    assert_eq!(reason(town.balance("nobody", "2026-03-03").await), "ACCOUNT_NOT_FOUND");
    assert_eq!(reason(town.title("nobody").await), "ACCOUNT_NOT_FOUND");
    let unknown = request_id("never made");
    assert_eq!(reason(town.payment("nobody", &unknown).await), "ACCOUNT_NOT_FOUND");
    town.open(auto_loan("a-1")).await.unwrap();
    assert_eq!(reason(town.payment("a-1", &unknown).await), "PAYMENT_NOT_FOUND");
    assert_eq!(reason(town.cancel("cancel", "a-1", &unknown).await), "PAYMENT_NOT_FOUND");
    assert_eq!(reason(town.cancel("cancel", "nobody", &unknown).await), "ACCOUNT_NOT_FOUND");
    assert_eq!(reason(town.take_back("return", "a-1", &unknown, "R01").await), "PAYMENT_NOT_FOUND");
    assert_eq!(reason(town.reinstate("again", "a-1", &unknown).await), "PAYMENT_NOT_FOUND");
    let mut fee = proto::payledger::v1::AssessFeeRequest {
        request_id: request_id("fee"),
        account_id: "nobody".to_owned(),
        amount: Some(money("1.00")),
        ..proto::payledger::v1::AssessFeeRequest::default()
    };
    fee.set_kind(proto::payledger::v1::FeeKind::Late);
    assert_eq!(reason(town.accounts().assess_fee(fee).await), "ACCOUNT_NOT_FOUND");
}
