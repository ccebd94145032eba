//! Leases that end otherwise than with their last rental: the vehicle is bought, or everything is
//! charged off.

use super::super::book::Standing;
use super::super::buyout::PurchaseOption;
use super::super::events::PayoffQuoted;
use super::super::state::TitleState;
use super::*;
use crate::domain::account::book::explain::Figure;

/// 24 rentals of 389.00 from 1 March 2026, 27.00 of each tax; then 14,250.00 and 8 % of tax.
pub(super) fn long_lease() -> Terms {
    let instalments = InstalmentPlan { count: 24, ..lease().instalments };
    Terms { instalments, ..short_lease() }
}

/// The same, of which three rentals are left.
fn short_lease() -> Terms {
    let option =
        PurchaseOption { residual: amount("14250.00"), sales_tax_rate: "0.08".parse().unwrap() };
    Terms { purchase_option: Some(option), ..lease() }
}

fn quote_payoff(good_through: &str) -> Command {
    Command::QuotePayoff { good_through_date: date(good_through) }
}

fn quoted(outcome: &Outcome) -> PayoffQuoted {
    let Some(Event::PayoffQuoted(quoted)) = outcome.events().first() else { panic!("no quote") };
    quoted.clone()
}

/// Rentals, tax, fees, residual, sales tax and credit of a payment.
fn bought_text(history: &History, payment: PaymentId) -> String {
    let split = history.open().payments.get(&payment).unwrap().split.unwrap();
    let parts = [split.rentals, split.tax, split.fees, split.residual, split.sales_tax];
    let parts = parts.map(|part| part.to_string()).join("/");
    format!("{parts}/{}", split.credit)
}

fn standing(history: &History, on: &str) -> Standing {
    history.open().standing(date(on))
}

fn nothing_unbooked(history: &History, on: &str) -> bool {
    history.open().book.unbooked(date(on)).iter().all(|(_, _, missing)| missing.is_zero())
}

#[test]
fn a_buy_out_is_due_rentals_the_rentals_to_come_without_tax_the_residual_fees_and_sales_tax() {
    let fined = opened(long_lease()).at("2026-03-20 09:00").when(assess("15.00")).done();
    let asked = fined.at("2026-04-10 09:00").when(quote_payoff("2026-04-15"));
    let told = quoted(&asked);
    // March and April are unpaid; 22 rentals of 362.00 are to come.
    assert_eq!(told.rentals, money("778.00"));
    assert_eq!(told.rentals_ahead, money("7964.00"));
    assert_eq!(told.residual, money("14250.00"));
    assert_eq!(told.fees, money("15.00"));
    // 8 % of 22,214.00.
    assert_eq!(told.sales_tax, money("1777.12"));
    assert_eq!(told.amount, money("24784.12"));
    assert_eq!(told.per_diem, "0.00000");
    assert_eq!(standing(&fined, "2026-04-15").payoff(), told.amount);
    // The next rental falls due with its tax, and is out of the price.
    assert_eq!(quoted(&fined.at("2026-04-10 09:00").when(quote_payoff("2026-05-01"))).amount, {
        money("24784.12") + money("27.00") - money("28.96")
    });
}

#[test]
fn a_lease_that_was_boarded_without_a_residual_value_has_no_buy_out() {
    let unknown = Terms { purchase_option: None, ..long_lease() };
    let history = opened(unknown.clone());
    let asked = history.at("2026-04-10 09:00").when(quote_payoff("2026-04-15"));
    asked.then_refused(Refusal::ResidualUnknown);
    let lien = Command::OpenAccount { terms: unknown, lien: Some(lien("TX")) };
    let denied = nothing().at("2026-03-01 09:00").when(lien).decision;
    assert!(matches!(denied, Err(Denial::Terms(_))), "{denied:?}");
    // Charged off, it is what was charged off that pays the account off.
    let lost = history.at("2026-04-10 09:00").when(charge_off(None, date("2026-04-10"))).done();
    let told = quoted(&lost.at("2026-04-10 10:00").when(quote_payoff("2026-04-15")));
    assert_eq!((told.amount, told.rentals), (told.charged_off, Money::ZERO));
}

#[test]
fn terms_of_a_purchase_that_cannot_be_are_refused() {
    let option = |rate: &str| {
        let sales_tax_rate = rate.parse().unwrap();
        Some(PurchaseOption { residual: amount("1.00"), sales_tax_rate })
    };
    assert!(Terms { purchase_option: option("1.000001"), ..long_lease() }.check().is_err());
    assert!(Terms { purchase_option: option("1"), ..long_lease() }.check().is_ok());
    assert!(Terms { purchase_option: option("0"), ..loan() }.check().is_err());
}

/// March is paid; then the vehicle is bought by wire on 10 April, when April is due.
fn bought() -> (History, PaymentId) {
    let (march, _) =
        opened_with(long_lease(), Some(lien("TX"))).paid_by_ach("389.00", "2026-03-01");
    let wire = march.at("2026-04-10 09:00");
    let wire = wire.when(receive(Channel::Wire, "24380.12", "2026-04-10"));
    (wire.then(&["PaymentReceived", "AccountPaidOff"]), wire.payment())
}

#[test]
fn a_payment_in_full_buys_the_vehicle() {
    let (history, wire) = bought();
    assert_eq!(bought_text(&history, wire), "8326.00/27.00/0.00/14250.00/1777.12/0.00");
    for (account, balance) in [
        (LedgerAccount::RentalsReceivable, "0.00"),
        (LedgerAccount::LeaseTaxReceivable, "0.00"),
        (LedgerAccount::LeasedVehicles, "0.00"),
        // Both rentals' tax, of which March's was due at the opening, and the tax of the sale.
        (LedgerAccount::TaxPayable, "-1804.12"),
        (LedgerAccount::LeaseIncome, "-8326.00"),
        (LedgerAccount::CustomerCredit, "0.00"),
    ] {
        assert_eq!(history.ledger(account), balance, "{account}");
    }
    let after = standing(&history, "2027-05-01");
    assert!(after.owes_nothing && after.payoff().is_zero() && after.past_due.is_zero());
    assert_eq!(after.days_past_due(), 0);
    assert!(nothing_unbooked(&history, "2027-05-01"));
    assert_eq!(history.open().title_state(), TitleState::PaidOffOnHold);
    let met = history.open().book.instalment_standings(date("2027-05-01"));
    assert!(met.iter().all(|rental| rental.met && rental.open.is_zero()));
    let again = history.at("2026-04-11 09:00").when(quote_payoff("2026-04-15"));
    assert_eq!(again.reason(), "ACCOUNT_PAID_OFF");
    // March's debit holds the title still.
    let early = history.at("2026-04-10 10:00").when(Command::ReleaseLien);
    assert!(["", "FUNDS_ON_HOLD"].contains(&early.reason()));
    history.at("2026-05-10 09:00").when(Command::ReleaseLien).then(&["LienReleased"]);
}

#[test]
fn a_buy_out_that_comes_back_leaves_the_lease_as_if_it_had_not_been() {
    let (history, wire) = bought();
    let (untouched, _) =
        opened_with(long_lease(), Some(lien("TX"))).paid_by_ach("389.00", "2026-03-01");
    let released = history.at("2026-05-10 09:00").when(Command::ReleaseLien).done();
    let back = released.at("2026-06-05 09:00").when(take_back(wire, "R10"));
    let after = back.then(&["PaymentReturned", "PayoffReversed"]);
    for on in ["2026-04-10", "2026-06-05", "2027-01-01"] {
        assert_eq!(standing(&after, on), standing(&untouched, on), "{on}");
    }
    assert_eq!(after.open().days_past_due(date("2026-06-05")), 65);
    assert_eq!(after.open().title_state(), TitleState::PayoffReturnedAfterRelease);
    assert_eq!(after.ledger(LedgerAccount::LeasedVehicles), "14250.00");
    // April, May and June are billed.
    assert_eq!(after.ledger(LedgerAccount::LeaseIncome), "-1086.00");
    assert_eq!(after.ledger(LedgerAccount::RentalsReceivable), "1086.00");
    assert_eq!(after.ledger(LedgerAccount::LeaseTaxReceivable), "81.00");
    let restored = after.at("2026-06-08 09:00").when(reinstate(wire));
    let restored = restored.then(&["PaymentReinstated", "AccountPaidOff"]);
    assert_eq!(restored.open().book.ledger(), history.open().book.ledger());
    assert_eq!(restored.open().title_state(), TitleState::Released);
}

#[test]
fn a_buy_out_that_is_keyed_late_bills_back_what_fell_due_meanwhile() {
    let (march, _) = opened(long_lease()).paid_by_ach("389.00", "2026-03-01");
    let fined = march.at("2026-06-02 09:00").when(assess("15.00")).done();
    assert_eq!(fined.ledger(LedgerAccount::LeaseIncome), "-1086.00");
    let wire = fined.at("2026-06-03 09:00");
    let wire = wire.when(receive(Channel::Wire, "24395.12", "2026-04-10"));
    let after = wire.then(&["PaymentReceived", "AccountPaidOff"]);
    // The fee came after it, and the 15.00 that are too much stand against it.
    let split = bought_text(&after, wire.payment());
    assert_eq!(split, "8326.00/27.00/0.00/14250.00/1777.12/15.00");
    assert_eq!(after.ledger(LedgerAccount::LeaseIncome), "-8326.00");
    assert_eq!(after.ledger(LedgerAccount::LeaseTaxReceivable), "0.00");
    assert_eq!(after.ledger(LedgerAccount::TaxPayable), "-1804.12");
    assert!(standing(&after, "2026-06-03").payoff().is_zero());
}

#[test]
fn a_buy_out_that_is_short_by_little_is_one_and_what_is_missing_is_written_off() {
    let history = opened(long_lease());
    let asked = history.at("2026-03-10 09:00").when(quote_payoff("2026-03-31"));
    assert_eq!(quoted(&asked).amount, money("24771.08"));
    let late = asked.done().at("2026-04-10 09:00");
    let paid = late.when(receive(Channel::Mail, "24771.08", "2026-04-10"));
    // April has fallen due since: 27.00 of its tax for 28.96 of sales tax, and so 1.96 too much.
    assert_eq!(bought_text(&paid.done(), paid.payment()).rsplit('/').next(), Some("1.96"));
    let short = late.when(receive(Channel::Mail, "24760.00", "2026-04-10"));
    let after = short.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(after.ledger(LedgerAccount::SmallBalanceWriteOff), "9.12");
    assert_eq!(after.ledger(LedgerAccount::LeasedVehicles), "0.00");
    let back = after.at("2026-04-15 09:00").when(take_back(short.payment(), "R02")).done();
    assert_eq!(back.ledger(LedgerAccount::SmallBalanceWriteOff), "0.00");
    assert_eq!(back.ledger(LedgerAccount::LeasedVehicles), "14250.00");
}

#[test]
fn less_than_a_buy_out_buys_nothing_and_is_a_credit_balance_until_the_rest_comes() {
    let history = opened_with(short_lease(), Some(lien("TX")));
    let all = history.at("2026-03-10 09:00").when(receive(Channel::Wire, "5167.00", "2026-03-10"));
    // Three rentals are 1,167.00. Nothing more is owed, and the vehicle is the lessor's.
    let part = all.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(bought_text(&part, all.payment()), "1086.00/81.00/0.00/0.00/0.00/4000.00");
    assert_eq!(part.open().title_state(), TitleState::LienHeld);
    let release = part.at("2026-03-11 09:00").when(Command::ReleaseLien);
    release.then_refused(Refusal::VehicleNotBought { buyout: money("11390.00") });
    let asked = part.at("2026-03-11 09:00").when(quote_payoff("2026-03-31"));
    assert_eq!(quoted(&asked).amount, money("11390.00"));
    assert_eq!(quoted(&asked).credit, money("4000.00"));
    let paid = asked.done().at("2026-03-20 09:00");
    let paid = paid.when(receive(Channel::Wire, "11390.00", "2026-03-20"));
    let after = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(bought_text(&after, paid.payment()), "0.00/0.00/0.00/14250.00/1140.00/-4000.00");
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "0.00");
    let released = after.at("2026-03-20 10:00").when(Command::ReleaseLien);
    let released = released.then(&["LienReleased"]);
    // What was there before comes back: the rest alone buys nothing.
    let back = released.at("2026-03-25 09:00").when(take_back(all.payment(), "R10")).done();
    assert_eq!(back.open().title_state(), TitleState::PayoffReturnedAfterRelease);
    assert_eq!(back.ledger(LedgerAccount::LeasedVehicles), "14250.00");
}

#[test]
fn the_quote_is_the_price_though_rentals_paid_ahead_with_their_tax_would_leave_enough() {
    // 24,380.12 buy it on 10 April, with sales tax on the rentals to come: 8 % of 7,964.00 are
    // 637.12. With the 594.00 of the rentals' own tax instead it would be 24,337.00.
    let (march, _) = opened(long_lease()).paid_by_ach("389.00", "2026-03-01");
    let moment = march.at("2026-04-10 09:00");
    let wire = |paid: &str| moment.when(receive(Channel::Wire, paid, "2026-04-10"));
    let bought = |paid: &Outcome| paid.done().open().book.vehicle_bought().is_some();
    let at_most = wire("24370.12");
    assert!(bought(&at_most));
    assert_eq!(at_most.done().ledger(LedgerAccount::SmallBalanceWriteOff), "10.00");
    assert_eq!(at_most.done().ledger(LedgerAccount::TaxPayable), "-1804.12");
    for (paid, credit) in
        [("24370.11", "15423.11"), ("24337.00", "15390.00"), ("24327.00", "15380.00")]
    {
        let short = wire(paid);
        let after = short.then(&["PaymentReceived", "AccountPaidOff"]);
        assert!(!bought(&short), "{paid}");
        let split = format!("8326.00/621.00/0.00/0.00/0.00/{credit}");
        assert_eq!(bought_text(&after, short.payment()), split);
        assert_eq!(after.ledger(LedgerAccount::SmallBalanceWriteOff), "0.00");
        assert_eq!(after.ledger(LedgerAccount::LeasedVehicles), "14250.00");
        assert!(after.open().paid_off.as_ref().unwrap().vehicle_kept);
    }
    // No rental is to come any more, so that the residual value and its tax are the price then. The
    // credit balance is more by 3.00, and whatever comes next buys the vehicle with it.
    let short = wire("24340.00").done();
    let asked = short.at("2026-04-11 09:00").when(quote_payoff("2026-04-30"));
    assert_eq!(quoted(&asked).amount, money("-3.00"));
    let next = short.at("2026-04-11 09:00").when(receive(Channel::Wire, "1.00", "2026-04-11"));
    assert!(bought(&next));
    let split = bought_text(&next.done(), next.payment());
    assert_eq!(split, "0.00/0.00/0.00/14250.00/1140.00/-15389.00");
    assert_eq!(next.done().ledger(LedgerAccount::CustomerCredit), "-4.00");
    assert_eq!(next.done().ledger(LedgerAccount::TaxPayable), "-1761.00");
}

#[test]
fn a_lease_that_is_over_can_be_bought_by_a_debit_that_names_its_quote() {
    let history = opened_with(short_lease(), Some(lien("TX")));
    let paid = history.at("2026-05-01 09:00").when(receive(Channel::Wire, "1167.00", "2026-05-01"));
    let over = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    let plain = over.at("2026-05-02 09:00").when(pay("389.00", "2026-05-04"));
    assert_eq!(plain.reason(), "ACCOUNT_PAID_OFF");
    let asked = over.at("2026-05-02 09:00").when(quote_payoff("2026-05-31"));
    let told = quoted(&asked);
    assert_eq!(told.amount, money("15390.00"));
    let debit = Command::SchedulePayment(SchedulePayment {
        amount: told.amount.amount().unwrap(),
        payment_date: date("2026-05-04"),
        funding: None,
        allow_duplicate: false,
        payoff_quote: Some(told.quote),
    });
    let scheduled = asked.done().at("2026-05-02 09:00").when(debit);
    let run = scheduled.done().at("2026-05-04 15:01").when(apply(scheduled.payment()));
    let after = run.then(&["PaymentApplied", "AccountPaidOff"]);
    assert!(after.open().book.vehicle_bought().is_some());
    let back = after.at("2026-05-06 09:00").when(take_back(scheduled.payment(), "R01"));
    let back = back.then(&["PaymentReturned", "AccountPaidOff", "FeeAssessed", "PayoffReversed"]);
    assert_eq!(back.open().title_state(), TitleState::LienHeld);
    assert_eq!(back.ledger(LedgerAccount::LeasedVehicles), "14250.00");
}

#[test]
fn the_last_rental_does_not_buy_a_vehicle_of_a_dollar() {
    let option = PurchaseOption { residual: amount("1.00"), sales_tax_rate: Rate::default() };
    let dollar = Terms { purchase_option: Some(option), ..short_lease() };
    let paid = opened(dollar.clone()).at("2026-05-01 09:00");
    let exact = paid.when(receive(Channel::Mail, "1167.00", "2026-05-01")).done();
    assert!(exact.open().book.vehicle_bought().is_none() && exact.open().paid_off.is_some());
    let more = paid.when(receive(Channel::Mail, "1168.00", "2026-05-01")).done();
    assert!(more.open().book.vehicle_bought().is_some());
    assert_eq!(exact.open().payoff(date("2026-05-01")), money("1.00"));
}

#[test]
fn a_vehicle_of_five_dollars_is_bought_by_who_goes_beyond_the_rentals_or_pays_a_quote_in_full() {
    let option = PurchaseOption { residual: amount("5.00"), sales_tax_rate: Rate::default() };
    let history = opened(Terms { purchase_option: Some(option), ..short_lease() });
    let buys = |history: &History, command: Command, at: &str| {
        history.at(at).when(command).done().open().book.vehicle_bought().is_some()
    };
    let wire = |paid: &str, on: &str| receive(Channel::Wire, paid, on);
    // On 10 March 389.00 are due, 724.00 to come and 54.00 of tax on that: who pays 1,113.00 has
    // not paid what the lease asks for, 1,167.00, and buys nothing.
    assert!(!buys(&history, wire("1113.00", "2026-03-10"), "2026-03-10 09:00"));
    assert!(buys(&history, wire("1118.00", "2026-03-10"), "2026-03-10 09:00"));
    // On 10 April 778.00 are due, 15.00 of fees, 362.00 to come and 27.00 of tax: 1,182.00.
    let fined = history.at("2026-04-09 09:00").when(assess("15.00")).done();
    assert!(!buys(&fined, wire("1155.00", "2026-04-10"), "2026-04-10 09:00"));
    // Who names a quote and pays a part of what is due buys nothing either.
    let asked = history.at("2026-03-10 09:00").when(quote_payoff("2026-03-31"));
    let mut part = wire("100.00", "2026-03-10");
    if let Command::ReceivePayment(ReceivePayment { payoff_quote, .. }) = &mut part {
        *payoff_quote = Some(quoted(&asked).quote);
    }
    assert!(!buys(&asked.done(), part, "2026-03-10 10:00"));
}

#[test]
fn a_buy_out_that_is_keyed_after_a_charge_off_was_before_it() {
    let lost =
        opened(long_lease()).at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10")));
    // All but March's rental is to come on 10 March, and bought for 24,771.08.
    let keyed = lost.done().at("2026-07-20 09:00");
    let keyed = keyed.when(receive(Channel::Wire, "24771.08", "2026-03-10")).done();
    assert!(keyed.open().book.vehicle_bought().is_some());
    assert_eq!(keyed.open().payoff(date("2026-07-20")), Money::ZERO);
    assert_eq!(keyed.ledger(LedgerAccount::LossAllowance), "0.00");
}

#[test]
fn a_charge_off_takes_what_has_fallen_due_and_what_is_to_come_without_tax() {
    let (march, _) =
        opened_with(long_lease(), Some(lien("TX"))).paid_by_ach("389.00", "2026-03-01");
    let fined = march.at("2026-05-15 09:00").when(assess("15.00")).done();
    let lost = fined.at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10")));
    let after = lost.then(&["AccountChargedOff"]);
    // April to July have fallen due, 19 rentals are to come: 1,556.00 and 6,878.00, and the fee.
    assert_eq!(standing(&after, "2026-07-10").charged_off, money("8449.00"));
    assert_eq!(standing(&after, "2027-07-10").payoff(), money("8449.00"));
    for (account, balance) in [
        (LedgerAccount::RentalsReceivable, "0.00"),
        (LedgerAccount::LeaseTaxReceivable, "0.00"),
        (LedgerAccount::FeesReceivable, "0.00"),
        // Three rentals and the tax on four; July's rental is no income any more.
        (LedgerAccount::LossAllowance, "1194.00"),
        (LedgerAccount::LeaseIncome, "-1086.00"),
        (LedgerAccount::TaxPayable, "-108.00"),
        (LedgerAccount::LeasedVehicles, "14250.00"),
    ] {
        assert_eq!(after.ledger(account), balance, "{account}");
    }
    assert!(nothing_unbooked(&after, "2027-07-10"));
    let part = charge_off(Some(amount("1.00")), date("2026-07-10"));
    assert_eq!(fined.at("2026-07-10 09:00").when(part).reason(), "PRODUCT_HAS_NO_PRINCIPAL");
    let explained = after.open().book.explain(Figure::Payoff, date("2026-08-01"));
    assert_eq!(explained.amount, money("8449.00"));
}

#[test]
fn what_comes_after_a_charge_off_is_a_recovery_and_buys_no_vehicle() {
    let history = opened_with(short_lease(), Some(lien("TX")));
    let lost = history.at("2026-04-10 09:00").when(charge_off(None, date("2026-04-10"))).done();
    assert_eq!(standing(&lost, "2026-04-10").charged_off, money("1140.00"));
    let paid = lost.at("2026-05-10 09:00").when(receive(Channel::Wire, "20000.00", "2026-05-10"));
    let after = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(after.ledger(LedgerAccount::Recoveries), "-1140.00");
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "-18860.00");
    assert!(after.open().book.vehicle_bought().is_none());
    assert_eq!(after.open().title_state(), TitleState::LienHeld);
    let release = after.at("2026-06-10 09:00").when(Command::ReleaseLien);
    assert_eq!(release.reason(), "VEHICLE_NOT_BOUGHT");
    let asked = after.at("2026-06-10 09:00").when(quote_payoff("2026-06-30"));
    assert_eq!(asked.reason(), "ACCOUNT_PAID_OFF");
}

#[test]
fn a_payment_of_before_a_charge_off_that_comes_back_makes_the_charge_off_take_more() {
    let (paid, payment) = opened(long_lease()).paid_by_ach("389.00", "2026-03-01");
    let off = charge_off(None, date("2026-07-10"));
    let lost = paid.at("2026-07-10 09:00").when(off.clone()).done();
    let without = opened(long_lease()).at("2026-07-10 09:00").when(off).done();
    let back = lost.at("2026-07-20 09:00").when(take_back(payment, "R10"));
    let after = back.then(&["PaymentReturned"]);
    assert_eq!(standing(&after, "2026-07-20"), standing(&without, "2026-07-20"));
    for account in [LedgerAccount::LossAllowance, LedgerAccount::LeaseIncome] {
        assert_eq!(after.ledger(account), without.ledger(account), "{account}");
    }
    let restored = after.at("2026-07-25 09:00").when(reinstate(payment)).done();
    assert_eq!(restored.open().book.ledger(), lost.open().book.ledger());
}
