//! Leases: rentals of base and tax, billed as they fall due.

use super::*;

fn rentals(history: &History, payment: PaymentId) -> String {
    let split = history.open().payments.get(&payment).unwrap().split.unwrap();
    format!("{}/{}/{}/{}", split.rentals, split.tax, split.fees, split.credit)
}

#[test]
fn a_part_of_a_rental_is_base_and_tax_as_billed() {
    let (history, payment) = opened(lease()).paid_by_ach("200.00", "2026-03-05");
    assert_eq!(rentals(&history, payment), "186.12/13.88/0.00/0.00");
    let standing = history.open().standing(date("2026-03-05"));
    assert_eq!(standing.past_due, money("189.00"));
    assert_eq!(history.open().days_past_due(date("2026-03-05")), 4);
    let (rest, payment) = history.paid_by_ach("189.00", "2026-03-06");
    assert_eq!(rentals(&rest, payment), "175.88/13.12/0.00/0.00");
    assert_eq!(rest.ledger(LedgerAccount::RentalsReceivable), "0.00");
    assert_eq!(rest.ledger(LedgerAccount::LeaseTaxReceivable), "0.00");
}

#[test]
fn rentals_are_billed_to_income_and_tax_as_they_fall_due() {
    let (history, _) = opened(lease()).paid_by_ach("778.00", "2026-04-10");
    for (account, balance) in [
        (LedgerAccount::Cash, "-389.00"),
        (LedgerAccount::AchClearing, "778.00"),
        (LedgerAccount::RentalsReceivable, "0.00"),
        (LedgerAccount::LeaseTaxReceivable, "0.00"),
        (LedgerAccount::LeaseIncome, "-362.00"),
        (LedgerAccount::TaxPayable, "-27.00"),
    ] {
        assert_eq!(history.ledger(account), balance, "{account}");
    }
}

#[test]
fn a_lease_is_paid_off_with_its_last_rental_and_opens_again_when_that_comes_back() {
    let history = opened(lease());
    assert_eq!(history.open().payoff(date("2026-03-01")), money("1167.00"));
    let wire = history.at("2026-03-02 09:00").when(receive(Channel::Wire, "1200.00", "2026-03-02"));
    let paid = wire.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(rentals(&paid, wire.payment()), "1086.00/81.00/0.00/33.00");
    let returned = paid.at("2026-06-05 09:00").when(take_back(wire.payment(), "R01"));
    let after = returned.then(&["PaymentReturned", "PayoffReversed", "FeeAssessed"]);
    assert_eq!(after.ledger(LedgerAccount::RentalsReceivable), "1086.00");
    assert_eq!(after.ledger(LedgerAccount::LeaseTaxReceivable), "81.00");
    assert_eq!(after.open().days_past_due(date("2026-06-05")), 96);
    let (paid, payment) = after.paid_by_ach("1192.00", "2026-06-06");
    assert_eq!(rentals(&paid, payment), "1086.00/81.00/25.00/0.00");
}

#[test]
fn rentals_are_billed_by_the_due_dates_that_an_extension_leaves() {
    // April's rental was paid ahead, and an extension of before moves it: nothing is billed twice,
    // and May's is billed on its new day.
    let (march, _) = opened(lease()).paid_by_ach("389.00", "2026-03-01");
    let (april, _) = march.paid_by_ach("389.00", "2026-04-01");
    let moved = april.at("2026-04-10 09:00").when(extend(2, date("2026-03-02"))).done();
    let income = |history: &History| history.ledger(LedgerAccount::LeaseIncome);
    assert_eq!(income(&moved), "-362.00");
    let july = moved.at("2026-07-02 09:00").when(assess("10.00")).done();
    assert_eq!(income(&july), "-724.00");
    assert_eq!(july.ledger(LedgerAccount::RentalsReceivable), "362.00");
}

#[test]
fn a_rental_that_no_event_has_billed_is_not_in_the_ledger_yet() {
    let history = opened(lease());
    let unbooked = |on: &str| -> Vec<_> {
        let parts = history.open().book.unbooked(date(on));
        parts.into_iter().map(|(_, income, exact)| format!("{income} {exact}")).collect()
    };
    // March's was billed at the opening.
    assert_eq!(unbooked("2026-03-31"), ["4040 0.00", "2140 0.00"]);
    assert_eq!(unbooked("2026-04-01"), ["4040 362.00", "2140 27.00"]);
}

#[test]
fn a_lease_that_is_opened_late_bills_what_fell_due_since_with_what_comes_next() {
    let command = Command::OpenAccount { terms: lease(), lien: None };
    let late = nothing().at("2026-05-10 09:00").when(command).done();
    let book = &late.open().book;
    // March's was due at the opening.
    assert_eq!(late.ledger(LedgerAccount::RentalsReceivable), "362.00");
    assert_eq!(book.accrued_through(), date("2026-03-01"));
    let unbooked = book.unbooked(date("2026-05-10")).into_iter();
    let unbooked: Vec<_> = unbooked.map(|(_, _, exact)| exact.to_string()).collect();
    assert_eq!(unbooked, ["724.00", "54.00"]);
    let charged = late.at("2026-05-11 09:00").when(assess("5.00")).done();
    assert_eq!(charged.ledger(LedgerAccount::RentalsReceivable), "1086.00");
    assert_eq!(charged.ledger(LedgerAccount::LeaseTaxReceivable), "81.00");
}

#[test]
fn a_rental_of_before_the_opening_that_is_moved_is_not_billed_once_the_lease_has_ended() {
    // March's was due at the opening. Moved to May, it is one of those to come, without its tax.
    let moved = opened(lease()).at("2026-03-02 09:00").when(extend(2, date("2026-03-02"))).done();
    let lost = moved.at("2026-03-20 09:00").when(charge_off(None, date("2026-03-20")));
    assert_eq!(lost.journal(), ["1130 -362.00", "4040 362.00", "1135 -27.00", "2140 27.00"]);
    assert_eq!(lost.done().ledger(LedgerAccount::RentalsReceivable), "0.00");
}

#[test]
fn what_was_billed_since_is_not_missing_on_an_earlier_day() {
    // April's rental is billed with the fee.
    let billed = opened(lease()).at("2026-04-10 09:00").when(assess("5.00")).done();
    let missing = |on: &str| {
        let unbooked = billed.open().book.unbooked(date(on)).into_iter();
        unbooked.map(|(_, _, amount)| amount.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(missing("2026-03-20"), ["0.00", "0.00"]);
    assert_eq!(missing("2026-04-30"), ["0.00", "0.00"]);
    assert_eq!(missing("2026-05-01"), ["362.00", "27.00"]);
}
