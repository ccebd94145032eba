//! Bytes as people read them.

/// Lower-case hexadecimal digits, two a byte.
pub fn lower(bytes: impl AsRef<[u8]>) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let bytes = bytes.as_ref();
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
    text
}

/// The bytes that [`lower`] wrote. None if `text` is anything else.
pub fn bytes<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(c.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks() else { return None };
    let mut bytes = [0; LENGTH];
    if pairs.len() != LENGTH {
        return None;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(super::lower([0, 9, 255]), "0009ff");
        assert_eq!(super::bytes("0009ff"), Some([0, 9, 255]));
        for wrong in ["0009f", "0009fff", "0009ff00", "0009FF", "0009fg", "é9ff"] {
            assert_eq!(super::bytes::<3>(wrong), None, "{wrong}");
        }
    }
}
