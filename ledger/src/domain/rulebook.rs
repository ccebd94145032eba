//! The rulebook: dated policy as data, in one document that events can name by its digest.
//!
//! Everything that a statute, a network or the house decides and that has a number in it stands
//! here, with the date from which it holds and its source. Lookups take a date and are total.
//!
//! The document records more policy than is carried out here: who holds a paper title, the limits
//! of same-day entries and of warnings, and of a return code all but its limit, what is done about
//! it and which return rate it counts to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::NaiveDate;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::domain::calendar::{Calendar, CalendarOverride};
use crate::domain::cutoff::{CutoffPolicy, Window};
use crate::domain::money::{Amount, Money};
use crate::domain::product::{Channel, Product};
use crate::hex;

mod returns;
mod servicing;
mod timeline;
mod title;
mod waterfall;

pub use returns::{
    Initiator, RetryRule, ReturnAction, ReturnClass, ReturnCode, ReturnCodeError, ReturnLimit,
    ReturnRatePolicy, ReturnReview, ReturnRule,
};
pub use servicing::{DelinquencyPolicy, ExtensionPolicy, FeeCap, PayoffPolicy};
pub use timeline::{Dated, Period, PeriodUnit, Timeline, TimelineError};
pub use title::{
    FundsHold, HoldFrom, PayoffFacts, ReleaseCondition, ReleasePlan, ReleaseRule, ReleaseTerm,
    ReleaseTrigger, StateCode, StateCodeError, TitleHolder,
};
pub use waterfall::{Bucket, Waterfall, WaterfallError};

/// The document that this build starts from until another version is adopted.
const BUILT_IN: &str = include_str!("../../rulebook/2026-11.3.json");

/// How many hexadecimal digits of the document's SHA-256 name it in events.
const DIGEST_LENGTH: usize = 16;

/// Why a document is no rulebook.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// It is not the JSON of a rulebook: a field is missing, unknown or out of range.
    #[error("not a rulebook")]
    Malformed(#[from] serde_json::Error),
    /// The version goes into events.
    #[error("{0:?} is not a version: 1 to 32 letters, digits, '.' or '-'")]
    Version(String),
    /// Two overrides for one date contradict or repeat each other.
    #[error("{0} has more than one calendar override")]
    OverrideRepeated(NaiveDate),
    /// A state without a deadline would silently get the default.
    #[error("state {0} has no release deadline")]
    NoReleaseTerm(StateCode),
}

/// Amounts that bound payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most that one ACH entry can carry. More is refused.
    pub ach_entry_max: Amount,
    /// The most that one entry may carry to settle the same day.
    pub same_day_entry_max: Amount,
    /// Above this a preview warns of the payment, which is accepted all the same.
    pub payment_soft_max: Amount,
    /// How much an instalment may fall short and still count as satisfied.
    pub shortfall_tolerance: Money,
}

/// One value per product, so that none can be missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PerProduct<T> {
    auto: T,
    lease: T,
    personal: T,
    card: T,
}

impl<T> PerProduct<T> {
    fn get(&self, product: Product) -> &T {
        match product {
            Product::AutoLoan => &self.auto,
            Product::Lease => &self.lease,
            Product::PersonalLoan => &self.personal,
            Product::CreditCard => &self.card,
        }
    }
}

/// One value per channel, so that none can be missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PerChannel<T> {
    own_ach: T,
    bill_pay: T,
    mail: T,
    phone_vendor: T,
    debit_card_vendor: T,
    moneygram: T,
    western_union: T,
    wire: T,
}

impl<T> PerChannel<T> {
    fn get(&self, channel: Channel) -> &T {
        match channel {
            Channel::OwnAch => &self.own_ach,
            Channel::BillPay => &self.bill_pay,
            Channel::Mail => &self.mail,
            Channel::PhoneVendor => &self.phone_vendor,
            Channel::DebitCardVendor => &self.debit_card_vendor,
            Channel::MoneyGram => &self.moneygram,
            Channel::WesternUnion => &self.western_union,
            Channel::Wire => &self.wire,
        }
    }
}

/// The document's fields, by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    version: String,
    cutoffs: PerProduct<Timeline<CutoffPolicy>>,
    calendar_overrides: Vec<CalendarOverride>,
    funds_holds: PerChannel<Timeline<FundsHold>>,
    guaranteed_funds_hold: Timeline<FundsHold>,
    return_codes: BTreeMap<ReturnCode, Timeline<ReturnRule>>,
    unknown_return_code: Timeline<ReturnRule>,
    return_rates: Timeline<ReturnRatePolicy>,
    title_release: BTreeMap<StateCode, Timeline<ReleaseRule>>,
    default_title_release: Timeline<ReleaseRule>,
    title_holders: BTreeMap<StateCode, Timeline<TitleHolder>>,
    default_title_holder: Timeline<TitleHolder>,
    waterfalls: PerProduct<Timeline<Waterfall>>,
    limits: Timeline<Limits>,
    payoff: Timeline<PayoffPolicy>,
    delinquency: PerProduct<Timeline<DelinquencyPolicy>>,
    extensions: PerProduct<Timeline<ExtensionPolicy>>,
    returned_item_fee_caps: BTreeMap<StateCode, Timeline<FeeCap>>,
}

impl Rules {
    fn check(&self) -> Result<(), RulebookError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if !(1..=32).contains(&self.version.len()) || !self.version.bytes().all(plain) {
            return Err(RulebookError::Version(self.version.chars().take(40).collect()));
        }
        let mut dates = BTreeSet::new();
        if let Some(day) = self.calendar_overrides.iter().find(|day| !dates.insert(day.date)) {
            return Err(RulebookError::OverrideRepeated(day.date));
        }
        let empty = |timeline: &Timeline<ReleaseRule>| {
            timeline.iter().any(|dated| dated.rule.terms.is_empty())
        };
        match self.title_release.iter().find(|(_, timeline)| empty(timeline)) {
            Some((state, _)) => Err(RulebookError::NoReleaseTerm(*state)),
            None => Ok(()),
        }
    }
}

/// Every dated rule of one version, with the document that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rulebook {
    rules: Rules,
    calendar: Calendar,
    document: Arc<str>,
    digest: String,
}

impl Rulebook {
    /// The rulebook that ships with this build.
    pub fn built_in() -> Arc<Self> {
        #[expect(clippy::expect_used, reason = "the document is part of the build, and is tested")]
        static RULEBOOK: LazyLock<Arc<Rulebook>> = LazyLock::new(|| {
            Arc::new(Rulebook::parse(BUILT_IN).expect("the built-in rulebook parses"))
        });
        Arc::clone(&RULEBOOK)
    }

    /// Reads and checks a document.
    pub fn parse(json: &str) -> Result<Self, RulebookError> {
        let rules: Rules = serde_json::from_str(json)?;
        rules.check()?;
        let calendar = Calendar::new(rules.calendar_overrides.iter().cloned());
        Ok(Self { rules, calendar, document: json.into(), digest: digest_of(json) })
    }

    /// The version's name, such as "2026-11.3".
    pub fn version(&self) -> &str {
        &self.rules.version
    }

    /// The first 16 hexadecimal digits of the document's SHA-256: what events pin.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The document, byte for byte as it was read.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Which days are banking days.
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// When the product's windows close for what is received on `date`.
    pub fn cutoff_policy(&self, product: Product, date: NaiveDate) -> &CutoffPolicy {
        &self.rules.cutoffs.get(product).at(date).rule
    }

    /// Has any product a window with this cut-off, on any date?
    pub fn has_window(&self, window: Window) -> bool {
        let policies = Product::ALL.iter().map(|&product| self.rules.cutoffs.get(product));
        policies.flat_map(Timeline::iter).any(|dated| dated.rule.has_window(window))
    }

    /// How long payoff money of a channel is waited for.
    fn funds_hold(&self, channel: Channel, date: NaiveDate) -> FundsHold {
        self.rules.funds_holds.get(channel).at(date).rule
    }

    /// What a return code stands for. A code that is not listed is reversed all the same, and
    /// goes to the exception queue.
    pub fn return_rule(&self, code: ReturnCode, date: NaiveDate) -> &ReturnRule {
        let timeline = self.rules.return_codes.get(&code);
        &timeline.unwrap_or(&self.rules.unknown_return_code).at(date).rule
    }

    /// Every listed return code with its rules, by code.
    pub fn return_codes(&self) -> impl Iterator<Item = (ReturnCode, &Timeline<ReturnRule>)> {
        self.rules.return_codes.iter().map(|(code, timeline)| (*code, timeline))
    }

    /// By what the returns of debits are watched, from when to when.
    pub const fn return_rates(&self) -> &Timeline<ReturnRatePolicy> {
        &self.rules.return_rates
    }

    /// When the title is released after a payoff. `state` is the one that issued the title; one
    /// that is not listed, or not known, gets the default deadline.
    pub fn release_by(&self, state: Option<StateCode>, facts: &PayoffFacts) -> ReleasePlan {
        let date = facts.received_on;
        let fallback = self.rules.default_title_release.at(date);
        let rule = state
            .and_then(|state| self.rules.title_release.get(&state))
            .map_or(fallback, |timeline| timeline.at(date));
        let hold = if facts.guaranteed {
            self.rules.guaranteed_funds_hold.at(date).rule
        } else {
            self.funds_hold(facts.channel, date)
        };
        title::plan(&rule.rule, &fallback.rule, facts, hold, &self.calendar)
    }

    /// In which order a payment effective on `date` is taken up.
    pub fn waterfall(&self, product: Product, date: NaiveDate) -> &Waterfall {
        &self.rules.waterfalls.get(product).at(date).rule
    }

    /// How payoffs are quoted and closed on `date`.
    pub fn payoff(&self, date: NaiveDate) -> PayoffPolicy {
        self.rules.payoff.at(date).rule
    }

    /// How accounts that are past due are treated on `date`.
    pub fn delinquency(&self, product: Product, date: NaiveDate) -> DelinquencyPolicy {
        self.rules.delinquency.get(product).at(date).rule
    }

    /// How far due dates may be moved on `date`.
    pub fn extensions(&self, product: Product, date: NaiveDate) -> ExtensionPolicy {
        self.rules.extensions.get(product).at(date).rule
    }

    /// What `state` lets a returned payment of `amount` cost on `date`; none if no cap is known.
    pub fn returned_item_fee_cap(
        &self,
        state: StateCode,
        amount: Amount,
        date: NaiveDate,
    ) -> Option<Amount> {
        self.rules.returned_item_fee_caps.get(&state)?.at(date).rule.of(amount)
    }

    /// The amounts that bound payments on `date`.
    pub fn limits(&self, date: NaiveDate) -> Limits {
        self.rules.limits.at(date).rule
    }
}

fn digest_of(document: &str) -> String {
    let mut digest = hex::lower(Sha256::digest(document.as_bytes()));
    digest.truncate(DIGEST_LENGTH);
    digest
}

#[cfg(test)]
mod tests;
