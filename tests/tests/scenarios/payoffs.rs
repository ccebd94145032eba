//! Payoff quotes, what pays them, and what is left over and sent back.

use proto::payledger::v1::{
    AccountState, Channel, ListPayoffQuotesRequest, ListRefundsRequest, Payment, PayoffQuote,
    RefundCreditRequest, RefundMethod, RefundState,
};
use tests::client::{Client, receive, schedule};
use tests::refusals::{field, reason, refused};
use tests::requests::{date_text, funding, money, quoted_loan, request_id, text};
use tests::server::Town;
use tests::views::{agree, books, split};

use crate::days::paid_by_ach;

const OPENED: &str = "2026-06-15T09:00:00-04:00";

async fn quoted(town: &Client) -> PayoffQuote {
    town.open(quoted_loan("a-1")).await.unwrap();
    let answer = town.quote_payoff("quote", "a-1", "2026-06-30").await.unwrap();
    assert!(!answer.replayed);
    answer.quote.unwrap()
}

/// The amount and its parts: principal, interest, fees, less the credit.
fn parts(quote: &PayoffQuote) -> String {
    let PayoffQuote { amount, principal, interest, fees, credit_balance, .. } = quote;
    let [amount, principal, interest, fees, credit] =
        [amount, principal, interest, fees, credit_balance].map(|part| text(part.as_ref()));
    format!("{amount} = {principal} + {interest} + {fees} - {credit}")
}

#[tokio::test]
async fn a_quote_says_what_pays_the_account_off_and_is_kept() {
    let town = Town::at(OPENED).await;
    let quote = quoted(&town).await;
    assert_eq!(parts(&quote), "12403.60 = 12345.67 + 32.93 + 25.00 - 0.00");
    assert_eq!(quote.per_diem, "2.19516");
    assert_eq!(date_text(quote.good_through_date.as_ref()), "2026-06-30");
    assert_eq!(quote.vin, "1HGCM82633A004352");
    assert_eq!(town.payoff_quote("a-1", &quote.quote_id).await.unwrap(), quote);
    let again = town.quote_payoff("quote", "a-1", "2026-06-30").await.unwrap();
    assert_eq!((again.replayed, again.quote), (true, Some(quote.clone())));
    assert_eq!(reason(town.quote_payoff("quote", "a-1", "2026-06-29").await), "REQUEST_ID_REUSED");
    let later = town.quote_payoff("later", "a-1", "2026-07-02").await.unwrap().quote.unwrap();
    assert_eq!(parts(&later), "12407.99 = 12345.67 + 37.32 + 25.00 - 0.00");
    let mut request = ListPayoffQuotesRequest {
        account_id: "a-1".to_owned(),
        page_size: 1,
        ..ListPayoffQuotesRequest::default()
    };
    let first = town.accounts().list_payoff_quotes(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.quotes, [quote]);
    town.quote_payoff("after the first page", "a-1", "2026-07-03").await.unwrap();
    request.page_token = first.next_page_token;
    let second = town.accounts().list_payoff_quotes(request).await.unwrap().into_inner();
    assert_eq!((second.quotes, second.next_page_token.as_str()), (vec![later], ""));
    agree(&town).await;
}

#[tokio::test]
async fn a_quote_names_what_is_pending_and_what_may_still_come_back() {
    let town = Town::at(OPENED).await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let uncleared = paid_by_ach(&town, "a-1", "310.00", "2026-06-16").await;
    let pending = town.schedule("later", "a-1", "310.00", "2026-06-20").await.unwrap();
    let quote = town.quote_payoff("quote", "a-1", "2026-06-30").await.unwrap().quote.unwrap();
    assert_eq!(quote.uncleared_payment_ids, [uncleared]);
    assert_eq!(quote.pending_payment_ids, [pending.payment.unwrap().payment_id]);
    town.clock("2026-06-25T09:00:00-04:00").await;
    let quote = town.quote_payoff("cleared", "a-1", "2026-06-30").await.unwrap().quote.unwrap();
    assert!(quote.uncleared_payment_ids.is_empty(), "{quote:?}");
}

#[tokio::test]
async fn a_quote_is_refused_by_name() {
    let town = Town::at(OPENED).await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let past = refused(town.quote_payoff("past", "a-1", "2026-06-14").await);
    assert_eq!((past.reason.as_str(), past.fact("earliest_date")), ("DATE_IN_PAST", "2026-06-15"));
    let far = refused(town.quote_payoff("far", "a-1", "2026-08-15").await);
    assert_eq!((far.reason.as_str(), far.fact("latest_date")), ("DATE_TOO_FAR", "2026-08-14"));
    let again = refused(town.quote_payoff("far", "a-1", "2026-08-15").await);
    assert_eq!((again.fact("replayed"), again.fact("position")), ("true", far.fact("position")));
    let nowhere = town.quote_payoff("nowhere", "a-2", "2026-06-30").await;
    assert_eq!(reason(nowhere), "ACCOUNT_NOT_FOUND");
    let unknown = request_id("no quote");
    let missing = refused(town.payoff_quote("a-1", &unknown).await);
    assert_eq!((missing.reason.as_str(), missing.fact("quote_id")), ("QUOTE_NOT_FOUND", &*unknown));
    let mut receipt = receive("wire", "a-1", Channel::Wire, "100.00", "2026-06-15");
    receipt.payoff_quote_id.clone_from(&unknown);
    assert_eq!(reason(town.payments().receive_payment(receipt.clone()).await), "QUOTE_NOT_FOUND");
    receipt.payoff_quote_id = "a quote".to_owned();
    let told = field(town.payments().receive_payment(receipt).await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "payoff_quote_id".to_owned()));
    let mut order = schedule("order", "a-1", "100.00", "2026-06-16");
    order.payoff_quote_id = unknown;
    assert_eq!(reason(town.payments().schedule_payment(order).await), "QUOTE_NOT_FOUND");
    town.receive("all", "a-1", Channel::Wire, "12370.67", "2026-06-15").await.unwrap();
    let paid = refused(town.quote_payoff("paid", "a-1", "2026-06-30").await);
    assert_eq!(
        (paid.reason.as_str(), paid.fact("paid_off_date")),
        ("ACCOUNT_PAID_OFF", "2026-06-15")
    );
    agree(&town).await;
}

#[tokio::test]
async fn a_quote_paid_early_leaves_a_credit_that_is_refunded_once_the_funds_are_good() {
    let town = Town::at(OPENED).await;
    let quote = quoted(&town).await;
    let mut order = schedule("pay", "a-1", "12403.60", "2026-06-26");
    (order.payoff_quote_id, order.funding) = (quote.quote_id.clone(), Some(funding("vault.ba-1")));
    let payment = town.payments().schedule_payment(order).await.unwrap().into_inner().payment;
    let payment = payment.unwrap().payment_id;
    town.clock("2026-06-26T15:00:06-04:00").await;
    town.run("2026-06-26", "15:00").await.unwrap();
    let paid = town.payment("a-1", &payment).await.unwrap();
    assert_eq!(split(&paid), "24.15/12345.67/25.00/8.78");
    assert_eq!(paid.payoff_quote_id, quote.quote_id);
    let kept = town.payoff_quote("a-1", &quote.quote_id).await.unwrap();
    assert_eq!(kept.payment_ids, std::slice::from_ref(&payment));
    agree(&town).await;

    let held = refused(town.refund("too early", "a-1").await);
    assert_eq!((held.reason.as_str(), held.fact("release_date")), ("FUNDS_ON_HOLD", "2026-07-06"));
    town.clock("2026-07-06T09:00:00-04:00").await;
    let sent = town.refund("refund", "a-1").await.unwrap();
    let refund = sent.refund.unwrap();
    assert_eq!((refund.state(), refund.method()), (RefundState::Sent, RefundMethod::AchCredit));
    assert_eq!((text(refund.amount.as_ref()), &refund.payment_id), ("8.78".to_owned(), &payment));
    assert!(books(&town).await.contains(&"2120 -8.78".to_owned()));
    let again = town.refund("refund", "a-1").await.unwrap();
    assert_eq!((again.replayed, again.refund.as_ref()), (true, Some(&refund)));
    let nothing = refused(town.refund("more", "a-1").await);
    assert_eq!((nothing.reason.as_str(), nothing.fact("credit")), ("NO_CREDIT_BALANCE", "0.00"));
    let more = RefundCreditRequest {
        request_id: request_id("a part"),
        account_id: "a-1".to_owned(),
        amount: Some(money("2.50")),
    };
    let more = refused(town.accounts().refund_credit(more).await);
    assert_eq!((more.fact("amount"), more.fact("credit")), ("2.50", "0.00"));
    agree(&town).await;

    let back = town.take_refund_back("back", "a-1", &refund.refund_id).await.unwrap();
    assert_eq!(back.refund.unwrap().state(), RefundState::Returned);
    assert!(books(&town).await.contains(&"2110 -8.78".to_owned()));
    let twice = refused(town.take_refund_back("twice", "a-1", &refund.refund_id).await);
    assert_eq!(
        (twice.reason.as_str(), twice.fact("refund")),
        ("REFUND_ALREADY_RETURNED", &*refund.refund_id)
    );
    let unknown = town.take_refund_back("unknown", "a-1", &request_id("no refund")).await;
    assert_eq!(reason(unknown), "REFUND_NOT_FOUND");
    let request =
        ListRefundsRequest { account_id: "a-1".to_owned(), ..ListRefundsRequest::default() };
    let listed = town.accounts().list_refunds(request).await.unwrap().into_inner().refunds;
    assert_eq!((listed.len(), listed[0].state()), (1, RefundState::Returned));
    agree(&town).await;
}

fn written_off(payment: &Payment) -> [String; 4] {
    let rest = payment.allocation.as_ref().unwrap().write_off.as_ref().unwrap();
    [&rest.interest, &rest.principal, &rest.fees, &rest.credit].map(|part| text(part.as_ref()))
}

#[tokio::test]
async fn a_quote_paid_late_is_short_by_little_that_is_written_off() {
    let town = Town::at(OPENED).await;
    let quote = quoted(&town).await;
    town.clock("2026-07-02T10:00:00-04:00").await;
    let answer = town.receive("wire", "a-1", Channel::Wire, "12403.60", "2026-07-02").await;
    let payment = answer.unwrap().payment.unwrap();
    assert_eq!(payment.payoff_quote_id, quote.quote_id, "by its very amount");
    assert_eq!(split(&payment), "37.32/12341.28/25.00/0.00");
    assert_eq!(written_off(&payment), ["0.00", "4.39", "0.00", "0.00"]);
    let account = town.account("a-1").await.unwrap();
    assert_eq!(account.state(), AccountState::PaidOff);
    let lines = books(&town).await;
    assert!(lines.contains(&"5020 4.39".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("1100")), "{lines:?}");
    town.release("title", "a-1").await.unwrap();
    agree(&town).await;
    town.take_back("return", "a-1", &payment.payment_id, "R01").await.unwrap();
    let lines = books(&town).await;
    assert!(!lines.iter().any(|line| line.starts_with("5020")), "{lines:?}");
    assert!(lines.contains(&"1100 12345.67".to_owned()), "{lines:?}");
    agree(&town).await;
}

#[tokio::test]
async fn what_is_short_by_more_is_owed() {
    let town = Town::at(OPENED).await;
    quoted(&town).await;
    town.clock("2026-07-02T10:00:00-04:00").await;
    town.receive("wire", "a-1", Channel::Wire, "12397.98", "2026-07-02").await.unwrap();
    let account = town.account("a-1").await.unwrap();
    assert_eq!(account.state(), AccountState::Open);
    assert_eq!(text(account.balance.unwrap().payoff_amount.as_ref()), "10.01");
    agree(&town).await;
}

#[tokio::test]
async fn what_was_sent_back_of_a_payoff_that_bounced_is_a_part_of_the_small_rest() {
    let town = Town::at(OPENED).await;
    quoted(&town).await;
    town.clock("2026-06-30T10:00:00-04:00").await;
    // The refund of the 20.00 that are too much goes out before the payoff comes back.
    let wire = town.receive("wire", "a-1", Channel::Wire, "12423.60", "2026-06-30").await.unwrap();
    town.refund("refund", "a-1").await.unwrap();
    let wire = wire.payment.unwrap().payment_id;
    town.take_back("bounced", "a-1", &wire, "R06").await.unwrap();
    let balance = town.account("a-1").await.unwrap().balance.unwrap();
    assert_eq!(text(balance.credit_balance.as_ref()), "-20.00");
    assert_eq!(text(balance.payoff_amount.as_ref()), "12423.60");
    let rest = town.receive("rest", "a-1", Channel::Wire, "12416.60", "2026-06-30").await.unwrap();
    let payment = rest.payment.unwrap();
    assert_eq!(split(&payment), "32.93/12345.67/25.00/13.00");
    assert_eq!(written_off(&payment), ["0.00", "0.00", "0.00", "7.00"]);
    assert_eq!(town.account("a-1").await.unwrap().state(), AccountState::PaidOff);
    let lines = books(&town).await;
    assert!(lines.contains(&"5020 7.00".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("2110")), "{lines:?}");
    agree(&town).await;
}
