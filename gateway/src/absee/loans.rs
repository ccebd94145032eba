//! Loan-months by loan and in order.

use std::collections::BTreeMap;

use ledger::ids::AccountId;

use super::reader::{Reading, Rejected};
use super::record::LoanMonth;

/// A loan, month by month.
#[derive(Debug, Clone)]
pub struct Loan {
    /// Its number in the pool.
    pub asset: String,
    /// The account that it becomes.
    pub account: AccountId,
    /// Its months in order, each once. Months may be missing in between.
    pub months: Vec<LoanMonth>,
}

impl Loan {
    /// The months before and at `index`, if no month is missing between them.
    pub fn step(&self, index: usize) -> Option<(&LoanMonth, &LoanMonth)> {
        let (before, after) = (self.months.get(index.checked_sub(1)?)?, self.months.get(index)?);
        after.follows(before).then_some((before, after))
    }
}

/// The loans of what was read, in the order of their numbers. A month that is there twice counts
/// once if both say the same; else the second is set aside.
pub fn loans(reading: &mut Reading) -> Vec<Loan> {
    let mut by_asset: BTreeMap<String, BTreeMap<chrono::NaiveDate, LoanMonth>> = BTreeMap::new();
    let mut rejected = Vec::new();
    for month in std::mem::take(&mut reading.months) {
        let months = by_asset.entry(month.asset.clone()).or_default();
        match months.get(&month.period_end) {
            None => {
                months.insert(month.period_end, month);
            }
            Some(first) if *first == month => {}
            Some(_) => {
                let when = month.period_end;
                rejected.push((month.asset, format!("is there twice for {when}, and differs")));
            }
        }
    }
    let mut names: BTreeMap<AccountId, String> = BTreeMap::new();
    let mut loans = Vec::new();
    for (asset, months) in by_asset {
        let Some(account) = account_id(&asset) else {
            rejected
                .push((asset, "makes no account id: 1 to 64 letters, digits, . _ -".to_owned()));
            continue;
        };
        if let Some(other) = names.insert(account.clone(), asset.clone()) {
            rejected.push((asset, format!("makes the same account id as {other}: {account}")));
            continue;
        }
        loans.push(Loan { asset, account, months: months.into_values().collect() });
    }
    reading.rejected.extend(rejected.into_iter().map(|(asset, problem)| Rejected {
        file: "all files".to_owned(),
        line: None,
        asset: Some(asset),
        reason: format!("assetNumber: {problem}"),
    }));
    loans
}

/// The asset number without its blanks.
fn account_id(asset: &str) -> Option<AccountId> {
    asset.split_whitespace().collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_brought_into_order_and_doubles_found() {
        let text = "assetNumber,reportingPeriodEndingDate,reportingPeriodActualEndBalanceAmount\n\
            0001 - 1,02-28-2017,9\n0001 - 1,01-31-2017,10\n0001 - 1,01-31-2017,10.00\n\
            0001 - 1,02-28-2017,8\n0001-1,01-31-2017,1\n/,01-31-2017,1\n";
        let mut reading = Reading::default();
        reading.add_stream("file", text.as_bytes()).unwrap();
        let loans = loans(&mut reading);
        assert_eq!(loans.len(), 1);
        assert_eq!(loans[0].account.as_str(), "0001-1");
        let balances: Vec<_> =
            loans[0].months.iter().map(|month| month.end_balance.to_string()).collect();
        assert_eq!(balances, ["10.00", "9.00"]);
        assert!(loans[0].step(0).is_none() && loans[0].step(1).is_some());
        let reasons: Vec<_> = reading.rejected.iter().map(|row| row.reason.as_str()).collect();
        assert_eq!(reasons.len(), 3);
        assert!(reasons[0].contains("is there twice for 2017-02-28"), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("same account id as 0001 - 1")));
    }
}
