//! What is known of an account: the fold of its events.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::book::{Book, Entry, Movement, Standing};
use super::events::{
    AccountOpened, AccountPaidOff, CancelReason, Event, FeeKind, Funding, LienRecorded,
    PaymentApplied, PaymentReceived, PaymentReinstated, PaymentReturned, PaymentScheduled, Split,
};
use super::terms::Terms;
use crate::domain::cutoff::Window;
use crate::domain::money::{Amount, Money};
use crate::domain::product::Channel;
use crate::domain::words::words;
use crate::ids::{FeeId, PaymentId};

/// An account, or the absence of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Account {
    /// Not on the books.
    #[default]
    Absent,
    /// On the books.
    Open(Box<OpenAccount>),
}

/// An account on the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// The money.
    pub book: Book,
    /// Payments of all channels, by id.
    pub payments: BTreeMap<PaymentId, Payment>,
    /// Fees that were charged, by id.
    pub fees: BTreeMap<FeeId, Fee>,
    /// The lien and the title.
    pub title: Title,
    /// Set while nothing is owed.
    pub paid_off: Option<AccountPaidOff>,
    movements: u64,
}

/// One payment, of any channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its name.
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
    /// What it pays, or paid when it was last good.
    pub split: Option<Split>,
    /// When it was written to the books.
    pub applied_at: Option<DateTime<Utc>>,
    /// Its place among the movements of a day; kept through return and reinstatement.
    pub(super) order: u64,
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
    /// Taken back?
    pub state: FeeState,
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
        /// The lien is held and something is owed.
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
        book.post(opened.terms.opened_date, &opened.posting);
        Self {
            book,
            payments: BTreeMap::new(),
            fees: BTreeMap::new(),
            title: Title::NoLien,
            paid_off: None,
            movements: 0,
        }
    }

    /// The contract.
    pub const fn terms(&self) -> &Terms {
        &self.book.terms
    }

    /// The order of the next movement.
    pub(super) const fn next_order(&self) -> u64 {
        self.movements
    }

    /// What the tracker shows.
    pub const fn title_state(&self) -> TitleState {
        match (&self.title, &self.paid_off) {
            (Title::NoLien, _) => TitleState::NoLien,
            (Title::Held(_), None) => TitleState::LienHeld,
            (Title::Held(_), Some(_)) => TitleState::PaidOffOnHold,
            (Title::Released { .. }, Some(_)) => TitleState::Released,
            (Title::Released { .. }, None) => TitleState::PayoffReturnedAfterRelease,
        }
    }

    /// The account's money at the close of `as_of`.
    pub fn standing(&self, as_of: NaiveDate) -> Standing {
        self.book.standing(as_of)
    }

    /// Days past due at the close of `as_of`: since the due date of the oldest unpaid instalment, 0
    /// on the due date and when nothing is unpaid.
    pub fn days_past_due(&self, as_of: NaiveDate) -> i64 {
        self.book
            .oldest_unpaid_due_date(as_of)
            .map_or(0, |due| as_of.signed_duration_since(due).num_days().max(0))
    }

    pub(super) fn follow(&mut self, event: &Event, at: DateTime<Utc>) {
        match event {
            Event::AccountOpened(_) | Event::RequestRefused(_) | Event::NothingChanged(_) => {}
            Event::PaymentScheduled(scheduled) => self.payment_scheduled(scheduled, at),
            Event::PaymentCancelled(cancelled) => {
                if let Some(payment) = self.payments.get_mut(&cancelled.payment) {
                    payment.progress = Progress::Cancelled { at, reason: cancelled.reason };
                }
            }
            Event::PaymentApplied(applied) => self.payment_applied(applied, at),
            Event::PaymentReceived(received) => self.payment_received(received, at),
            Event::PaymentReturned(returned) => self.payment_returned(returned, at),
            Event::PaymentReinstated(reinstated) => self.payment_reinstated(reinstated),
            Event::FeeAssessed(assessed) => {
                let (effective_date, amount) = (assessed.effective_date, assessed.amount);
                let (kind, payment) = (assessed.kind, assessed.payment);
                let state = FeeState::Assessed;
                let fee = Fee { kind, amount, effective_date, payment, state };
                self.fees.insert(assessed.fee, fee);
                let what = Movement::Fee { id: assessed.fee, amount };
                self.insert(effective_date, what);
                self.book.post(effective_date, &assessed.posting);
            }
            Event::FeeWaived(waived) => {
                if let Some(fee) = self.fees.get_mut(&waived.fee) {
                    fee.state = FeeState::Waived;
                }
                self.book.remove_fee(waived.fee);
                self.book.post(waived.effective_date, &waived.posting);
            }
            Event::LienRecorded(lien) => self.title = Title::Held(lien.clone()),
            Event::AccountPaidOff(paid_off) => self.paid_off = Some(paid_off.clone()),
            Event::PayoffReversed(_) => self.paid_off = None,
            Event::LienReleased(released) => {
                if let Title::Held(lien) = &self.title {
                    let lien = lien.clone();
                    let released_date = released.released_date;
                    self.title = Title::Released { lien, released_date, released_at: at };
                }
            }
        }
        self.refresh_splits(event);
    }

    fn payment_scheduled(&mut self, scheduled: &PaymentScheduled, at: DateTime<Utc>) {
        let payment = Payment {
            id: scheduled.payment,
            channel: Channel::OwnAch,
            amount: scheduled.amount,
            effective_date: scheduled.payment_date,
            progress: Progress::Scheduled,
            schedule: Some(Schedule {
                scheduled_at: at,
                window: scheduled.window,
                cutoff_at: scheduled.cutoff_at,
                origination_date: scheduled.origination_date,
                funding: scheduled.funding.clone(),
            }),
            receipt: None,
            split: None,
            applied_at: None,
            order: 0,
        };
        self.payments.insert(payment.id, payment);
    }

    fn payment_applied(&mut self, applied: &PaymentApplied, at: DateTime<Utc>) {
        let order = self.movements;
        if let Some(payment) = self.payments.get_mut(&applied.payment) {
            payment.progress = Progress::Applied;
            payment.applied_at = Some(at);
            payment.split = Some(applied.split);
            payment.order = order;
        }
        let what = Movement::Payment {
            id: applied.payment,
            amount: applied.amount,
            channel: Channel::OwnAch,
            split: applied.split,
        };
        self.insert(applied.effective_date, what);
        self.book.post(applied.effective_date, &applied.posting);
    }

    fn payment_received(&mut self, received: &PaymentReceived, at: DateTime<Utc>) {
        let payment = Payment {
            id: received.payment,
            channel: received.channel,
            amount: received.amount,
            effective_date: received.effective_date,
            progress: Progress::Applied,
            schedule: None,
            receipt: Some(Receipt {
                reference: received.reference.clone(),
                third_party_fee: received.third_party_fee,
            }),
            split: Some(received.split),
            applied_at: Some(at),
            order: self.movements,
        };
        let what = Movement::Payment {
            id: payment.id,
            amount: payment.amount,
            channel: payment.channel,
            split: received.split,
        };
        self.payments.insert(payment.id, payment);
        self.insert(received.effective_date, what);
        self.book.post(received.effective_date, &received.posting);
    }

    fn payment_returned(&mut self, returned: &PaymentReturned, at: DateTime<Utc>) {
        if let Some(payment) = self.payments.get_mut(&returned.payment) {
            let return_code = returned.return_code.clone();
            payment.progress = Progress::Returned { at, return_code };
        }
        self.book.remove_payment(returned.payment);
        self.book.post(returned.effective_date, &returned.posting);
    }

    fn payment_reinstated(&mut self, reinstated: &PaymentReinstated) {
        if let Some(payment) = self.payments.get_mut(&reinstated.payment) {
            payment.progress = Progress::Applied;
            payment.split = Some(reinstated.split);
            self.book.insert(payment.entry(reinstated.split));
        }
        self.book.post(reinstated.effective_date, &reinstated.posting);
    }

    fn insert(&mut self, effective: NaiveDate, what: Movement) {
        let order = self.movements;
        self.movements = self.movements.saturating_add(1);
        self.book.insert(Entry { effective, order, what });
    }

    /// Payments show the split that the timeline has for them.
    fn refresh_splits(&mut self, event: &Event) {
        let Some(posting) = event.posting() else { return };
        for moved in &posting.reallocated {
            if let Some(payment) = self.payments.get_mut(&moved.payment) {
                payment.split = Some(moved.split);
            }
        }
    }

    /// What is owed in all at the close of `as_of`.
    pub fn payoff(&self, as_of: NaiveDate) -> Money {
        self.standing(as_of).payoff(self.terms())
    }
}

impl Payment {
    /// Its place on the timeline when it pays `split`.
    pub(super) fn entry(&self, split: Split) -> Entry {
        let what =
            Movement::Payment { id: self.id, amount: self.amount, channel: self.channel, split };
        Entry { effective: self.effective_date, order: self.order, what }
    }
}
