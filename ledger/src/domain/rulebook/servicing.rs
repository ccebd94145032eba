//! The house's rules of servicing: payoffs, delinquency, extensions, and what a state lets a
//! returned payment cost.

use serde::Deserialize;

use crate::domain::money::{Amount, Money, Rate};

/// How payoffs are quoted and closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoffPolicy {
    /// What a payoff may leave unpaid and still close the account: written off (domain rule 4.4).
    pub small_balance_max: Money,
    /// A credit balance of at least this much is refunded unasked (domain rule 4.6).
    pub refund_min: Money,
    /// How many days ahead a quote may be good through.
    pub quote_days_max: u16,
}

/// When an account that is past due is treated otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelinquencyPolicy {
    /// From so many days past due on no interest income is booked until the account is current
    /// again (domain rule 8.2a). None: never.
    pub non_accrual_days: Option<u16>,
}

/// How far due dates may be moved without an exception to the policy (domain rule 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionPolicy {
    /// Months by one grant.
    pub months_per_grant_max: u32,
    /// Months by all grants of the twelve months up to the new one.
    pub months_per_year_max: u32,
    /// Months by all grants of the account's life.
    pub months_per_life_max: u32,
    /// By how many days a change of the due day may move the next due date.
    pub due_date_days_max: u16,
}

/// One step of a cap on returned-item fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeTier {
    /// Payments of at most this much; none: of any amount.
    #[serde(default)]
    up_to: Option<Amount>,
    amount: Amount,
    /// Or so much of the payment, if that is more.
    #[serde(default)]
    rate: Rate,
}

/// What a state lets a returned payment cost at most (domain rule 4.7).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeCap {
    tiers: Vec<FeeTier>,
}

impl FeeCap {
    /// The cap for a payment of `amount`: of its tier the fixed amount, or the share of the payment
    /// rounded half-up if that is more. None if no tier covers the payment.
    pub fn of(&self, amount: Amount) -> Option<Amount> {
        let tier = self.tiers.iter().find(|tier| tier.up_to.is_none_or(|most| amount <= most))?;
        let share = amount.money().decimal().saturating_mul(tier.rate.decimal());
        let share = Money::round_half_up(share).amount();
        Some(share.map_or(tier.amount, |share| share.max(tier.amount)))
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::rulebook::Rulebook;

    /// The caps that are the same for any payment.
    const LEVEL: [(&str, &str); 17] = [
        ("AZ", "25.00"),
        ("CA", "25.00"),
        ("CO", "20.00"),
        ("CT", "20.00"),
        ("IL", "25.00"),
        ("IN", "20.00"),
        ("MI", "25.00"),
        ("MN", "30.00"),
        ("MO", "25.00"),
        ("NC", "25.00"),
        ("NJ", "30.00"),
        ("NY", "20.00"),
        ("PA", "30.00"),
        ("TX", "30.00"),
        ("VA", "50.00"),
        ("WA", "30.00"),
        ("WI", "25.00"),
    ];

    #[test]
    fn a_states_cap_is_fixed_stepped_or_a_share() {
        let rules = Rulebook::built_in();
        let on = "2026-04-03".parse().unwrap();
        for (state, payment, cap) in [
            ("NY", "310.00", Some("20.00")),
            ("FL", "50.00", Some("25.00")),
            ("FL", "50.01", Some("30.00")),
            ("FL", "300.01", Some("40.00")),
            ("FL", "1000.00", Some("50.00")),
            ("GA", "600.00", Some("30.00")),
            ("GA", "600.20", Some("30.01")),
            ("OH", "310.00", Some("31.00")),
            ("AK", "310.00", None),
        ]
        .into_iter()
        .chain(LEVEL.map(|(state, cap)| (state, "310.00", Some(cap))))
        {
            let found =
                rules.returned_item_fee_cap(state.parse().unwrap(), payment.parse().unwrap(), on);
            assert_eq!(found.map(|cap| cap.to_string()).as_deref(), cap, "{state} {payment}");
        }
    }
}
