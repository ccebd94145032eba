//! The payoff, the hold on its funds, the lien's release, and the payoff that comes back.

use proto::payledger::v1::{
    AccountState, CancellationReason, Channel, FeeKind, ListAccountsRequest, ListTitlesRequest,
    PaymentState, PreviewReceiveRequest, ReceivePaymentRequest, RecordLienRequest, TitleState,
    preview_receive_response,
};
use tests::client::{Client, receive};
use tests::refusals::{field, reason, refused};
use tests::requests::{
    auto_loan, date, date_text, from_timestamp, instant, interest_free, lien, money, personal_loan,
    quoted_loan, request_id, text,
};
use tests::server::Town;
use tests::views::{agree, books, split, standing};

use crate::days::paid_by_ach;

async fn state(town: &Client) -> TitleState {
    let title = town.title("a-1").await.unwrap();
    let request = ListTitlesRequest {
        state: title.state,
        min_position: town.head().await.unwrap(),
        ..ListTitlesRequest::default()
    };
    let listed = town.titles().list_titles(request).await.unwrap().into_inner().titles;
    assert_eq!(listed, std::slice::from_ref(&title));
    title.state()
}

#[tokio::test]
async fn a_payoff_with_excess_is_split_to_the_cent_and_leaves_a_credit() {
    let town = Town::at("2026-06-15T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let quote = town.balance("a-1", "2026-06-30").await.unwrap();
    assert_eq!(text(quote.payoff_amount.as_ref()), "12403.60");
    let payment = paid_by_ach(&town, "a-1", "12403.60", "2026-06-26").await;
    let payment = town.payment("a-1", &payment).await.unwrap();
    assert_eq!(split(&payment), "24.15/12345.67/25.00/8.78");
    let after = "principal 0.00 interest 0.00 fees 0.00 credit 8.78 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-12-31").await, after);
    assert!(books(&town).await.contains(&"2110 -8.78".to_owned()));
    let account = town.account("a-1").await.unwrap();
    assert_eq!(account.state(), AccountState::PaidOff);
    assert_eq!(date_text(account.paid_off_date.as_ref()), "2026-06-26");
    agree(&town).await;
}

#[tokio::test]
async fn a_lien_is_held_until_the_funds_are_good_and_then_released() {
    let town = Town::at("2026-06-15T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    assert_eq!(state(&town).await, TitleState::LienHeld);
    let owed = refused(town.release("owed", "a-1").await);
    assert_eq!((owed.reason.as_str(), owed.fact("balance")), ("BALANCE_REMAINING", "12370.67"));
    paid_by_ach(&town, "a-1", "12403.60", "2026-06-26").await;
    assert_eq!(state(&town).await, TitleState::PaidOffOnHold);
    let title = town.title("a-1").await.unwrap();
    assert_eq!(date_text(title.release_date.as_ref()), "2026-07-06");
    town.clock("2026-07-05T23:59:59.999-04:00").await;
    let held = refused(town.release("too early", "a-1").await);
    assert_eq!((held.reason.as_str(), held.fact("release_date")), ("FUNDS_ON_HOLD", "2026-07-06"));
    town.clock("2026-07-06T00:00:00-04:00").await;
    let answer = town.release("in time", "a-1").await.unwrap();
    let released = answer.title.unwrap();
    assert_eq!((released.state(), answer.replayed), (TitleState::Released, false));
    let at = from_timestamp(released.released_time.as_ref());
    assert_eq!(at, Some(instant("2026-07-06T00:00:00-04:00")));
    assert!(!town.release("once more", "a-1").await.unwrap().replayed);
    assert!(town.release("in time", "a-1").await.unwrap().replayed);
    assert_eq!(state(&town).await, TitleState::Released);
    agree(&town).await;
}

#[tokio::test]
async fn the_runner_releases_what_is_due_and_runs_closed_windows_by_itself() {
    let town = Town::with_runner("2026-06-26T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let payment = town.schedule("payoff", "a-1", "12403.60", "2026-06-26").await.unwrap();
    let payment = payment.payment.unwrap().payment_id;
    town.clock("2026-06-26T15:00:06-04:00").await;
    let applied = town.payment("a-1", &payment).await.unwrap();
    assert_eq!(applied.state(), PaymentState::Applied);
    town.clock("2026-07-06T00:00:00-04:00").await;
    assert_eq!(town.title("a-1").await.unwrap().state(), TitleState::Released);
    // The excess of 8.78 goes back on that day, too.
    assert!(books(&town).await.contains(&"2120 -8.78".to_owned()));
    let run = town.run("2026-06-26", "15:00").await.unwrap();
    assert!(run.replayed);
    agree(&town).await;
}

#[tokio::test]
async fn a_payoff_whose_window_is_run_days_late_is_on_hold_from_then_on() {
    let town = Town::at("2026-06-26T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    town.schedule("payoff", "a-1", "12403.60", "2026-06-26").await.unwrap();
    town.clock("2026-07-13T10:00:00-04:00").await;
    town.run("2026-06-26", "15:00").await.unwrap();
    let title = town.title("a-1").await.unwrap();
    assert_eq!(date_text(title.paid_off_date.as_ref()), "2026-06-26");
    assert_eq!(date_text(title.release_date.as_ref()), "2026-07-21");
    for held in [
        refused(town.release("at once", "a-1").await),
        refused(town.refund("at once too", "a-1").await),
    ] {
        assert_eq!((&*held.reason, held.fact("release_date")), ("FUNDS_ON_HOLD", "2026-07-21"));
    }
    town.clock("2026-07-21T00:00:00-04:00").await;
    town.release("in time", "a-1").await.unwrap();
    let refund = town.refund("then", "a-1").await.unwrap().refund.unwrap();
    assert_eq!(text(refund.amount.as_ref()), "8.78");
    agree(&town).await;
}

#[tokio::test]
async fn a_payoff_that_comes_back_before_the_release_keeps_the_lien() {
    let town = Town::at("2026-06-15T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "12403.60", "2026-06-26").await;
    town.clock("2026-07-01T08:30:00-04:00").await;
    town.take_back("return", "a-1", &payment, "R01").await.unwrap();
    assert_eq!(state(&town).await, TitleState::LienHeld);
    let account = town.account("a-1").await.unwrap();
    assert_eq!((account.state(), account.paid_off_date), (AccountState::Open, None));
    assert_eq!(account.fees.iter().filter(|fee| fee.kind() == FeeKind::ReturnedItem).count(), 1);
    town.clock("2026-07-06T09:00:00-04:00").await;
    assert_eq!(reason(town.release("release", "a-1").await), "BALANCE_REMAINING");
    agree(&town).await;
}

#[tokio::test]
async fn a_payoff_that_comes_back_after_the_release_is_owed_without_a_lien() {
    let town = Town::at("2026-06-15T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let untouched = standing(&town, "a-1", "2026-07-08").await;
    let payment = paid_by_ach(&town, "a-1", "12403.60", "2026-06-26").await;
    town.clock("2026-07-06T09:00:00-04:00").await;
    town.release("release", "a-1").await.unwrap();
    town.clock("2026-07-08T08:30:00-04:00").await;
    town.take_back("return", "a-1", &payment, "R10").await.unwrap();
    assert_eq!(state(&town).await, TitleState::PayoffReturnedAfterRelease);
    assert_eq!(standing(&town, "a-1", "2026-07-08").await, untouched);
    agree(&town).await;
    town.reinstate("good after all", "a-1", &payment).await.unwrap();
    assert_eq!(state(&town).await, TitleState::Released);
    agree(&town).await;
}

#[tokio::test]
async fn a_lien_that_is_noted_again_after_a_payoff_came_back_is_held_and_released_again() {
    let town = Town::at("2026-06-15T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "12403.60", "2026-06-26").await;
    town.clock("2026-07-06T09:00:00-04:00").await;
    town.release("release", "a-1").await.unwrap();
    town.clock("2026-07-08T08:30:00-04:00").await;
    town.take_back("return", "a-1", &payment, "R10").await.unwrap();
    let request = RecordLienRequest {
        request_id: request_id("again"),
        account_id: "a-1".to_owned(),
        lien: Some(lien("TX")),
        ..RecordLienRequest::default()
    };
    town.titles().record_lien(request).await.unwrap();
    assert_eq!(state(&town).await, TitleState::LienHeld);
    assert_eq!(town.title("a-1").await.unwrap().released_time, None);
    agree(&town).await;
    town.receive("payoff", "a-1", Channel::Wire, "12500.00", "2026-07-08").await.unwrap();
    assert_eq!(state(&town).await, TitleState::PaidOffOnHold);
    town.release("again released", "a-1").await.unwrap();
    assert_eq!(state(&town).await, TitleState::Released);
    agree(&town).await;
}

#[tokio::test]
async fn a_wire_of_the_rest_does_not_release_a_title_before_a_cheque_is_good() {
    let town = Town::at("2026-06-29T09:00:00-04:00").await;
    let mut loan = quoted_loan("a-1");
    loan.lien = Some(lien("NY"));
    town.open(loan).await.unwrap();
    town.receive("most", "a-1", Channel::Mail, "12300.00", "2026-06-29").await.unwrap();
    town.receive("rest", "a-1", Channel::Wire, "200.00", "2026-06-29").await.unwrap();
    let title = town.title("a-1").await.unwrap();
    let dates = [&title.release_date, &title.statutory_date].map(|it| date_text(it.as_ref()));
    assert_eq!(dates, ["2026-07-09", "2026-07-09"]);
    let refusal = refused(town.release("at once", "a-1").await);
    assert_eq!(refusal.fact("release_date"), "2026-07-09");
    agree(&town).await;
}

#[tokio::test]
async fn a_paid_off_account_keeps_money_as_credit_and_cancels_what_was_scheduled() {
    let town = Town::at("2026-06-20T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let scheduled = town.schedule("pay", "a-1", "310.00", "2026-07-15").await.unwrap();
    town.clock("2026-06-26T09:00:00-04:00").await;
    town.receive("payoff", "a-1", Channel::Wire, "12403.60", "2026-06-26").await.unwrap();
    let refusal = refused(town.schedule("more", "a-1", "310.00", "2026-06-29").await);
    assert_eq!(refusal.reason, "ACCOUNT_PAID_OFF");
    assert_eq!(refusal.fact("paid_off_date"), "2026-06-26");
    let more = town.receive("mail", "a-1", Channel::Mail, "310.00", "2026-06-26").await.unwrap();
    assert_eq!(split(&more.payment.unwrap()), "0.00/0.00/0.00/310.00");
    town.clock("2026-07-15T15:00:06-04:00").await;
    let run = town.run("2026-07-15", "15:00").await.unwrap().summary.unwrap();
    assert_eq!((run.applied_count, run.cancelled_count), (0, 1));
    let payment = scheduled.payment.unwrap().payment_id;
    let cancelled = town.payment("a-1", &payment).await.unwrap();
    assert_eq!(cancelled.state(), PaymentState::Cancelled);
    assert_eq!(cancelled.cancellation_reason(), CancellationReason::AccountPaidOff);
    let request = ListAccountsRequest {
        state: AccountState::PaidOff.into(),
        ..ListAccountsRequest::default()
    };
    let paid_off = town.accounts().list_accounts(request).await.unwrap().into_inner().accounts;
    assert_eq!(paid_off, [town.account("a-1").await.unwrap()]);
    agree(&town).await;
}

#[tokio::test]
async fn a_lien_is_recorded_once_and_only_on_a_vehicle_that_is_bought() {
    let town = Town::at("2026-06-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(personal_loan("p-1")).await.unwrap();
    assert_eq!(reason(town.title("a-1").await), "TITLE_NOT_FOUND");
    assert_eq!(reason(town.release("no lien", "a-1").await), "NO_LIEN");
    let record = |name: &str, account: &str, title_state: &str| RecordLienRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        lien: Some(lien(title_state)),
        replaced_vin: String::new(),
    };
    town.titles().record_lien(record("record", "a-1", "TX")).await.unwrap();
    assert_eq!(state(&town).await, TitleState::LienHeld);
    town.titles().record_lien(record("same", "a-1", "TX")).await.unwrap();
    town.titles().record_lien(record("elsewhere", "a-1", "MO")).await.unwrap();
    assert_eq!(town.title("a-1").await.unwrap().title_state, "MO");
    let mut other = record("other", "a-1", "MO");
    "1HGCM82633A004353".clone_into(&mut other.lien.as_mut().unwrap().vin);
    let refusal = refused(town.titles().record_lien(other.clone()).await);
    let vin = lien("MO").vin;
    assert_eq!((&*refusal.reason, refusal.fact("vin")), ("LIEN_EXISTS", &*vin));
    other.request_id = request_id("correction");
    "1HGCM".clone_into(&mut other.replaced_vin);
    assert_eq!(field(town.titles().record_lien(other.clone()).await).1, "replaced_vin");
    other.replaced_vin = vin;
    town.titles().record_lien(other).await.unwrap();
    assert_eq!(town.title("a-1").await.unwrap().vin, "1HGCM82633A004353");
    assert_eq!(state(&town).await, TitleState::LienHeld);
    let unsecured = town.titles().record_lien(record("unsecured", "p-1", "TX")).await;
    assert_eq!(reason(unsecured), "PRODUCT_HAS_NO_TITLE");
    agree(&town).await;
}

#[tokio::test]
async fn a_certified_cheque_and_a_dealers_cheque_have_the_deadlines_of_their_kind() {
    let town = Town::at("2026-03-02T09:00:00-05:00").await;
    for (state, guaranteed_funds, paid_by_dealer, release_date, statutory_date) in [
        ("IL", false, false, "2026-03-12", "2026-03-23"),
        ("IL", true, false, "2026-03-02", "2026-03-16"),
        ("NY", false, false, "2026-03-12", "2026-03-12"),
        ("NY", true, false, "2026-03-02", "2026-03-02"),
        ("MN", false, false, "2026-03-12", "2026-03-17"),
        ("MN", false, true, "2026-03-06", "2026-03-09"),
        ("MN", true, true, "2026-03-02", "2026-03-09"),
    ] {
        let account = format!("{state}-{guaranteed_funds}-{paid_by_dealer}");
        let mut loan = interest_free(&account, "1000.00");
        loan.lien = Some(lien(state));
        town.open(loan).await.unwrap();
        let preview = PreviewReceiveRequest {
            account_id: account.clone(),
            channel: Channel::Mail.into(),
            amount: Some(money("1000.00")),
            received_date: Some(date("2026-03-02")),
            reference: account.clone(),
            guaranteed_funds,
            paid_by_dealer,
            ..PreviewReceiveRequest::default()
        };
        let answer = town.payments().preview_receive(preview).await.unwrap().into_inner();
        let Some(preview_receive_response::Outcome::Accepted(shown)) = answer.outcome else {
            panic!("refused")
        };
        let receipt = ReceivePaymentRequest {
            guaranteed_funds,
            paid_by_dealer,
            preview_hash: shown.hash,
            ..receive(&account, &account, Channel::Mail, "1000.00", "2026-03-02")
        };
        let paid = town.payments().receive_payment(receipt).await.unwrap().into_inner();
        let paid = paid.payment.unwrap();
        let told = (paid.guaranteed_funds, paid.paid_by_dealer);
        assert_eq!(told, (Some(guaranteed_funds), Some(paid_by_dealer)));
        assert_eq!(town.payment(&account, &paid.payment_id).await.unwrap(), paid);
        let (title, after) = (town.title(&account).await.unwrap(), shown.after.unwrap());
        for (release, statutory) in
            [(title.release_date, title.statutory_date), (after.release_date, after.statutory_date)]
        {
            let dates = (date_text(release.as_ref()), date_text(statutory.as_ref()));
            assert_eq!(dates, (release_date.to_owned(), statutory_date.to_owned()), "{account}");
        }
    }
    let vouched = ReceivePaymentRequest {
        guaranteed_funds: true,
        ..receive("bill", "IL-true-false", Channel::BillPay, "1.00", "2026-03-02")
    };
    let refused = field(town.payments().receive_payment(vouched).await);
    assert_eq!(refused.1, "guaranteed_funds");
    agree(&town).await;
}
