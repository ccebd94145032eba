//! Bytes as people read them.

use std::fmt::Write as _;

/// Lower-case hexadecimal digits, two a byte.
pub fn lower(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(super::lower([0, 9, 255]), "0009ff");
    }
}
