//! Where the product does something else than its texts say, as far as lives have shown it.
//!
//! `true` lets the model follow the texts, so that the lives fail until the product does, too;
//! `false` lets it follow the product, so that the rest can be compared. One that is settled goes.

/// Once principal and interest (or rentals) are paid, nothing is late: an unpaid fee makes no
/// instalment past due, and no late fee (16 CFR 444.4). The product goes on counting instalments
/// that were never billed since the loan was paid earlier than planned.
pub(crate) const FEES_ALONE_ARE_NOT_LATE: bool = true;

/// A payoff that comes back opens every instalment again that it had met, also those that were met
/// since nothing was owed, so that their grace starts anew. The product opens those that are met
/// by what is billed, and charges a late fee of before the return for the others.
pub(crate) const A_PAYOFF_COMES_BACK_WHOLE: bool = false;

/// Late fees that are due in one run are charged one after the other, as by a run every day: each
/// changes what later payments satisfied. So are those taken back that were in time after all. The
/// product measures them all beforehand.
pub(crate) const LATE_FEES_ONE_BY_ONE: bool = true;

/// A reinstatement takes back that instalments were open again. The product keeps it, and a late
/// fee that was due is never charged.
pub(crate) const A_REINSTATEMENT_LEAVES_NO_TRACE: bool = true;

/// An account is paid off on the first day from which nothing is owed. The product takes the day of
/// the last payment that paid anything, also if a correction, a charge-off or the like came later.
pub(crate) const PAID_OFF_WHEN_NOTHING_IS_OWED: bool = false;

/// An account without anything owed has nothing past due. The product tells what its credit covers.
pub(crate) const SETTLED_IS_NOT_PAST_DUE: bool = true;

/// Credit stands against everything that came after it. In the product not against principal.
pub(crate) const CREDIT_STANDS_AGAINST_PRINCIPAL: bool = false;

/// The last instalment can be moved while something is owed, though all is billed. Not so in the
/// product, which counts it as past due all the same.
pub(crate) const THE_LAST_INSTALMENT_CAN_MOVE: bool = false;

/// Due dates can be moved as of a day before one from which they were moved already. The product
/// measures the distance on the later due dates, and moves instalments into other months.
pub(crate) const MOVED_BEFORE_A_MOVE: bool = false;

/// One returned-item fee a payment, also if it was waived on request. The product charges again.
pub(crate) const ONE_FEE_A_PAYMENT: bool = true;

/// A rate that is in force changes nothing. The product changes it again on the same day.
pub(crate) const A_RATE_IN_FORCE_STAYS: bool = true;

/// Any money event stops accrual from 120 days past due on. In the product only the daily run.
pub(crate) const ANY_EVENT_STOPS_ACCRUAL: bool = false;

/// The rentals in the ledger are those that are due by the due dates as they are known: one that is
/// moved is billed on its new day, and one that is billed stays so. Where moving due dates lets
/// payments be allocated anew, the product bills by the old ones, or leaves a rental unbilled.
pub(crate) const RENTALS_ARE_BILLED_AS_DUE: bool = false;
