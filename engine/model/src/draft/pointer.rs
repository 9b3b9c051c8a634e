use std::{fmt, str::FromStr};

use thiserror::Error;

/// Names in a pointer at most: the way into a field is walked again for each message.
const DEPTH_MAX: usize = 8;
/// Characters of a pointer that an error shows.
const SHOWN_CHARS_MAX: usize = 64;

/// A JSON pointer to a field of an object or to something within it: `/text`, `/user/name`, `/links/0` (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The field of the body.
    pub(super) first: String,
    /// The way from there.
    pub(super) rest: Vec<String>,
}

/// It points at nothing a field could be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidPointer {
    /// It has no slash at its beginning.
    #[error("`{0}` is no JSON pointer: begin it with a slash, like `/text`")]
    NoSlash(String),
    /// A tilde stands for itself.
    #[error("`{0}` is no JSON pointer: after `~` comes `0` (for `~`) or `1` (for `/`)")]
    Tilde(String),
    /// It leads through too many values.
    #[error("`{0}` leads {depth} deep, at most {DEPTH_MAX} are allowed: take a field further up", depth = .1)]
    TooDeep(String, usize),
}

impl FromStr for Pointer {
    type Err = InvalidPointer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(SHOWN_CHARS_MAX).collect();
        let rest = text.strip_prefix('/').ok_or_else(|| InvalidPointer::NoSlash(shown()))?;
        if rest.split('~').skip(1).any(|behind| !behind.starts_with(['0', '1'])) {
            return Err(InvalidPointer::Tilde(shown()));
        }
        let depth = rest.split('/').count();
        if depth > DEPTH_MAX {
            return Err(InvalidPointer::TooDeep(shown(), depth));
        }
        let mut tokens = rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~"));
        let first = tokens.next().unwrap_or_default();
        Ok(Self { first, rest: tokens.collect() })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::iter::once(&self.first)
            .chain(&self.rest)
            .try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}
