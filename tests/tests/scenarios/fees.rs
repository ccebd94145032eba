//! Fees that are charged from an earlier day on: what came after it pays them, on every axis.

use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::batch_result::Outcome;
use proto::payledger::v1::preview_change_request::Change;
use proto::payledger::v1::preview_change_response::Outcome as Preview;
use proto::payledger::v1::{
    AssessFeeRequest, ChangePreview, Channel, ExplainAmountRequest, Fee, FeeKind, Figure,
    PreviewChangeRequest, WaiveFeeRequest,
};
use tests::client::Client;
use tests::refusals::{reason, refused};
use tests::requests::{auto_loan, date, date_text, money, request_id, text};
use tests::server::Town;
use tests::views::{agree, books, split, standing};

/// A fee of 15.50, from a day on.
fn fee(name: &str, account: &str, day: &str) -> AssessFeeRequest {
    AssessFeeRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        kind: FeeKind::Late.into(),
        amount: Some(money("15.50")),
        effective_date: Some(date(day)),
        preview_hash: String::new(),
    }
}

async fn charged(town: &Client, request: AssessFeeRequest) -> Fee {
    town.accounts().assess_fee(request).await.unwrap().into_inner().fee.unwrap()
}

/// What a figure is, line by line.
async fn explained(town: &Client, account: &str, figure: Figure, day: &str) -> Vec<String> {
    let request = ExplainAmountRequest {
        account_id: account.to_owned(),
        figure: figure.into(),
        effective_date: Some(date(day)),
        ..ExplainAmountRequest::default()
    };
    let lines = town.audit().explain_amount(request).await.unwrap().into_inner().lines;
    let line = |line: &proto::payledger::v1::ExplainedLine| {
        let on = date_text(line.effective_date.as_ref());
        format!("{on} {:?} {}", line.explained_by(), line.amount)
    };
    lines.iter().map(line).collect()
}

#[tokio::test]
async fn a_fee_of_an_earlier_day_stands_as_if_it_had_been_charged_then() {
    let town = Town::at("2026-04-12T09:00:00-04:00").await;
    for account in ["late", "in-time"] {
        town.open(auto_loan(account)).await.unwrap();
    }
    charged(&town, fee("in time", "in-time", "2026-04-12")).await;
    town.clock("2026-04-15T09:00:00-04:00").await;
    let mut paid = Vec::new();
    for account in ["late", "in-time"] {
        let wire = town.receive(account, account, Channel::Wire, "400.00", "2026-04-15").await;
        paid.push(wire.unwrap().payment.unwrap());
    }
    assert_eq!(split(&paid[0]), "90.00/310.00/0.00/0.00");
    let before = town.head().await.unwrap();

    town.clock("2026-05-20T09:00:00-04:00").await;
    let late = charged(&town, fee("late fee", "late", "2026-04-12")).await;
    assert_eq!(date_text(late.effective_date.as_ref()), "2026-04-12");
    let again = town.accounts().assess_fee(fee("late fee", "late", "2026-04-12")).await.unwrap();
    let again = again.into_inner();
    assert_eq!((again.replayed, again.fee), (true, Some(late.clone())));
    let moved = town.payment("late", &paid[0].payment_id).await.unwrap();
    assert_eq!(split(&moved), "90.00/294.50/15.50/0.00");
    for day in ["2026-04-11", "2026-04-12", "2026-04-15", "2026-05-20", "2026-08-01"] {
        let [late, in_time] =
            [standing(&town, "late", day).await, standing(&town, "in-time", day).await];
        assert_eq!(late, in_time, "{day}");
    }
    for figure in [Figure::Principal, Figure::FeesDue, Figure::Payoff] {
        let late = explained(&town, "late", figure, "2026-05-20").await;
        assert_eq!(late, explained(&town, "in-time", figure, "2026-05-20").await);
    }
    assert_eq!(
        explained(&town, "late", Figure::FeesDue, "2026-05-20").await,
        ["2026-04-12 Fee 15.50", "2026-04-15 Payment -15.50"]
    );
    // What was known before is what it was.
    let known = town.balance_known("late", "2026-05-20", before).await.unwrap();
    assert_eq!(text(known.principal.as_ref()), "9690.00");
    agree(&town).await;

    let waive = WaiveFeeRequest {
        request_id: request_id("waive"),
        account_id: "late".to_owned(),
        fee_id: late.fee_id,
        preview_hash: String::new(),
    };
    town.accounts().waive_fee(waive).await.unwrap();
    let waived = town.payment("late", &paid[0].payment_id).await.unwrap();
    assert_eq!(split(&waived), "90.00/310.00/0.00/0.00");
    assert!(books(&town).await.contains(&"4020 -15.50".to_owned()), "one fee stands");
    agree(&town).await;
}

/// What a change would mean.
async fn shown(town: &Client, change: Change) -> ChangePreview {
    let request = PreviewChangeRequest { change: Some(change), min_position: 0 };
    let answer = town.accounts().preview_change(request).await.unwrap().into_inner();
    let accepted = match answer.outcome {
        Some(Preview::Accepted(shown)) => Some(*shown),
        Some(Preview::Refused(_)) | None => None,
    };
    accepted.unwrap()
}

/// What a preview says of the fees that one payment pays.
fn fees_paid(shown: &ChangePreview) -> [String; 2] {
    assert_eq!(shown.payments.len(), 1, "{shown:?}");
    let change = &shown.payments[0];
    [&change.before, &change.after].map(|it| text(it.as_ref().unwrap().fees.as_ref()))
}

#[tokio::test]
async fn a_fee_of_an_earlier_day_is_shown_before_it_is_charged_and_before_it_is_waived() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.receive("wire", "a-1", Channel::Wire, "400.00", "2026-04-15").await.unwrap();
    let head = town.head().await.unwrap();
    let asked = fee("fee", "a-1", "2026-04-12");
    let seen = shown(&town, Change::AssessFee(asked.clone())).await;
    assert_eq!(fees_paid(&seen), ["0.00", "15.50"]);
    assert_eq!((seen.fees.len(), town.head().await.unwrap()), (1, head));

    // Another payment comes in between: what was shown is not what would happen.
    town.receive("more", "a-1", Channel::Wire, "1.00", "2026-04-16").await.unwrap();
    let stale = AssessFeeRequest { preview_hash: seen.hash, ..asked.clone() };
    let outdated = refused(town.accounts().assess_fee(stale).await);
    assert_eq!(outdated.reason, "PREVIEW_OUTDATED");
    let fresh = shown(&town, Change::AssessFee(asked.clone())).await;
    assert_eq!(outdated.fact("current"), fresh.hash);
    let request_id = request_id("as shown");
    let asked = AssessFeeRequest { preview_hash: fresh.hash, request_id, ..asked };
    let charged = charged(&town, asked).await;

    let waive = WaiveFeeRequest {
        request_id: tests::requests::request_id("waive"),
        account_id: "a-1".to_owned(),
        fee_id: charged.fee_id,
        preview_hash: String::new(),
    };
    let seen = shown(&town, Change::WaiveFee(waive.clone())).await;
    assert_eq!(fees_paid(&seen), ["15.50", "0.00"]);
    let waive = WaiveFeeRequest { preview_hash: seen.hash, ..waive };
    town.accounts().waive_fee(waive.clone()).await.unwrap();
    let unknown = Change::WaiveFee(WaiveFeeRequest { fee_id: waive.request_id.clone(), ..waive });
    let request = PreviewChangeRequest { change: Some(unknown), min_position: 0 };
    assert_eq!(reason(town.accounts().preview_change(request).await), "FEE_NOT_FOUND");
    agree(&town).await;
}

#[tokio::test]
async fn a_fee_is_not_of_tomorrow_nor_from_before_the_opening() {
    let town = Town::at("2026-04-12T23:59:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let accounts = town.accounts();
    let refused = |name: &'static str, day: &'static str| {
        let mut accounts = accounts.clone();
        async move { reason(accounts.assess_fee(fee(name, "a-1", day)).await) }
    };
    assert_eq!(refused("tomorrow", "2026-04-13").await, "EFFECTIVE_IN_FUTURE");
    assert_eq!(refused("too early", "2026-02-28").await, "BEFORE_OPENING");
    charged(&town, fee("the first day", "a-1", "2026-03-01")).await;
    let undated = AssessFeeRequest { effective_date: None, ..fee("undated", "a-1", "2026-03-01") };
    let today = charged(&town, undated).await;
    assert_eq!(date_text(today.effective_date.as_ref()), "2026-04-12");
    agree(&town).await;
}

#[tokio::test]
async fn a_batch_charges_fees_of_earlier_days_too() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let commands = vec![
        Command::AssessFee(fee("one", "a-1", "2026-04-12")),
        Command::AssessFee(fee("two", "a-1", "2026-04-21")),
    ];
    let results = town.batch(commands).await.unwrap().results;
    let Some(Outcome::AssessFee(done)) = &results[0].outcome else { panic!("{results:?}") };
    let on = done.fee.as_ref().unwrap().effective_date;
    assert_eq!(date_text(on.as_ref()), "2026-04-12");
    assert!(matches!(results[1].outcome, Some(Outcome::Error(_))), "{results:?}");
    agree(&town).await;
}
