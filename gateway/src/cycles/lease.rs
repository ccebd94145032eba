//! Which of several gateways on one log runs the cycles: the one that holds the lease.
//!
//! The lease is a note beside the log, written anew by whoever takes or renews it, and only if
//! nobody did since it was read. It ends by the clock: a gateway that died loses it, and is waited
//! for as long as two clocks may be apart. Two that run all the same do no harm, since every step
//! is a command with an id of its own; the lease only spares the log their refusals.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use ledger::cycles::cutoff::CLOCK_SKEW_MAX;
use ledger::engine::{Engine, EngineError};
use ledger::store::{AppendError, Note};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// The name of the note.
const NOTE: &str = "runner";

/// How long a lease lasts, and how long before its end it is renewed.
const LASTS: Duration = Duration::seconds(60);
const RENEWED_BEFORE: Duration = Duration::seconds(40);

/// What the note says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// Who runs.
    holder: String,
    /// Until when.
    until: DateTime<Utc>,
}

/// The lease, as one gateway sees it.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    holder: String,
    /// Until when it is held by this gateway.
    until: Mutex<Option<DateTime<Utc>>>,
}

impl Lease {
    /// The lease of the gateway at `address`.
    pub fn new(engine: &Engine, address: SocketAddr) -> Self {
        let (process, since) = (std::process::id(), engine.clock().now());
        let since = since.timestamp_nanos_opt().unwrap_or_default();
        let holder = format!("{address} process {process} since {since}");
        Self(Arc::new(Inner { engine: engine.clone(), holder, until: Mutex::default() }))
    }

    /// May this gateway run now? Takes the lease, or renews it, if it can be had. Where nobody else
    /// writes to the log it always can.
    pub async fn turn(&self) -> Result<bool, EngineError> {
        let store = Arc::clone(self.0.engine.store());
        let Some(notes) = store.shared() else { return Ok(true) };
        // The receipts of this gateway never go back, whatever its clock does.
        let now = self.0.engine.receive()?.at();
        let mut until = self.0.until.lock().await;
        if until.is_some_and(|until| until.signed_duration_since(now) > RENEWED_BEFORE) {
            return Ok(true);
        }
        let note = notes.note(NOTE).await?;
        if let Some(other) = held(&note)
            && other.holder != self.0.holder
            && now.signed_duration_since(other.until) <= CLOCK_SKEW_MAX
        {
            *until = None;
            return Ok(false);
        }
        let ends = now.checked_add_signed(LASTS).unwrap_or(now);
        *until = self.write(&note, ends).await?.then_some(ends);
        Ok(until.is_some())
    }

    /// Lets another gateway run at once, since this one stops.
    pub async fn give_up(&self) {
        let store = Arc::clone(self.0.engine.store());
        let Some(notes) = store.shared() else { return };
        let mut until = self.0.until.lock().await;
        if until.take().is_none() {
            return;
        }
        let Ok(note) = notes.note(NOTE).await else { return };
        if held(&note).is_some_and(|held| held.holder == self.0.holder) {
            // If that fails, the others wait until the lease ends.
            let _given_up = self.write(&note, DateTime::<Utc>::UNIX_EPOCH).await;
        }
    }

    /// Writes the note unless somebody did since it was read. An answer that was lost is read the
    /// next time.
    async fn write(&self, read: &Note, until: DateTime<Utc>) -> Result<bool, EngineError> {
        let store = self.0.engine.store();
        let Some(notes) = store.shared() else { return Ok(true) };
        let held = Held { holder: self.0.holder.clone(), until };
        let text = serde_json::to_vec(&held).unwrap_or_default();
        match notes.write_note(NOTE, read.version, &text).await {
            Ok(()) => Ok(true),
            Err(AppendError::Conflict { .. } | AppendError::Indeterminate(_)) => Ok(false),
            Err(AppendError::Unavailable(cause)) => Err(EngineError::Unavailable(cause)),
        }
    }
}

/// Who holds the lease. What cannot be read holds nothing.
fn held(note: &Note) -> Option<Held> {
    serde_json::from_slice(&note.text).ok()
}
