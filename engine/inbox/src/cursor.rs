use std::fmt;

use crate::Error;

/// A place in a feed or an outbox: "older than this number". It stays right while new entries arrive.
///
/// As text it is 18 hexadecimal digits, the number and a check byte, meant to be passed on and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) u64);

fn check(number: u64) -> u8 {
    let hash = blake3::keyed_hash(b"catena feed cursor, one check by", &number.to_be_bytes());
    hash.as_bytes()[0]
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:02x}", self.0, check(self.0))
    }
}

impl std::str::FromStr for Cursor {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) wrote.
    ///
    /// # Errors
    /// [`Error::Cursor`] on anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let number = text.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        // Comparing texts also refuses signs and upper case.
        number
            .map(Self)
            .filter(|cursor| cursor.to_string() == text)
            .ok_or_else(|| Error::Cursor { given: text.chars().take(40).collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_survive_text_and_a_changed_digit_does_not(number: u64, at in 0usize..18, digit in 0u32..16) {
            let text = Cursor(number).to_string();
            prop_assert_eq!(text.parse::<Cursor>().unwrap(), Cursor(number));
            let mut other = text.clone().into_bytes();
            other[at] = u8::try_from(std::char::from_digit(digit, 16).unwrap()).unwrap();
            let other = String::from_utf8(other).unwrap();
            if other != text && at >= 16 {
                prop_assert!(other.parse::<Cursor>().is_err());
            }
        }

        #[test]
        fn garbage_is_refused_not_feared(text in ".{0,40}") {
            prop_assert!(text.parse::<Cursor>().is_err());
        }
    }
}
