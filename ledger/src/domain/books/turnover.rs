//! Debits and credits per general-ledger account: what trial balances and journals are made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::journal::{LedgerAccount, Line};
use crate::domain::money::{Money, total};

/// The debits and the credits of one general-ledger account, neither below zero.
///
/// Stored as a short array, `["1110","62.00","58.51"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Turnover {
    /// The account of the general ledger.
    pub account: LedgerAccount,
    /// The sum of its debits.
    pub debits: Money,
    /// The sum of its credits, as a number that is not negative.
    pub credits: Money,
}

#[derive(Serialize, Deserialize)]
struct Stored(LedgerAccount, Money, Money);

impl From<Stored> for Turnover {
    fn from(Stored(account, debits, credits): Stored) -> Self {
        Self { account, debits, credits }
    }
}

impl From<Turnover> for Stored {
    fn from(turnover: Turnover) -> Self {
        Self(turnover.account, turnover.debits, turnover.credits)
    }
}

impl JsonSchema for Turnover {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Turnover".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let account = generator.subschema_for::<LedgerAccount>();
        let money = generator.subschema_for::<Money>();
        schemars::json_schema!({
            "type": "array",
            "description": "General-ledger account, debits, credits",
            "prefixItems": [account, money, money],
            "minItems": 3,
            "maxItems": 3
        })
    }
}

impl Turnover {
    /// Debits less credits: a debit balance is above zero.
    pub fn net(&self) -> Money {
        self.debits - self.credits
    }
}

/// Turnovers by account, in the order of the chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turnovers(BTreeMap<LedgerAccount, (Money, Money)>);

impl Turnovers {
    /// Adds journal lines.
    pub fn post(&mut self, lines: &[Line]) {
        for line in lines {
            let (debits, credits) = self.0.entry(line.account).or_default();
            if line.amount.is_negative() {
                *credits += -line.amount;
            } else {
                *debits += line.amount;
            }
        }
    }

    /// The turnovers as they are stored.
    pub fn to_vec(&self) -> Vec<Turnover> {
        self.iter().collect()
    }

    /// Each account with its turnover.
    pub fn iter(&self) -> impl Iterator<Item = Turnover> + '_ {
        let sums = self.0.iter();
        sums.map(|(account, (debits, credits))| Turnover {
            account: *account,
            debits: *debits,
            credits: *credits,
        })
    }

    /// Has nothing moved?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Debits less credits of all accounts: zero, or the books are wrong.
    pub fn net(&self) -> Money {
        total(self.iter().map(|turnover| turnover.net()))
    }

    /// The balance of one account, debit above zero.
    pub fn balance(&self, account: LedgerAccount) -> Money {
        let (debits, credits) = self.0.get(&account).copied().unwrap_or_default();
        debits - credits
    }
}

impl Extend<Turnover> for Turnovers {
    fn extend<T: IntoIterator<Item = Turnover>>(&mut self, turnovers: T) {
        for turnover in turnovers {
            let (debits, credits) = self.0.entry(turnover.account).or_default();
            *debits += turnover.debits;
            *credits += turnover.credits;
        }
    }
}

impl FromIterator<Turnover> for Turnovers {
    fn from_iter<T: IntoIterator<Item = Turnover>>(turnovers: T) -> Self {
        let mut all = Self::default();
        all.extend(turnovers);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::journal::Journal;

    #[test]
    fn debits_and_credits_are_summed_apart() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let on = "2026-04-01".parse().unwrap();
        let (cash, principal) = (LedgerAccount::Cash, LedgerAccount::Principal);
        let mut journal = Journal::new(on);
        journal.transfer(cash, principal, money("310.00"), on);
        journal.transfer(cash, principal, money("20.00"), on);
        journal.transfer(principal, cash, money("5.00"), on);
        let mut posted = Turnovers::default();
        assert!(posted.is_empty());
        posted.post(&journal.finish());
        assert!(!posted.is_empty());
        let stored = r#"[["1010","330.00","5.00"],["1100","5.00","330.00"]]"#;
        assert_eq!(serde_json::to_string(&posted.to_vec()).unwrap(), stored);
        let mut read: Turnovers =
            serde_json::from_str::<Vec<Turnover>>(stored).unwrap().into_iter().collect();
        assert_eq!(read, posted);
        assert_eq!(read.balance(cash), money("325.00"));
        assert_eq!(read.iter().map(|turnover| turnover.net()).max(), Some(money("325.00")));
        assert_eq!(read.net(), Money::ZERO);
        read.extend(posted.iter().take(1));
        assert_eq!(read.balance(cash), money("650.00"));
        assert_eq!(read.net(), money("325.00"), "a journal that is not whole");
        read.extend(posted.iter().skip(1));
        let twice = r#"[["1010","660.00","10.00"],["1100","10.00","660.00"]]"#;
        assert_eq!(serde_json::to_string(&read.to_vec()).unwrap(), twice);
    }
}
