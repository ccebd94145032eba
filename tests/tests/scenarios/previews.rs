//! A change is shown before it is made, and made only if it still is what was shown.

use proto::payledger::v1::{
    Allocation, ChangePreview, ChangeRateRequest, Channel, PaymentState, PreviewChangeRequest,
    PreviewReceiveRequest, PreviewReinstatementRequest, PreviewReturnRequest, ReturnPaymentRequest,
    TitleState, preview_change_request, preview_change_response, preview_receive_response,
    preview_reinstatement_response, preview_return_response,
};
use tests::refusals::{field, reason, refused};
use tests::requests::{
    auto_loan, cents, date, date_text, interest_free, lien, money, request_id, text,
};
use tests::server::Town;
use tests::views::agree;

use crate::days::paid_by_ach;

fn asked(payment: &str, code: &str) -> PreviewReturnRequest {
    PreviewReturnRequest {
        account_id: "a-1".to_owned(),
        payment_id: payment.to_owned(),
        return_code: code.to_owned(),
        min_position: 0,
    }
}

async fn of_return(town: &Town, payment: &str, code: &str) -> ChangePreview {
    let answer = town.payments().preview_return(asked(payment, code)).await.unwrap().into_inner();
    let accepted = match answer.outcome {
        Some(preview_return_response::Outcome::Accepted(preview)) => Some(*preview),
        Some(preview_return_response::Outcome::Refused(_)) | None => None,
    };
    accepted.unwrap()
}

fn take_back(name: &str, payment: &str, hash: &str) -> ReturnPaymentRequest {
    ReturnPaymentRequest {
        request_id: request_id(name),
        account_id: "a-1".to_owned(),
        payment_id: payment.to_owned(),
        return_code: "R01".to_owned(),
        preview_hash: hash.to_owned(),
    }
}

/// What goes to interest and to principal.
fn split(allocation: Option<&Allocation>) -> String {
    allocation.map_or_else(
        || "-".to_owned(),
        |it| format!("{}/{}", text(it.interest.as_ref()), text(it.principal.as_ref())),
    )
}

#[tokio::test]
async fn a_return_is_shown_whole_and_then_carried_out_as_shown() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = town.receive("first", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    let first = first.payment.unwrap().payment_id;
    town.receive("second", "a-1", Channel::Mail, "150.00", "2026-04-20").await.unwrap();
    let head = town.head().await.unwrap();

    let shown = of_return(&town, &first, "R01").await;
    assert_eq!(town.head().await.unwrap(), head);
    assert_eq!(shown.event_types, ["PaymentReturned", "FeeAssessed"]);
    let payments: Vec<_> = shown
        .payments
        .iter()
        .map(|it| (split(it.before.as_ref()), split(it.after.as_ref())))
        .collect();
    let pair = |before: &str, after: &str| (before.to_owned(), after.to_owned());
    assert_eq!(payments, [pair("62.00/248.00", "-"), pair("37.06/112.94", "100.00/50.00")]);
    let fee = shown.fees[0].after.as_ref().unwrap();
    assert_eq!((fee.fee_id.as_str(), text(fee.amount.as_ref())), ("", "25.00".to_owned()));
    let [before, after] = [&shown.before, &shown.after].map(|it| it.as_ref().unwrap());
    let [was, is] = [before, after].map(|it| it.balance.as_ref().unwrap());
    assert_eq!((was.days_past_due, is.days_past_due), (0, 19));
    assert_eq!(text(is.past_due_amount.as_ref()), "160.00");
    assert_eq!(shown.instalments[0].after.as_ref().unwrap().number, 1);
    let lines = shown.journal.iter().map(|line| cents(line.amount.as_ref()));
    assert_eq!(lines.reduce(|sum, line| sum + line), Some(0));

    let done = town.payments().return_payment(take_back("return", &first, &shown.hash)).await;
    done.unwrap();
    assert_eq!(town.account("a-1").await.unwrap().balance.as_ref(), Some(is));
}

#[tokio::test]
async fn a_commit_on_an_outdated_preview_is_refused_and_says_what_is_current() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = town.receive("first", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    let first = first.payment.unwrap().payment_id;
    let shown = of_return(&town, &first, "R01").await;
    town.receive("second", "a-1", Channel::Wire, "150.00", "2026-04-20").await.unwrap();

    let commit = take_back("return", &first, &shown.hash);
    let refusal = refused(town.payments().return_payment(commit.clone()).await);
    let told = (refusal.reason.as_str(), refusal.code);
    assert_eq!(told, ("PREVIEW_OUTDATED", tonic::Code::FailedPrecondition));
    // Why it is another is not known, and not said.
    let current = of_return(&town, &first, "R01").await.hash;
    assert_eq!(refusal.fact("current"), current);
    let said = format!("the hash is not that of a preview made now, which is {current}");
    assert_eq!(refusal.message, said);
    let again = refused(town.payments().return_payment(commit).await);
    assert_eq!(again.fact("current"), refusal.fact("current"));
    let anew = of_return(&town, &first, "R01").await;
    assert_eq!(anew.hash, refusal.fact("current"));
    let commit = take_back("return anew", &first, &anew.hash);
    town.payments().return_payment(commit).await.unwrap();

    let rubbish = take_back("rubbish", &first, "not a hash");
    assert_eq!(field(town.payments().return_payment(rubbish).await).1, "preview_hash");
}

#[tokio::test]
async fn a_return_that_is_late_is_shown_taken_and_marked_until_it_is_overturned() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-21").await;
    // Settled on the 22nd, due on the 24th, and ours might have it from the bank on the 27th.
    let marked = async |day: &str, code: &str| {
        town.clock(&format!("{day}T09:00:00-04:00")).await;
        let shown = of_return(&town, &payment, code).await;
        let due = shown.payments[0].return_due_date;
        let taken = town.take_back(&format!("{day} {code}"), "a-1", &payment, code).await.unwrap();
        let taken = taken.payment.unwrap();
        assert_eq!(town.payment("a-1", &payment).await.unwrap(), taken);
        assert_eq!((taken.return_due_date, taken.returned_late), (due, Some(due.is_some())));
        date_text(due.as_ref())
    };
    assert_eq!(marked("2026-04-27", "R01").await, "unset");
    town.reinstate("wrong account", "a-1", &payment).await.unwrap();
    assert_eq!(marked("2026-04-28", "R01").await, "2026-04-24");
    town.reinstate("dishonoured", "a-1", &payment).await.unwrap();
    let good = town.payment("a-1", &payment).await.unwrap();
    assert_eq!((good.returned_late, good.return_due_date), (None, None));
    assert_eq!(marked("2026-06-23", "R10").await, "unset");
    town.reinstate("disputed", "a-1", &payment).await.unwrap();
    assert_eq!(marked("2026-06-24", "R10").await, "2026-06-22");
    agree(&town).await;
}

#[tokio::test]
async fn a_payoffs_title_dates_are_shown_and_a_refusal_is_an_answer() {
    let town = Town::at("2026-03-10T09:00:00-04:00").await;
    let mut loan = interest_free("a-1", "1000.00");
    loan.lien = Some(lien("MO"));
    town.open(loan).await.unwrap();
    let payoff = PreviewReceiveRequest {
        account_id: "a-1".to_owned(),
        channel: Channel::Wire.into(),
        amount: Some(money("1000.00")),
        received_date: Some(date("2026-03-09")),
        ..PreviewReceiveRequest::default()
    };
    let answer = town.payments().preview_receive(payoff.clone()).await.unwrap().into_inner();
    let Some(preview_receive_response::Outcome::Accepted(shown)) = answer.outcome else {
        panic!("refused")
    };
    let after = shown.after.as_ref().unwrap();
    assert_eq!(after.title_state(), TitleState::PaidOffOnHold);
    assert_eq!(date_text(after.paid_off_date.as_ref()), "2026-03-09");
    assert_ne!(date_text(after.release_date.as_ref()), "unset");
    assert_eq!(shown.payments[0].payment_id, "");

    let tomorrow = PreviewReceiveRequest { received_date: Some(date("2026-03-11")), ..payoff };
    let answer = town.payments().preview_receive(tomorrow).await.unwrap().into_inner();
    let Some(preview_receive_response::Outcome::Refused(refused)) = answer.outcome else {
        panic!("accepted")
    };
    assert_eq!(refused.reason, "RECEIVED_IN_FUTURE");
    let unknown = PreviewReturnRequest { account_id: "nobody".to_owned(), ..asked("", "R01") };
    let unknown = PreviewReturnRequest { payment_id: request_id("any"), ..unknown };
    assert_eq!(reason(town.payments().preview_return(unknown).await), "ACCOUNT_NOT_FOUND");
}

#[tokio::test]
async fn a_payoff_shows_which_scheduled_payments_would_not_be_made_and_its_return_that_they_would()
{
    let town = Town::at("2026-03-10T09:00:00-04:00").await;
    town.open(interest_free("a-1", "1000.00")).await.unwrap();
    let debit = town.schedule("debit", "a-1", "310.00", "2026-04-01").await.unwrap();
    let debit = debit.payment.unwrap().payment_id;
    let pending = |shown: &ChangePreview| {
        let all = shown.pending_payments.iter();
        let all = all.map(|it| (it.payment_id.clone(), text(it.amount.as_ref()), it.made));
        all.collect::<Vec<_>>()
    };
    let mut wire = PreviewReceiveRequest {
        account_id: "a-1".to_owned(),
        channel: Channel::Wire.into(),
        amount: Some(money("900.00")),
        received_date: Some(date("2026-03-10")),
        ..PreviewReceiveRequest::default()
    };
    for (amount, expected) in
        [("900.00", vec![]), ("1000.00", vec![(debit.clone(), "310.00".to_owned(), false)])]
    {
        wire.amount = Some(money(amount));
        let answer = town.payments().preview_receive(wire.clone()).await.unwrap().into_inner();
        let Some(preview_receive_response::Outcome::Accepted(shown)) = answer.outcome else {
            panic!("refused")
        };
        assert_eq!(pending(&shown), expected, "{amount}");
    }
    let paid = town.receive("payoff", "a-1", Channel::Wire, "1000.00", "2026-03-10").await.unwrap();
    let shown = of_return(&town, &paid.payment.unwrap().payment_id, "R10").await;
    assert_eq!(pending(&shown), [(debit.clone(), "310.00".to_owned(), true)]);
    // As it was shown: the window cancels it.
    town.clock("2026-04-01T15:00:06-04:00").await;
    town.run("2026-04-01", "15:00").await.unwrap();
    let state = town.payment("a-1", &debit).await.unwrap().state();
    assert_eq!(state, PaymentState::Cancelled);
}

#[tokio::test]
async fn a_reinstatement_and_a_new_rate_are_shown_too() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = town.receive("first", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    let first = first.payment.unwrap().payment_id;
    town.take_back("return", "a-1", &first, "R01").await.unwrap();
    let request = PreviewReinstatementRequest {
        account_id: "a-1".to_owned(),
        payment_id: first,
        min_position: 0,
    };
    let answer = town.payments().preview_reinstatement(request).await.unwrap().into_inner();
    let Some(preview_reinstatement_response::Outcome::Accepted(shown)) = answer.outcome else {
        panic!("refused")
    };
    assert_eq!(split(shown.payments[0].after.as_ref()), "62.00/248.00");

    let change = ChangeRateRequest {
        account_id: "a-1".to_owned(),
        annual_rate: "0.0365".to_owned(),
        effective_date: Some(date("2026-04-10")),
        ..ChangeRateRequest::default()
    };
    let preview = |change: ChangeRateRequest| PreviewChangeRequest {
        change: Some(preview_change_request::Change::ChangeRate(change)),
        min_position: 0,
    };
    let answer = town.accounts().preview_change(preview(change.clone())).await.unwrap();
    let Some(preview_change_response::Outcome::Accepted(shown)) = answer.into_inner().outcome
    else {
        panic!("refused")
    };
    let interest = |it: &Option<proto::payledger::v1::AccountStanding>| {
        text(it.as_ref().unwrap().balance.as_ref().unwrap().accrued_interest.as_ref())
    };
    // 50 days at 2.00 a day, the last ten of them at half of it.
    assert_eq!([interest(&shown.before), interest(&shown.after)], ["100.00", "90.00"]);
    let commit = ChangeRateRequest {
        request_id: request_id("rate"),
        preview_hash: shown.hash.clone(),
        ..change.clone()
    };
    town.accounts().change_rate(commit).await.unwrap();
    let rubbish = ChangeRateRequest { annual_rate: "much".to_owned(), ..change };
    let refused = field(town.accounts().preview_change(preview(rubbish)).await);
    assert_eq!(refused.1, "change_rate.annual_rate");
}
