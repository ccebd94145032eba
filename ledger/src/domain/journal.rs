//! Double-entry lines that sum to zero, by construction.
//!
//! Lines are only ever added in pairs, a debit and a credit of one amount, so that no journal can
//! be out of balance. Each line has its own effective date, since one return touches several.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::money::{Money, total};
use super::product::Channel;
use super::words::words;

words! {
    /// An account of the general ledger, by its number in the chart.
    LedgerAccount {
        /// Cash at the bank. Debit balance.
        Cash = "1010",
        /// ACH debits originated and not settled; returns pending. Debit balance.
        AchClearing = "1020",
        /// Lockbox clearing (mail). Debit balance.
        LockboxClearing = "1025",
        /// Bill-pay network clearing. Debit balance.
        BillPayClearing = "1026",
        /// Vendor clearing: card, phone and walk-in. Debit balance.
        VendorClearing = "1027",
        /// Loan principal. Debit balance.
        Principal = "1100",
        /// Accrued interest receivable. Debit balance.
        AccruedInterest = "1110",
        /// Fees receivable. Debit balance.
        FeesReceivable = "1120",
        /// Lease rentals receivable, without tax. Debit balance.
        RentalsReceivable = "1130",
        /// Lease tax receivable. Debit balance.
        LeaseTaxReceivable = "1135",
        /// Leased vehicles that nobody has bought, at their residual values. Debit balance.
        LeasedVehicles = "1140",
        /// Leased vehicles that came back, to be sold, at their residual values. Debit balance.
        ReturnedVehicles = "1145",
        /// Allowance for credit losses. Credit balance.
        LossAllowance = "1190",
        /// Customer credit balances. Credit balance.
        CustomerCredit = "2110",
        /// Refunds in transit. Credit balance.
        RefundsInTransit = "2120",
        /// Tax payable. Credit balance.
        TaxPayable = "2140",
        /// Tolls and fines that others asked for and customers are charged. Credit balance.
        TollsPayable = "2150",
        /// Interest income. Credit balance.
        InterestIncome = "4010",
        /// Late-fee income. Credit balance.
        LateFeeIncome = "4020",
        /// Returned-item-fee income. Credit balance.
        ReturnedItemFeeIncome = "4030",
        /// Lease income. Credit balance.
        LeaseIncome = "4040",
        /// What is charged when a lease ends. Credit balance.
        LeaseEndIncome = "4050",
        /// Recoveries of what was charged off. Credit balance.
        Recoveries = "4060",
        /// Small balances written off at payoff. Debit balance.
        SmallBalanceWriteOff = "5020",
        /// Operational losses, and principal corrected without a payment. Debit balance.
        OperationalLoss = "5030",
    }
}

impl LedgerAccount {
    /// Where money of a channel waits until the bank has it.
    pub const fn clearing(channel: Channel) -> Self {
        match channel {
            Channel::OwnAch => Self::AchClearing,
            Channel::BillPay => Self::BillPayClearing,
            Channel::Mail => Self::LockboxClearing,
            Channel::PhoneVendor
            | Channel::DebitCardVendor
            | Channel::MoneyGram
            | Channel::WesternUnion => Self::VendorClearing,
            Channel::Wire => Self::Cash,
        }
    }

    /// What the account is called in reports.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cash => "Cash at bank",
            Self::AchClearing => "ACH clearing",
            Self::LockboxClearing => "Lockbox clearing",
            Self::BillPayClearing => "Bill-pay clearing",
            Self::VendorClearing => "Vendor clearing",
            Self::Principal => "Loan principal",
            Self::AccruedInterest => "Accrued interest receivable",
            Self::FeesReceivable => "Fees receivable",
            Self::RentalsReceivable => "Lease rentals receivable",
            Self::LeaseTaxReceivable => "Lease tax receivable",
            Self::LeasedVehicles => "Leased vehicles at residual value",
            Self::ReturnedVehicles => "Returned vehicles at residual value",
            Self::CustomerCredit => "Customer credit balances",
            Self::TaxPayable => "Tax payable",
            Self::TollsPayable => "Tolls and fines payable",
            Self::InterestIncome => "Interest income",
            Self::LateFeeIncome => "Late-fee income",
            Self::ReturnedItemFeeIncome => "Returned-item-fee income",
            Self::LeaseIncome => "Lease income",
            Self::LeaseEndIncome => "Lease-end charges",
            Self::LossAllowance => "Allowance for credit losses",
            Self::RefundsInTransit => "Refunds in transit",
            Self::Recoveries => "Recoveries",
            Self::SmallBalanceWriteOff => "Small-balance write-off",
            Self::OperationalLoss => "Operational loss",
        }
    }
}

/// One line of a journal: a debit is above zero, a credit below.
///
/// Stored as a short array, `["1020","310.00"]`, with a date behind where the line's effective date
/// is not the event's own: `["1110","62.00","2026-04-01"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The account of the general ledger.
    pub account: LedgerAccount,
    /// Debit above zero, credit below.
    pub amount: Money,
    /// The line's effective date, where it is not the event's.
    pub effective: Option<NaiveDate>,
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut array = to.serialize_seq(Some(if self.effective.is_some() { 3 } else { 2 }))?;
        array.serialize_element(&self.account)?;
        array.serialize_element(&self.amount)?;
        if let Some(date) = &self.effective {
            array.serialize_element(date)?;
        }
        array.end()
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(StoredLine)
    }
}

/// Reads the short array. An untagged enum would do it too, at several times the cost, and lines
/// are most of what a replay reads.
struct StoredLine;

impl<'de> Visitor<'de> for StoredLine {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account, an amount, and perhaps a date")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Line, A::Error> {
        let missing = |place| A::Error::invalid_length(place, &self);
        let account = array.next_element()?.ok_or_else(|| missing(0))?;
        let amount = array.next_element()?.ok_or_else(|| missing(1))?;
        Ok(Line { account, amount, effective: array.next_element()? })
    }
}

impl JsonSchema for Line {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Line".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let account = generator.subschema_for::<LedgerAccount>();
        let amount = generator.subschema_for::<Money>();
        schemars::json_schema!({
            "type": "array",
            "description": "General-ledger account, amount (debit above zero), and the line's \
                            effective date where it is not the event's",
            "prefixItems": [account, amount, { "type": "string", "format": "date" }],
            "minItems": 2,
            "maxItems": 3
        })
    }
}

/// Collects the lines of one event.
#[derive(Debug)]
pub struct Journal {
    effective: NaiveDate,
    lines: Vec<Line>,
}

impl Journal {
    /// An empty journal of an event that is effective on `effective`.
    pub const fn new(effective: NaiveDate) -> Self {
        Self { effective, lines: Vec::new() }
    }

    /// The day from which its event counts.
    pub const fn effective(&self) -> NaiveDate {
        self.effective
    }

    /// Adds a debit and a credit of `amount`, both effective on `date`. A negative amount swaps
    /// them; none adds nothing.
    pub fn transfer(
        &mut self,
        debit: LedgerAccount,
        credit: LedgerAccount,
        amount: Money,
        date: NaiveDate,
    ) {
        if amount.is_zero() {
            return;
        }
        let effective = (date != self.effective).then_some(date);
        self.lines.push(Line { account: debit, amount, effective });
        self.lines.push(Line { account: credit, amount: -amount, effective });
    }

    /// Runs `add` and folds the lines that it adds into one line per account and date, leaving out
    /// those that come to nothing: how a payment, or a reallocation, becomes as few lines as a
    /// bookkeeper would write.
    pub fn folded(&mut self, add: impl FnOnce(&mut Self)) {
        let start = self.lines.len();
        add(self);
        let mut order = Vec::new();
        let mut sums: BTreeMap<(LedgerAccount, Option<NaiveDate>), Money> = BTreeMap::new();
        for line in self.lines.split_off(start) {
            let key = (line.account, line.effective);
            if !sums.contains_key(&key) {
                order.push(key);
            }
            *sums.entry(key).or_default() += line.amount;
        }
        for key in order {
            let amount = sums.get(&key).copied().unwrap_or_default();
            if !amount.is_zero() {
                self.lines.push(Line { account: key.0, amount, effective: key.1 });
            }
        }
    }

    /// What the lines so far come to on one account.
    pub fn balance(&self, account: LedgerAccount) -> Money {
        total(self.lines.iter().filter(|line| line.account == account).map(|line| line.amount))
    }

    /// The lines, in the order in which they were added.
    pub fn finish(self) -> Vec<Line> {
        self.lines
    }
}

/// Do the debits equal the credits? True of every journal this module has built; asked of what was
/// read from a log.
pub fn is_balanced(lines: &[Line]) -> bool {
    total(lines.iter().map(|line| line.amount)).is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn lines_are_stored_as_short_arrays() {
        let mut journal = Journal::new(date("2026-05-20"));
        let may = date("2026-05-01");
        journal.transfer(
            LedgerAccount::Principal,
            LedgerAccount::AccruedInterest,
            money("63.49"),
            may,
        );
        journal.transfer(
            LedgerAccount::AccruedInterest,
            LedgerAccount::InterestIncome,
            money("2.68"),
            date("2026-05-20"),
        );
        let lines = journal.finish();
        let json = serde_json::to_string(&lines).unwrap();
        assert_eq!(
            json,
            r#"[["1100","63.49","2026-05-01"],["1110","-63.49","2026-05-01"],["1110","2.68"],["4010","-2.68"]]"#
        );
        assert_eq!(serde_json::from_str::<Vec<Line>>(&json).unwrap(), lines);
        assert!(is_balanced(&lines));
        assert!(!is_balanced(lines.get(1..).unwrap()));
    }

    #[test]
    fn every_account_has_a_title_of_its_own() {
        assert_eq!(LedgerAccount::AccruedInterest.title(), "Accrued interest receivable");
        let titles = LedgerAccount::ALL.iter().map(|account| account.title());
        let titles: std::collections::BTreeSet<_> = titles.collect();
        assert_eq!(titles.len(), LedgerAccount::ALL.len());
    }

    #[test]
    fn a_line_of_another_shape_is_no_line() {
        for json in [
            "[]",
            r#"["1100"]"#,
            r#"["1100","1.001"]"#,
            r#"["9999","1.00"]"#,
            r#"["1100","1.00",null]"#,
            r#"["1100","1.00","2026-05-01","2026-05-01"]"#,
            r#"{"account":"1100","amount":"1.00"}"#,
        ] {
            assert!(serde_json::from_str::<Line>(json).is_err(), "{json}");
        }
        let error = serde_json::from_str::<Line>("7").unwrap_err().to_string();
        assert!(error.contains("an account, an amount"), "{error}");
    }

    #[test]
    fn folding_leaves_one_line_an_account_and_nothing_that_nets_out() {
        let day = date("2026-04-01");
        let mut journal = Journal::new(day);
        let (clearing, interest, principal) =
            (LedgerAccount::AchClearing, LedgerAccount::AccruedInterest, LedgerAccount::Principal);
        journal.folded(|journal| {
            journal.transfer(interest, clearing, money("58.51"), day);
            journal.transfer(principal, clearing, money("251.49"), day);
            journal.transfer(clearing, interest, money("122.00"), day);
            journal.transfer(clearing, principal, money("188.00"), day);
        });
        let json = serde_json::to_string(&journal.finish()).unwrap();
        assert_eq!(json, r#"[["1110","-63.49"],["1100","63.49"]]"#);
    }
}
