//! What is known of an account: the fold of its events.

mod checks;
mod follow;
mod payments;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::Denial;
use super::book::{Book, Entry, Movement, Standing};
use super::events::{
    AccountOpened, AccountPaidOff, CancelReason, FeeKind, Funding, LienRecorded, PayoffQuoted,
    RefundMethod, Reopened, Split, WaiveReason,
};
use super::terms::Terms;
use crate::domain::cutoff::Window;
use crate::domain::money::{Amount, Money};
use crate::domain::product::Channel;
use crate::domain::words::words;
use crate::ids::{FeeId, PaymentId, QuoteId, RefundId};
pub use payments::Payments;

/// An account, or the absence of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Account {
    /// Not on the books.
    #[default]
    Absent,
    /// On the books.
    Open(Box<OpenAccount>),
}

impl Account {
    /// The account, if it is on the books.
    pub fn open(&self) -> Option<&OpenAccount> {
        match self {
            Self::Absent => None,
            Self::Open(open) => Some(open),
        }
    }
}

/// An account on the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// The money.
    pub book: Book,
    /// Payments of all channels.
    pub payments: Payments,
    /// Fees that were charged, by id.
    pub fees: BTreeMap<FeeId, Fee>,
    /// The lien and the title.
    pub title: Title,
    /// Set while nothing is owed.
    pub paid_off: Option<AccountPaidOff>,
    /// Set once everything owed was charged off: the day from which that counts.
    pub charged_off: Option<NaiveDate>,
    /// Payoff quotes that were given, by id.
    pub quotes: BTreeMap<QuoteId, Quote>,
    /// Refunds of credit balances, by id.
    pub refunds: BTreeMap<RefundId, Refund>,
    /// Months granted by extensions and deferrals, with the day from which each counts.
    pub extensions: Vec<(NaiveDate, u32)>,
    /// Instalments that are open again since a payment came back; the last word counts.
    pub(super) reopened: Vec<(PaymentId, Reopened)>,
    movements: u64,
}

/// One payment, of any channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// By which way the money comes.
    pub channel: Channel,
    /// How much.
    pub amount: Amount,
    /// The day from which it counts: the requested date, or the date received.
    pub effective_date: NaiveDate,
    /// Where it is in its life.
    pub progress: Progress,
    /// What the customer asked for, if it was scheduled here.
    pub schedule: Option<Schedule>,
    /// What the sender told, if it came in by another channel.
    pub receipt: Option<Receipt>,
    /// The payoff quote that it pays, or is meant to.
    pub payoff_quote: Option<QuoteId>,
    /// What it pays, or paid when it was last good.
    pub split: Option<Split>,
    /// That the bank had its money. What the bank takes back with a return, and gives again with a
    /// reinstatement, is booked there.
    pub settlement: Option<Settlement>,
    /// When it was written to the books.
    pub applied_at: Option<DateTime<Utc>>,
    /// The codes with which it came back, oldest first. They stay when it is good again.
    pub return_codes: Vec<String>,
    /// Its place among the movements of a day; kept through return and reinstatement.
    pub(super) order: u64,
    /// How many movements had been recorded when it came, or came back good.
    pub(super) since: u64,
}

/// Where a payment is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Waits for its window.
    Scheduled,
    /// Will not be made.
    Cancelled {
        /// Since when.
        at: DateTime<Utc>,
        /// Why.
        reason: CancelReason,
    },
    /// Was made, and is good as far as is known.
    Applied,
    /// Came back.
    Returned {
        /// When that was recorded.
        at: DateTime<Utc>,
        /// The bank's reason.
        return_code: String,
        /// The banking day by whose opening it had to be sent back, if it is late.
        return_due_date: Option<NaiveDate>,
    },
}

impl Progress {
    /// The state by name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Cancelled { .. } => "cancelled",
            Self::Applied => "applied",
            Self::Returned { .. } => "returned",
        }
    }
}

/// What the customer asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When the instruction was received.
    pub scheduled_at: DateTime<Utc>,
    /// The window whose run applies it.
    pub window: Window,
    /// The instant before which it can be cancelled.
    pub cutoff_at: DateTime<Utc>,
    /// The ACH effective entry date.
    pub origination_date: NaiveDate,
    /// Where the money comes from.
    pub funding: Option<Funding>,
}

/// What the sender of money told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The sender's reference.
    pub reference: Option<String>,
    /// What a third party charged on top: in no sum.
    pub third_party_fee: Option<Amount>,
    /// Whether it is cash, a cashier's or certified cheque or an insurer's draft.
    pub guaranteed_funds: bool,
    /// Whether a licensed dealer paid it.
    pub paid_by_dealer: bool,
}

/// That the bank had a payment's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The banking day on which it had it.
    pub date: NaiveDate,
    /// What a vendor kept of it as its fee.
    pub withheld: Option<Amount>,
}

/// A fee that was charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// What for.
    pub kind: FeeKind,
    /// How much.
    pub amount: Amount,
    /// The day on which it was charged.
    pub effective_date: NaiveDate,
    /// The returned payment that it is for.
    pub payment: Option<PaymentId>,
    /// The late instalment that it is for, from 1.
    pub instalment: Option<u32>,
    /// Why, if it was taken back.
    pub waived: Option<WaiveReason>,
    /// Its place among the movements of its day.
    pub(super) order: u64,
    /// How many movements had been recorded before it.
    pub(super) since: u64,
}

impl Fee {
    /// Does it stand, or was it taken back?
    pub const fn state(&self) -> FeeState {
        if self.waived.is_some() { FeeState::Waived } else { FeeState::Assessed }
    }

    /// Does it keep another fee from being charged for the same? One that was waived because
    /// somebody asked does not come back, one that was wrong may.
    pub(super) const fn stands(&self) -> bool {
        !matches!(self.waived, Some(WaiveReason::Corrected))
    }
}

/// A payoff quote that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// What was told.
    pub quoted: PayoffQuoted,
    /// When it was asked for.
    pub at: DateTime<Utc>,
}

/// A credit balance that was sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// How much.
    pub amount: Amount,
    /// How it is paid.
    pub method: RefundMethod,
    /// The payment that left the credit balance.
    pub payment: Option<PaymentId>,
    /// The day of the refund.
    pub effective_date: NaiveDate,
    /// The banking day on which the bank paid it out.
    pub settled: Option<NaiveDate>,
    /// Did it come back?
    pub returned: bool,
}

words! {
    /// Whether a fee stands.
    FeeState {
        /// It does.
        Assessed = "assessed",
        /// It was taken back.
        Waived = "waived",
    }
}

/// The lien on an account's vehicle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Title {
    /// No lien was recorded.
    #[default]
    NoLien,
    /// The lien is held: something is owed, or the payoff's funds are on hold.
    Held(LienRecorded),
    /// The lien was released.
    Released {
        /// The lien that was.
        lien: LienRecorded,
        /// The day of the release.
        released_date: NaiveDate,
        /// When the release was recorded.
        released_at: DateTime<Utc>,
    },
}

words! {
    /// What a title's tracker shows.
    TitleState {
        /// No lien was recorded.
        NoLien = "no_lien",
        /// The lien is held and something is owed, or the leased vehicle was not bought.
        LienHeld = "lien_held",
        /// Nothing is owed; the payoff's funds are on hold.
        PaidOffOnHold = "paid_off_on_hold",
        /// The lien was released.
        Released = "released",
        /// The lien was released, and then the payoff came back.
        PayoffReturnedAfterRelease = "payoff_returned_after_release",
    }
}

impl OpenAccount {
    /// The account that an opening makes.
    pub(super) fn new(opened: &AccountOpened) -> Self {
        let mut book = Book::new(opened.terms.clone());
        // What has accrued or fallen due since then, if it is opened late, is not posted by this.
        book.post_lines(&opened.posting);
        Self {
            book,
            payments: Payments::default(),
            fees: BTreeMap::new(),
            title: Title::NoLien,
            paid_off: None,
            charged_off: None,
            quotes: BTreeMap::new(),
            refunds: BTreeMap::new(),
            extensions: Vec::new(),
            reopened: Vec::new(),
            movements: 0,
        }
    }

    /// The contract.
    pub fn terms(&self) -> &Terms {
        &self.book.terms
    }

    /// The payment of that id.
    pub(super) fn payment(&self, id: PaymentId) -> Result<&Payment, Denial> {
        self.payments.get(&id).ok_or(Denial::PaymentNotFound(id))
    }

    /// The refund of that id.
    pub(super) fn refund(&self, id: RefundId) -> Result<&Refund, Denial> {
        self.refunds.get(&id).ok_or(Denial::RefundNotFound(id))
    }

    /// How many movements were recorded: the order of the next.
    pub const fn movements(&self) -> u64 {
        self.movements
    }

    /// A movement recorded next.
    pub(super) const fn next_entry(&self, effective: NaiveDate, what: Movement) -> Entry {
        Entry { effective, order: self.movements, what }
    }

    /// The same for a fee, which may have the place of one that was taken back.
    pub(super) fn fee_entry(
        &self,
        effective: NaiveDate,
        what: Movement,
        replaces: Option<FeeId>,
    ) -> Entry {
        let gone = replaces.and_then(|fee| self.fees.get(&fee));
        Entry { effective, order: gone.map_or(self.movements, |fee| fee.order), what }
    }

    /// What the tracker shows.
    pub const fn title_state(&self) -> TitleState {
        let paid_off = match &self.paid_off {
            Some(paid_off) => !paid_off.vehicle_kept,
            None => false,
        };
        match (&self.title, paid_off) {
            (Title::NoLien, _) => TitleState::NoLien,
            (Title::Held(_), false) => TitleState::LienHeld,
            (Title::Held(_), true) => TitleState::PaidOffOnHold,
            (Title::Released { .. }, true) => TitleState::Released,
            (Title::Released { .. }, false) => TitleState::PayoffReturnedAfterRelease,
        }
    }

    /// The account's money at the close of `as_of`.
    pub fn standing(&self, as_of: NaiveDate) -> Standing {
        self.book.standing(as_of)
    }

    /// The first due date on or after `as_of` of an instalment that is not met at its close. None
    /// if none falls due any more, once nothing is owed, and once everything was charged off.
    pub fn next_due_date(&self, as_of: NaiveDate) -> Option<NaiveDate> {
        if self.charged_off.is_some_and(|day| day <= as_of) {
            return None;
        }
        let oldest = self.standing(as_of).oldest_unpaid_due_date?;
        let instalments = self.book.instalments_as_of(as_of);
        let past = as_of.pred_opt().map_or(0, |day| instalments.due_count(day));
        (past < instalments.count()).then(|| oldest.max(instalments.due_date(past)))
    }

    /// Days past due at the close of `as_of`: since the due date of the oldest unpaid instalment, 0
    /// on the due date and when nothing is unpaid.
    pub fn days_past_due(&self, as_of: NaiveDate) -> i64 {
        self.standing(as_of).days_past_due()
    }

    /// What pays the account off at the close of `as_of`: of a lease, what buys the vehicle.
    pub fn payoff(&self, as_of: NaiveDate) -> Money {
        self.standing(as_of).payoff()
    }
}
