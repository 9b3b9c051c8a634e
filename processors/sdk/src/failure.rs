use std::fmt;

/// Why there is no outcome. State writes and emissions of a failed call are forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not now: the engine tries this message again later, a few times.
    Retry(String),
    /// Never: the message is put aside with this reason, for a person to look at and replay.
    Reject(String),
}

impl Failure {
    /// Asks for another try later.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry(reason.into())
    }

    /// Puts the message aside.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// The sentence given.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry(reason) | Self::Reject(reason) => reason,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Failure {}
