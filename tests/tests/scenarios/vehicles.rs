//! Leased vehicles that come back, before the end of the lease and at it, and what a lease is
//! charged beside its rentals.

use std::sync::Arc;

use proto::payledger::v1::{
    Account, AccountState, AssessFeeRequest, ChangePreview, Channel, CloseDayRequest,
    ExplainAmountRequest, ExplainedBy, FeeKind, Figure, GetLedgerFeedRequest, InstalmentState,
    OpenDayRequest, PreviewChangeRequest, TitleState, preview_change_request,
    preview_change_response,
};
use tests::refusals::{field, reason, refused};
use tests::requests::{
    auto_loan, cents, date, date_text, instant, lease_with_option, money, request_id, text,
};
use tests::server::{Town, settings};
use tests::servicing::{charge_off, extension, vehicle_back};
use tests::views::{agree, books};

use crate::explain::{about, explain};

const EARLY: [(FeeKind, &str); 2] =
    [(FeeKind::EarlyTermination, "2400.00"), (FeeKind::Disposition, "395.00")];

/// March's rental is paid on its day, and the clock stands on 10 April.
async fn leased() -> Town {
    let town = Town::at("2026-03-01T09:00:00-05:00").await;
    town.open(lease_with_option("l-1")).await.unwrap();
    town.receive("march", "l-1", Channel::Wire, "389.00", "2026-03-01").await.unwrap();
    town.clock("2026-04-10T09:00:00-04:00").await;
    town
}

async fn account(town: &Town) -> Account {
    town.account("l-1").await.unwrap()
}

fn payoff(account: &Account) -> String {
    text(account.balance.as_ref().unwrap().payoff_amount.as_ref())
}

fn charge(name: &str, kind: FeeKind, amount: &str) -> AssessFeeRequest {
    AssessFeeRequest {
        request_id: request_id(name),
        account_id: "l-1".to_owned(),
        kind: kind.into(),
        amount: Some(money(amount)),
        ..AssessFeeRequest::default()
    }
}

async fn assess(town: &Town, request: AssessFeeRequest) -> tests::client::Answer<String> {
    let answer = town.accounts().assess_fee(request).await?.into_inner();
    Ok(answer.fee.unwrap().fee_id)
}

/// Rentals, tax, fees and credit of a payment.
async fn paid(town: &Town, payment: &str) -> String {
    let split = town.payment("l-1", payment).await.unwrap().allocation.unwrap();
    [&split.rentals, &split.tax, &split.fees, &split.credit].map(|it| text(it.as_ref())).join("/")
}

async fn pay(town: &Town, name: &str, amount: &str, day: &str) -> String {
    let answer = town.receive(name, "l-1", Channel::Wire, amount, day).await.unwrap();
    answer.payment.unwrap().payment_id
}

/// The rows of the trial balance that a lease and its vehicle have.
async fn of_books(town: &Town) -> Vec<String> {
    let of_lease = ["11", "2110", "2140", "2150", "4040", "4050"];
    let all = books(town).await;
    all.into_iter().filter(|row| of_lease.iter().any(|start| row.starts_with(start))).collect()
}

/// Asks what it would mean that the vehicle comes back on 10 April.
async fn foreseen(town: &Town) -> ChangePreview {
    let asked = vehicle_back("foreseen", "l-1", "2026-04-10", &EARLY);
    let request = PreviewChangeRequest {
        change: Some(preview_change_request::Change::ReturnVehicle(asked)),
        min_position: 0,
    };
    let answer = town.accounts().preview_change(request).await.unwrap().into_inner();
    let accepted = match answer.outcome {
        Some(preview_change_response::Outcome::Accepted(preview)) => Some(*preview),
        Some(preview_change_response::Outcome::Refused(_)) | None => None,
    };
    accepted.unwrap()
}

/// The lines of all figures sum to them; answers those that the return of the vehicle makes.
async fn explained(town: &Town, day: &str) -> Vec<String> {
    let mut of_return = Vec::new();
    for figure in 1..=9 {
        let told = explain(town, about("l-1", figure, day)).await;
        for line in &told.lines {
            if line.explained_by() == ExplainedBy::VehicleReturned {
                assert_eq!(line.source.as_ref().unwrap().r#type, "VehicleReturned");
                of_return.push(format!("{:?} {}", told.figure(), line.amount));
            }
        }
    }
    of_return
}

#[tokio::test]
async fn a_vehicle_that_comes_back_early_is_foreseen_carried_out_and_paid_for() {
    let town = leased().await;
    let shown = foreseen(&town).await;
    assert_eq!(shown.event_types, ["VehicleReturned", "FeeAssessed", "FeeAssessed"]);
    let lines = shown.journal.iter().map(|line| cents(line.amount.as_ref()));
    assert_eq!(lines.reduce(|sum, line| sum + line), Some(0));
    let after = shown.after.unwrap();
    assert_eq!(text(after.balance.unwrap().payoff_amount.as_ref()), "3184.00");
    assert_eq!(after.vehicle_returned_date, Some(date("2026-04-10")));
    // April stays open; the 22 to come do not fall due.
    let kept = shown.instalments.iter().map(|it| it.after.as_ref().unwrap());
    let kept: Vec<_> = kept.map(|it| (it.number, it.state())).collect();
    assert_eq!(kept.len(), 22);
    assert!(kept.iter().all(|(number, state)| *number > 2 && *state == InstalmentState::Met));

    let mut asked = vehicle_back("back", "l-1", "2026-04-10", &EARLY);
    asked.preview_hash = shown.hash;
    let answer = town.return_vehicle(asked.clone()).await.unwrap();
    let returned = answer.account.unwrap();
    assert_eq!((returned.state(), payoff(&returned)), (AccountState::Open, "3184.00".to_owned()));
    assert_eq!(date_text(returned.vehicle_returned_date.as_ref()), "2026-04-10");
    assert!(returned.balance.unwrap().buyout.is_none());
    let again = town.return_vehicle(asked).await.unwrap();
    assert!(again.replayed && again.position == answer.position);
    let rows = of_books(&town).await;
    assert_eq!(
        rows,
        [
            "1120 2795.00",
            "1130 362.00",
            "1135 27.00",
            "1145 14250.00",
            "2140 -27.00",
            "4040 -362.00",
            "4050 -2795.00"
        ]
    );
    agree(&town).await;
    // A year later it is still April and the charges, and April is a year past due.
    let later = town.balance("l-1", "2027-04-10").await.unwrap();
    assert_eq!(text(later.payoff_amount.as_ref()), "3184.00");
    assert_eq!((text(later.past_due_amount.as_ref()), later.days_past_due), ("389.00".into(), 374));
    assert_eq!(later.oldest_unpaid_due_date, Some(date("2026-04-01")));
    assert_eq!(later.next_due_date, None);
    assert_eq!(
        explained(&town, "2027-04-10").await,
        ["RentalsRemaining -8558.00", "Payoff -8558.00"]
    );
    // The quote is what is owed, and no buy-out.
    let told = town.quote_payoff("quote", "l-1", "2026-05-01").await.unwrap().quote.unwrap();
    assert_eq!(text(told.amount.as_ref()), "3184.00");
    assert_eq!(
        (text(told.rentals.as_ref()), text(told.residual.as_ref())),
        ("389.00".into(), "0.00".into())
    );
    let payment = pay(&town, "rest", "3184.00", "2026-04-10").await;
    assert_eq!(paid(&town, &payment).await, "362.00/27.00/2795.00/0.00");
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    let title = town.title("l-1").await.unwrap();
    assert_eq!(title.state(), TitleState::LienHeld);
    assert_eq!(refused(town.release("release", "l-1").await).reason, "VEHICLE_NOT_BOUGHT");
    agree(&town).await;
    // The log says the same after a restart.
    let whole = account(&town).await;
    let data = town.stop().await;
    let restarted = settings(data.path(), instant("2026-04-10T09:00:00-04:00"));
    let town = Town::with(Arc::clone(&data), restarted).await;
    assert_eq!(account(&town).await, whole);
    agree(&town).await;
}

#[tokio::test]
async fn what_was_previewed_is_refused_once_something_else_would_happen() {
    let town = leased().await;
    let shown = foreseen(&town).await;
    pay(&town, "ahead", "1167.00", "2026-04-10").await;
    let mut asked = vehicle_back("back", "l-1", "2026-04-10", &EARLY);
    asked.preview_hash = shown.hash;
    assert_eq!(reason(town.return_vehicle(asked.clone()).await), "PREVIEW_OUTDATED");
    asked.request_id = request_id("back again");
    asked.preview_hash = foreseen(&town).await.hash;
    let balance = town.return_vehicle(asked).await.unwrap().account.unwrap().balance.unwrap();
    // April is paid, and so were May and June: a credit balance that stands against the charges.
    assert_eq!(text(balance.credit_balance.as_ref()), "778.00");
    assert_eq!(text(balance.payoff_amount.as_ref()), "2017.00");
    assert_eq!(
        explained(&town, "2026-04-10").await,
        [
            "RentalsDue 778.00",
            "RentalsRemaining -8558.00",
            "RentalsRemaining 778.00",
            "PastDue 778.00",
            "CreditBalance 778.00",
            "Payoff -8558.00",
            "Payoff 778.00",
            "Payoff -778.00"
        ]
    );
    agree(&town).await;
    let payment = pay(&town, "rest", "2017.00", "2026-04-10").await;
    assert_eq!(paid(&town, &payment).await, "0.00/0.00/2017.00/0.00");
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    agree(&town).await;
}

#[tokio::test]
async fn money_that_paid_ahead_comes_back_after_the_vehicle_and_is_good_again() {
    let town = leased().await;
    let ahead = pay(&town, "ahead", "1167.00", "2026-04-10").await;
    town.return_vehicle(vehicle_back("back", "l-1", "2026-04-10", &EARLY)).await.unwrap();
    let before = account(&town).await;
    town.clock("2026-05-20T09:00:00-04:00").await;
    town.take_back("bounced", "l-1", &ahead, "R10").await.unwrap();
    assert_eq!(payoff(&account(&town).await), "3184.00");
    agree(&town).await;
    town.reinstate("good", "l-1", &ahead).await.unwrap();
    assert_eq!(payoff(&account(&town).await), payoff(&before));
    agree(&town).await;
}

#[tokio::test]
async fn a_return_that_becomes_known_late_leaves_what_was_known_before_as_it_was() {
    let town = leased().await;
    let may = pay(&town, "april and may", "778.00", "2026-04-10").await;
    town.clock("2026-06-10T09:00:00-04:00").await;
    let known = town.head().await.unwrap();
    let rows = |balance: &proto::payledger::v1::Balance| {
        [&balance.rentals_due, &balance.past_due_amount, &balance.payoff_amount]
            .map(|it| text(it.as_ref()))
    };
    let before = town.balance_known("l-1", "2026-06-10", known).await.unwrap();
    assert_eq!(rows(&before)[..2], ["389.00", "389.00"]);
    town.return_vehicle(vehicle_back("back", "l-1", "2026-04-15", &[])).await.unwrap();
    // May's rental was paid, and June's had been billed.
    assert_eq!(paid(&town, &may).await, "724.00/54.00/0.00/0.00");
    let after = account(&town).await;
    assert_eq!(after.state(), AccountState::PaidOff);
    assert_eq!(text(after.balance.unwrap().credit_balance.as_ref()), "389.00");
    assert_eq!(town.balance_known("l-1", "2026-06-10", known).await.unwrap(), before);
    assert_eq!(
        of_books(&town).await,
        ["1145 14250.00", "2110 -389.00", "2140 -27.00", "4040 -362.00"]
    );
    agree(&town).await;
}

#[tokio::test]
async fn a_vehicle_that_comes_back_at_the_end_is_charged_for_what_is_found() {
    let town = leased().await;
    pay(&town, "all", "8947.00", "2026-04-10").await;
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    town.clock("2028-02-10T09:00:00-05:00").await;
    let disposed = vehicle_back("back", "l-1", "2028-02-03", &[(FeeKind::Disposition, "395.00")]);
    let returned = town.return_vehicle(disposed).await.unwrap().account.unwrap();
    assert_eq!((returned.state(), payoff(&returned)), (AccountState::Open, "395.00".to_owned()));
    assess(&town, charge("wear", FeeKind::ExcessWear, "250.00")).await.unwrap();
    let miles = assess(&town, charge("miles", FeeKind::ExcessMileage, "500.00")).await.unwrap();
    let waive = proto::payledger::v1::WaiveFeeRequest {
        request_id: request_id("waive"),
        account_id: "l-1".to_owned(),
        fee_id: miles,
        preview_hash: String::new(),
    };
    town.accounts().waive_fee(waive).await.unwrap();
    // Unpaid charges make no instalment late.
    let balance = account(&town).await.balance.unwrap();
    assert_eq!((text(balance.fees_due.as_ref()), balance.days_past_due), ("645.00".into(), 0));
    agree(&town).await;
    let payment = pay(&town, "rest", "645.00", "2028-02-10").await;
    assert_eq!(paid(&town, &payment).await, "0.00/0.00/645.00/0.00");
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    assess(&town, charge("tax", FeeKind::PropertyTax, "88.10")).await.unwrap();
    assess(&town, charge("toll", FeeKind::Toll, "6.50")).await.unwrap();
    assert_eq!(payoff(&account(&town).await), "94.60");
    let rows = of_books(&town).await;
    assert!(rows.contains(&"2140 -709.10".to_owned()) && rows.contains(&"2150 -6.50".to_owned()));
    explained(&town, "2028-02-10").await;
    agree(&town).await;
}

#[tokio::test]
async fn a_vehicle_that_makes_no_sense_is_refused_by_name() {
    let town = leased().await;
    town.open(auto_loan("a-1")).await.unwrap();
    let on_loan =
        refused(town.return_vehicle(vehicle_back("loan", "a-1", "2026-04-10", &[])).await);
    assert_eq!(
        (on_loan.reason.as_str(), on_loan.fact("product")),
        ("PRODUCT_HAS_NO_RENTALS", "auto")
    );
    let toll = AssessFeeRequest {
        account_id: "a-1".to_owned(),
        ..charge("loan's toll", FeeKind::Toll, "5.00")
    };
    assert_eq!(reason(assess(&town, toll).await), "PRODUCT_HAS_NO_RENTALS");
    for (name, charges, at) in [
        ("late", vec![(FeeKind::Late, "5.00")], "charges[0].kind"),
        ("twice", vec![(FeeKind::Toll, "5.00"), (FeeKind::Toll, "6.00")], "charges[1].kind"),
        ("unsaid", vec![(FeeKind::Unspecified, "5.00")], "charges[0].kind"),
        ("nothing", vec![(FeeKind::Toll, "0.00")], "charges[0].amount"),
    ] {
        let asked = vehicle_back(name, "l-1", "2026-04-10", &charges);
        assert_eq!(field(town.return_vehicle(asked).await).1, at, "{name}");
    }
    town.extend("extension", "l-1", 1, "2026-04-05").await.unwrap();
    let moved = refused(town.return_vehicle(vehicle_back("moved", "l-1", "2026-04-04", &[])).await);
    assert_eq!(
        (moved.reason.as_str(), moved.fact("moved_date")),
        ("DUE_DATES_MOVED_LATER", "2026-04-05")
    );
    town.return_vehicle(vehicle_back("back", "l-1", "2026-04-06", &[])).await.unwrap();
    // April's rental was moved to May, so that nothing is owed: one charge makes it open again.
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    let twice = town.return_vehicle(vehicle_back("again", "l-1", "2026-04-06", &[])).await;
    assert_eq!(refused(twice).fact("returned_date"), "2026-04-06");
    assess(&town, charge("toll", FeeKind::Toll, "5.00")).await.unwrap();
    let request = extension("late extension", "l-1", 1, "2026-04-10");
    assert_eq!(reason(town.accounts().grant_extension(request).await), "VEHICLE_RETURNED");
    let early = town.charge_off(charge_off("early", "l-1", "2026-04-05")).await;
    assert_eq!(reason(early), "VEHICLE_RETURNED");
    let lost = town.charge_off(charge_off("loss", "l-1", "2026-04-06")).await.unwrap();
    // The toll is charged from the 10th on.
    assert_eq!(text(lost.charge_off.unwrap().fees.as_ref()), "0.00");
    agree(&town).await;
}

#[tokio::test]
async fn charges_of_a_lease_are_paid_after_fees_and_before_rentals_to_come() {
    let town = leased().await;
    assess(&town, charge("toll", FeeKind::Toll, "100.00")).await.unwrap();
    assess(&town, charge("late", FeeKind::Late, "15.00")).await.unwrap();
    // April, May, which is the current one, the late fee, and 50.00 of the toll.
    let first = pay(&town, "first", "843.00", "2026-04-10").await;
    assert_eq!(paid(&town, &first).await, "724.00/54.00/65.00/0.00");
    let figure = ExplainAmountRequest {
        account_id: "l-1".to_owned(),
        figure: Figure::FeesDue.into(),
        ..ExplainAmountRequest::default()
    };
    let told = town.audit().explain_amount(figure).await.unwrap().into_inner();
    let kinds: Vec<_> =
        told.lines.iter().map(|line| (line.fee_kind(), line.amount.clone())).collect();
    let line = |kind, amount: &str| (kind, amount.to_owned());
    assert_eq!(
        kinds,
        [
            line(FeeKind::Toll, "100.00"),
            line(FeeKind::Late, "15.00"),
            line(FeeKind::Unspecified, "-65.00")
        ]
    );
    let second = pay(&town, "second", "89.00", "2026-04-10").await;
    assert_eq!(paid(&town, &second).await, "36.29/2.71/50.00/0.00");
    agree(&town).await;
}

#[tokio::test]
async fn a_rental_that_a_close_has_billed_is_taken_back_by_the_close_after_the_return() {
    let town = Town::with_manual_books("2026-03-01T09:00:00-05:00").await;
    town.open(lease_with_option("l-1")).await.unwrap();
    let days = ["2026-03-31", "2026-04-01", "2026-04-02", "2026-04-03", "2026-04-04"];
    let mut sealed = Vec::new();
    for (number, day) in days.iter().enumerate() {
        town.clock(&format!("{day}T09:00:00-04:00")).await;
        let request = OpenDayRequest {
            request_id: request_id(&format!("open {day}")),
            gl_date: Some(date(day)),
        };
        town.books().open_day(request).await.unwrap();
        if *day == "2026-04-03" {
            // As of before April's rental, which the close of the 1st has billed.
            let asked = vehicle_back("back", "l-1", "2026-03-31", &EARLY);
            town.return_vehicle(asked).await.unwrap();
        }
        let before = if number == 0 { "2026-03-01" } else { days[number - 1] };
        town.clock(&format!("{day}T23:30:00-04:00")).await;
        let close = CloseDayRequest {
            request_id: request_id(&format!("close {before}")),
            gl_date: Some(date(before)),
        };
        town.books().close_day(close).await.unwrap();
        sealed.push(of_books(&town).await.join(", "));
    }
    agree(&town).await;
    assert!(sealed[2].contains("4040 -362.00"), "{sealed:?}");
    let rows = of_books(&town).await;
    assert_eq!(
        rows,
        ["1120 2795.00", "1130 362.00", "1135 27.00", "1145 14250.00", "4050 -2795.00"]
    );
    for day in ["2026-04-01", "2026-04-02", "2026-04-03"] {
        let request = GetLedgerFeedRequest { gl_date: Some(date(day)), min_position: 0 };
        let feed = town.books().get_ledger_feed(request).await.unwrap().into_inner();
        assert_eq!(feed.total_debits, feed.total_credits, "{day}");
    }
}
