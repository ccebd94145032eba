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
