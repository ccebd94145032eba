//! Putting an account on the books.

use super::book::Book;
use super::commands::Lien;
use super::events::{AccountOpened, Event, LienRecorded, Posting};
use super::terms::{NO_STATE, Terms, TermsError, Tolerance, check_all};
use super::{Context, Decision};
use crate::domain::journal::{Journal, LedgerAccount};
use crate::domain::money::Money;
use crate::domain::product::Product;
use crate::domain::rulebook::StateCode;

/// Opens an account, if its terms are those of a contract.
pub(super) fn open(terms: &Terms, lien: Option<&Lien>, context: &Context<'_>) -> Decision {
    terms.check()?;
    terms.check_dates(context.today())?;
    if lien.is_some() && !terms.has_title() {
        let problem = format!("accounts of product {} have no title", terms.product);
        return Err(TermsError::invalid("lien", problem).into());
    }
    take_over(terms, lien, context)
}

/// The account takes over what is owed on its opening date: principal, interest accrued to that
/// date, unpaid fees; for a lease the rentals due and unpaid, and the vehicle at its residual value
/// where that is known. All of it against cash, whether the loan was made or bought.
pub(super) fn take_over(terms: &Terms, lien: Option<&Lien>, context: &Context<'_>) -> Decision {
    let mut terms = terms.clone();
    let usual = context.rules.limits(terms.opened_date).shortfall_tolerance;
    terms.shortfall_tolerance.get_or_insert(Tolerance::Amount(usual));
    let on = terms.opened_date;
    let book = Book::new(terms.clone());
    let standing = book.standing(on);
    let cash = LedgerAccount::Cash;
    let mut journal = Journal::new(on);
    journal.transfer(LedgerAccount::Principal, cash, standing.principal, on);
    journal.transfer(LedgerAccount::AccruedInterest, cash, standing.interest_due, on);
    journal.transfer(LedgerAccount::FeesReceivable, cash, standing.fees_due, on);
    match terms.product {
        Product::Lease => {
            let plan = &terms.instalments;
            let due = plan.total_of(plan.due_count(on));
            let tax = plan.tax_between(Money::ZERO, due);
            journal.transfer(LedgerAccount::RentalsReceivable, cash, due - tax, on);
            journal.transfer(LedgerAccount::LeaseTaxReceivable, cash, tax, on);
            let residual = terms.purchase_option.map_or(Money::ZERO, |it| it.residual.money());
            journal.transfer(LedgerAccount::LeasedVehicles, cash, residual, on);
        }
        Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {}
    }
    let posting = Posting::of(journal, context.gl_date());
    let opened = Event::AccountOpened(AccountOpened { terms, posting });
    let recorded = lien.map(recorded).transpose()?.map(Event::LienRecorded);
    Ok(std::iter::once(opened).chain(recorded).collect())
}

/// What a lien is on record. Its state is one that there is: the law of no other is known.
pub(super) fn recorded(lien: &Lien) -> Result<LienRecorded, TermsError> {
    let is_state = lien.title_state.parse().is_ok_and(StateCode::is_known);
    check_all(&[(is_state, "lien.title_state", NO_STATE)])?;
    Ok(LienRecorded {
        title_state: lien.title_state.clone(),
        vin: lien.vin.clone(),
        lienholder: lien.lienholder.clone(),
    })
}
