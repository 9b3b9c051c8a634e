use unicode_normalization::UnicodeNormalization;

/// FNV-1a, 64 bits (Fowler, Noll, Vo). Kept in state across versions, so it must not change; what an author could win
/// by a collision is that their own post counts as said before.
struct Fnv(u64);

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// What a post says, in 64 bits: `parts` exactly, `text` in lower case NFC with single spaces.
pub(crate) fn fingerprint(parts: [&str; 3], text: &str) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for part in parts {
        hash.write(part.as_bytes());
        hash.write(&[0xff]);
    }
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        for c in word.nfc().flat_map(char::to_lowercase) {
            hash.write(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        hash.write(&[0xff]);
    }
    hash.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count_and_words_do() {
        let of = |text| fingerprint(["1", "note", ""], text);
        assert_eq!(of("Grüße  aus KÖLN"), of(" gru\u{308}ße\naus köln "));
        assert_ne!(of("ab c"), of("a bc"));
        assert_ne!(of("こんにちは"), of("こんばんは"));
        assert_ne!(of("x"), fingerprint(["1", "share", ""], "x"));
        assert_ne!(fingerprint(["1", "2", ""], "x"), fingerprint(["12", "", ""], "x"));
    }
}
