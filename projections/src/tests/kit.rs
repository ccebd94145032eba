//! A small bank: commands go through the domain, and what comes of them into a store in memory.

mod receipts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use ledger::codec::{Fact, encode};
use ledger::digest::Digest;
use ledger::domain::account::buyout::PurchaseOption;
use ledger::domain::account::commands::{
    Command, GrantExtension, LeaseCharge, Lien, ReceivePayment, SchedulePayment,
};
use ledger::domain::account::events::{
    ChargeOffReason, Event, ExtensionKind, FeeKind, NothingChanged, RequestRefused,
};
use ledger::domain::account::state::{Account, OpenAccount, Progress};
use ledger::domain::account::terms::{InstalmentPlan, LateCharge, LateFee, Terms, Tolerance};
use ledger::domain::account::{Context, Decision, Denial, decide, evolve};
use ledger::domain::books::AccountingDays;
use ledger::domain::cutoff::eastern_date;
use ledger::domain::money::{Carry, Money};
use ledger::domain::product::{Channel, Product};
use ledger::domain::rulebook::Rulebook;
use ledger::envelope::{Metadata, NewEvent, Position, StreamName, Version};
use ledger::ids::{AccountId, Actor, EventId, PaymentId, RequestId};
use ledger::store::memory::Memory;
use ledger::store::{Append, EventStore, Expected};
use ledger::streams::of_account;
use receipts::received;

/// Numbers that look random and are the same on every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 up to, not with, `sides`.
    pub(super) const fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

pub(super) fn money(text: &str) -> Money {
    text.parse().unwrap()
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub(super) struct Bank {
    pub(super) store: Arc<Memory>,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    versions: BTreeMap<StreamName, Version>,
    pub(super) now: DateTime<Utc>,
    /// The kinds of events that were recorded so far.
    pub(super) recorded: BTreeSet<&'static str>,
    requests: u64,
    rules: Arc<Rulebook>,
}

impl Bank {
    pub(super) fn new() -> Self {
        Self {
            store: Arc::new(Memory::new()),
            accounts: BTreeMap::new(),
            versions: BTreeMap::new(),
            now: "2026-03-02T15:00:00Z".parse().unwrap(),
            recorded: BTreeSet::new(),
            requests: 0,
            rules: Rulebook::built_in(),
        }
    }

    pub(super) fn port(&self) -> Arc<dyn EventStore> {
        let store: Arc<dyn EventStore> = self.store.clone();
        store
    }

    pub(super) async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }

    pub(super) fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::derived("test", &self.requests.to_string())
    }

    /// Appends a recorded event of any shape.
    pub(super) async fn append(&mut self, stream: &StreamName, events: Vec<(String, Vec<u8>)>) {
        let request = self.request();
        let version = self.versions.get(stream).copied().unwrap_or(Version::EMPTY);
        let metadata = Metadata {
            received_at: self.now,
            request_id: request,
            digest: Digest::of(b""),
            actor: Actor::unnamed(),
            rules: self.rules.version().to_owned(),
        };
        let metadata = serde_json::to_vec(&metadata).unwrap();
        let events = events.into_iter().enumerate().map(|(index, (kind, data))| NewEvent {
            id: EventId::derived(stream.as_str(), request, index),
            kind,
            data,
            metadata: metadata.clone(),
        });
        let append = Append::new(stream.clone(), Expected::after(version), events.collect());
        let appended = self.store.append(append.unwrap()).await.unwrap();
        self.versions.insert(stream.clone(), appended.version);
    }

    pub(super) async fn record(&mut self, stream: &StreamName, facts: Vec<Fact>) {
        let events: Vec<_> = facts.iter().map(|fact| encode(fact).unwrap()).collect();
        self.recorded.extend(events.iter().map(|(kind, _)| *kind));
        let events = events.into_iter().map(|(kind, data)| (kind.to_owned(), data));
        self.append(stream, events.collect()).await;
    }

    fn decide(&self, account: &AccountId, command: &Command, request: RequestId) -> Decision {
        let (received_at, rules) = (self.now, self.rules.as_ref());
        let days = AccountingDays::of_calendar(eastern_date(received_at));
        let context = Context { account, request, received_at, rules, days };
        let absent = Account::Absent;
        decide(self.accounts.get(account).unwrap_or(&absent), command, &context)
    }

    /// What a command would come to now: nothing, too, if it would be refused.
    pub(super) fn preview(&self, account: &AccountId, command: &Command) -> Vec<Event> {
        let request = RequestId::derived("test", "preview");
        self.decide(account, command, request).unwrap_or_default()
    }

    /// Carries a command out as the engine does: refusals, and what changes nothing, are recorded.
    pub(super) async fn command(&mut self, account: &AccountId, command: Command) -> Vec<Event> {
        let request = self.request();
        let decided = self.decide(account, &command, request);
        let state = self.accounts.remove(account).unwrap_or_default();
        let name = command.name().to_owned();
        let events = match decided {
            Ok(events) if events.is_empty() => {
                let payment = command.payment();
                vec![Event::NothingChanged(NothingChanged { command: name, payment })]
            }
            Ok(events) => events,
            Err(Denial::Refused(refusal)) => {
                vec![Event::RequestRefused(RequestRefused { command: name, refusal })]
            }
            Err(denial) => panic!("{denial}"),
        };
        let state = events.iter().fold(state, |state, event| evolve(state, event, self.now));
        self.accounts.insert(account.clone(), state);
        let facts = events.iter().cloned().map(Fact::Account).collect();
        self.record(&of_account(account), facts).await;
        events
    }

    pub(super) async fn open(&mut self, account: &AccountId, product: Product, principal: &str) {
        let lease = product == Product::Lease;
        let today = day("2026-03-02");
        let terms = Terms {
            product,
            currency: ledger::domain::money::Currency::Usd,
            opened_date: today,
            principal: if lease { Money::ZERO } else { money(principal) },
            annual_rate: if lease { "0" } else { "0.0575" }.parse().unwrap(),
            day_count: ledger::domain::interest::DayCount::default(),
            interest_paid_through: day("2026-02-20"),
            unpaid_interest: if lease { Money::ZERO } else { money("3.10") },
            unpaid_fees: money("15.00"),
            instalments: InstalmentPlan {
                amount: "310.00".parse().unwrap(),
                tax: if lease { money("27.00") } else { Money::ZERO },
                first_due_date: day("2026-03-01"),
                day_of_month: 1,
                // A lease that may well be bought out.
                count: if lease { 4 } else { 36 },
                first_amount_due: "110.00".parse().ok(),
            },
            returned_item_fee: "25.00".parse().ok(),
            late_fee: Some(LateFee {
                grace_days: 10,
                charge: LateCharge::Rate("0.05".parse().unwrap()),
                maximum: "12.00".parse().ok(),
            }),
            shortfall_tolerance: (product == Product::PersonalLoan)
                .then(|| Tolerance::Share("0.9".parse().unwrap())),
            interest_carry: Carry::default(),
            governing_state: None,
            purchase_option: lease.then(|| PurchaseOption {
                residual: "600.00".parse().unwrap(),
                sales_tax_rate: "0.08".parse().unwrap(),
            }),
        };
        let lien = Lien {
            title_state: "CA".to_owned(),
            vin: "1HGCM82633A004352".to_owned(),
            lienholder: "Example Auto Finance".to_owned(),
        };
        let lien = (product != Product::PersonalLoan).then_some(lien);
        self.command(account, Command::OpenAccount { terms, lien }).await;
    }

    pub(super) async fn schedule(
        &mut self,
        account: &AccountId,
        amount: &str,
        date: NaiveDate,
    ) -> Option<PaymentId> {
        let command = Command::SchedulePayment(SchedulePayment {
            amount: amount.parse().unwrap(),
            payment_date: date,
            funding: None,
            allow_duplicate: true,
            payoff_quote: None,
        });
        let events = self.command(account, command).await;
        events.iter().find_map(|event| match event {
            Event::PaymentScheduled(scheduled) => Some(scheduled.payment),
            _ => None,
        })
    }

    /// Something that may happen to an account, chosen by the dice.
    pub(super) async fn happen(&mut self, account: &AccountId, dice: &mut Dice) {
        let Account::Open(open) = &self.accounts[account] else { return };
        let command = if dice.roll(3) == 0 {
            servicing(open, self.now, dice)
        } else {
            paying(open, self.now, dice)
        };
        self.command(account, command).await;
    }

    /// Random lives of a few accounts of all kinds.
    pub(super) async fn lives(seed: u64, accounts: u64, steps: u64) -> Self {
        let mut bank = Self::new();
        let mut dice = Dice::new(seed);
        let products = [Product::AutoLoan, Product::Lease, Product::PersonalLoan];
        for number in 0..accounts {
            let account = id(&format!("a-{number}"));
            let product = products[usize::try_from(number % 3).unwrap()];
            bank.open(&account, product, "2400.00").await;
        }
        bank.live_on(&mut dice, steps).await;
        bank
    }

    /// The same accounts live on.
    pub(super) async fn live_on(&mut self, dice: &mut Dice, steps: u64) {
        let ids: Vec<_> = self.accounts.keys().cloned().collect();
        for _ in 0..steps {
            self.now += TimeDelta::hours(cents(dice, 40));
            let account = one_of(ids.iter().cloned(), dice).unwrap();
            self.happen(&account, dice).await;
        }
    }
}

fn cents(dice: &mut Dice, sides: u64) -> i64 {
    i64::try_from(1 + dice.roll(sides)).unwrap()
}

fn one_of<T: Clone>(all: impl Iterator<Item = T>, dice: &mut Dice) -> Option<T> {
    let all: Vec<T> = all.collect();
    let count = u64::try_from(all.len().max(1)).unwrap();
    all.get(usize::try_from(dice.roll(count)).unwrap()).cloned()
}

/// The last day on which banks were open, today for the most part.
fn banking_day(now: DateTime<Utc>) -> NaiveDate {
    let today = eastern_date(now);
    Rulebook::built_in().calendar().previous_banking_day(today.succ_opt().unwrap())
}

/// Payments, and what becomes of them; fees and liens.
fn paying(open: &OpenAccount, now: DateTime<Utc>, dice: &mut Dice) -> Command {
    let today = eastern_date(now);
    let some_fee = open.fees.keys().next().copied();
    let days = Days::new(dice.roll(20));
    let amount = Money::from_cents(cents(dice, 90_000)).amount().unwrap();
    let payment = one_of(open.payments.keys(), dice);
    let payoff_quote = one_of(open.quotes.keys().copied(), dice).filter(|_| dice.roll(3) == 0);
    let due = open.payments.values().find(|payment| {
        let schedule = payment.schedule.as_ref();
        payment.progress == Progress::Scheduled
            && schedule.is_some_and(|schedule| schedule.cutoff_at <= now)
    });
    match (dice.roll(12), payment) {
        (0 | 1, _) => Command::SchedulePayment(SchedulePayment {
            amount,
            payment_date: today.checked_add_days(days).unwrap(),
            funding: None,
            allow_duplicate: true,
            payoff_quote,
        }),
        (2, Some(payment)) => Command::CancelPayment { payment },
        (3, Some(payment)) => {
            let return_code = if dice.roll(2) == 0 { "R01" } else { "R10" }.to_owned();
            Command::ReturnPayment { payment, return_code, preview: None }
        }
        (4, Some(payment)) => Command::ReinstatePayment { payment, preview: None },
        (10 | 11, Some(payment)) => Command::SettlePayment {
            payment,
            settlement_date: banking_day(now),
            withheld: (dice.roll(4) == 0).then(|| "1.99".parse().unwrap()),
        },
        (5, _) => Command::AssessFee {
            kind: FeeKind::Late,
            amount: "15.00".parse().unwrap(),
            effective_date: None,
            preview: None,
        },
        (6, _) if some_fee.is_some() => Command::WaiveFee { fee: some_fee.unwrap(), preview: None },
        (7, _) if due.is_some() => Command::ApplyPayment { payment: due.unwrap().id },
        (8, _) => Command::ReleaseLien,
        _ => {
            let channel = Channel::ALL[usize::try_from(1 + dice.roll(7)).unwrap()];
            let received = received(channel, amount, lately(now, dice), payoff_quote);
            let third_party_fee = "1.99".parse().ok();
            Command::ReceivePayment(ReceivePayment { third_party_fee, ..received })
        }
    }
}

/// A day of the last month, not before the accounts were opened.
fn lately(now: DateTime<Utc>, dice: &mut Dice) -> NaiveDate {
    let day = eastern_date(now).checked_sub_days(Days::new(dice.roll(30))).unwrap();
    day.max(self::day("2026-03-02"))
}

/// What a servicer changes about a contract, and what time does.
fn servicing(open: &OpenAccount, now: DateTime<Utc>, dice: &mut Dice) -> Command {
    let effective_date = lately(now, dice);
    match dice.roll(18) {
        0 => {
            let rates = ["0.0575", "0.0399", "0.1199"];
            let annual_rate = rates[usize::try_from(dice.roll(3)).unwrap()].parse().unwrap();
            Command::ChangeRate { annual_rate, effective_date, preview: None }
        }
        1 => Command::AdjustPrincipal {
            change: Money::from_cents(cents(dice, 20_000) - 10_000),
            reason: "a correction".to_owned(),
            effective_date,
            preview: None,
        },
        2 | 3 => Command::GrantExtension(GrantExtension {
            kind: ExtensionKind::Extension,
            months: u32::try_from(1 + dice.roll(2)).unwrap(),
            effective_date,
            allow_over_limit: true,
            preview: None,
        }),
        4 | 5 => {
            let day_of_month = u32::try_from(1 + dice.roll(31)).unwrap();
            Command::ChangeDueDate { day_of_month, effective_date, preview: None }
        }
        6 => {
            let principal = Money::from_cents(cents(dice, 20_000)).amount();
            let reason = ChargeOffReason::Other;
            Command::ChargeOff { principal, reason, effective_date, preview: None }
        }
        7 if dice.roll(4) == 0 => Command::ChargeOff {
            principal: None,
            reason: ChargeOffReason::Delinquency,
            effective_date,
            preview: None,
        },
        8 | 9 => {
            let good_through = eastern_date(now).checked_add_days(Days::new(dice.roll(10)));
            Command::QuotePayoff { good_through_date: good_through.unwrap() }
        }
        10 | 11 => match open.quotes.iter().next_back().filter(|_| open.paid_off.is_none()) {
            Some((quote, it)) if it.quoted.amount.amount().is_some() => {
                let amount = it.quoted.amount.amount().unwrap();
                let today = eastern_date(now);
                Command::ReceivePayment(received(Channel::Wire, amount, today, Some(*quote)))
            }
            _ => Command::AgeAccount,
        },
        12 | 13 => refunding(open, now, dice),
        7 if open.terms().product == Product::Lease => Command::ReturnVehicle {
            effective_date,
            charges: vec![LeaseCharge {
                kind: FeeKind::Disposition,
                amount: Money::from_cents(cents(dice, 40_000)).amount().unwrap(),
            }],
            preview: None,
        },
        _ => Command::AgeAccount,
    }
}

/// A credit balance that goes back, is paid out, or comes back.
fn refunding(open: &OpenAccount, now: DateTime<Utc>, dice: &mut Dice) -> Command {
    let sent = one_of(open.refunds.keys().copied(), dice).filter(|_| dice.roll(2) == 0);
    let Some(refund) = sent else { return Command::RefundCredit { amount: None } };
    if open.refunds[&refund].settled.is_none() && dice.roll(3) > 0 {
        return Command::SettleRefund { refund, settlement_date: banking_day(now) };
    }
    Command::ReturnRefund { refund }
}
