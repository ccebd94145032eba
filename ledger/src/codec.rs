//! Events as they are stored: a name and a JSON document. These names are for ever.
//!
//! This is the only place that knows them; renaming a Rust variant changes no byte. A shape that is
//! no longer written is lifted here, never in the domain.

use serde::{Deserialize, Serialize};

use crate::cycles::cutoff::WindowSealed;
use crate::domain::account::events as account;
use crate::domain::account::events::Event;
use crate::domain::books::events as books;
use crate::domain::recovery::events as recovery;
use crate::domain::rulebook::Rulebook;
use schemars::JsonSchema;

/// An event of any stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Of an account.
    Account(Event),
    /// Of a cut-off window.
    WindowSealed(WindowSealed),
    /// A version of the rules came into force.
    RulebookAdopted(RulebookAdopted),
    /// Of the accounting calendar.
    Books(books::Event),
    /// Of the recovery.
    Recovery(recovery::Event),
}

/// A version of the rules came into force, with its whole content: what later events pin by
/// version can be looked up in the log itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulebookAdopted {
    /// The version, as events pin it.
    pub version: String,
    /// SHA-256 of the document, the first 16 bytes in hex.
    pub digest: String,
    /// The rulebook: a JSON document.
    pub document: String,
}

impl RulebookAdopted {
    /// The adoption of `rules`.
    pub fn of(rules: &Rulebook) -> Self {
        Self {
            version: rules.version().to_owned(),
            digest: rules.digest().to_owned(),
            document: rules.document().to_owned(),
        }
    }
}

/// Why recorded bytes are no event of this ledger.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// A name that this version does not know: written by a later one.
    #[error("event type {0:?} is of a later version of payledger: use that version for this log")]
    UnknownKind(String),
    /// Not the document that the name promises.
    #[error("an event of type {kind} cannot be read")]
    Malformed {
        /// The stored name.
        kind: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// Room for most documents, so that they are written without being moved.
const DOCUMENT_BYTES: usize = 512;

/// A document's stored form.
pub(crate) fn json(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(DOCUMENT_BYTES);
    serde_json::to_writer(&mut bytes, document)?;
    Ok(bytes)
}

/// Reads what [`json`] wrote. The text is checked once, and not string by string.
pub fn read<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, serde_json::Error> {
    match std::str::from_utf8(document) {
        Ok(text) => serde_json::from_str(text),
        // It says where.
        Err(_) => serde_json::from_slice(document),
    }
}

/// An event's stored name and document.
pub type Document = (&'static str, Vec<u8>);

/// The facts by family, and those that are one of a kind.
macro_rules! stored {
    (
        $($fact:ident of $family:ident { $($variant:ident = $kind:literal,)+ })+
        | $($single:ident = $name:literal,)+
    ) => {
        /// The stored names of all event types, in order of declaration.
        pub const KINDS: &[&str] = &[$($($kind,)+)+ $($name,)+];

        $(impl $family::Event {
            /// The stored name.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }

            /// The event as its stored name and document.
            pub fn document(&self) -> Result<Document, serde_json::Error> {
                let data = match self { $(Self::$variant(body) => json(body)?,)+ };
                Ok((self.kind(), data))
            }
        })+

        /// An event as its stored name and document.
        pub fn encode(fact: &Fact) -> Result<Document, serde_json::Error> {
            match fact {
                $(Fact::$fact(event) => event.document(),)+
                $(Fact::$single(body) => Ok(($name, json(body)?)),)+
            }
        }

        /// The event that a stored name and document stand for.
        pub fn decode(kind: &str, data: &[u8]) -> Result<Fact, CodecError> {
            let decoded = match kind {
                $($(
                    $kind => read(data).map(|body| Fact::$fact($family::Event::$variant(body))),
                )+)+
                $($name => read(data).map(Fact::$single),)+
                _ => return Err(CodecError::UnknownKind(kind.to_owned())),
            };
            decoded.map_err(|source| CodecError::Malformed { kind: kind.to_owned(), source })
        }

        /// The JSON Schemas of all stored documents, by stored name.
        pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
            vec![
                $($(($kind, schemars::schema_for!($family::$variant)),)+)+
                $(($name, schemars::schema_for!($single)),)+
                ("Metadata", schemars::schema_for!(crate::envelope::Metadata)),
            ]
        }
    };
}

stored! {
    Account of account {
        AccountOpened = "AccountOpened",
        PaymentScheduled = "PaymentScheduled",
        PaymentCancelled = "PaymentCancelled",
        PaymentApplied = "PaymentApplied",
        PaymentReceived = "PaymentReceived",
        PaymentReturned = "PaymentReturned",
        PaymentReinstated = "PaymentReinstated",
        PaymentSettled = "PaymentSettled",
        FeeAssessed = "FeeAssessed",
        FeeWaived = "FeeWaived",
        LienRecorded = "LienRecorded",
        AccountPaidOff = "AccountPaidOff",
        PayoffReversed = "PayoffReversed",
        LienReleased = "LienReleased",
        RateChanged = "RateChanged",
        PrincipalAdjusted = "PrincipalAdjusted",
        ExtensionGranted = "ExtensionGranted",
        DueDateChanged = "DueDateChanged",
        AccountChargedOff = "AccountChargedOff",
        VehicleReturned = "VehicleReturned",
        NonAccrualStarted = "NonAccrualStarted",
        AccrualResumed = "AccrualResumed",
        PayoffQuoted = "PayoffQuoted",
        CreditRefunded = "CreditRefunded",
        RefundReturned = "RefundReturned",
        RefundSettled = "RefundSettled",
        RequestRefused = "RequestRefused",
        NothingChanged = "NothingChanged",
    }
    Books of books {
        DayOpened = "DayOpened",
        DayClosed = "DayClosed",
        MonthClosed = "MonthClosed",
        BooksRequestRefused = "BooksRequestRefused",
    }
    Recovery of recovery {
        CommitsLost = "CommitsLost",
        OriginationApproved = "OriginationApproved",
        RecoveryRequestRefused = "RecoveryRequestRefused",
    }
    | WindowSealed = "WindowSealed",
    RulebookAdopted = "RulebookAdopted",
}

#[cfg(test)]
mod compatibility;
