//! Values that are stored as text: written as they are shown, and read where the text stands,
//! without a copy of it.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};

/// Reads a stored text.
#[derive(Debug)]
pub(crate) struct Parsed<T> {
    expected: &'static str,
    parsed: PhantomData<T>,
}

impl<T> Parsed<T> {
    pub(crate) const fn of(expected: &'static str) -> Self {
        Self { expected, parsed: PhantomData }
    }
}

impl<T> Visitor<'_> for Parsed<T>
where
    T: FromStr,
    T::Err: Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// A text of at most 30 ASCII characters that is being written, and is then written at one go: what
/// formats in general takes a call for each piece.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: [u8; 30],
    length: usize,
}

impl Text {
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.length) {
            *free = byte;
            self.length = self.length.saturating_add(1);
        }
    }

    /// The last `digits` digits of a number.
    pub(crate) fn push_number(&mut self, mut number: u64, digits: usize) {
        let end = self.length.saturating_add(digits);
        let Some(places) = self.bytes.get_mut(self.length..end) else { return };
        for place in places.iter_mut().rev() {
            let digit = u8::try_from(number.rem_euclid(10)).unwrap_or_default();
            *place = b'0'.wrapping_add(digit);
            number = number.div_euclid(10);
        }
        self.length = end;
    }

    pub(crate) fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Stores a type as the text that its `Display` writes and its `FromStr` reads.
macro_rules! stored_as_text {
    ($type:ident) => {
        $crate::text::stored_as_text!($type, "a string");
    };
    ($type:ident, $expected:literal) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str($crate::text::Parsed::of($expected))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    };
}

pub(crate) use stored_as_text;
