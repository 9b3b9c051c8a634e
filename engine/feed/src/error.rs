use std::sync::Arc;

use thiserror::Error;

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something was not accepted.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bus did not say that it took it. Shared, since one refused batch answers many posts.
    #[error("failed to store a message durably")]
    Bus {
        /// What the bus said.
        source: Arc<bus::Error>,
    },
    /// The bus answered fewer places than it was given messages.
    #[error("the bus did not say where a message stands")]
    Unanswered,
    /// The operating system gave no random numbers.
    #[error("failed to draw an id: {reason}")]
    Random {
        /// What it said.
        reason: String,
    },
    /// A stream's name is not a name.
    #[error("failed to name a stream")]
    Name {
        /// Which.
        #[from]
        source: model::InvalidName,
    },
}

impl Error {
    /// Whether it is certain that nothing was stored.
    #[must_use]
    pub fn took_nothing(&self) -> bool {
        match self {
            Self::Bus { source } => source.took_nothing(),
            Self::Unanswered => false,
            Self::Random { .. } | Self::Name { .. } => true,
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Bus { source } if source.retryable())
    }
}

impl From<bus::Error> for Error {
    fn from(source: bus::Error) -> Self {
        Self::Bus { source: Arc::new(source) }
    }
}
