//! Charge-offs, and what is recovered of them.

use proto::payledger::v1::{
    AccountState, AssessFeeRequest, Channel, ChargeOff, ChargeOffRequest, FeeKind,
    ListAccountsRequest,
};
use tests::client::Client;
use tests::refusals::{reason, refused};
use tests::requests::{auto_loan, date_text, money, request_id, text};
use tests::server::Town;
use tests::servicing::{charge_off, rate};
use tests::views::{agree, books, split};

/// Principal, interest and fees.
fn taken(charge_off: &ChargeOff) -> [String; 3] {
    [&charge_off.principal, &charge_off.interest, &charge_off.fees].map(|part| text(part.as_ref()))
}

async fn in_state(town: &Client, state: AccountState) -> usize {
    let request = ListAccountsRequest {
        state: state.into(),
        min_position: town.head().await.unwrap(),
        ..ListAccountsRequest::default()
    };
    town.accounts().list_accounts(request).await.unwrap().into_inner().accounts.len()
}

#[tokio::test]
async fn what_is_charged_off_is_owed_all_the_same_and_payments_recover_it() {
    let town = Town::at("2026-08-31T10:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let answer = town.charge_off(charge_off("loss", "a-1", "2026-08-31")).await.unwrap();
    let loss = answer.charge_off.unwrap();
    assert_eq!(
        (taken(&loss), loss.whole),
        (["10000.00", "366.00", "0.00"].map(String::from), true)
    );
    let again = town.charge_off(charge_off("loss", "a-1", "2026-08-31")).await.unwrap();
    assert_eq!((again.replayed, again.charge_off), (true, Some(loss)));
    // 302.00 of interest is of earlier months. The account was 120 days past due on 30 July: what
    // came from then on was no income that could be reversed.
    let expected = ["1010 -10000.00", "1190 10302.00", "4010 -302.00"];
    assert_eq!(books(&town).await, expected);
    let account = town.account("a-1").await.unwrap();
    assert_eq!(account.state(), AccountState::ChargedOff);
    assert_eq!(date_text(account.charged_off_date.as_ref()), "2026-08-31");
    assert_eq!(in_state(&town, AccountState::ChargedOff).await, 1);
    assert_eq!(in_state(&town, AccountState::Open).await, 0);
    let balance = town.balance("a-1", "2026-12-31").await.unwrap();
    assert_eq!(text(balance.accrued_interest.as_ref()), "0.00", "nothing accrues any more");
    assert_eq!(text(balance.charged_off_amount.as_ref()), "10366.00");
    assert_eq!(text(balance.payoff_amount.as_ref()), "10366.00");
    agree(&town).await;

    town.clock("2026-09-15T10:00:00-04:00").await;
    let paid = town.receive("some", "a-1", Channel::Mail, "500.00", "2026-09-15").await.unwrap();
    let allocation = paid.payment.unwrap().allocation.unwrap();
    assert_eq!(text(allocation.recovery.as_ref()), "500.00");
    assert!(books(&town).await.contains(&"4060 -500.00".to_owned()));
    agree(&town).await;
    town.receive("the rest", "a-1", Channel::Wire, "9870.00", "2026-09-15").await.unwrap();
    let account = town.account("a-1").await.unwrap();
    assert_eq!(account.state(), AccountState::PaidOff);
    let balance = account.balance.unwrap();
    assert_eq!(text(balance.credit_balance.as_ref()), "4.00");
    assert_eq!(text(balance.charged_off_amount.as_ref()), "0.00");
    agree(&town).await;
}

#[tokio::test]
async fn a_part_of_the_principal_is_charged_off_and_the_rest_goes_on() {
    let town = Town::at("2026-08-31T10:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let principal = Some(money("4000.00"));
    let request = ChargeOffRequest { principal, ..charge_off("part", "a-1", "2026-08-31") };
    let loss = town.charge_off(request).await.unwrap().charge_off.unwrap();
    assert_eq!((taken(&loss), loss.whole), (["4000.00", "0.00", "0.00"].map(String::from), false));
    let account = town.account("a-1").await.unwrap();
    assert_eq!((account.state(), account.charged_off_date), (AccountState::Open, None));
    let balance = town.balance("a-1", "2026-09-30").await.unwrap();
    assert_eq!(text(balance.principal.as_ref()), "6000.00");
    // 183 days at 2.00, and then 30 at 1.20.
    assert_eq!(text(balance.accrued_interest.as_ref()), "402.00");
    assert_eq!(text(balance.payoff_amount.as_ref()), "10402.00");
    let request = ChargeOffRequest {
        principal: Some(money("6000.01")),
        ..charge_off("more", "a-1", "2026-08-31")
    };
    let more = refused(town.charge_off(request).await);
    assert_eq!((more.reason.as_str(), more.fact("principal")), ("PRINCIPAL_EXCEEDED", "6000.00"));
    agree(&town).await;
}

#[tokio::test]
async fn nothing_is_charged_or_changed_after_a_charge_off() {
    let town = Town::at("2026-08-31T10:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = town.receive("april", "a-1", Channel::Mail, "310.00", "2026-04-01").await;
    let payment = payment.unwrap().payment.unwrap();
    assert_eq!(split(&payment), "62.00/248.00/0.00/0.00");
    town.charge_off(charge_off("loss", "a-1", "2026-08-31")).await.unwrap();
    let twice = refused(town.charge_off(charge_off("twice", "a-1", "2026-08-31")).await);
    assert_eq!(
        (twice.reason.as_str(), twice.fact("charged_off_date")),
        ("ACCOUNT_CHARGED_OFF", "2026-08-31")
    );
    let fee = AssessFeeRequest {
        request_id: request_id("fee"),
        account_id: "a-1".to_owned(),
        kind: FeeKind::Late.into(),
        amount: Some(money("15.00")),
        ..AssessFeeRequest::default()
    };
    assert_eq!(reason(town.accounts().assess_fee(fee).await), "ACCOUNT_CHARGED_OFF");
    let changed = town.change_rate(rate("rate", "a-1", "0.05", "2026-08-31")).await;
    assert_eq!(reason(changed), "ACCOUNT_CHARGED_OFF");
    assert_eq!(reason(town.extend("extend", "a-1", 1, "2026-08-31").await), "ACCOUNT_CHARGED_OFF");
    assert_eq!(town.age("age", "a-1").await.unwrap().fees, []);
    agree(&town).await;
    // A payment that comes back moves what the charge-off took.
    town.take_back("return", "a-1", &payment.payment_id, "R01").await.unwrap();
    let balance = town.balance("a-1", "2026-08-31").await.unwrap();
    assert_eq!(text(balance.charged_off_amount.as_ref()), "10366.00");
    assert_eq!(town.account("a-1").await.unwrap().fees, [], "no fee either");
    agree(&town).await;
}
