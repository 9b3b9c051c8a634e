use serde::Serialize;

use super::{DeadLetter, Replayed};

/// One of them, as it lies there.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Its number: its sequence in the stream.
    pub number: u64,
    /// What it says.
    #[serde(flatten)]
    pub letter: Kept,
    /// Where its message went, once it was replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
}

/// A letter, if it can be read.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Kept {
    /// All of it.
    Whole(Box<DeadLetter>),
    /// The bus cannot give it back. Others are not concerned.
    Damaged {
        /// What the bus says of it, and what to do.
        damaged: String,
    },
}

/// What asking for a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Where the message went.
    #[serde(flatten)]
    pub replayed: Replayed,
    /// It went there before, and was not sent again.
    pub already: bool,
}

impl Kept {
    pub(super) fn unreadable(error: &bus::Error) -> Self {
        Self::Damaged { damaged: format!("{error}, or purge it") }
    }

    /// The letter, unless it is damaged.
    #[must_use]
    pub fn whole(self) -> Option<DeadLetter> {
        match self {
            Self::Whole(letter) => Some(*letter),
            Self::Damaged { .. } => None,
        }
    }
}

/// The number of the letter that the bus says is damaged.
pub(super) fn damaged(error: &bus::Error) -> Option<u64> {
    match error {
        bus::Error::Damaged { sequence, .. } => Some(*sequence),
        _ => None,
    }
}
