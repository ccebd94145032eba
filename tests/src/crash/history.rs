//! What clients asked and were told, with the order in which it happened.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A command or question of the limited mix. Amounts are cents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Opens an account that owes this much, without interest.
    Open {
        /// The principal.
        principal: i64,
    },
    /// Schedules a payment; the date is before today, or today.
    Schedule {
        /// How much.
        amount: i64,
        /// The date.
        date: String,
    },
    /// Cancels a payment.
    Cancel {
        /// Which one.
        payment: String,
    },
    /// Records a wire.
    Receive {
        /// How much.
        amount: i64,
        /// The date of receipt.
        date: String,
        /// The sender's reference.
        reference: String,
    },
    /// Takes a payment back as R01.
    Return {
        /// Which one.
        payment: String,
    },
    /// Books that the bank has a payment's money.
    Settle {
        /// Which one.
        payment: String,
        /// The settlement date: a banking day.
        date: String,
    },
    /// Charges a fee.
    Fee {
        /// How much.
        amount: i64,
    },
    /// What is owed.
    Balance {
        /// The position that the answer must reflect.
        min_position: u64,
    },
    /// The payments of the account, from the read models.
    Payments {
        /// The position that the answer must reflect.
        min_position: u64,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Done, and recorded.
    Done {
        /// The position of the request's last event.
        position: u64,
        /// Whether it was said to be a repeat.
        replayed: bool,
        /// What is owed by an account just opened; the fee just charged; the payment's amount.
        amount: i64,
        /// The payment's id; empty if there is none.
        payment: String,
        /// The payment's state.
        state: String,
    },
    /// Refused, and recorded.
    Refused {
        /// The position of the refusal.
        position: u64,
        /// Whether it was said to be a repeat.
        replayed: bool,
        /// The reason.
        reason: String,
    },
    /// Refused, and not recorded.
    Rejected {
        /// The reason.
        reason: String,
    },
    /// What is owed: principal and fees.
    Owed {
        /// The position that the answer reflects.
        position: u64,
        /// How much.
        amount: i64,
    },
    /// Payments with their states and amounts.
    Listed {
        /// The position that the answer reflects.
        position: u64,
        /// Id, state and amount, in order of the ids.
        payments: Vec<(String, String, i64)>,
    },
    /// No answer, or one that says that it may or may not have been done, or was not taken.
    Lost,
}

impl Told {
    /// The position that the answer names.
    pub const fn position(&self) -> Option<u64> {
        match self {
            Self::Done { position, .. }
            | Self::Refused { position, .. }
            | Self::Owed { position, .. }
            | Self::Listed { position, .. } => Some(*position),
            Self::Rejected { .. } | Self::Lost => None,
        }
    }
}

/// One call, from its start to its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The request id; for questions empty.
    pub request: String,
    /// The account.
    pub account: String,
    /// What was asked.
    pub ask: Ask,
    /// When it was sent, on a clock that only counts.
    pub invoked: u64,
    /// When its answer was there; the last instant of all if there was none.
    pub answered: u64,
    /// The answer.
    pub told: Told,
}

/// Calls of all clients.
#[derive(Debug, Default)]
pub struct History {
    ticks: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

impl History {
    /// The next instant: later than all before it, whoever asks.
    pub fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// Keeps a call.
    pub fn keep(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}
