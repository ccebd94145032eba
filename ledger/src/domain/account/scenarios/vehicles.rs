//! Leased vehicles that come back, before the end of the lease and at it, and what is charged
//! beside rentals.

use super::super::commands::LeaseCharge;
use super::super::state::TitleState;
use super::super::terms::{LateCharge, LateFee};
use super::buyouts::long_lease;
use super::*;
use crate::domain::account::book::explain::Figure;

/// The vehicle comes back on `on`; each charge is its kind and its amount.
fn back_on(on: &str, charges: &[(FeeKind, &str)]) -> Command {
    let charge = |(kind, text): &(FeeKind, &str)| LeaseCharge { kind: *kind, amount: amount(text) };
    let charges = charges.iter().map(charge).collect();
    Command::ReturnVehicle { effective_date: date(on), charges, preview: None }
}

fn charge(kind: FeeKind, text: &str) -> Command {
    Command::AssessFee { kind, amount: amount(text), effective_date: None, preview: None }
}

/// March's rental is paid on its day; 24 of 362.00 and 27.00 of tax remained.
fn leased() -> History {
    opened_with(long_lease(), Some(lien("TX"))).paid_by_ach("389.00", "2026-03-01").0
}

/// Rentals, tax, fees and credit of a payment.
fn paid(history: &History, payment: PaymentId) -> String {
    let split = history.open().payments.get(&payment).unwrap().split.unwrap();
    format!("{}/{}/{}/{}", split.rentals, split.tax, split.fees, split.credit)
}

fn ledger(history: &History, of: &[LedgerAccount]) -> Vec<String> {
    of.iter().map(|account| history.ledger(*account)).collect()
}

fn payoff(history: &History, on: &str) -> String {
    history.open().payoff(date(on)).to_string()
}

/// The lines of every figure sum to it.
fn explained(history: &History, on: &str) {
    for figure in Figure::ALL {
        let explanation = history.open().book.explain(*figure, date(on));
        let zero = rust_decimal::Decimal::ZERO;
        let sum = explanation.lines.iter().fold(zero, |sum, line| sum + line.amount);
        assert_eq!(sum, explanation.amount.decimal(), "{figure} on {on}");
    }
}

const VEHICLE: [LedgerAccount; 2] =
    [LedgerAccount::LeasedVehicles, LedgerAccount::ReturnedVehicles];
const RENTALS: [LedgerAccount; 4] = [
    LedgerAccount::RentalsReceivable,
    LedgerAccount::LeaseTaxReceivable,
    LedgerAccount::LeaseIncome,
    LedgerAccount::TaxPayable,
];

#[test]
fn a_vehicle_that_comes_back_early_ends_the_rentals_and_costs_what_is_charged() {
    let charges = [(FeeKind::EarlyTermination, "2400.00"), (FeeKind::Disposition, "395.00")];
    let back = leased().at("2026-04-10 09:00").when(back_on("2026-04-10", &charges));
    let after = back.then(&["VehicleReturned", "FeeAssessed", "FeeAssessed"]);
    assert_eq!(
        back.journal(),
        [
            "1130 362.00 2026-04-01",
            "4040 -362.00 2026-04-01",
            "1135 27.00 2026-04-01",
            "2140 -27.00 2026-04-01",
            "1145 14250.00",
            "1140 -14250.00",
            "1120 2400.00",
            "4050 -2400.00",
            "1120 395.00",
            "4050 -395.00",
        ]
    );
    // April was due; nothing is a year later but April and the charges.
    for day in ["2026-04-10", "2027-04-10"] {
        assert_eq!(payoff(&after, day), "3184.00");
        let standing = after.open().standing(date(day));
        assert_eq!(standing.rentals_remaining, money("389.00"));
        assert_eq!((standing.past_due, standing.buyout), (money("389.00"), None));
        explained(&after, day);
    }
    assert_eq!(after.open().days_past_due(date("2026-05-01")), 30);
    assert_eq!(after.open().next_due_date(date("2026-05-10")), None, "no rental comes any more");
    let oldest = after.open().standing(date("2026-05-10")).oldest_unpaid_due_date;
    assert_eq!(oldest, Some(date("2026-04-01")));
    let listed = after.open().book.instalment_standings(date("2026-05-10"));
    let open = listed.iter().filter(|it| !it.met || !it.open.is_zero());
    let open: Vec<_> = open.map(|it| (it.number, it.open)).collect();
    assert_eq!((listed.len(), open), (24, vec![(2, money("389.00"))]));
    assert_eq!(after.open().book.vehicle_returned(), Some(date("2026-04-10")));
}

#[test]
fn what_a_returned_vehicle_leaves_is_quoted_and_paid() {
    let charges = [(FeeKind::EarlyTermination, "2400.00"), (FeeKind::Disposition, "395.00")];
    let after = leased().at("2026-04-10 09:00").when(back_on("2026-04-10", &charges)).done();
    let asked = after.at("2026-04-12 09:00");
    let quoted = asked.when(Command::QuotePayoff { good_through_date: date("2026-05-10") });
    let Some(Event::PayoffQuoted(quoted)) = quoted.events().first() else { panic!("no quote") };
    let parts = (quoted.rentals, quoted.fees, quoted.residual);
    assert_eq!(parts, (money("389.00"), money("2795.00"), Money::ZERO));
    let wire = after.at("2026-05-20 09:00").when(receive(Channel::Wire, "3184.00", "2026-05-20"));
    let settled = wire.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(paid(&settled, wire.payment()), "362.00/27.00/2795.00/0.00");
    assert_eq!(ledger(&settled, &RENTALS), ["0.00", "0.00", "-362.00", "-27.00"]);
    assert_eq!(ledger(&settled, &VEHICLE), ["0.00", "14250.00"]);
    assert_eq!(settled.open().title_state(), TitleState::LienHeld);
    let later = settled.at("2027-06-01 09:00");
    assert_eq!(later.when(Command::AgeAccount).events(), []);
    assert_eq!(later.when(Command::ReleaseLien).reason(), "VEHICLE_NOT_BOUGHT");
}

#[test]
fn rentals_that_were_paid_ahead_are_a_credit_that_pays_the_charges() {
    let paid_ahead = leased().at("2026-03-10 09:00");
    let ahead = paid_ahead.when(receive(Channel::Wire, "1167.00", "2026-03-10")).done();
    let back = ahead.at("2026-04-20 09:00");
    let back = back.when(back_on("2026-04-15", &[(FeeKind::ExcessMileage, "500.00")]));
    let after = back.then(&["VehicleReturned", "FeeAssessed", "AccountPaidOff"]);
    // May and June had been paid, and satisfy nothing any more; March and April do.
    let billed = back.events().first().and_then(Event::posting).and_then(|it| it.billed);
    assert_eq!(billed, Some(money("778.00")));
    let standing = after.open().standing(date("2026-04-20"));
    assert_eq!((standing.credit, standing.fees_due), (money("778.00"), money("500.00")));
    assert_eq!((standing.balance(), standing.billed), (money("-278.00"), money("778.00")));
    assert_eq!(ledger(&after, &RENTALS), ["0.00", "0.00", "-362.00", "-27.00"]);
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "-778.00");
    explained(&after, "2026-04-20");
    let eve = after.open().standing(date("2026-04-14"));
    assert_eq!((eve.credit, eve.billed), (Money::ZERO, money("1556.00")));
    let refunded = after.at("2026-05-20 09:00").when(Command::RefundCredit { amount: None });
    let Some(Event::CreditRefunded(sent)) = refunded.events().first() else { panic!("none") };
    assert_eq!(sent.amount, amount("278.00"));
    // The money that paid ahead comes back: April was never paid either.
    let wire = ahead.open().payments.values().find(|it| it.amount == amount("1167.00"));
    let bounced = after.at("2026-05-02 09:00").when(take_back(wire.unwrap().id, "R10"));
    let Some(Event::PaymentReturned(back)) = bounced.events().first() else { panic!("none") };
    // April is open again; what was paid ahead never falls due.
    assert_eq!(back.reopened.iter().map(|it| it.instalment).collect::<Vec<_>>(), [2]);
    let bounced = bounced.done();
    assert_eq!(payoff(&bounced, "2026-05-02"), "889.00");
    assert_eq!(bounced.ledger(LedgerAccount::CustomerCredit), "0.00");
    explained(&bounced, "2026-05-02");
}

#[test]
fn a_return_that_becomes_known_late_takes_back_the_rentals_billed_since() {
    let (may, payment) = leased().paid_by_ach("778.00", "2026-05-04");
    let late = may.at("2026-06-10 09:00").when(back_on("2026-04-10", &[]));
    let after = late.then(&["VehicleReturned", "AccountPaidOff"]);
    assert_eq!(paid(&after, payment), "362.00/27.00/0.00/389.00");
    assert_eq!(ledger(&after, &RENTALS), ["0.00", "0.00", "-362.00", "-27.00"]);
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "-389.00");
    explained(&after, "2026-06-10");
}

#[test]
fn a_late_fee_for_a_rental_that_never_fell_due_goes() {
    let charge = LateCharge::Amount(amount("15.00"));
    let fee = LateFee { grace_days: 10, charge, maximum: None };
    let terms = Terms { late_fee: Some(fee), ..long_lease() };
    let march = opened(terms).paid_by_ach("389.00", "2026-03-01").0;
    let aged = march.at("2026-05-20 09:00").when(Command::AgeAccount);
    let aged = aged.then(&["FeeAssessed", "FeeAssessed"]);
    let back = aged.at("2026-05-21 09:00").when(back_on("2026-04-20", &[]));
    let after = back.then(&["VehicleReturned", "FeeWaived"]);
    assert_eq!(payoff(&after, "2026-05-21"), "404.00");
    assert_eq!(after.at("2026-09-01 09:00").when(Command::AgeAccount).events(), []);
}

#[test]
fn a_lease_that_has_run_to_its_end_is_owed_again_by_what_an_inspection_finds() {
    let over = leased().at("2026-04-01 09:00");
    let over = over.when(receive(Channel::Wire, "8947.00", "2026-04-01"));
    let over = over.then(&["PaymentReceived", "AccountPaidOff"]);
    let disposed = over.at("2028-02-10 09:00");
    let disposed = disposed.when(back_on("2028-02-03", &[(FeeKind::Disposition, "395.00")]));
    let owed = disposed.then(&["VehicleReturned", "FeeAssessed", "PayoffReversed"]);
    assert_eq!(ledger(&owed, &VEHICLE), ["0.00", "14250.00"]);
    let worn = owed.at("2028-02-20 09:00").when(charge(FeeKind::ExcessWear, "250.00"));
    let worn = worn.then(&["FeeAssessed"]);
    assert_eq!(payoff(&worn, "2028-02-20"), "645.00");
    let standing = worn.open().standing(date("2028-06-20"));
    // An unpaid charge makes nothing late.
    assert_eq!((standing.past_due, standing.days_past_due()), (Money::ZERO, 0));
    let wire = worn.at("2028-03-01 09:00").when(receive(Channel::Wire, "645.00", "2028-03-01"));
    let settled = wire.then(&["PaymentReceived", "AccountPaidOff"]);
    // And once more, when the county bills the year's property tax.
    let taxed = settled.at("2028-04-01 09:00").when(charge(FeeKind::PropertyTax, "88.10"));
    let taxed = taxed.then(&["FeeAssessed", "PayoffReversed"]);
    assert_eq!(payoff(&taxed, "2028-04-01"), "88.10");
    explained(&taxed, "2028-04-01");
}

#[test]
fn charges_are_paid_after_late_fees_and_before_rentals_to_come() {
    let charged = leased().at("2026-04-01 09:00").when(charge(FeeKind::Toll, "100.00")).done();
    let taxed = charged.at("2026-04-01 09:01").when(charge(FeeKind::PropertyTax, "60.00")).done();
    let fined = taxed.at("2026-04-01 09:02").when(assess("15.00")).done();
    assert_eq!(fined.ledger(LedgerAccount::TollsPayable), "-100.00");
    assert_eq!(fined.ledger(LedgerAccount::TaxPayable), "-87.00");
    let (part, payment) = fined.paid_by_ach("500.00", "2026-04-02");
    // April's 389.00, the late fee, and 96.00 of the charges.
    assert_eq!(paid(&part, payment), "362.00/27.00/111.00/0.00");
    let lost = part.at("2026-04-03 09:00").when(charge_off(None, date("2026-04-03")));
    let Some(Event::AccountChargedOff(lost)) = lost.events().first() else { panic!("none") };
    let taken = (lost.taken.late_fees, lost.taken.lease_charges);
    assert_eq!(taken, (Money::ZERO, money("64.00")));
    // May before the charges, June after them.
    let (rest, payment) = part.paid_by_ach("489.00", "2026-04-04");
    assert_eq!(paid(&rest, payment), "395.50/29.50/64.00/0.00");
}

#[test]
fn a_returned_vehicles_lease_is_charged_off_without_rentals_to_come() {
    let charges = [(FeeKind::EarlyTermination, "2400.00")];
    let back = leased().at("2026-04-10 09:00").when(back_on("2026-04-10", &charges)).done();
    let lost = back.at("2026-09-01 09:00").when(charge_off(None, date("2026-08-31")));
    let after = lost.then(&["AccountChargedOff"]);
    assert_eq!(lost.journal(), ["1190 2789.00", "1120 -2400.00", "1130 -362.00", "1135 -27.00"]);
    assert_eq!(ledger(&after, &VEHICLE), ["0.00", "14250.00"]);
    assert_eq!(payoff(&after, "2026-09-01"), "2789.00");
    explained(&after, "2026-09-01");
    // Before the first rental there is nothing that could be past due.
    let plan = InstalmentPlan { first_due_date: date("2026-04-01"), ..long_lease().instalments };
    let early = opened(Terms { instalments: plan, ..long_lease() });
    let early = early.at("2026-03-10 09:00").when(back_on("2026-03-10", &charges)).done();
    let early = early.at("2026-03-11 09:00").when(charge_off(None, date("2026-03-11"))).done();
    let standing = early.open().standing(date("2026-12-01"));
    assert_eq!((standing.past_due, standing.oldest_unpaid_due_date), (Money::ZERO, None));
    assert_eq!(standing.charged_off, money("2400.00"));
    let recovered = after.at("2026-10-01 09:00");
    let recovered = recovered.when(receive(Channel::Mail, "2789.00", "2026-10-01"));
    recovered.then(&["PaymentReceived", "AccountPaidOff"]);
}

#[test]
fn what_makes_no_sense_of_a_vehicle_is_refused_by_name() {
    let today = "2026-04-10";
    let ask = |history: &History, on: &str| {
        history.at(&format!("{today} 09:00")).when(back_on(on, &[])).reason()
    };
    let on_loan = opened(loan()).at("2026-04-10 09:00");
    assert_eq!(on_loan.when(back_on(today, &[])).reason(), "PRODUCT_HAS_NO_RENTALS");
    let toll = on_loan.when(charge(FeeKind::Toll, "5.00"));
    assert_eq!(toll.reason(), "PRODUCT_HAS_NO_RENTALS");
    let lease = leased();
    assert_eq!(ask(&lease, "2026-02-28"), "BEFORE_OPENING");
    assert_eq!(ask(&lease, "2026-04-11"), "EFFECTIVE_IN_FUTURE");
    let extended = lease.at("2026-04-05 09:00").when(extend(1, date("2026-04-05"))).done();
    assert_eq!(ask(&extended, "2026-04-04"), "DUE_DATES_MOVED_LATER");
    assert_eq!(ask(&extended, "2026-04-05"), "");
    let back = extended.at("2026-04-10 09:00").when(back_on("2026-04-05", &[])).done();
    let standing = back.open().standing(date("2027-04-05"));
    assert_eq!((standing.rentals_remaining, standing.past_due), (Money::ZERO, Money::ZERO));
    let dear = LeaseCharge { kind: FeeKind::Toll, amount: amount("100000000.00") };
    let dear =
        Command::ReturnVehicle { effective_date: date(today), charges: vec![dear], preview: None };
    assert_eq!(lease.at("2026-04-10 09:00").when(dear).reason(), "AMOUNT_TOO_LARGE");
    let back = lease.at("2026-04-10 08:00").when(back_on("2026-04-02", &[])).done();
    assert_eq!(ask(&back, today), "VEHICLE_RETURNED");
    let later = back.at("2026-04-10 09:00");
    for command in [
        extend(1, date(today)),
        Command::ChangeDueDate { day_of_month: 5, effective_date: date(today), preview: None },
        charge_off(None, date("2026-04-01")),
    ] {
        assert_eq!(later.when(command).reason(), "VEHICLE_RETURNED");
    }
    assert_eq!(later.when(charge_off(None, date("2026-04-02"))).reason(), "");
}

#[test]
fn a_lease_that_has_ended_otherwise_has_no_vehicle_to_come_back() {
    let today = "2026-04-10";
    let lease = leased();
    let ask = |history: &History| history.at("2026-04-10 09:00").when(back_on(today, &[])).reason();
    let lost = lease.at("2026-04-10 08:00").when(charge_off(None, date(today))).done();
    assert_eq!(ask(&lost), "ACCOUNT_CHARGED_OFF");
    let price = lease.open().payoff(date(today)).to_string();
    let bought = lease.at("2026-04-10 08:00").when(receive(Channel::Wire, &price, today)).done();
    assert_eq!(ask(&bought), "VEHICLE_BOUGHT");
    let toll = bought.at("2026-04-10 09:00").when(charge(FeeKind::Toll, "5.00"));
    assert_eq!(toll.reason(), "VEHICLE_BOUGHT");
    // Without a residual value a vehicle comes back all the same, with no entry of its own.
    let unknown = opened(Terms { purchase_option: None, ..long_lease() });
    let back = unknown.at("2026-03-20 09:00").when(back_on("2026-03-20", &[]));
    assert_eq!(ledger(&back.done(), &VEHICLE), ["0.00", "0.00"]);
    assert_eq!(payoff(&back.done(), "2026-03-20"), "389.00");
}

#[test]
fn money_from_before_the_return_may_have_bought_the_vehicle() {
    let charges = [(FeeKind::EarlyTermination, "2400.00")];
    let back = leased().at("2026-04-20 09:00").when(back_on("2026-04-15", &charges)).done();
    let price = leased().open().payoff(date("2026-04-10")).to_string();
    let late = back.at("2026-04-21 09:00").when(receive(Channel::Mail, &price, "2026-04-10"));
    let bought = late.then(&["PaymentReceived"]);
    assert_eq!(ledger(&bought, &VEHICLE), ["0.00", "0.00"]);
    assert_eq!(bought.open().book.vehicle_bought(), Some(date("2026-04-10")));
    // All 24 rentals count as satisfied, those to come without their tax.
    assert_eq!(bought.open().book.billed(), money("8742.00"));
    assert_eq!(bought.open().standing(date("2026-04-20")).billed, money("8742.00"));
    // What was charged for the return is owed until it is waived.
    let now = bought.at("2026-04-22 09:00");
    let quoted = now.when(Command::QuotePayoff { good_through_date: date("2026-04-30") });
    let Some(Event::PayoffQuoted(quoted)) = quoted.events().first() else { panic!("no quote") };
    assert_eq!((quoted.amount, quoted.fees), (money("2400.00"), money("2400.00")));
    assert_eq!(now.when(back_on("2026-04-22", &[])).reason(), "VEHICLE_BOUGHT");
    let fee = *bought.open().fees.keys().next().unwrap();
    now.when(waive(fee)).then(&["FeeWaived", "AccountPaidOff"]);
    explained(&bought, "2026-04-22");
}
