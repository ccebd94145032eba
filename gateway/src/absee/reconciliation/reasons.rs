//! Why our figures are not the reported ones.

use ledger::domain::money::Money;
use serde::Serialize;

use super::verdict::Row;
use crate::absee::history::Explained;
use crate::absee::record::LoanMonth;

/// What stands behind a month's figures, or behind the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no difference.
    Exact,
    /// Interest, principal and balance differ by a cent at most: the issuer's remainder is another.
    WithinOneCent,
    /// Principal was adjusted in the month, on a day that is not reported.
    Adjustment,
    /// A charge-off, or money after one.
    ChargeOff,
    /// Due dates were moved in the month.
    Extension,
    /// A payoff, whose day is not reported.
    PayoffWithoutDate,
    /// The rate changed in the month, on a day that is not reported.
    RateChange,
    /// Another day of the month gives the reported interest.
    PaymentDate,
    /// Two payments in the month give the reported interest.
    TwoPayments,
    /// The month by itself is explained; the account carries a difference from an earlier one.
    EarlierMonth,
    /// No payment on one or two days gives the reported interest.
    Unexplained,
    /// The ledger refused what was reported.
    Refused,
}

impl Reason {
    /// The reason by name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::WithinOneCent => "within_one_cent",
            Self::Adjustment => "adjustment",
            Self::ChargeOff => "charge_off",
            Self::Extension => "extension",
            Self::PayoffWithoutDate => "payoff_without_date",
            Self::RateChange => "rate_change",
            Self::PaymentDate => "payment_date",
            Self::TwoPayments => "two_payments",
            Self::EarlierMonth => "earlier_month",
            Self::Unexplained => "unexplained",
            Self::Refused => "refused",
        }
    }
}

/// The first that applies, what changed the account before what the payment may have been.
pub(super) fn reason(
    row: &Row,
    before: &LoanMonth,
    month: &LoanMonth,
    explained: Explained,
) -> Reason {
    let closes = month.is_closed() && !month.paid.is_zero();
    match explained {
        _ if row.exact => Reason::Exact,
        _ if row.within_one_cent => Reason::WithinOneCent,
        _ if !month.adjustment.is_zero() => Reason::Adjustment,
        _ if month.zero_balance_code.as_deref() == Some("4") => Reason::ChargeOff,
        _ if month.extended_months != 0 => Reason::Extension,
        _ if closes && month.paid_through.is_none() => Reason::PayoffWithoutDate,
        _ if !month.charged_off.is_zero() => Reason::ChargeOff,
        _ if month.rate() != before.rate() => Reason::RateChange,
        Explained::OnAnotherDay(_) => Reason::PaymentDate,
        Explained::TwoPayments(..) => Reason::TwoPayments,
        Explained::OnItsDay | Explained::WithinACent => Reason::EarlierMonth,
        Explained::Not => Reason::Unexplained,
    }
}

/// Why days past due differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DaysReason {
    /// They do not.
    Match,
    /// Due dates were moved in the month, or are moved back.
    Extension,
    /// Principal was adjusted: a payment came back.
    Adjustment,
    /// The instalment is another than in the month before.
    InstalmentChanged,
    /// What little is owed still is not billed as an instalment any more.
    SmallBalance,
    /// The month before does not tell how far the loan was paid.
    PositionUnknown,
    /// The issuer counts the month's payment otherwise.
    Counting,
}

pub(super) fn days_reason(before: &LoanMonth, month: &LoanMonth, matches: bool) -> DaysReason {
    let small = Money::from_cents(1000);
    if matches {
        DaysReason::Match
    } else if month.extended_months != 0 {
        DaysReason::Extension
    } else if !month.adjustment.is_zero() {
        DaysReason::Adjustment
    } else if month.end_balance <= small {
        DaysReason::SmallBalance
    } else if before.days_past_due.is_none() {
        DaysReason::PositionUnknown
    } else if month.scheduled_payment != before.scheduled_payment {
        DaysReason::InstalmentChanged
    } else {
        DaysReason::Counting
    }
}
