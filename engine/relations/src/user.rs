use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Someone who posts and follows. Written in decimal, as a string in JSON, because 64-bit numbers do not
/// survive JavaScript.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(pub u64);

/// A text that is not a [`UserId`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{given}` is not a user id: write a whole number from 0 to 18446744073709551615, without leading zeros"
)]
pub struct InvalidUserId {
    /// The text as given.
    pub given: String,
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.0)
    }
}

impl std::str::FromStr for UserId {
    type Err = InvalidUserId;
    fn from_str(text: &str) -> Result<Self, InvalidUserId> {
        // One user, one text: `+7` and `007` parse as integers, and would be other keys on the bus.
        let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
        text.parse()
            .ok()
            .filter(|_| canonical)
            .map(UserId)
            .ok_or_else(|| InvalidUserId { given: text.chars().take(40).collect() })
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;
    fn try_from(text: String) -> Result<Self, InvalidUserId> {
        text.parse()
    }
}

impl From<UserId> for String {
    fn from(user: UserId) -> Self {
        user.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_text() {
        for id in [0, 7, u64::MAX] {
            assert_eq!(UserId(id).to_string().parse(), Ok(UserId(id)));
        }
        for bad in ["", "+7", "007", "00", "-1", " 7", "7.0", "18446744073709551616", "x", "٣"] {
            assert!(bad.parse::<UserId>().is_err(), "{bad:?} was taken");
        }
        assert_eq!(serde_json::to_string(&UserId(7)).unwrap(), "\"7\"");
    }
}
