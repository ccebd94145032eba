//! Terms at the edge of what an account is opened with.

use super::super::buyout::PurchaseOption;
use super::super::terms::{LateCharge, LateFee, TermsError, Tolerance};
use super::*;

/// Which of the terms is refused, if any is.
fn refused(terms: Terms) -> &'static str {
    let at = eastern(&format!("{} 09:00", terms.opened_date));
    let opening = nothing().at_instant(at).when(Command::OpenAccount { terms, lien: None });
    match opening.decision {
        Ok(_) => "",
        Err(Denial::Terms(TermsError::Invalid { field, .. })) => field,
        Err(denial) => panic!("{denial}"),
    }
}

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

#[test]
fn a_tolerance_is_no_negative_amount_and_a_share_above_zero_up_to_all() {
    let (field, share) = ("shortfall_tolerance", "shortfall_tolerance.share");
    for (tolerance, expected) in [
        (Tolerance::Amount(money("-0.01")), field),
        (Tolerance::Amount(Money::ZERO), ""),
        (Tolerance::Amount(money("5.00")), ""),
        (Tolerance::Share(rate("0")), share),
        (Tolerance::Share(rate("0.000001")), ""),
        (Tolerance::Share(rate("0.9")), ""),
        (Tolerance::Share(rate("1")), ""),
        (Tolerance::Share(rate("1.000001")), share),
    ] {
        let terms = Terms { shortfall_tolerance: Some(tolerance), ..loan() };
        assert_eq!(refused(terms), expected, "{tolerance:?}");
    }
}

#[test]
fn a_late_fee_has_sixty_days_of_grace_at_most_and_is_at_most_the_instalment() {
    let part = |text: &str| LateCharge::Rate(rate(text));
    for (grace_days, charge, expected) in [
        (0, part("0.05"), ""),
        (60, part("0.05"), ""),
        (61, part("0.05"), "late_fee.grace_days"),
        (10, part("0"), "late_fee.rate"),
        (10, part("1"), ""),
        (10, part("1.000001"), "late_fee.rate"),
        (10, LateCharge::Amount(amount("15.50")), ""),
    ] {
        let late_fee = Some(LateFee { grace_days, charge, maximum: None });
        let terms = Terms { late_fee, ..loan() };
        assert_eq!(refused(terms), expected, "{grace_days} {charge:?}");
    }
}

#[test]
fn the_tax_of_a_lease_is_a_part_of_its_rental() {
    let lease = |tax: &str| Terms {
        product: Product::Lease,
        principal: Money::ZERO,
        annual_rate: Rate::default(),
        instalments: InstalmentPlan { tax: money(tax), ..loan().instalments },
        ..loan()
    };
    assert_eq!(refused(lease("-0.01")), "instalments.tax");
    assert_eq!(refused(lease("0.00")), "");
    assert_eq!(refused(lease("309.99")), "");
    assert_eq!(refused(lease("310.00")), "instalments.tax");
}

#[test]
fn a_contract_is_under_the_law_of_a_state_that_there_is() {
    let under = |state: &str| Terms { governing_state: Some(state.parse().unwrap()), ..loan() };
    assert_eq!(refused(under("TX")), "");
    assert_eq!(refused(under("PR")), "");
    assert_eq!(refused(under("ZZ")), "governing_state");
}

#[test]
fn of_the_first_instalment_all_may_be_due() {
    let due = |text: &str| {
        let first_amount_due = Some(amount(text));
        Terms { instalments: InstalmentPlan { first_amount_due, ..loan().instalments }, ..loan() }
    };
    assert_eq!(refused(due("310.00")), "");
    assert_eq!(refused(due("310.01")), "instalments.first_amount_due");
}

#[test]
fn the_residual_value_of_a_vehicle_is_at_most_the_largest_entry_and_its_tax_at_most_all() {
    let lease = |residual: &str, tax: &str| Terms {
        product: Product::Lease,
        principal: Money::ZERO,
        annual_rate: Rate::default(),
        purchase_option: Some(PurchaseOption {
            residual: amount(residual),
            sales_tax_rate: rate(tax),
        }),
        ..loan()
    };
    assert_eq!(refused(lease("14250.00", "0.08")), "");
    assert_eq!(refused(lease("99999999.99", "1")), "");
    assert_eq!(refused(lease("100000000.00", "0.08")), "lease.residual_value");
    assert_eq!(refused(lease("14250.00", "1.000001")), "lease.sales_tax_rate");
}
