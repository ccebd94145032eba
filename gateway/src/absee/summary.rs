//! Rows added up.

use std::collections::BTreeMap;

use ledger::domain::money::Money;
use rust_decimal::Decimal;
use serde::Serialize;

use super::loans::Loan;
use super::reconciliation::{DaysReason, Reason, Row, Status};
use super::whole_days::WholeDays;

/// What comes out of a reconciliation.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Loans.
    pub loans: usize,
    /// Loan-months that were read.
    pub rows: usize,
    /// Months with a payment that were replayed and compared.
    pub months: usize,
    /// Of these: interest, principal and end balance to the cent.
    pub exact: usize,
    /// Of these: but for a cent, the exact ones included.
    pub within_one_cent: usize,
    /// `exact` in per cent of `months`, one decimal.
    pub exact_percent: Decimal,
    /// `within_one_cent` in per cent of `months`, one decimal.
    pub within_one_cent_percent: Decimal,
    /// Of `months`: boarded from another reading of the history than the best.
    pub other_readings: usize,
    /// Of `months`: the payment's day is not the reported one.
    pub searched: usize,
    /// Do all identities hold, of the reported rows and of ours: begin less principal, charge-off
    /// and adjustment is the end; what was paid is interest, principal and other?
    pub identities_hold: bool,
    /// Rows whose identities were checked: those with a beginning balance, and ours.
    pub identities_checked: usize,
    /// Rows in which one does not hold.
    pub identities_broken: usize,
    /// Months whose days past due were compared.
    pub dpd_months: usize,
    /// Of these: the same.
    pub dpd_match: usize,
    /// `dpd_match` in per cent of `dpd_months`, one decimal.
    pub dpd_match_percent: Decimal,
    /// Months with a payment, by reason.
    pub reasons: BTreeMap<&'static str, usize>,
    /// Months whose days past due differ, by reason.
    pub dpd_reasons: BTreeMap<DaysReason, usize>,
    /// All rows, by what became of them.
    pub statuses: BTreeMap<Status, usize>,
    /// The sum of our end balances over the months that were compared, and of the reported ones.
    pub end_balances: [Money; 2],
    /// First months, which nothing can be compared with: does a whole number of days give the
    /// interest?
    pub whole_days: WholeDays,
}

impl Summary {
    /// Adds up.
    pub fn of(loans: &[Loan], rows: &[Row]) -> Self {
        let mut sum = Self { loans: loans.len(), rows: rows.len(), ..Self::default() };
        for row in rows {
            sum.add(row);
        }
        sum.identities_hold = sum.identities_broken == 0;
        sum.exact_percent = percent(sum.exact, sum.months);
        sum.within_one_cent_percent = percent(sum.within_one_cent, sum.months);
        sum.dpd_match_percent = percent(sum.dpd_match, sum.dpd_months);
        sum.whole_days = WholeDays::of(loans);
        sum
    }

    fn add(&mut self, row: &Row) {
        count(&mut self.statuses, row.status);
        let checks = [row.reported_hold, row.ours_hold];
        if checks.iter().any(Option::is_some) {
            self.identities_checked = self.identities_checked.saturating_add(1);
        }
        if checks.contains(&Some(false)) {
            self.identities_broken = self.identities_broken.saturating_add(1);
        }
        if let Some(matches) = row.days_match {
            self.dpd_months = self.dpd_months.saturating_add(1);
            self.dpd_match = self.dpd_match.saturating_add(usize::from(matches));
            if let Some(reason) = row.days_reason.filter(|_| !matches) {
                count(&mut self.dpd_reasons, reason);
            }
        }
        if row.status != Status::Compared {
            return;
        }
        self.months = self.months.saturating_add(1);
        self.exact = self.exact.saturating_add(usize::from(row.exact));
        self.within_one_cent =
            self.within_one_cent.saturating_add(usize::from(row.within_one_cent));
        self.other_readings = self.other_readings.saturating_add(usize::from(row.other_reading));
        self.searched = self.searched.saturating_add(usize::from(row.searched));
        count(&mut self.reasons, row.reason.map_or("none", Reason::as_str));
        if let Some(ours) = row.ours {
            let [mine, reported] = &mut self.end_balances;
            *mine += ours.end_balance;
            *reported += row.reported.end_balance;
        }
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

fn percent(part: usize, whole: usize) -> Decimal {
    let [part, whole] = [part, whole].map(|count| Decimal::from(u64::try_from(count).unwrap_or(0)));
    let share = part.saturating_mul(Decimal::ONE_HUNDRED).checked_div(whole).unwrap_or_default();
    let mut share = share.round_dp(1);
    share.rescale(1);
    share
}
