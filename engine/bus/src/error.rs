use thiserror::Error;

/// What a bus answers when it cannot do as asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Buffers are full; nothing was taken.
    #[error("the bus is overloaded: {queued_bytes} bytes wait, at most {queued_bytes_max}")]
    Overloaded {
        /// Bytes waiting.
        queued_bytes: usize,
        /// Bytes that may wait.
        queued_bytes_max: usize,
    },
    /// No room on disk; nothing was taken.
    #[error("the bus is out of room: {reason}")]
    Full {
        /// Which room it was, and what to do where that is known.
        reason: String,
    },
    /// No stream of that name, or no such partition.
    #[error("there is no stream `{stream}` with partition {partition}")]
    UnknownStream {
        /// The stream asked for.
        stream: String,
        /// The partition asked for.
        partition: u32,
    },
    /// The stream exists otherwise than described.
    #[error("stream `{stream}` has {found} partitions, not {wanted}; partitions are fixed for life")]
    Layout {
        /// The stream.
        stream: String,
        /// Partitions it has.
        found: u32,
        /// Partitions asked for.
        wanted: u32,
    },
    /// Another subscription of the group holds the partition.
    #[error("`{group}` already reads partition {partition} of `{stream}`")]
    Busy {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
        /// The group.
        group: String,
    },
    /// Something was stored behind the sequence that an append was to follow.
    #[error("partition {partition} of `{stream}` has gone on behind {after}: somebody else writes to it")]
    Moved {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
        /// The sequence that should have been the last.
        after: u64,
    },
    /// The subscription's place belongs to another process now.
    #[error("`{group}` reads partition {partition} of `{stream}` elsewhere now")]
    Lost {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
        /// The group.
        group: String,
    },
    /// The bus cannot be reached just now, and may be again by itself. Whether something was taken is not known.
    #[error("the bus is out of reach: {reason}")]
    Away {
        /// What is known.
        reason: String,
    },
    /// Another one wrote the key first.
    #[error("key `{key}` has changed meanwhile")]
    Conflict {
        /// The key.
        key: String,
    },
    /// Nobody answers there.
    #[error("nobody answers `{subject}`")]
    NoAnswer {
        /// The subject asked.
        subject: String,
    },
    /// The bus was found in a state that this program must not work with; the reason says what to change.
    #[error("{reason}")]
    Unfit {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A message that no bus can hold.
    #[error("a message of {bytes} bytes; at most {bytes_max} can be stored")]
    TooLarge {
        /// Its encoded size.
        bytes: usize,
        /// The most it may be.
        bytes_max: usize,
    },
    /// The name of a group is empty or too long.
    #[error("a group name of {bytes} bytes; it has 1 to {bytes_max}")]
    Group {
        /// Its size.
        bytes: usize,
        /// The most it may be.
        bytes_max: usize,
    },
    /// A stored message is not what was written. Those around it are not concerned; asking for it again does not help.
    #[error(
        "message {sequence} in partition {partition} of `{stream}` is damaged: check the disk, and restore the data folder from a copy that is older than the damage"
    )]
    Damaged {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
        /// The message's sequence there.
        sequence: u64,
    },
    /// Closed, or the disk failed. Whether something was taken is not known: a write that failed may have
    /// reached the disk all the same.
    #[error("the bus is unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

impl Error {
    pub(crate) fn from_store(error: &store::Error) -> Self {
        if let store::Error::Full { room, source } = error {
            return Self::Full { reason: format!("{room}: {source}") };
        }
        Self::Unavailable { reason: model::chain_of(error) }
    }

    /// Whether it is certain that nothing of the call was stored. Where it is not, publishing again under the same
    /// message ids settles it.
    #[must_use]
    pub fn took_nothing(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. } | Self::Full { .. } | Self::TooLarge { .. } | Self::Moved { .. }
        )
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. }
                | Self::Busy { .. }
                | Self::Full { .. }
                | Self::Away { .. }
                | Self::NoAnswer { .. }
        )
    }
}
