//! When a title must be released after a payoff, and who holds it until then.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::Deserialize;

use super::timeline::{Period, PeriodUnit};
use crate::domain::calendar::Calendar;
use crate::domain::product::Channel;
use crate::text::stored_as_text;

/// A text that is no state's postal abbreviation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the two capital letters of a state")]
pub struct StateCodeError(pub String);

/// The state that issued the title: two capital letters. The customer's residence does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateCode([char; 2]);

/// The states, the District of Columbia and the territories (USPS Publication 28, appendix B).
const STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS \
                      MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI \
                      WY AS GU MP PR VI";

impl StateCode {
    /// Is there such a state? What was recorded is read whether there is or not.
    pub fn is_known(self) -> bool {
        STATES.split(' ').any(|state| state.chars().eq(self.0))
    }
}

impl FromStr for StateCode {
    type Err = StateCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut letters = text.chars().filter(char::is_ascii_uppercase);
        match (letters.next(), letters.next(), text.len()) {
            (Some(first), Some(second), 2) => Ok(Self([first, second])),
            _ => Err(StateCodeError(text.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for StateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0;
        write!(f, "{first}{second}")
    }
}

stored_as_text!(StateCode);

impl schemars::JsonSchema for StateCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StateCode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "State of the title", "pattern": "^[A-Z]{2}$"
        })
    }
}

/// Who has the paper title while the lien stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TitleHolder {
    /// The state gives it to the owner.
    Owner,
    /// The state gives it to the lender.
    Lienholder,
}

/// What a hold counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldFrom {
    /// The day on which the money was received.
    Receipt,
    /// The day on which the banks settled it; the day of receipt until that is known.
    Settlement,
}

/// How long payoff funds are waited for before a title is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundsHold {
    /// How long.
    pub hold: Period,
    /// From when.
    pub from: HoldFrom,
}

impl FundsHold {
    /// The day on which the hold has ended.
    pub fn until(
        self,
        received_on: NaiveDate,
        settled_on: Option<NaiveDate>,
        calendar: &Calendar,
    ) -> NaiveDate {
        let start = match self.from {
            HoldFrom::Receipt => received_on,
            HoldFrom::Settlement => settled_on.unwrap_or(received_on),
        };
        self.hold.after(start, calendar)
    }
}

/// What starts the clock of a statute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseTrigger {
    /// The payoff was received.
    Receipt,
    /// The loan was satisfied: its money settled, or was received where nothing settles later.
    Satisfaction,
    /// The payoff's money cleared: the hold on it has ended.
    Clearance,
    /// The owner asked in writing.
    Demand,
}

/// Which payoffs a term is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCondition {
    /// All of them.
    Always,
    /// Cash, a cashier's or certified cheque, a wire, an insurer's draft.
    Guaranteed,
    /// Money that came electronically, not by cheque.
    Electronic,
    /// A licensed dealer paid it off.
    Dealer,
}

/// One deadline of a statute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseTerm {
    /// How many.
    pub count: u16,
    /// Of what.
    pub unit: PeriodUnit,
    /// What starts the clock.
    pub trigger: ReleaseTrigger,
    /// Which payoffs it is for.
    pub when: ReleaseCondition,
}

/// A state's deadlines. The earliest of those that apply is the one to meet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRule {
    /// The deadlines.
    pub terms: Vec<ReleaseTerm>,
}

/// What is known about the money that paid an account off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoffFacts {
    /// How it came.
    pub channel: Channel,
    /// Whether it was cash, a cashier's or certified cheque or an insurer's draft. Wires and
    /// counters are so without saying.
    pub guaranteed: bool,
    /// Whether a licensed dealer paid.
    pub by_dealer: bool,
    /// The day on which it was received.
    pub received_on: NaiveDate,
    /// The day on which the banks settled it, if that is known.
    pub settled_on: Option<NaiveDate>,
    /// The day on which the owner asked for the release in writing, if that happened.
    pub demanded_on: Option<NaiveDate>,
}

impl PayoffFacts {
    pub(super) fn is_guaranteed(&self) -> bool {
        self.guaranteed
            || match self.channel {
                Channel::Wire | Channel::MoneyGram | Channel::WesternUnion => true,
                Channel::OwnAch
                | Channel::BillPay
                | Channel::Mail
                | Channel::PhoneVendor
                | Channel::DebitCardVendor => false,
            }
    }

    fn meets(&self, condition: ReleaseCondition) -> bool {
        match condition {
            ReleaseCondition::Always => true,
            ReleaseCondition::Guaranteed => self.is_guaranteed(),
            ReleaseCondition::Electronic => self.channel != Channel::Mail,
            ReleaseCondition::Dealer => self.by_dealer,
        }
    }

    fn date_of(&self, trigger: ReleaseTrigger, hold_until: NaiveDate) -> Option<NaiveDate> {
        match trigger {
            ReleaseTrigger::Receipt => Some(self.received_on),
            ReleaseTrigger::Satisfaction => Some(self.settled_on.unwrap_or(self.received_on)),
            ReleaseTrigger::Clearance => Some(hold_until),
            ReleaseTrigger::Demand => self.demanded_on,
        }
    }
}

/// When a title is released after a payoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleasePlan {
    /// The day on which the hold on the money has ended by policy.
    pub hold_until: NaiveDate,
    /// The last day that the state allows.
    pub deadline: NaiveDate,
    /// The day to release on: the end of the hold, or a banking day before the deadline if that is
    /// sooner, and never before the day on which the statute's clock starts.
    pub release_by: NaiveDate,
}

/// The earliest deadline that applies, with the day on which its clock starts.
fn deadline(
    rule: &ReleaseRule,
    facts: &PayoffFacts,
    hold_until: NaiveDate,
    calendar: &Calendar,
) -> Option<(NaiveDate, NaiveDate)> {
    rule.terms
        .iter()
        .filter(|term| facts.meets(term.when))
        .filter_map(|term| {
            let start = facts.date_of(term.trigger, hold_until)?;
            let period = Period { count: term.count, unit: term.unit };
            Some((period.after(start, calendar), start))
        })
        .min()
}

/// `min(end of the hold, deadline - 1 banking day)` (domain rule 5.3), under the state's rule or,
/// where none of its deadlines applies, under `fallback`.
pub(super) fn plan(
    rule: &ReleaseRule,
    fallback: &ReleaseRule,
    facts: &PayoffFacts,
    hold: FundsHold,
    calendar: &Calendar,
) -> ReleasePlan {
    let hold_until = hold.until(facts.received_on, facts.settled_on, calendar);
    let (deadline, start) = deadline(rule, facts, hold_until, calendar)
        .or_else(|| deadline(fallback, facts, hold_until, calendar))
        .unwrap_or((hold_until, hold_until));
    let day_before = calendar.previous_banking_day(deadline);
    ReleasePlan { hold_until, deadline, release_by: hold_until.min(day_before).max(start) }
}
