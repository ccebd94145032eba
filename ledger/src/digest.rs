//! What tells a repeated request from one whose id was used again for something else.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::text::stored_as_text;
use crate::{codec, hex};

/// How many bytes of the hash are kept.
const LENGTH: usize = 16;

/// SHA-256 of a content, its first 16 bytes. Written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; LENGTH]);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        let hash = Sha256::digest(content);
        let mut kept = [0; LENGTH];
        for (to, from) in kept.iter_mut().zip(hash) {
            *to = from;
        }
        Self(kept)
    }

    /// The digest of what `content` is as JSON.
    pub fn of_json(content: &impl Serialize) -> Result<Self, serde_json::Error> {
        codec::json(content).map(|bytes| Self::of(&bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::lower(self.0))
    }
}

/// A text that is no [`Digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 32 lower-case hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::bytes(text).map(Self).ok_or(DigestError)
    }
}

stored_as_text!(Digest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_was_written_and_nothing_else_is_one() {
        // The first half of SHA-256 over nothing, FIPS 180-4.
        let written = "\"e3b0c44298fc1c149afbf4c8996fb924\"";
        assert_eq!(serde_json::to_string(&Digest::of(b"")).unwrap(), written);
        assert_eq!(serde_json::from_str::<Digest>(written).unwrap(), Digest::of(b""));
        for wrong in ["\"\"", "\"e3b0\"", "\"E3B0C44298FC1C149AFBF4C8996FB924\"", "7"] {
            assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
        }
    }
}
