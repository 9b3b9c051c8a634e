use thiserror::Error;

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What an inbox answers when it cannot do as asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text was not made by a page.
    #[error("`{given}` is not a cursor: pass on what `next` said, unchanged")]
    Cursor {
        /// The text as given, shortened.
        given: String,
    },
    /// There has to be one store for each shard of the map.
    #[error("{stores} stores were given for {shards} shards")]
    Stores {
        /// Stores given.
        stores: usize,
        /// Shards in the map.
        shards: u32,
    },
    /// The store was filled under another shard map. Moving users between shards takes a rebuild.
    #[error("the store of shard {shard} holds the users {found}, but the shard map gives it {wanted}")]
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
        "shard {shard} has applied up to {applied}, but the stream begins at {first}: messages are missing"
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
    #[error("shard {shard} has applied up to {applied}, but the stream ends at {last}: it is another stream")]
    Ahead {
        /// The shard.
        shard: u32,
        /// The last sequence applied.
        applied: u64,
        /// The newest sequence the stream has.
        last: u64,
    },
    /// A row that this program did not write.
    #[error("table `{table}` has a row that cannot be read")]
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
        /// What it said.
        #[from]
        source: bus::Error,
    },
}

impl Error {
    /// Whether the same may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store { source } => source.retryable(),
            // Another node's bus comes back; the embedded one says so once more, and is closed then.
            Self::Bus { source } => source.retryable() || matches!(source, bus::Error::Unavailable { .. }),
            _ => false,
        }
    }
}
