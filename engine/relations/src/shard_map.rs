use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::UserId;

/// Which inbox shard owns which user: static ranges of user ids, which an operator can read and extend.
///
/// In configuration it is the list of each shard's first user: `[0, 1000, 50000]` gives shard 0 the users
/// 0–999, shard 1 the users 1000–49999 and shard 2 the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct ShardMap {
    /// Ascending, without repetition, the first is 0.
    first_users: Vec<u64>,
}

/// A list that is not a [`ShardMap`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidShardMap {
    /// Nobody would own the lowest ids.
    #[error("the first shard must start at user 0")]
    Start,
    /// A shard that starts where, or before, the one in front of it does.
    #[error("shard {shard} starts at user {first_user}, which is not above the start of the shard before it")]
    Order {
        /// The offending shard.
        shard: u32,
        /// Where it starts.
        first_user: u64,
    },
    /// More shards than a partition number can name.
    #[error("there can be at most {} shards", ShardMap::SHARDS_MAX)]
    TooMany,
}

impl ShardMap {
    /// Shards at most: what the distributor's bitmaps and the bus's partitions are meant for.
    pub const SHARDS_MAX: usize = 4096;

    /// A map of the shards that start at these users.
    ///
    /// # Errors
    /// [`InvalidShardMap`] when the list is empty or does not start at 0, does not rise, or is too long.
    pub fn new(first_users: Vec<u64>) -> Result<Self, InvalidShardMap> {
        if first_users.first() != Some(&0) {
            return Err(InvalidShardMap::Start);
        }
        if first_users.len() > Self::SHARDS_MAX {
            return Err(InvalidShardMap::TooMany);
        }
        for (shard, (before, here)) in (1u32..).zip(first_users.iter().zip(first_users.iter().skip(1))) {
            if before >= here {
                return Err(InvalidShardMap::Order { shard, first_user: *here });
            }
        }
        Ok(Self { first_users })
    }

    /// One shard that owns everybody.
    #[must_use]
    pub fn single() -> Self {
        Self { first_users: vec![0] }
    }

    /// How many shards there are, at least 1.
    #[must_use]
    pub fn shards(&self) -> u32 {
        u32::try_from(self.first_users.len()).unwrap_or(u32::MAX)
    }

    /// The first and last user of `shard`; `None` when there is no such shard.
    #[must_use]
    pub fn users_of(&self, shard: u32) -> Option<RangeInclusive<UserId>> {
        let mut starts = self.first_users.iter().skip(shard as usize);
        let first = *starts.next()?;
        let last = starts.next().map_or(u64::MAX, |next| next - 1);
        Some(UserId(first)..=UserId(last))
    }

    /// The shard that owns `user`: its home.
    #[must_use]
    pub fn shard_of(&self, user: UserId) -> u32 {
        let above = self.first_users.partition_point(|first| *first <= user.0);
        u32::try_from(above.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

impl TryFrom<Vec<u64>> for ShardMap {
    type Error = InvalidShardMap;
    fn try_from(first_users: Vec<u64>) -> Result<Self, InvalidShardMap> {
        Self::new(first_users)
    }
}

impl From<ShardMap> for Vec<u64> {
    fn from(map: ShardMap) -> Self {
        map.first_users
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_one_home() {
        let map: ShardMap = serde_json::from_str("[0, 1000, 50000]").unwrap();
        assert_eq!(map.shards(), 3);
        for (user, shard) in [(0, 0), (999, 0), (1000, 1), (49_999, 1), (50_000, 2), (u64::MAX, 2)] {
            assert_eq!(map.shard_of(UserId(user)), shard, "user {user}");
            assert!(map.users_of(shard).unwrap().contains(&UserId(user)), "user {user}");
        }
        assert_eq!(map.users_of(3), None);
        assert_eq!(ShardMap::single().shard_of(UserId(u64::MAX)), 0);
    }

    #[test]
    fn lists_that_leave_gaps_or_overlap_are_refused() {
        assert_eq!(ShardMap::new(vec![]), Err(InvalidShardMap::Start));
        assert_eq!(ShardMap::new(vec![1]), Err(InvalidShardMap::Start));
        for (list, shard, first_user) in [(vec![0, 5, 5], 2, 5), (vec![0, 9, 5], 2, 5), (vec![0, 0], 1, 0)] {
            assert_eq!(ShardMap::new(list), Err(InvalidShardMap::Order { shard, first_user }));
        }
        let many = (0..=ShardMap::SHARDS_MAX as u64).collect();
        assert_eq!(ShardMap::new(many), Err(InvalidShardMap::TooMany));
    }
}
