//! The names of things: typed, checked when they are built, and never made up by the service.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};
use smol_str::SmolStr;
use uuid::{Builder, Uuid};

use crate::text::stored_as_text;

/// The longest account id.
const ACCOUNT_ID_BYTES_MAX: usize = 64;

/// The namespace of every id that the ledger derives (UUIDv5). Stored ids depend on it for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x7061_796c_6564_6765_7200_0000_0000_0001);

/// A text that cannot be the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Account ids are opaque, but go into stream names and file names.
    #[error(
        "{0:?} is not an account id: 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first"
    )]
    Account(String),
    /// Payment and request ids are UUIDs.
    #[error("{0:?} is not a UUID in its usual form of 36 characters")]
    Uuid(String),
    /// The UUID that stands for none.
    #[error("the nil UUID, all zeros, names nothing")]
    Nil,
    /// Actors are recorded in every event.
    #[error("{0:?} is not an actor: 1 to 64 letters, digits or any of . _ - : / @")]
    Actor(String),
}

fn uuid_from(text: &str) -> Result<Uuid, IdError> {
    let usual_form = text.len() == 36;
    let uuid = Uuid::try_parse(text).ok().filter(|_| usual_form);
    let uuid = uuid.ok_or_else(|| IdError::Uuid(text.to_owned()))?;
    if uuid.is_nil() { Err(IdError::Nil) } else { Ok(uuid) }
}

/// Identifies one account. Opaque: leading zeros count, and it is never a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(SmolStr);

impl AccountId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if text.len() > ACCOUNT_ID_BYTES_MAX || !starts_well || !text.bytes().all(safe) {
            return Err(IdError::Account(text.chars().take(80).collect()));
        }
        Ok(Self(SmolStr::new(text)))
    }
}

stored_as_text!(AccountId);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        pub struct $type(Uuid);

        impl $type {
            /// Takes a UUID that was checked before, such as one read from an event.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid_from(text).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// Identifies one request, for ever: made by the caller before the first send.
    RequestId
}

uuid_id! {
    /// Identifies one payment. Derived from the account and the request that made it.
    PaymentId
}

uuid_id! {
    /// Identifies one fee. Derived from the account and the request that charged it.
    FeeId
}

uuid_id! {
    /// Identifies one payoff quote. Derived from the account and the request that asked for it.
    QuoteId
}

uuid_id! {
    /// Identifies one refund of a credit balance. Derived from the account and its request.
    RefundId
}

uuid_id! {
    /// Identifies one charge-off, whole or in part. Derived from the account and its request.
    ChargeOffId
}

uuid_id! {
    /// Identifies one adjustment of principal. Derived from the account and its request.
    AdjustmentId
}

uuid_id! {
    /// Identifies one event. Derived, so that an append that answered nothing can be asked about
    /// again.
    EventId
}

/// An id's usual form, for the rest of the statement that it stands in.
macro_rules! written {
    ($id:expr) => {
        $id.uuid().hyphenated().encode_lower(&mut Uuid::encode_buffer())
    };
}

impl RequestId {
    /// The id of a request that the service itself sets off, derived from what caused it and the
    /// step, so that running the step twice is a repeat and not a second request.
    pub fn derived(cause: &str, step: &str) -> Self {
        Self(derive(&["request", cause, step]))
    }
}

impl PaymentId {
    /// The id of the `ordinal`-th payment that `request` makes on `account`.
    pub fn derived(account: &AccountId, request: RequestId, ordinal: u32) -> Self {
        Self(derive(&["payment", account.as_str(), written!(request), &ordinal.to_string()]))
    }
}

impl FeeId {
    /// The id of the fee that `request` charges on `account`.
    pub fn derived(account: &AccountId, request: RequestId) -> Self {
        Self(derive(&["fee", account.as_str(), written!(request)]))
    }

    /// The id of the late fee that `request` charges on `account` for an instalment.
    pub fn of_instalment(account: &AccountId, request: RequestId, number: u32) -> Self {
        Self(derive(&["fee", account.as_str(), written!(request), &number.to_string()]))
    }

    /// The id of the late fee that takes the place of a higher one for an instalment, since
    /// `request` on `account` showed that less of it was late.
    pub fn of_correction(account: &AccountId, request: RequestId, number: u32) -> Self {
        let number = format!("correction {number}");
        Self(derive(&["fee", account.as_str(), written!(request), &number]))
    }

    /// The id of a charge, by its place among those that `request` makes on `account` with the
    /// return of a leased vehicle.
    pub fn of_return(account: &AccountId, request: RequestId, place: usize) -> Self {
        let place = format!("return {place}");
        Self(derive(&["fee", account.as_str(), written!(request), &place]))
    }
}

impl QuoteId {
    /// The id of the payoff quote that `request` asks for.
    pub fn derived(account: &AccountId, request: RequestId) -> Self {
        Self(derive(&["quote", account.as_str(), written!(request)]))
    }
}

impl RefundId {
    /// The id of the refund that `request` makes.
    pub fn derived(account: &AccountId, request: RequestId) -> Self {
        Self(derive(&["refund", account.as_str(), written!(request)]))
    }
}

impl ChargeOffId {
    /// The id of the charge-off that `request` takes.
    pub fn derived(account: &AccountId, request: RequestId) -> Self {
        Self(derive(&["charge-off", account.as_str(), written!(request)]))
    }
}

impl AdjustmentId {
    /// The id of the adjustment that `request` makes.
    pub fn derived(account: &AccountId, request: RequestId) -> Self {
        Self(derive(&["adjustment", account.as_str(), written!(request)]))
    }
}

impl EventId {
    /// The id of the `index`-th event that `request` causes in `stream`.
    pub fn derived(stream: &str, request: RequestId, index: usize) -> Self {
        Self(derive(&["event", stream, written!(request), &index.to_string()]))
    }
}

/// UUIDv5 over the parts, joined by a character that no part contains.
fn derive(parts: &[&str]) -> Uuid {
    name_based(&NAMESPACE, parts.join("\n").as_bytes())
}

/// The UUIDv5 of a name (RFC 9562, section 5.5), with the processor's own SHA-1 where it has one:
/// every command makes one or more.
pub fn name_based(namespace: &Uuid, name: &[u8]) -> Uuid {
    let hash = Sha1::new_with_prefix(namespace.as_bytes()).chain_update(name).finalize();
    let [kept @ .., _, _, _, _] = <[u8; 20]>::from(hash);
    Builder::from_sha1_bytes(kept).into_uuid()
}

/// Who asked: a service, a person behind it, or the ledger's own runner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor(Arc<str>);

impl Actor {
    /// The ledger's own runner: what time drives.
    pub fn runner() -> Self {
        Self("payledger:runner".into())
    }

    /// A caller that did not say who it is.
    pub fn unnamed() -> Self {
        Self("unnamed".into())
    }

    /// The actor as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Actor {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let safe = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'/' | b'@')
        };
        if text.is_empty() || text.len() > 64 || !text.bytes().all(safe) {
            return Err(IdError::Actor(text.chars().take(80).collect()));
        }
        Ok(Self(text.into()))
    }
}

stored_as_text!(Actor);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_keeps_its_leading_zeros() {
        assert_eq!("0001694010-000088".parse::<AccountId>().unwrap().as_str(), "0001694010-000088");
    }

    #[test]
    fn rubbish_is_no_id() {
        for text in ["", "a b", "-x", "ä", "a/b", "a\n", &"x".repeat(65)] {
            assert!(text.parse::<AccountId>().is_err(), "{text:?}");
        }
        for text in ["", "1", "00000000-0000-0000-0000-000000000000", "{urn}"] {
            assert!(text.parse::<RequestId>().is_err(), "{text:?}");
        }
        let nil = Uuid::nil().to_string().parse::<RequestId>().unwrap_err();
        assert_eq!(nil.to_string(), "the nil UUID, all zeros, names nothing");
    }

    #[test]
    fn one_request_on_two_accounts_makes_two_payments() {
        let request = RequestId::derived("test", "1");
        let a = PaymentId::derived(&"a".parse().unwrap(), request, 0);
        let b = PaymentId::derived(&"b".parse().unwrap(), request, 0);
        assert_ne!(a, b);
        assert_eq!(a, PaymentId::derived(&"a".parse().unwrap(), request, 0));
    }
}
