//! Java's texts: modified UTF-8 in streams, UTF-16 in `char[]`.

/// Decodes Java's modified UTF-8: NUL as two bytes, characters beyond U+FFFF as two surrogates of three bytes each.
/// What is not valid becomes U+FFFD, as Java may hold half a surrogate pair and Rust may not.
pub(crate) fn from_modified_utf8(bytes: &[u8]) -> String {
    // The two encodings agree on ASCII, which most texts are.
    if bytes.is_ascii()
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return text.to_owned();
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let continued = |byte: &u8| (byte & 0xc0 == 0x80).then_some(u16::from(byte & 0x3f));
        let (unit, length) = match first {
            0x00..=0x7f => (Some(u16::from(*first)), 1),
            0xc0..=0xdf => {
                let low = tail.first().and_then(continued);
                (low.map(|low| u16::from(first & 0x1f) << 6 | low), 2)
            }
            0xe0..=0xef => {
                let middle = tail.first().and_then(continued);
                let low = tail.get(1).and_then(continued);
                (middle.zip(low).map(|(middle, low)| u16::from(first & 0x0f) << 12 | middle << 6 | low), 3)
            }
            _ => (None, 1),
        };
        match unit {
            Some(unit) => {
                units.push(unit);
                rest = &rest[length..];
            }
            None => {
                units.push(0xfffd);
                rest = tail;
            }
        }
    }
    String::from_utf16_lossy(&units)
}

/// Decodes the big-endian UTF-16 of a `char[]`.
pub(crate) fn from_char_array(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modified_utf8_has_its_own_nul_and_pairs() {
        for (bytes, text) in [
            (&b"plain"[..], "plain"),
            (b"\xc0\x80", "\0"),
            (b"gr\xc3\xbcn \xe2\x82\xac", "grün €"),
            (b"\xed\xa0\xbd\xed\xb8\x80", "😀"),
            (b"half \xed\xa0\xbd", "half \u{fffd}"),
            (b"cut \xe2\x82", "cut \u{fffd}\u{fffd}"),
            (b"\xff\xc3", "\u{fffd}\u{fffd}"),
            (b"\xc3(", "\u{fffd}("),
        ] {
            assert_eq!(from_modified_utf8(bytes), text);
        }
    }

    #[test]
    fn char_arrays_are_big_endian() {
        assert_eq!(from_char_array(&[0, b'a', 0x20, 0xac, 0xd8, 0x3d]), "a€\u{fffd}");
    }
}
