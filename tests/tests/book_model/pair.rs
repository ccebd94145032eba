//! One account twice: in the product and in the model. What happens to the one happens to the
//! other, and after every step both must say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ledger::domain::account::commands::Command;
use ledger::domain::account::events::Event;
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::account::{Context, Denial, decide, evolve};
use ledger::domain::books::AccountingDays;
use ledger::domain::rulebook::Rulebook;
use ledger::ids::{AccountId, FeeId, PaymentId, QuoteId, RefundId, RequestId};

use crate::days::after;
use crate::follow::is_settled;
use crate::lives::{Ask, Life, Step};
use crate::model::{Figures, Model, What};
use crate::readings::{cents, terms};

/// What is wrong, in words.
pub(crate) type Fault = String;

/// Something that a request brings about: what the product says, and what the model expects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    Refused(String),
    Opened,
    Scheduled,
    Cancelled,
    Paid(NaiveDate, i128),
    /// The instalments that are open again, from 1, and when their grace begins anew; and by which
    /// morning it had to be back, if it was not.
    Returned(PaymentId, Vec<(usize, Option<NaiveDate>)>, Option<NaiveDate>),
    Reinstated(PaymentId),
    /// The day, the amount, the payment that came back, the late instalment from 1.
    Fee(NaiveDate, i128, Option<PaymentId>, Option<usize>),
    FeeWaived(FeeId),
    RateChanged(NaiveDate, i128),
    Adjusted(NaiveDate, i128),
    /// From which instalment on, from 1; its due date, and that of the last one.
    Shifted(usize, NaiveDate, NaiveDate),
    ChargedOff(NaiveDate),
    VehicleBack(NaiveDate),
    Quoted(i128),
    Refunded(i128),
    RefundReturned(RefundId),
    Settled(PaymentId, NaiveDate),
    RefundSettled(RefundId, NaiveDate),
    /// From which day on.
    AccrualStopped(NaiveDate),
    AccrualResumed,
    PaidOff,
    Reopened,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Scheduled,
    Cancelled,
    Good,
    Returned,
}

/// A payment, and the number of its fact once it is made.
#[derive(Debug, Clone)]
pub(crate) struct Paid {
    pub(crate) id: PaymentId,
    pub(crate) state: State,
    pub(crate) cutoff_at: DateTime<Utc>,
    pub(crate) fact: usize,
    /// When the bank moved it, or should have; only of a debit of ours.
    pub(crate) debited: Option<NaiveDate>,
    /// How many facts there were when it came, or came back good.
    pub(crate) since: usize,
}

/// A fee charged here, the number of its fact, the payment that came back, and whether somebody
/// asked to take it back.
#[derive(Debug, Clone)]
pub(crate) struct Charged {
    pub(crate) id: FeeId,
    pub(crate) fact: usize,
    pub(crate) payment: Option<PaymentId>,
    pub(crate) asked: bool,
}

/// The two accounts.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    id: AccountId,
    rules: Arc<Rulebook>,
    pub(crate) product: Account,
    pub(crate) model: Model,
    pub(crate) now: DateTime<Utc>,
    pub(crate) today: NaiveDate,
    requests: u64,
    pub(crate) payments: Vec<Paid>,
    pub(crate) fees: Vec<Charged>,
    pub(crate) quotes: Vec<(QuoteId, i128)>,
    /// Refunds, and the numbers of their facts.
    pub(crate) refunds: Vec<(RefundId, usize)>,
    /// Months granted by extensions, and from when on.
    pub(crate) extensions: Vec<(NaiveDate, i32)>,
    pub(crate) settled: bool,
    /// No interest income is booked since then.
    pub(crate) stopped: Option<NaiveDate>,
    /// How often what happened.
    pub(crate) seen: BTreeMap<String, u64>,
}

/// The hours at which things are asked, in UTC: morning, between the cut-offs, evening, and late.
/// In New York all four belong to the same date.
const HOURS: [(i64, i64); 4] = [(14, 30), (20, 30), (23, 30), (27, 30)];

impl Pair {
    /// Opens the account.
    pub(crate) fn open(life: &Life) -> Result<Self, Fault> {
        let mut pair = Self {
            id: "model-1".parse().map_err(|error| format!("{error}"))?,
            rules: Rulebook::built_in(),
            product: Account::Absent,
            model: Model::new(life.contract.clone()),
            now: DateTime::UNIX_EPOCH,
            today: life.contract.opened,
            requests: 0,
            payments: Vec::new(),
            fees: Vec::new(),
            quotes: Vec::new(),
            refunds: Vec::new(),
            extensions: Vec::new(),
            settled: false,
            stopped: None,
            seen: BTreeMap::new(),
        };
        pair.clock(0, 0);
        let open = Command::OpenAccount { terms: terms(life)?, lien: None };
        pair.carry_out(&open, &[vec![Happening::Opened]])?;
        pair.compare(0)?;
        Ok(pair)
    }

    /// Takes a step, and compares.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), Fault> {
        self.clock(step.days_later, step.hour);
        if matches!(step.ask, Ask::Run) {
            self.run()?;
        } else if let Some((command, expected)) = self.command(step.ask)? {
            self.carry_out(&command, &expected)?;
        }
        self.compare(step.looks)
    }

    fn clock(&mut self, days_later: i64, hour: usize) {
        self.today = after(self.today, days_later);
        let (hours, minutes) = HOURS[hour];
        let midnight = self.today.and_hms_opt(0, 0, 0).unwrap().and_utc();
        let at = midnight + TimeDelta::hours(hours) + TimeDelta::minutes(minutes);
        self.now = self.now.max(at);
    }

    pub(crate) fn open_account(&self) -> Result<&OpenAccount, Fault> {
        match &self.product {
            Account::Open(open) => Ok(open),
            Account::Absent => Err("the account is not open".to_owned()),
        }
    }

    /// Runs the windows of what was scheduled and is due.
    fn run(&mut self) -> Result<(), Fault> {
        let due = self.payments.iter().filter(|paid| paid.state == State::Scheduled);
        let due: Vec<Paid> = due.filter(|paid| paid.cutoff_at <= self.now).cloned().collect();
        for paid in due {
            let payment = paid.id;
            let scheduled = self.open_account()?.payments.get(&payment).unwrap();
            let date = scheduled.effective_date;
            let made = Happening::Paid(date, cents(scheduled.amount.money()));
            let expected = if self.settled { Happening::Cancelled } else { made };
            self.carry_out(&Command::ApplyPayment { payment }, &[vec![expected]])?;
        }
        Ok(())
    }

    /// Asks the product, lets the model follow, and holds what happened against what was expected.
    fn carry_out(&mut self, command: &Command, expected: &[Vec<Happening>]) -> Result<(), Fault> {
        self.requests += 1;
        let context = Context {
            account: &self.id,
            request: RequestId::derived("book model", &self.requests.to_string()),
            received_at: self.now,
            rules: &self.rules,
            days: AccountingDays::of_calendar(self.today),
        };
        let mut happened = Vec::new();
        let mut corrected = Vec::new();
        match decide(&self.product, command, &context) {
            Ok(events) => {
                for event in &events {
                    let before = std::mem::take(&mut self.product);
                    self.product = evolve(before, event, self.now);
                    happened.extend(self.follow(event)?);
                }
                let counts = |event: &Event| event.posting().is_some() && !is_settled(event);
                if events.iter().any(counts) {
                    corrected.extend(self.corrected());
                }
            }
            Err(Denial::Refused(refusal)) => {
                happened.push(Happening::Refused(refusal.reason().to_owned()));
            }
            Err(denial) => return Err(format!("{command:?}: {denial}")),
        }
        let turned = self.turned(matches!(command, Command::AgeAccount), &mut happened);
        happened.sort();
        let expected = expected.iter().map(|happenings| {
            let mut all = happenings.clone();
            if !matches!(happenings.first(), Some(Happening::Refused(_))) {
                all.extend(corrected.iter().chain(&turned).cloned());
            }
            all.sort();
            all.dedup();
            all
        });
        let expected: Vec<_> = expected.collect();
        if expected.contains(&happened) {
            Ok(())
        } else {
            Err(format!("{command:?} made happen {happened:?}, not one of {expected:?}"))
        }
    }

    /// Late fees that go, or become less, by what is known now.
    fn corrected(&mut self) -> Vec<Happening> {
        let mut all = Vec::new();
        for (fact, right) in self.model.correct_late_fees() {
            let fee = self.fees.iter().find(|fee| fee.fact == fact);
            all.extend(fee.map(|fee| Happening::FeeWaived(fee.id)));
            let charged = &self.model.facts[fact];
            if let What::Fee { instalment: Some(number), .. } = charged.what
                && right > 0
            {
                all.push(Happening::Fee(charged.effective, right, None, Some(number + 1)));
            }
        }
        all
    }

    /// What the account turns into by what happened: paid off or not, accruing or not.
    fn turned(&mut self, ages: bool, happened: &mut Vec<Happening>) -> Vec<Happening> {
        let replay = self.model.replay(&BTreeSet::from([self.today]));
        let mut turned = Vec::new();
        let settled = replay.settled_from.is_some();
        match (self.settled, settled) {
            (false, true) => turned.push(Happening::PaidOff),
            (true, false) => turned.push(Happening::Reopened),
            (false, false) | (true, true) => {}
        }
        self.settled = settled;
        if ages || happened.iter().any(Happening::moves_money) {
            let stops = self.stops(&replay.figures[&self.today]);
            if stops != self.stopped {
                turned.push(stops.map_or(Happening::AccrualResumed, Happening::AccrualStopped));
            }
            self.stopped = stops;
        }
        for happening in &*happened {
            let name = format!("{happening:?}");
            let name = name.split('(').next().unwrap_or_default();
            let name = if name == "Refused" { format!("{happening:?}") } else { name.to_owned() };
            if matches!(happening, Happening::Returned(_, _, Some(_))) {
                *self.seen.entry("a late return".to_owned()).or_default() += 1;
            }
            *self.seen.entry(name).or_default() += 1;
        }
        // Said anew when other funds are waited for, or on the way to its opposite.
        happened.retain(|happening| {
            let either = matches!(happening, Happening::PaidOff | Happening::Reopened);
            !either || turned.contains(happening)
        });
        turned
    }

    /// Since when is no interest income to be booked? Once everything is given up it is what it was
    /// until all is paid.
    fn stops(&self, today: &Figures) -> Option<NaiveDate> {
        if self.given_up() {
            self.stopped.filter(|_| today.days_past_due > 0)
        } else {
            self.model.stopped_on(self.today)
        }
    }
}

impl Happening {
    fn moves_money(&self) -> bool {
        !matches!(
            self,
            Self::Refused(_)
                | Self::Opened
                | Self::Scheduled
                | Self::Cancelled
                | Self::Quoted(_)
                | Self::Settled(..)
                | Self::RefundSettled(..)
                | Self::PaidOff
                | Self::Reopened
        )
    }
}
