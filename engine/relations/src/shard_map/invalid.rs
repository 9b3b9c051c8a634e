use thiserror::Error;

use super::ShardMap;
use crate::UserId;

/// Something that is no [`ShardMap`], or not the one that may come next. Ranges are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidShardMap {
    /// Versions are counted from 1.
    #[error("the version must be 1 or more")]
    Version,
    /// Nobody would own the lowest ids.
    #[error("the first range must start at user 0")]
    Start,
    /// A range that starts where, or before, the one in front of it does.
    #[error("range {range} starts at user {first_user}, which is not above the start of the range before it")]
    Order {
        /// The offending range.
        range: usize,
        /// Where it starts.
        first_user: UserId,
    },
    /// A range of a shard that there is not.
    #[error("range {range} belongs to shard {shard}, but the shards are 0 to {}", shards.saturating_sub(1))]
    UnknownShard {
        /// The offending range.
        range: usize,
        /// Its shard.
        shard: u32,
        /// How many there are.
        shards: u32,
    },
    /// An end before the last range.
    #[error("the map ends at user {end}, which is not above {first_user}, where its last range starts")]
    End {
        /// Where it ends.
        end: UserId,
        /// Where the last range starts.
        first_user: UserId,
    },
    /// More shards than a partition number can name.
    #[error("there can be at most {} shards", ShardMap::SHARDS_MAX)]
    TooManyShards,
    /// More ranges than are kept.
    #[error("{ranges} ranges; there can be at most {}", ShardMap::RANGES_MAX)]
    TooManyRanges {
        /// How many there are.
        ranges: usize,
    },
    /// There is nobody left to give a home.
    #[error("the last range reaches to the end of all ids already: there are no users to add")]
    Complete,
    /// A map that is no later than the one it should replace.
    #[error("version {version} cannot follow version {live}, which is live: a change needs a higher one")]
    NotLater {
        /// Of the map that was offered.
        version: u64,
        /// Of the map that is live.
        live: u64,
    },
    /// The number of shards changed.
    #[error("the map has {shards} shards, but {live} are live; their number is fixed for life")]
    Shards {
        /// Of the map that was offered.
        shards: u32,
        /// Of the map that is live.
        live: u32,
    },
    /// Somebody would lose their home, and their inbox with it.
    #[error(
        "user {user} belongs to shard {from}, and would {}; users with a home keep it, new ones are added behind the end",
        to.map_or_else(|| "have none".to_owned(), |to| format!("move to shard {to}"))
    )]
    Moved {
        /// The lowest such user.
        user: UserId,
        /// Its home.
        from: u32,
        /// The home it would have.
        to: Option<u32>,
    },
}
