//! One account twice: in the product and in the model. What happens to the one happens to the
//! other, and after every step both must say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ledger::domain::account::commands::Command;
use ledger::domain::account::events::{Event, FeeKind};
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::account::{Context, Denial, decide, evolve};
use ledger::domain::books::AccountingDays;
use ledger::domain::journal::is_balanced;
use ledger::domain::product::Channel;
use ledger::domain::rulebook::Rulebook;
use ledger::ids::{AccountId, FeeId, PaymentId, RequestId};
use tests::chance::Chance;

use crate::days::{after, between};
use crate::lives::{Ask, Back, Life, Step, Sum};
use crate::model::{Model, Replay, What};
use crate::readings::{amount, cents, figures, ledger, split, terms};

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
    Returned(PaymentId),
    Reinstated(PaymentId),
    Fee(NaiveDate, i128, Option<PaymentId>),
    FeeWaived(FeeId),
    PaidOff,
    Reopened,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Scheduled,
    Cancelled,
    Good,
    Returned,
}

/// A payment, and the number of its fact once it is made.
#[derive(Debug, Clone)]
struct Paid {
    id: PaymentId,
    state: State,
    cutoff_at: DateTime<Utc>,
    fact: usize,
}

/// A fee charged here, the number of its fact, and the payment that came back.
#[derive(Debug, Clone)]
struct Charged {
    id: FeeId,
    fact: usize,
    payment: Option<PaymentId>,
}

/// The two accounts.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    id: AccountId,
    rules: Arc<Rulebook>,
    product: Account,
    model: Model,
    now: DateTime<Utc>,
    today: NaiveDate,
    requests: u64,
    payments: Vec<Paid>,
    fees: Vec<Charged>,
    settled: bool,
    /// How often what happened.
    pub(crate) seen: BTreeMap<String, u64>,
}

/// The hours at which things are asked, in UTC: morning, between the cut-offs, evening, and late.
/// In New York all four belong to the same date.
const HOURS: [(i64, i64); 4] = [(14, 30), (20, 30), (23, 30), (27, 30)];

/// A bank's code that takes a payment back for want of funds.
const NO_FUNDS: [&str; 2] = ["R01", "R09"];

/// Codes about a refund, or between the banks.
const NO_RETURNS: [&str; 2] = ["R23", "R61"];

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
            settled: false,
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
        match step.ask {
            Ask::Run => self.run()?,
            ask => {
                if let Some((command, expected)) = self.command(ask)? {
                    self.carry_out(&command, &expected)?;
                }
            }
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

    fn open_account(&self) -> Result<&OpenAccount, Fault> {
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
            let scheduled = &self.open_account()?.payments[&payment];
            let date = scheduled.effective_date;
            let made = Happening::Paid(date, cents(scheduled.amount.money()));
            let expected = if self.settled { Happening::Cancelled } else { made };
            self.carry_out(&Command::ApplyPayment { payment }, &[vec![expected]])?;
        }
        Ok(())
    }

    /// The command, and what may come of it; none if there is nothing to ask it of.
    fn command(&self, ask: Ask) -> Result<Option<(Command, Vec<Vec<Happening>>)>, Fault> {
        let refused = |reason: &str| vec![Happening::Refused(reason.to_owned())];
        let pick = |which: usize| {
            let index = which.checked_rem(self.payments.len());
            index.map(|index| &self.payments[index])
        };
        Ok(match ask {
            Ask::Run => None,
            Ask::Schedule { money, days_ahead } => {
                let date = after(self.today, days_ahead);
                let command = Command::SchedulePayment {
                    amount: amount(self.sum(money, date))?,
                    payment_date: date,
                    funding: None,
                    allow_duplicate: true,
                };
                let taken = vec![vec![Happening::Scheduled], refused("CUTOFF_PASSED")];
                let paid_off = vec![refused("ACCOUNT_PAID_OFF")];
                Some((command, if self.settled { paid_off } else { taken }))
            }
            Ask::Cancel { which } => pick(which).map(|paid| {
                let expected = match paid.state {
                    _ if self.now >= paid.cutoff_at => refused("CANCEL_WINDOW_CLOSED"),
                    State::Scheduled => vec![Happening::Cancelled],
                    State::Cancelled => vec![],
                    State::Good | State::Returned => refused("NOT_PENDING"),
                };
                (Command::CancelPayment { payment: paid.id }, vec![expected])
            }),
            Ask::Receive { money, back, way } => Some(self.receive(money, back, way)?),
            Ask::Return { which, code } => pick(which).map(|paid| {
                let fee = self.model.contract.returned_item_fee;
                let charged = |fee: &Charged| {
                    fee.payment == Some(paid.id) && !self.model.facts[fee.fact].gone
                };
                let charges = NO_FUNDS.contains(&code) && !self.fees.iter().any(charged);
                let fee = fee.filter(|_| charges);
                let fee = fee.map(|fee| Happening::Fee(self.today, fee, Some(paid.id)));
                let expected = match paid.state {
                    State::Scheduled | State::Cancelled => refused("NOT_APPLIED"),
                    State::Returned => refused("ALREADY_RETURNED"),
                    State::Good if NO_RETURNS.contains(&code) => {
                        refused("RETURN_CODE_NOT_FOR_PAYMENT")
                    }
                    State::Good => {
                        let returned = Happening::Returned(paid.id);
                        std::iter::once(returned).chain(fee).collect()
                    }
                };
                let (payment, return_code) = (paid.id, code.to_owned());
                (Command::ReturnPayment { payment, return_code }, vec![expected])
            }),
            Ask::Reinstate { which } => pick(which).map(|paid| {
                let fees = self
                    .fees
                    .iter()
                    .filter(|fee| fee.payment == Some(paid.id) && !self.model.facts[fee.fact].gone);
                let waived = fees.map(|fee| Happening::FeeWaived(fee.id));
                let expected = match paid.state {
                    State::Returned => {
                        waived.chain(std::iter::once(Happening::Reinstated(paid.id))).collect()
                    }
                    State::Scheduled | State::Cancelled | State::Good => refused("NOT_RETURNED"),
                };
                (Command::ReinstatePayment { payment: paid.id }, vec![expected])
            }),
            Ask::Assess { cents, late } => {
                let kind = if late { FeeKind::Late } else { FeeKind::ReturnedItem };
                let command = Command::AssessFee { kind, amount: amount(cents)? };
                let charged = vec![Happening::Fee(self.today, cents, None)];
                let paid_off = refused("ACCOUNT_PAID_OFF");
                Some((command, vec![if self.settled { paid_off } else { charged }]))
            }
            Ask::Waive { which } => which.checked_rem(self.fees.len()).map(|index| {
                let fee = &self.fees[index];
                let gone = self.model.facts[fee.fact].gone;
                let expected = if gone { vec![] } else { vec![Happening::FeeWaived(fee.id)] };
                (Command::WaiveFee { fee: fee.id }, vec![expected])
            }),
        })
    }

    fn receive(
        &self,
        money: Sum,
        back: Back,
        way: usize,
    ) -> Result<(Command, Vec<Vec<Happening>>), Fault> {
        let date = match back {
            Back::Days(days) => after(self.today, -days),
            Back::DayOf(which) => {
                let fact = which.checked_rem(self.model.facts.len());
                fact.map_or(self.today, |fact| self.model.facts[fact].effective)
            }
        };
        let money = self.sum(money, date.max(self.model.contract.opened));
        let command = Command::ReceivePayment {
            channel: Channel::ALL[1 + way % (Channel::ALL.len() - 1)],
            amount: amount(money)?,
            received_date: date,
            reference: None,
            third_party_fee: None,
            allow_duplicate: true,
        };
        let expected = if date < self.model.contract.opened {
            Happening::Refused("BEFORE_OPENING".to_owned())
        } else {
            Happening::Paid(date, money)
        };
        Ok((command, vec![vec![expected]]))
    }

    /// So much money, as the account is on a date.
    fn sum(&self, money: Sum, date: NaiveDate) -> i128 {
        let figures = self.model.on(date);
        let money = match money {
            Sum::Cents(cents) => cents,
            Sum::Instalments(count, more) => count * self.model.contract.instalment + more,
            Sum::PastDue(more) => figures.past_due + more,
            Sum::PastDueAndFees(more) => figures.past_due + figures.fees + more,
            Sum::Interest(more) => figures.interest + more,
            Sum::Payoff(more) => figures.payoff + more,
        };
        money.clamp(1, 9_999_999_999)
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
        match decide(&self.product, command, &context) {
            Ok(events) => {
                for event in &events {
                    let before = std::mem::take(&mut self.product);
                    self.product = evolve(before, event, self.now);
                    happened.extend(self.follow(event)?);
                }
            }
            Err(Denial::Refused(refusal)) => {
                happened.push(Happening::Refused(refusal.reason().to_owned()));
            }
            Err(denial) => return Err(format!("{command:?}: {denial}")),
        }
        let settled = self.model.replay(&BTreeSet::new()).settled_from.is_some();
        let turned = match (self.settled, settled) {
            (false, true) => Some(Happening::PaidOff),
            (true, false) => Some(Happening::Reopened),
            (false, false) | (true, true) => None,
        };
        for happening in &happened {
            let name = format!("{happening:?}");
            let name = name.split('(').next().unwrap_or_default();
            let name = if name == "Refused" { format!("{happening:?}") } else { name.to_owned() };
            *self.seen.entry(name).or_default() += 1;
        }
        // Said anew when the funds of another payment are waited for, or on the way to its opposite.
        happened.retain(|happening| match happening {
            Happening::PaidOff | Happening::Reopened => Some(happening) == turned.as_ref(),
            _ => true,
        });
        self.settled = settled;
        happened.sort();
        let expected = expected.iter().map(|happenings| {
            let mut all: Vec<_> = happenings.iter().cloned().chain(turned.clone()).collect();
            all.sort();
            all
        });
        let expected: Vec<_> = expected.collect();
        if expected.contains(&happened) {
            Ok(())
        } else {
            Err(format!("{command:?} made happen {happened:?}, not one of {expected:?}"))
        }
    }

    /// Lets the model live through an event; only what was said counts, not what was worked out.
    fn follow(&mut self, event: &Event) -> Result<Option<Happening>, Fault> {
        let mut booked = self.today;
        if let (Some(posting), Some(effective)) = (event.posting(), event.effective_date()) {
            if !is_balanced(&posting.lines) {
                return Err(format!("out of balance: {event:?}"));
            }
            booked = posting.gl_date(effective);
            let ends_its_day = booked == effective && between(booked, self.today) == 1;
            if booked != self.today && !(ends_its_day && matches!(event, Event::PaymentApplied(_)))
            {
                return Err(format!("booked on {booked}: {event:?}"));
            }
        }
        let made = |model: &mut Model, effective, money: i128, clearing| {
            model.happens(effective, booked, What::Payment { amount: money, clearing })
        };
        Ok(Some(match event {
            Event::AccountOpened(_) => Happening::Opened,
            Event::PaymentScheduled(scheduled) => {
                let (id, cutoff_at) = (scheduled.payment, scheduled.cutoff_at);
                let state = State::Scheduled;
                self.payments.push(Paid { id, state, cutoff_at, fact: usize::MAX });
                Happening::Scheduled
            }
            Event::PaymentCancelled(cancelled) => {
                self.paid(cancelled.payment)?.state = State::Cancelled;
                Happening::Cancelled
            }
            Event::PaymentApplied(applied) => {
                let money = cents(applied.amount.money());
                let fact = made(&mut self.model, applied.effective_date, money, "1020");
                let paid = self.paid(applied.payment)?;
                (paid.state, paid.fact) = (State::Good, fact);
                Happening::Paid(applied.effective_date, money)
            }
            Event::PaymentReceived(received) => {
                let money = cents(received.amount.money());
                let clearing = clearing(received.channel);
                let fact = made(&mut self.model, received.effective_date, money, clearing);
                let (id, state) = (received.payment, State::Good);
                let cutoff_at = DateTime::<Utc>::MAX_UTC;
                self.payments.push(Paid { id, state, cutoff_at, fact });
                Happening::Paid(received.effective_date, money)
            }
            Event::PaymentReturned(returned) => {
                let paid = self.paid(returned.payment)?;
                paid.state = State::Returned;
                let fact = paid.fact;
                self.model.counts(fact, false, booked);
                Happening::Returned(returned.payment)
            }
            Event::PaymentReinstated(reinstated) => {
                let paid = self.paid(reinstated.payment)?;
                paid.state = State::Good;
                let fact = paid.fact;
                self.model.counts(fact, true, booked);
                Happening::Reinstated(reinstated.payment)
            }
            Event::FeeAssessed(assessed) => {
                let money = cents(assessed.amount.money());
                let income = match assessed.kind {
                    FeeKind::Late => "4020",
                    FeeKind::ReturnedItem => "4030",
                };
                let what = What::Fee { amount: money, income };
                let fact = self.model.happens(assessed.effective_date, booked, what);
                self.fees.push(Charged { id: assessed.fee, fact, payment: assessed.payment });
                Happening::Fee(assessed.effective_date, money, assessed.payment)
            }
            Event::FeeWaived(waived) => {
                let fee = self.fees.iter().find(|fee| fee.id == waived.fee);
                let fact = fee.ok_or("an unknown fee was waived")?.fact;
                self.model.counts(fact, false, booked);
                Happening::FeeWaived(waived.fee)
            }
            Event::AccountPaidOff(_) => Happening::PaidOff,
            Event::PayoffReversed(_) => Happening::Reopened,
            Event::LienRecorded(_)
            | Event::LienReleased(_)
            | Event::RequestRefused(_)
            | Event::NothingChanged(_) => return Err(format!("unexpected: {event:?}")),
        }))
    }

    fn paid(&mut self, id: PaymentId) -> Result<&mut Paid, Fault> {
        let paid = self.payments.iter_mut().find(|paid| paid.id == id);
        paid.ok_or_else(|| format!("payment {id} is not known"))
    }

    /// Whatever payment comes back and is then good after all: nothing shows it, on any date.
    pub(crate) fn bounce(&self, looks: u64) -> Result<(), Fault> {
        let mut chance = Chance::of(looks);
        let mut days: BTreeSet<_> = self.model.facts.iter().map(|fact| fact.effective).collect();
        days.extend([self.model.contract.opened, self.today, after(self.today, 40)]);
        for which in 0..self.payments.len() {
            if self.payments[which].state != State::Good || chance.below(3) > 0 {
                continue;
            }
            let mut pair = self.clone();
            let code = if chance.below(2) == 0 { "R10" } else { "R01" };
            pair.step(&Step { days_later: 1, hour: 0, ask: Ask::Return { which, code }, looks })?;
            pair.step(&Step { days_later: 3, hour: 0, ask: Ask::Reinstate { which }, looks })?;
            let (before, later) = (self.open_account()?, pair.open_account()?);
            for day in &days {
                let what = format!("{code} and its reinstatement left a trace on {day}");
                same(&what, &figures(later, *day)?, &figures(before, *day)?)?;
            }
            same("reinstated, paid off", &later.paid_off, &before.paid_off)?;
            for (id, payment) in &before.payments {
                same("reinstated, a split", &later.payments[id].split, &payment.split)?;
            }
        }
        Ok(())
    }

    /// What the account has on 1100, and what principal is owed.
    pub(crate) fn principal(&self) -> Result<(i128, i128), Fault> {
        let open = self.open_account()?;
        let on_ledger = ledger(open).get("1100").copied().unwrap_or_default();
        Ok((on_ledger, figures(open, self.today)?.principal))
    }

    /// Holds the product against the model, as of some days before and after today.
    fn compare(&self, looks: u64) -> Result<(), Fault> {
        let mut chance = Chance::of(looks);
        let opened = self.model.contract.opened;
        let mut days = BTreeSet::from([opened, self.today, after(self.today, 1)]);
        if let Some(fact) = self.model.facts.last() {
            days.insert(fact.effective);
        }
        let lived = u64::try_from(between(opened, self.today)).unwrap();
        days.insert(after(opened, i64::try_from(chance.below(lived + 1)).unwrap()));
        days.insert(after(self.today, i64::try_from(chance.below(70)).unwrap()));
        if chance.below(8) == 0 {
            days.insert(after(self.today, i64::try_from(chance.below(800)).unwrap()));
        }
        let replay = self.model.replay(&days);
        let open = self.open_account()?;
        for (day, said) in &replay.figures {
            same(&format!("on {day}"), &figures(open, *day)?, said)?;
        }
        self.compare_splits(open, &replay)?;
        let paid_off = open.paid_off.as_ref().map(|paid_off| paid_off.paid_off_date);
        same("paid off", &paid_off, &replay.settled_from)?;
        same("booked through", &open.book.accrued_through(), &self.model.booked_through)?;
        same("the general ledger", &ledger(open), &self.model.ledger())
    }

    fn compare_splits(&self, open: &OpenAccount, replay: &Replay) -> Result<(), Fault> {
        for paid in self.payments.iter().filter(|paid| paid.state == State::Good) {
            let product = &open.payments[&paid.id];
            let Some(parts) = product.split else { return Err(format!("no split: {product:?}")) };
            let parts = split(&parts);
            same("the split of a payment", &parts, &replay.splits[&paid.fact])?;
            let what = &self.model.facts[paid.fact].what;
            let What::Payment { amount, .. } = what else { return Err("no payment".to_owned()) };
            same("the sum of a split", &parts.sum(), amount)?;
        }
        Ok(())
    }
}

/// Where money of a channel is until the bank has it.
fn clearing(channel: Channel) -> &'static str {
    match channel {
        Channel::OwnAch => "1020",
        Channel::Mail => "1025",
        Channel::BillPay => "1026",
        Channel::PhoneVendor
        | Channel::DebitCardVendor
        | Channel::MoneyGram
        | Channel::WesternUnion => "1027",
        Channel::Wire => "1010",
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, product: &T, model: &T) -> Result<(), Fault> {
    if product == model {
        Ok(())
    } else {
        Err(format!("{what}:\n  product {product:?}\n  model   {model:?}"))
    }
}
