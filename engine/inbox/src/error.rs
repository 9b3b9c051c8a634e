use std::sync::Arc;

use relations::UserId;
use thiserror::Error;

use crate::{Phase, shard::report};

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What an inbox answers when it cannot do as asked.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text was not made by a page.
    #[error("`{given}` is not a cursor: pass on what `next` said, unchanged")]
    Cursor {
        /// The text as given, shortened.
        given: String,
    },
    /// No shard owns the user yet: the shard map ends before it.
    #[error("no inbox shard owns user {user} yet: the shard map ends at {end}")]
    Unowned {
        /// Who.
        user: UserId,
        /// The first user without a shard.
        end: UserId,
    },
    /// There is no store for the shard.
    #[error("no store was given for shard {shard}")]
    NoStore {
        /// The shard.
        shard: u32,
    },
    /// The shard cannot be read in this process now.
    #[error("shard {shard} cannot be read just now: {phase}")]
    NotServing {
        /// The shard.
        shard: u32,
        /// What it does instead.
        phase: Phase,
    },
    /// No process answers for the shard.
    #[error("no process answers for shard {shard} just now: it may be on its way from one to another")]
    NoAnswer {
        /// The shard.
        shard: u32,
    },
    /// A question or an answer that this program cannot read.
    #[error("{reason}")]
    Foreign {
        /// What was read, and what to do.
        reason: String,
    },
    /// The store was filled under another shard map. Moving users between shards takes a rebuild.
    #[error(
        "the store of shard {shard} holds the users {found}, but the shard map gives it {wanted}: set `inbox.shards` back to what it was"
    )]
    Users {
        /// The shard.
        shard: u32,
        /// The range it was filled for.
        found: String,
        /// The range it has now.
        wanted: String,
    },
    /// The bus no longer has what the shard needs next: the shard lost more than retention kept.
    #[error(
        "shard {shard} has applied up to {applied}, but the stream begins at {first}, and messages are missing: restore the whole data folder from one copy"
    )]
    Gap {
        /// The shard.
        shard: u32,
        /// The last sequence applied.
        applied: u64,
        /// The oldest sequence the stream has.
        first: u64,
    },
    /// The shard has seen messages the bus never had: they do not belong together.
    #[error(
        "shard {shard} has applied up to {applied}, but the stream ends at {last}, so it is another one: restore the whole data folder from one copy"
    )]
    Ahead {
        /// The shard.
        shard: u32,
        /// The last sequence applied.
        applied: u64,
        /// The newest sequence the stream has.
        last: u64,
    },
    /// A row that this program did not write.
    #[error(
        "table `{table}` has a row that cannot be read: check the disk, and restore the data folder from a copy"
    )]
    Corrupt {
        /// The table.
        table: store::Table,
    },
    /// The shard no longer applies messages; what it has can still be read.
    #[error("shard {shard} has stopped: {reason}")]
    Stopped {
        /// The shard.
        shard: u32,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error("the store of an inbox shard failed")]
    Store {
        /// What it said.
        #[from]
        source: store::Error,
    },
    /// The bus failed.
    #[error("the bus failed an inbox shard")]
    Bus {
        /// What it said. Shared, since a shard's trouble is shown to many.
        source: Arc<bus::Error>,
    },
}

impl Error {
    /// Whether the same may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store { source } => source.retryable(),
            // Who lost the partition may get it again. Another node's bus comes back; the embedded one says so once
            // more, and is closed then. What servers refuse they may take later, when somebody has put it right or all
            // of them agree again.
            Self::Bus { source } => {
                source.retryable()
                    || matches!(
                        **source,
                        bus::Error::Lost { .. }
                            | bus::Error::Unavailable { .. }
                            | bus::Error::Conflict { .. }
                            | bus::Error::Unfit { .. }
                    )
            }
            Self::NotServing { .. } | Self::NoAnswer { .. } => true,
            _ => false,
        }
    }

    /// Whether there is no bus any more in this process.
    pub(crate) fn is_end_of_bus(&self) -> bool {
        matches!(self, Self::Bus { source } if matches!(**source, bus::Error::Unavailable { .. }))
    }

    /// Whether somebody else still has the partition.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Bus { source } if matches!(**source, bus::Error::Busy { .. }))
    }

    /// What the readers of a shard hear that has this fault.
    pub(crate) fn stopped(&self, shard: u32) -> Self {
        match self {
            Self::Stopped { .. } => self.clone(),
            fault => Self::Stopped { shard, reason: report(fault) },
        }
    }
}

impl From<bus::Error> for Error {
    fn from(source: bus::Error) -> Self {
        Self::Bus { source: Arc::new(source) }
    }
}
