use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an unfollow does with the author's posts already in the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum History {
    /// They leave it.
    #[default]
    Purge,
    /// They stay.
    Keep,
}

impl History {
    /// `purge` or `keep`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purge => "purge",
            Self::Keep => "keep",
        }
    }
}

/// A text that is no [`History`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{given}` is neither `purge` nor `keep`")]
pub struct InvalidHistory {
    /// The text as given.
    pub given: String,
}

impl std::str::FromStr for History {
    type Err = InvalidHistory;
    fn from_str(text: &str) -> Result<Self, InvalidHistory> {
        match text {
            "purge" => Ok(Self::Purge),
            "keep" => Ok(Self::Keep),
            other => Err(InvalidHistory { given: other.chars().take(40).collect() }),
        }
    }
}
