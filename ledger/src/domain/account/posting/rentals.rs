//! What a lease bills, and what follows where it ends before its last rental.

use chrono::NaiveDate;

use super::Direction;
use crate::domain::account::book::{Billed, Book, Cut, End};
use crate::domain::journal::{Journal, LedgerAccount};
use crate::domain::money::Money;

/// Bills the rentals that fall due on or before `to` and are not billed yet. Where a lease ends
/// otherwise than it did before the change, what was billed is undone and billed anew.
pub(super) fn bill(journal: &mut Journal, before: &Book, after: &Book, to: NaiveDate) {
    let from = before.rentals_billed();
    let count = after.instalments().due_count(to).max(from);
    let (was, is) = (before.cut(), after.cut());
    if was != is {
        journal.folded(|journal| {
            for Billed { on, base, tax } in before.billed_of(from) {
                book_rental(journal, Billed { on, base: -base, tax: -tax });
            }
            for billed in after.billed_of(count) {
                book_rental(journal, billed);
            }
            if let Some(cut) = was {
                hand_back(journal, before, cut, Direction::Undone);
            }
            if let Some(cut) = is {
                hand_back(journal, after, cut, Direction::Done);
            }
        });
    } else if is.is_none() {
        let known = after.opening_rentals();
        let new = after.billed_of(count).into_iter().zip(known..).filter(|(_, it)| *it >= from);
        new.for_each(|(billed, _)| book_rental(journal, billed));
    }
}

fn book_rental(journal: &mut Journal, billed: Billed) {
    use LedgerAccount::{LeaseIncome, LeaseTaxReceivable, RentalsReceivable, TaxPayable};
    journal.transfer(RentalsReceivable, LeaseIncome, billed.base, billed.on);
    journal.transfer(LeaseTaxReceivable, TaxPayable, billed.tax, billed.on);
}

/// What a leased vehicle that comes back moves beside the rentals: what was paid ahead is the
/// customer's, and the vehicle is to be sold.
fn hand_back(journal: &mut Journal, book: &Book, cut: Cut, direction: Direction) {
    use LedgerAccount::{
        CustomerCredit, LeaseTaxReceivable, LeasedVehicles, RentalsReceivable, ReturnedVehicles,
    };
    let End::Returned { base_ahead, tax_ahead } = cut.why else { return };
    let residual = book.terms.purchase_option.map_or(Money::ZERO, |it| it.residual.money());
    let pairs = [
        (RentalsReceivable, CustomerCredit, base_ahead),
        (LeaseTaxReceivable, CustomerCredit, tax_ahead),
        (ReturnedVehicles, LeasedVehicles, residual),
    ];
    direction.post(journal, pairs, cut.on);
}
