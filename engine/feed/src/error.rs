use std::sync::Arc;

use relations::UserId;
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
    /// A stream of the feed cannot be as it is asked for.
    #[error("failed to set up the stream `{stream}`{}", remedy.as_ref().map(|what| format!(" ({what})")).unwrap_or_default())]
    Provision {
        /// The stream.
        stream: &'static str,
        /// What to do, where that is known.
        remedy: Option<String>,
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
    /// A user whose inbox has no place yet: the shard map ends before it.
    #[error(
        "no inbox shard owns user {user} yet: the {role} has to be below {end}, where the shard map ends"
    )]
    Unowned {
        /// What the user is in the request: `actor`, `user` or `author`.
        role: &'static str,
        /// Who.
        user: UserId,
        /// The first user without a shard.
        end: UserId,
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
            Self::Random { .. } | Self::Unowned { .. } | Self::Name { .. } | Self::Provision { .. } => true,
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Bus { source } | Self::Provision { source, .. } if source.retryable())
    }
}

impl From<bus::Error> for Error {
    fn from(source: bus::Error) -> Self {
        Self::Bus { source: Arc::new(source) }
    }
}
