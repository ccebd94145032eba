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
    #[error("unknown event type {0:?}")]
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

macro_rules! account_events {
    ($($variant:ident = $kind:literal,)+) => {
        /// The stored names of all event types, in order of declaration.
        pub const KINDS: &[&str] = &[
            $($kind,)+ WINDOW_SEALED, RULEBOOK_ADOPTED, DAY_OPENED, DAY_CLOSED, MONTH_CLOSED,
            BOOKS_REQUEST_REFUSED, COMMITS_LOST, ORIGINATION_APPROVED, RECOVERY_REQUEST_REFUSED,
        ];

        /// The stored name of an account's event.
        pub const fn kind_of(event: &Event) -> &'static str {
            match event { $(Event::$variant(_) => $kind,)+ }
        }

        fn body_of(event: &Event) -> Result<Vec<u8>, serde_json::Error> {
            match event { $(Event::$variant(body) => json(body),)+ }
        }

        fn account_event(kind: &str, data: &[u8]) -> Option<Result<Event, serde_json::Error>> {
            match kind {
                $($kind => Some(serde_json::from_slice(data).map(Event::$variant)),)+
                _ => None,
            }
        }

        /// The JSON Schemas of all stored documents, by stored name.
        pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
            vec![
                $(($kind, schemars::schema_for!(account::$variant)),)+
                (WINDOW_SEALED, schemars::schema_for!(WindowSealed)),
                (RULEBOOK_ADOPTED, schemars::schema_for!(RulebookAdopted)),
                (DAY_OPENED, schemars::schema_for!(books::DayOpened)),
                (DAY_CLOSED, schemars::schema_for!(books::DayClosed)),
                (MONTH_CLOSED, schemars::schema_for!(books::MonthClosed)),
                (BOOKS_REQUEST_REFUSED, schemars::schema_for!(books::BooksRequestRefused)),
                (COMMITS_LOST, schemars::schema_for!(recovery::CommitsLost)),
                (ORIGINATION_APPROVED, schemars::schema_for!(recovery::OriginationApproved)),
                (
                    RECOVERY_REQUEST_REFUSED,
                    schemars::schema_for!(recovery::RecoveryRequestRefused),
                ),
                ("Metadata", schemars::schema_for!(crate::envelope::Metadata)),
            ]
        }
    };
}

account_events! {
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

const WINDOW_SEALED: &str = "WindowSealed";
const RULEBOOK_ADOPTED: &str = "RulebookAdopted";
const DAY_OPENED: &str = "DayOpened";
const DAY_CLOSED: &str = "DayClosed";
const MONTH_CLOSED: &str = "MonthClosed";
const BOOKS_REQUEST_REFUSED: &str = "BooksRequestRefused";
const COMMITS_LOST: &str = "CommitsLost";
const ORIGINATION_APPROVED: &str = "OriginationApproved";
const RECOVERY_REQUEST_REFUSED: &str = "RecoveryRequestRefused";

/// An event's stored name and document.
pub type Document = (&'static str, Vec<u8>);

/// An account's event as its stored name and document.
pub fn encode_account(event: &Event) -> Result<Document, serde_json::Error> {
    Ok((kind_of(event), body_of(event)?))
}

/// An event as its stored name and document.
pub fn encode(fact: &Fact) -> Result<Document, serde_json::Error> {
    match fact {
        Fact::Account(event) => encode_account(event),
        Fact::WindowSealed(sealed) => Ok((WINDOW_SEALED, json(sealed)?)),
        Fact::RulebookAdopted(adopted) => Ok((RULEBOOK_ADOPTED, json(adopted)?)),
        Fact::Books(event) => books_document(event),
        Fact::Recovery(event) => recovery_document(event),
    }
}

fn books_document(event: &books::Event) -> Result<Document, serde_json::Error> {
    use books::Event::{BooksRequestRefused, DayClosed, DayOpened, MonthClosed};
    Ok(match event {
        DayOpened(body) => (DAY_OPENED, json(body)?),
        DayClosed(body) => (DAY_CLOSED, json(body)?),
        MonthClosed(body) => (MONTH_CLOSED, json(body)?),
        BooksRequestRefused(body) => (BOOKS_REQUEST_REFUSED, json(body)?),
    })
}

fn books_event(kind: &str, data: &[u8]) -> Option<Result<books::Event, serde_json::Error>> {
    use books::Event::{BooksRequestRefused, DayClosed, DayOpened, MonthClosed};
    match kind {
        DAY_OPENED => Some(serde_json::from_slice(data).map(DayOpened)),
        DAY_CLOSED => Some(serde_json::from_slice(data).map(DayClosed)),
        MONTH_CLOSED => Some(serde_json::from_slice(data).map(MonthClosed)),
        BOOKS_REQUEST_REFUSED => Some(serde_json::from_slice(data).map(BooksRequestRefused)),
        _ => None,
    }
}

fn recovery_document(
    event: &recovery::Event,
) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
    use recovery::Event::{CommitsLost, OriginationApproved, RecoveryRequestRefused};
    Ok(match event {
        CommitsLost(body) => (COMMITS_LOST, json(body)?),
        OriginationApproved(body) => (ORIGINATION_APPROVED, json(body)?),
        RecoveryRequestRefused(body) => (RECOVERY_REQUEST_REFUSED, json(body)?),
    })
}

fn recovery_event(kind: &str, data: &[u8]) -> Option<Result<recovery::Event, serde_json::Error>> {
    use recovery::Event::{CommitsLost, OriginationApproved, RecoveryRequestRefused};
    match kind {
        COMMITS_LOST => Some(serde_json::from_slice(data).map(CommitsLost)),
        ORIGINATION_APPROVED => Some(serde_json::from_slice(data).map(OriginationApproved)),
        RECOVERY_REQUEST_REFUSED => Some(serde_json::from_slice(data).map(RecoveryRequestRefused)),
        _ => None,
    }
}

/// The event that a stored name and document stand for.
pub fn decode(kind: &str, data: &[u8]) -> Result<Fact, CodecError> {
    let decoded = match kind {
        WINDOW_SEALED => Some(serde_json::from_slice(data).map(Fact::WindowSealed)),
        RULEBOOK_ADOPTED => Some(serde_json::from_slice(data).map(Fact::RulebookAdopted)),
        _ => match account_event(kind, data) {
            Some(event) => Some(event.map(Fact::Account)),
            None => match books_event(kind, data) {
                Some(event) => Some(event.map(Fact::Books)),
                None => recovery_event(kind, data).map(|event| event.map(Fact::Recovery)),
            },
        },
    };
    match decoded {
        None => Err(CodecError::UnknownKind(kind.to_owned())),
        Some(decoded) => {
            decoded.map_err(|source| CodecError::Malformed { kind: kind.to_owned(), source })
        }
    }
}

#[cfg(test)]
mod compatibility;
