//! One month of one loan: the reported figures, ours, and what is between them.

use chrono::NaiveDate;
use ledger::domain::account::Denial;
use ledger::domain::money::Money;
use serde::Serialize;

use super::reasons::{DaysReason, Reason, days_reason};
use crate::absee::loans::Loan;
use crate::absee::record::LoanMonth;

/// What is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Interest collected in the month.
    pub interest: Money,
    /// Principal collected in the month.
    pub principal: Money,
    /// Principal owed at the month's end.
    pub end_balance: Money,
    /// Days past due at the month's end.
    pub days_past_due: i64,
}

/// What became of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was replayed, and its payment compared.
    Compared,
    /// It was replayed, and has no payment to compare.
    NoPayment,
    /// The loan's first month: it is boarded as of its end.
    Boarded,
    /// The first after a gap: it is boarded anew as of its end.
    Gap,
    /// Nothing was owed any more when it began.
    Closed,
    /// Money after a charge-off.
    Recovery,
    /// The months before do not say where interest counts from.
    NotBoarded,
}

/// One month of one loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a judgement of its own")]
pub struct Row {
    /// The loan's number in the pool.
    pub asset: String,
    /// The month's last day.
    pub month: NaiveDate,
    /// What became of it.
    pub status: Status,
    /// What was reported.
    pub reported: Figures,
    /// What the ledger has; none if the month was not replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<Figures>,
    /// Ours less the reported; none if the month was not replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Figures>,
    /// Are interest, principal and end balance the same?
    pub exact: bool,
    /// Do they differ by a cent at most?
    pub within_one_cent: bool,
    /// Are the days past due the same? None if they are not reported, or nothing is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_match: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_reason: Option<DaysReason>,
    /// Do the reported figures hold together: begin less what is taken off is the end, and what was
    /// paid is the sum of its parts? None without a beginning balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_hold: Option<bool>,
    /// Do ours?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours_hold: Option<bool>,
    /// What stands behind the figures, or the difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The day on which the payment counts with us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_day: Option<NaiveDate>,
    /// Was that day searched for, and is not the reported one?
    pub searched: bool,
    /// Was the month boarded from another reading of its history than the one that explains the
    /// whole loan best?
    pub other_reading: bool,
    /// What the ledger refused, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Row {
    fn new(loan: &Loan, month: &LoanMonth, status: Status) -> Self {
        let reported_hold = month.balance_holds().map(|balance| balance && month.payment_holds());
        Self {
            asset: loan.asset.clone(),
            month: month.period_end,
            status,
            reported: Figures {
                interest: month.interest,
                principal: month.principal,
                end_balance: month.end_balance,
                days_past_due: month.days_past_due.unwrap_or_default(),
            },
            ours: None,
            difference: None,
            exact: false,
            within_one_cent: false,
            days_match: None,
            days_reason: None,
            reported_hold,
            ours_hold: None,
            reason: None,
            payment_day: None,
            searched: false,
            other_reading: false,
            refused: None,
        }
    }

    pub(super) fn boarded(loan: &Loan, month: &LoanMonth, after_a_gap: bool) -> Self {
        let status = if after_a_gap { Status::Gap } else { Status::Boarded };
        Self::new(loan, month, status)
    }

    pub(super) fn closed(loan: &Loan, month: &LoanMonth) -> Self {
        Self::new(loan, month, Status::Closed)
    }

    pub(super) fn not_boarded(loan: &Loan, month: &LoanMonth) -> Self {
        Self::new(loan, month, Status::NotBoarded)
    }

    pub(super) fn refused(loan: &Loan, month: &LoanMonth, denial: &Denial) -> Self {
        let status = if month.paid.is_zero() { Status::NoPayment } else { Status::Compared };
        let (reason, refused) = (Some(Reason::Refused), Some(denial.to_string()));
        Self { reason, refused, ..Self::new(loan, month, status) }
    }

    pub(super) fn compared(
        loan: &Loan,
        before: &LoanMonth,
        month: &LoanMonth,
        ours: Figures,
        ours_hold: bool,
    ) -> Self {
        let status = if month.paid.is_zero() { Status::NoPayment } else { Status::Compared };
        let mut row = Self::new(loan, month, status);
        let reported = row.reported;
        let difference = Figures {
            interest: ours.interest - reported.interest,
            principal: ours.principal - reported.principal,
            end_balance: ours.end_balance - reported.end_balance,
            days_past_due: ours.days_past_due.saturating_sub(reported.days_past_due),
        };
        let apart = [difference.interest, difference.principal, difference.end_balance];
        row.exact = apart.iter().all(|apart| apart.is_zero());
        row.within_one_cent = apart.iter().all(|apart| apart.cents().abs() <= 1);
        row.days_match = month
            .days_past_due
            .filter(|_| !month.is_closed())
            .map(|_| difference.days_past_due == 0);
        row.days_reason = row.days_match.map(|matches| days_reason(before, month, matches));
        row.ours = Some(ours);
        row.difference = Some(difference);
        row.ours_hold = Some(ours_hold);
        row
    }

    /// Money after a charge-off: the ledger takes all of it as a recovery, the issuer splits it.
    pub(super) const fn recovered(&mut self) {
        self.status = Status::Recovery;
        self.reason = Some(Reason::ChargeOff);
    }
}
