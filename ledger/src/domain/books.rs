//! The accounting calendar: which days postings go to, and what closing them seals.
//!
//! A calendar of its own, never the wall clock: days are opened and closed by events of the stream
//! `books`, and a closed day is never posted to again.

pub mod accrual;
pub mod events;
pub mod gathering;
pub mod month;
pub mod refusal;
pub mod restatement;
pub mod turnover;

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::journal::LedgerAccount;
use super::money::Money;
use super::product::Product;
use crate::envelope::Position;
use events::{DayClosed, DayOpened, Event, Fractions, MonthClosed, ProductMonth};
use gathering::DayScope;
use month::Month;
use refusal::BooksRefusal;
use turnover::Turnovers;

/// The accounting days that are open for postings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountingDays {
    /// The day that postings go to.
    pub current: NaiveDate,
    /// The day before it, while its 24:00 run may still post to it.
    pub closing: Option<NaiveDate>,
}

impl AccountingDays {
    /// The days of books that are opened and closed with the calendar: today, and yesterday's 24:00
    /// run still to come.
    pub fn of_calendar(today: NaiveDate) -> Self {
        Self { current: today, closing: today.pred_opt() }
    }
}

/// How long after the next day was opened a day can be closed. On one gateway a close waits for
/// what is under way in any case; this is for several. A command is decided on a copy of the
/// calendar that is at most three seconds old, clocks are at most one second apart, and the rest is
/// for an append to be concluded.
pub const SETTLING: Duration = Duration::seconds(6);

/// A command on the accounting calendar. Its serialised form is what tells a repeat from a reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens a day: postings go to it from now on.
    OpenDay {
        /// The day.
        gl_date: NaiveDate,
    },
    /// Closes a day and seals what belongs to it.
    CloseDay {
        /// The day.
        gl_date: NaiveDate,
    },
    /// Closes a month.
    CloseMonth {
        /// The month.
        month: Month,
    },
}

impl Command {
    /// The command by name, as refusals record it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OpenDay { .. } => "OpenDay",
            Self::CloseDay { .. } => "CloseDay",
            Self::CloseMonth { .. } => "CloseMonth",
        }
    }
}

/// What was read once, at the edge, for one request.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the request was received.
    pub received_at: DateTime<Utc>,
    /// That instant's date in Eastern time.
    pub today: NaiveDate,
    /// The 24:00 windows that are not sealed, by date and name.
    pub unsealed: &'a [(NaiveDate, String)],
}

/// What is to be done about a command that is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This is to be recorded.
    Record(Event),
    /// The day is to be sealed as it stands: [`Books::close`] makes the event of what was gathered.
    Seal(NaiveDate),
}

/// One accounting day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Where that is recorded.
    pub opened: Position,
    /// What closed it.
    pub closed: Option<ClosedDay>,
}

/// How a day was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedDay {
    /// When.
    pub at: DateTime<Utc>,
    /// Everything up to this position is covered by the seal.
    pub sealed: Position,
    /// Where the close is recorded.
    pub recorded: Position,
    /// How it counts.
    pub fractions: Fractions,
}

/// A month as far as its days are closed, or the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct MonthSoFar {
    days: u32,
    last: Option<DayEnd>,
    journals: u64,
    restatements: u64,
    movement: BTreeMap<Product, Turnovers>,
    closed: Option<Position>,
}

/// Where a month stands after its last closed day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DayEnd {
    gl_date: NaiveDate,
    sealed: Position,
    balances: BTreeMap<Product, Turnovers>,
}

/// What the `books` stream says: its fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    days: BTreeMap<NaiveDate, Day>,
    months: BTreeMap<Month, MonthSoFar>,
    balances: BTreeMap<Product, Turnovers>,
    held: BTreeMap<(Product, LedgerAccount), Money>,
}

impl Books {
    /// All days that were ever opened.
    pub const fn days(&self) -> &BTreeMap<NaiveDate, Day> {
        &self.days
    }

    /// The day that postings go to. None before the first day.
    pub fn current(&self) -> Option<NaiveDate> {
        self.days.keys().next_back().copied()
    }

    /// The open days: the current one, and the one opened before it until it is closed.
    pub fn open_days(&self) -> Option<AccountingDays> {
        let mut latest = self.days.iter().rev();
        let (current, _) = latest.next()?;
        let closing = latest.next().filter(|(_, day)| day.closed.is_none());
        Some(AccountingDays { current: *current, closing: closing.map(|(date, _)| *date) })
    }

    /// The oldest day that is not closed and not the current one: the next to be closed.
    pub fn next_to_close(&self) -> Option<NaiveDate> {
        let current = self.current()?;
        let open = self.days.iter().find(|(_, day)| day.closed.is_none());
        open.map(|(date, _)| *date).filter(|date| *date < current)
    }

    /// The oldest month that has days, is not closed, and has no day open.
    pub fn next_month_to_close(&self) -> Option<Month> {
        let current = Month::of(self.current()?);
        let (month, _) = self.months.iter().find(|(_, so_far)| so_far.closed.is_none())?;
        let open = self.next_to_close().map(Month::of);
        (*month < current && open.is_none_or(|open| *month < open)).then_some(*month)
    }

    /// Where the close of `month` is recorded.
    pub fn month_closed(&self, month: Month) -> Option<Position> {
        self.months.get(&month)?.closed
    }

    /// The last month that was closed.
    pub fn last_closed_month(&self) -> Option<Month> {
        let closed = self.months.iter().rfind(|(_, so_far)| so_far.closed.is_some());
        closed.map(|(month, _)| *month)
    }

    /// What belongs to `gl_date` once the log is read up to `sealed`. None of a day that was never
    /// opened, or is the last.
    pub fn scope(&self, gl_date: NaiveDate, sealed: Position) -> Option<DayScope> {
        let day = self.days.get(&gl_date)?;
        let (_, next) = self.days.range(gl_date.succ_opt()?..).next()?;
        let is_first = self.days.keys().next() == Some(&gl_date);
        let after = if is_first { Position::START } else { day.opened };
        let next_opened = next.opened;
        // A close that is there is worked out again in the way in which it was.
        let fractions = day.closed.map_or(Fractions::Earning, |closed| closed.fractions);
        Some(DayScope { gl_date, is_first, after, next_opened, sealed, fractions })
    }

    /// Debits and credits by product through the last closed day, as that close sealed them.
    pub const fn balances(&self) -> &BTreeMap<Product, Turnovers> {
        &self.balances
    }

    /// What the closes themselves have booked, debit above zero.
    pub fn held(&self, product: Product, account: LedgerAccount) -> Money {
        self.held.get(&(product, account)).copied().unwrap_or_default()
    }

    /// Folds one event, recorded at `position` for a request received at `received_at`. Never
    /// refuses.
    pub fn follow(&mut self, event: &Event, position: Position, received_at: DateTime<Utc>) {
        match event {
            Event::DayOpened(DayOpened { gl_date }) => {
                let day = Day { opened_at: received_at, opened: position, closed: None };
                self.days.entry(*gl_date).or_insert(day);
            }
            Event::DayClosed(closed) => self.day_closed(closed, position, received_at),
            Event::MonthClosed(MonthClosed { month, .. }) => {
                self.months.entry(*month).or_default().closed = Some(position);
            }
            Event::BooksRequestRefused(_) => {}
        }
    }

    fn day_closed(&mut self, closed: &DayClosed, recorded: Position, at: DateTime<Utc>) {
        if let Some(day) = self.days.get_mut(&closed.gl_date) {
            let (sealed, fractions) = (closed.position, closed.fractions);
            day.closed = Some(ClosedDay { at, sealed, recorded, fractions });
        }
        for of in &closed.products {
            for line in &of.accrual {
                *self.held.entry((of.product, line.account)).or_default() += line.amount;
            }
            self.balances.insert(of.product, of.trial_balance.iter().copied().collect());
        }
        let month = self.months.entry(Month::of(closed.gl_date)).or_default();
        month.days = month.days.saturating_add(1);
        let journals = u64::try_from(closed.journals.len()).unwrap_or(u64::MAX);
        month.journals = month.journals.saturating_add(journals);
        month.restatements = month.restatements.saturating_add(closed.restatements.count);
        for journal in &closed.journals {
            month.movement.entry(journal.product).or_default().extend(journal.lines.clone());
        }
        let (gl_date, sealed) = (closed.gl_date, closed.position);
        month.last = Some(DayEnd { gl_date, sealed, balances: self.balances.clone() });
    }

    /// What closing `month` records. None if it has no closed day.
    pub fn month_end(&self, month: Month) -> Option<MonthClosed> {
        let so_far = self.months.get(&month)?;
        let end = so_far.last.as_ref()?;
        let products = end.balances.iter().map(|(product, balances)| ProductMonth {
            product: *product,
            movement: so_far.movement.get(product).map(Turnovers::to_vec).unwrap_or_default(),
            trial_balance: balances.to_vec(),
        });
        Some(MonthClosed {
            month,
            last_gl_date: end.gl_date,
            position: end.sealed,
            days: so_far.days,
            journals: so_far.journals,
            restatements: so_far.restatements,
            products: products.collect(),
        })
    }
}

/// Chooses what `command` causes, or says why not. The refusals are tested in the order of their
/// variants.
pub fn decide(
    books: &Books,
    command: Command,
    context: &Context<'_>,
) -> Result<Decision, BooksRefusal> {
    match command {
        Command::OpenDay { gl_date } => open_day(books, gl_date, context),
        Command::CloseDay { gl_date } => close_day(books, gl_date, context),
        Command::CloseMonth { month } => close_month(books, month),
    }
}

/// Days are opened in order, and none before it has come: interest is brought into the general
/// ledger through the open day, and a day ahead would book what is not yet earned.
fn open_day(
    books: &Books,
    gl_date: NaiveDate,
    context: &Context<'_>,
) -> Result<Decision, BooksRefusal> {
    if let Some(current) = books.current().filter(|current| gl_date <= *current) {
        return Err(BooksRefusal::DayNotAfterCurrent { gl_date, current });
    }
    let today = context.today;
    if gl_date > today {
        return Err(BooksRefusal::DayInFuture { gl_date, today });
    }
    Ok(Decision::Record(Event::DayOpened(DayOpened { gl_date })))
}

fn close_day(
    books: &Books,
    gl_date: NaiveDate,
    context: &Context<'_>,
) -> Result<Decision, BooksRefusal> {
    let Some(day) = books.days.get(&gl_date) else {
        return Err(BooksRefusal::DayNotOpened { gl_date });
    };
    if let Some(ClosedDay { recorded, .. }) = day.closed {
        return Err(BooksRefusal::DayAlreadyClosed { gl_date, closed_position: recorded });
    }
    let Some((_, next)) = gl_date.succ_opt().and_then(|next| books.days.range(next..).next())
    else {
        return Err(BooksRefusal::DayIsCurrent { gl_date });
    };
    let mut earlier = books.days.range(..gl_date);
    if let Some((earlier, _)) = earlier.find(|(_, day)| day.closed.is_none()) {
        return Err(BooksRefusal::EarlierDayOpen { gl_date, earlier: *earlier });
    }
    let closes_at = next.opened_at.checked_add_signed(SETTLING).unwrap_or(next.opened_at);
    if context.received_at < closes_at {
        return Err(BooksRefusal::DayNotSettled { gl_date, closes_at });
    }
    let unsealed = context.unsealed.iter().filter(|(date, _)| *date == gl_date);
    let windows: Vec<&str> = unsealed.map(|(_, name)| name.as_str()).collect();
    if !windows.is_empty() {
        return Err(BooksRefusal::WindowsUnsealed { gl_date, windows: windows.join(", ") });
    }
    Ok(Decision::Seal(gl_date))
}

fn close_month(books: &Books, month: Month) -> Result<Decision, BooksRefusal> {
    if let Some(closed_position) = books.month_closed(month) {
        return Err(BooksRefusal::MonthAlreadyClosed { month, closed_position });
    }
    let mut days = books.days.iter().filter(|(date, _)| Month::of(**date) <= month);
    if !days.clone().any(|(date, _)| Month::of(*date) == month) {
        return Err(BooksRefusal::MonthHasNoDays { month });
    }
    if let Some(current) = books.current().filter(|current| Month::of(*current) <= month) {
        return Err(BooksRefusal::MonthIsCurrent { month, current });
    }
    if let Some((gl_date, _)) = days.find(|(_, day)| day.closed.is_none()) {
        return Err(BooksRefusal::MonthHasOpenDay { month, gl_date: *gl_date });
    }
    let mut earlier = books.months.range(..month);
    if let Some((earlier, _)) = earlier.find(|(_, so_far)| so_far.closed.is_none()) {
        return Err(BooksRefusal::EarlierMonthOpen { month, earlier: *earlier });
    }
    match books.month_end(month) {
        Some(closed) => Ok(Decision::Record(Event::MonthClosed(closed))),
        None => Err(BooksRefusal::MonthHasNoDays { month }),
    }
}

#[cfg(test)]
mod scenarios;
