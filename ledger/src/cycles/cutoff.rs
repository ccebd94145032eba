//! The run of a cut-off window: when it may start, and the seal that it leaves behind.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::cutoff::{Window, instant_of, windows_of};
use crate::domain::money::{Amount, Money, total};
use crate::domain::product::Product;
use crate::domain::rulebook::Rulebook;
use crate::domain::words::words;
use crate::hex;
use crate::ids::{PaymentId, RequestId};

/// A command that is not decided this long after its receipt is refused and must be sent again.
pub(crate) const RECEIPT_AGE_MAX: Duration = Duration::seconds(5);

/// How far the clocks of two gateways may be apart.
pub const CLOCK_SKEW_MAX: Duration = Duration::seconds(1);

/// One window of one product on one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowKey {
    /// The product whose policy has the window.
    pub product: Product,
    /// The effective date of its payments.
    pub date: NaiveDate,
    /// The window.
    pub window: Window,
}

/// Why a window cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunRefusal {
    /// The product has no such window on that date.
    #[error("product {product} has no window {window} on {date}; it has {windows}")]
    NoSuchWindow {
        /// The product.
        product: Product,
        /// The date.
        date: NaiveDate,
        /// The window asked for.
        window: Window,
        /// The windows it has.
        windows: String,
    },
    /// No payment can belong to a window from before the books were begun.
    #[error("product {product} has no window {window} on {date}: the books begin on {first_day}")]
    BeforeFirstDay {
        /// The product.
        product: Product,
        /// The date.
        date: NaiveDate,
        /// The window asked for.
        window: Window,
        /// The first accounting day.
        first_day: NaiveDate,
    },
    /// The run starts once every command received before the cut-off is concluded.
    #[error("the window can be run from {starts_at}; its cut-off is {cutoff_at}")]
    WindowNotClosed {
        /// The cut-off.
        cutoff_at: DateTime<Utc>,
        /// When its run may start.
        starts_at: DateTime<Utc>,
    },
}

impl WindowKey {
    /// The name by which requests and streams refer to the window.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.product, self.date, self.window)
    }

    /// The instant of the cut-off.
    pub fn cutoff_at(&self) -> DateTime<Utc> {
        instant_of(self.date, self.window)
    }

    /// The instant from which the window may be run: a command received before the cut-off has
    /// been decided by then, on any gateway, or never will be.
    pub fn starts_at(&self) -> DateTime<Utc> {
        let wait = RECEIPT_AGE_MAX.checked_add(&CLOCK_SKEW_MAX).unwrap_or(RECEIPT_AGE_MAX);
        self.cutoff_at().checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Has the product such a window on that date, by the rules in force, in books that were begun
    /// on `first_day`? A seal is for ever, so that a mistyped year must not get one. A window that
    /// has payments, or a seal of old, is run whatever is said now.
    pub fn check_known(&self, rules: &Rulebook, first_day: NaiveDate) -> Result<(), RunRefusal> {
        let (product, date, window) = (self.product, self.date, self.window);
        let windows = windows_of(rules.cutoff_policy(product, date), rules.calendar(), date);
        if !windows.contains(&window) {
            let names: Vec<_> = windows.iter().map(ToString::to_string).collect();
            let windows = names.join(", ");
            return Err(RunRefusal::NoSuchWindow { product, date, window, windows });
        }
        if date < first_day {
            return Err(RunRefusal::BeforeFirstDay { product, date, window, first_day });
        }
        Ok(())
    }

    /// Is the window closed at `now`, and with it the time for commands received before?
    pub fn check_closed(&self, now: DateTime<Utc>) -> Result<(), RunRefusal> {
        let (cutoff_at, starts_at) = (self.cutoff_at(), self.starts_at());
        if now < starts_at {
            return Err(RunRefusal::WindowNotClosed { cutoff_at, starts_at });
        }
        Ok(())
    }

    /// The id of the request by which the window's run applies `payment`: running it again is a
    /// repeat.
    pub fn apply_request(&self, payment: PaymentId) -> RequestId {
        RequestId::derived(&format!("cutoff-{}", self.name()), &format!("apply-{payment}"))
    }
}

words! {
    /// What became of a payment of a window.
    RunOutcome {
        /// It was made.
        Applied = "applied",
        /// It was not: cancelled in time, or by the run since nothing was owed any more.
        Cancelled = "cancelled",
    }
}

/// One payment of a window, after its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunItem {
    /// The payment.
    pub payment: PaymentId,
    /// What became of it.
    pub outcome: RunOutcome,
    /// How much.
    pub amount: Amount,
}

/// A window was run: which payments were in it is fixed by the root, and can be proved from the
/// accounts' own events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowSealed {
    /// The product.
    pub product: Product,
    /// The effective date.
    pub date: NaiveDate,
    /// The window.
    pub window: Window,
    /// 0 for the first seal; a later one covers the payments that turned up after the one before.
    pub supplement: u32,
    /// How many payments were made.
    pub applied_count: u64,
    /// What they come to.
    pub applied_total: Money,
    /// How many were cancelled.
    pub cancelled_count: u64,
    /// What those come to.
    pub cancelled_total: Money,
    /// SHA-256 over the items in order of payment id, a line `payment outcome amount` each.
    pub root: String,
}

impl WindowSealed {
    /// The seal over what a run did.
    pub fn of(key: WindowKey, supplement: u32, mut items: Vec<RunItem>) -> Self {
        items.sort_unstable();
        let mut hash = Sha256::new();
        for item in &items {
            hash.update(format!("{} {} {}\n", item.payment, item.outcome, item.amount));
        }
        let of = |outcome: RunOutcome| {
            let amounts: Vec<Money> = items
                .iter()
                .filter(|item| item.outcome == outcome)
                .map(|item| item.amount.money())
                .collect();
            (u64::try_from(amounts.len()).unwrap_or(u64::MAX), total(amounts))
        };
        let (applied_count, applied_total) = of(RunOutcome::Applied);
        let (cancelled_count, cancelled_total) = of(RunOutcome::Cancelled);
        Self {
            product: key.product,
            date: key.date,
            window: key.window,
            supplement,
            applied_count,
            applied_total,
            cancelled_count,
            cancelled_total,
            root: hex::lower(hash.finalize()),
        }
    }
}
