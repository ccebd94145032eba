//! What is true of every account at all times.

use chrono::Datelike;

use super::super::super::book::{Movement, Standing};
use super::super::super::state::{Payment, Progress};
use super::super::*;
use crate::domain::journal::LedgerAccount::RefundsInTransit;
use crate::domain::journal::Line;
use crate::domain::money::total;

/// Where money waits until the bank has moved it.
pub(super) const CLEARING: [LedgerAccount; 5] = [
    LedgerAccount::AchClearing,
    LedgerAccount::LockboxClearing,
    LedgerAccount::BillPayClearing,
    LedgerAccount::VendorClearing,
    RefundsInTransit,
];

/// Interest by the integer method: a numerator over the common multiple of 365 and 366, day by day.
fn interest_by_integers(open: &OpenAccount, through: NaiveDate) -> i128 {
    let terms = open.terms();
    let per_million = |day| {
        let scaled = open.book.rate_on(day).decimal() * rust_decimal::Decimal::from(1_000_000);
        i128::try_from(scaled).unwrap()
    };
    let mut numerator = 0_i128;
    let mut day = terms.interest_paid_through;
    while day < through {
        let paid = open.book.entries().iter().filter(|entry| entry.effective <= day);
        let paid = paid.map(|entry| match &entry.what {
            Movement::Payment { split, .. } => {
                split.principal + split.write_off.unwrap_or_default().principal
            }
            Movement::Principal { change, credited, .. } => -(*change + *credited),
            Movement::ChargeOff { taken, .. } => taken.principal,
            Movement::Fee { .. }
            | Movement::Refund { .. }
            | Movement::Rate(_)
            | Movement::Shift(_)
            | Movement::VehicleReturned { .. } => Money::ZERO,
        });
        let principal = i128::from((terms.principal - total(paid)).cents());
        let leap = NaiveDate::from_ymd_opt(day.year(), 2, 29).is_some();
        numerator += principal * per_million(day) * if leap { 365 } else { 366 };
        day = day.succ_opt().unwrap();
    }
    let unit = 1_000_000 * 133_590;
    (numerator * 2 + unit).div_euclid(2 * unit)
}

/// What is true of every account at all times.
pub(super) fn audit(open: &OpenAccount) {
    let standing = open.book.standing(open.book.accrued_through());
    let owes_nothing = open.book.final_standing().owes_nothing;
    assert_eq!(open.paid_off.is_some(), owes_nothing, "{standing:?}");
    audit_ledger(open, &standing);
    audit_bank(open);
    audit_splits(open, &standing);
    for days in [0, 1, 45, 400] {
        audit_instalments(open, standing.as_of + chrono::Days::new(days));
    }
}

/// The instalments that are past due are open with what is past due, and nothing is open once
/// nothing is owed.
fn audit_instalments(open: &OpenAccount, as_of: NaiveDate) {
    let (standing, listed) = (open.book.standing(as_of), open.book.instalment_standings(as_of));
    assert!(listed.iter().all(|it| !it.open.is_negative()), "{listed:?}");
    let past = listed.iter().filter(|it| it.due_date < as_of);
    let tolerated = standing.past_due.is_zero() && past.clone().all(|it| it.met);
    let past_due = total(past.map(|it| it.open));
    assert!(tolerated || past_due == standing.past_due, "{as_of} {standing:?} {listed:?}");
    if standing.oldest_unpaid_due_date.is_none() {
        assert!(listed.iter().all(|it| it.met && it.open.is_zero()), "{as_of} {listed:?}");
    }
}

/// The general ledger says what the timeline says.
fn audit_ledger(open: &OpenAccount, standing: &Standing) {
    let book = &open.book;
    let Standing { as_of, principal, interest_due, fees_due, billed, credit, .. } = *standing;
    let owed = [principal, interest_due, fees_due, billed, standing.charged_off];
    assert!(owed.iter().all(|part| !part.is_negative()), "{standing:?}");
    let dates = book.instalments();
    let rentals = match open.terms().product {
        // Once no rental falls due any more nothing is receivable but what had fallen due when the
        // vehicle came back.
        Product::Lease if book.cut().is_some() => standing.rentals_remaining,
        Product::Lease => {
            let in_ledger = book.rentals_billed().max(dates.due_count(as_of));
            dates.plan().total_of(in_ledger) - billed
        }
        Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => Money::ZERO,
    };
    let balance = |account| book.ledger_balance(account);
    let receivable =
        balance(LedgerAccount::RentalsReceivable) + balance(LedgerAccount::LeaseTaxReceivable);
    assert_eq!(balance(LedgerAccount::Principal), principal);
    if book.is_non_accrual() {
        assert!(balance(LedgerAccount::AccruedInterest) <= interest_due);
    } else {
        assert_eq!(balance(LedgerAccount::AccruedInterest), interest_due);
    }
    assert_eq!(balance(LedgerAccount::FeesReceivable), fees_due);
    assert_eq!(balance(LedgerAccount::CustomerCredit), -credit);
    assert_eq!(receivable, rentals);
    let option = open.terms().purchase_option.filter(|_| book.vehicle_bought().is_none());
    let vehicle = option.map_or(Money::ZERO, |option| option.residual.money());
    let (out, back) = match book.vehicle_returned() {
        Some(_) => (Money::ZERO, vehicle),
        None => (vehicle, Money::ZERO),
    };
    assert_eq!(balance(LedgerAccount::LeasedVehicles), out);
    assert_eq!(balance(LedgerAccount::ReturnedVehicles), back);
    assert!(total(book.ledger().values().copied()).is_zero());
}

/// What waits for the bank is what it has not settled, and cash is what it has.
fn audit_bank(open: &OpenAccount) {
    let balance = |account| open.book.ledger_balance(account);
    let applied = |payment: &&Payment| payment.progress == Progress::Applied;
    let payments: Vec<_> = open.payments.values().filter(applied).collect();
    let is_cash =
        |payment: &Payment| LedgerAccount::clearing(payment.channel) == LedgerAccount::Cash;
    for account in CLEARING {
        let waits = payments.iter().filter(|payment| {
            LedgerAccount::clearing(payment.channel) == account && payment.settlement.is_none()
        });
        let waits = total(waits.map(|payment| payment.amount.money()));
        let refunds = open.refunds.values().filter(|it| !it.returned && it.settled.is_none());
        let refunds = total(refunds.map(|refund| refund.amount.money()));
        let refunds = if account == RefundsInTransit { refunds } else { Money::ZERO };
        assert_eq!(balance(account), waits - refunds, "{account}");
    }
    let has = |payment: &&&Payment| payment.settlement.is_some() || is_cash(payment);
    let came = total(payments.iter().filter(has).map(|payment| payment.amount.money()));
    // A vendor's fee is lost, whatever became of the payment.
    let kept = open.payments.values().filter_map(|payment| payment.settlement?.withheld);
    let kept = total(kept.map(Amount::money));
    let paid_out = open.refunds.values().filter(|it| !it.returned && it.settled.is_some());
    let paid_out = total(paid_out.map(|refund| refund.amount.money()));
    let boarded = total(opening(open).map(|line| line.amount));
    assert_eq!(balance(LedgerAccount::Cash), boarded + came - kept - paid_out);
}

/// What the opening posted to cash.
fn opening(open: &OpenAccount) -> impl Iterator<Item = Line> {
    let event = opened(open.terms().clone()).recorded.into_iter().next().unwrap().1;
    let lines = event.posting().unwrap().lines.clone();
    lines.into_iter().filter(|line| line.account == LedgerAccount::Cash)
}

/// Payments are split whole, pay the interest that integers find, and are split as a timeline that
/// is worked out from its beginning would split them.
fn audit_splits(open: &OpenAccount, standing: &Standing) {
    let mut paid_interest = Money::ZERO;
    for payment in open.payments.values().filter(|payment| payment.progress == Progress::Applied) {
        let split = payment.split.unwrap();
        let parts = [split.interest, split.principal, split.fees, split.rentals, split.tax];
        assert!(parts.iter().all(|part| !part.is_negative()), "{split:?}");
        let vehicle = split.residual + split.sales_tax;
        let rest = vehicle + split.recovery + split.credit;
        assert_eq!(total(parts) + rest, payment.amount.money());
        assert!(!split.residual.is_negative() && !split.sales_tax.is_negative(), "{split:?}");
        paid_interest += split.interest + split.write_off.unwrap_or_default().interest;
    }
    for entry in open.book.entries() {
        if let Movement::ChargeOff { taken, .. } = &entry.what {
            paid_interest += taken.interest;
        }
    }
    let accrued = standing.interest_due + paid_interest - open.terms().unpaid_interest;
    assert_eq!(i128::from(accrued.cents()), interest_by_integers(open, standing.as_of));
    let mut anew = open.book.clone();
    for (payment, split) in anew.reallocate(NaiveDate::MIN, &RULES).splits {
        assert_eq!(open.payments.get(&payment).unwrap().split, Some(split));
    }
    assert_eq!(anew.entries(), open.book.entries());
}
