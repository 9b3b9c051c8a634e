//! Which inbox shard owns which user.

mod invalid;
mod live;
#[cfg(test)]
mod tests;
mod written;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::UserId;
pub use invalid::InvalidShardMap;
pub use live::LiveMap;
use written::Written;

/// Which inbox shard owns which user: ascending ranges of user ids, which an operator can read and extend.
///
/// As JSON, with two of four shards in use and users from 2000 on that nobody owns yet:
///
/// ```json
/// {"version": 3, "shards": 4,
///  "ranges": [{"first_user": "0", "shard": 0}, {"first_user": "1000", "shard": 1}], "end": "2000"}
/// ```
///
/// A range reaches to the next one's first user, the last one to `end`, or to the end of all ids where that is
/// `null`. Several ranges may belong to one shard. A map grows behind its end and nowhere else: whoever has a home keeps it
/// ([`check_successor`](Self::check_successor)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ShardMap {
    /// From 1.
    version: u64,
    shards: u32,
    /// Ascending by user, the first is of user 0.
    ranges: Vec<Range>,
    /// The first user nobody owns.
    end: Option<UserId>,
}

/// The users from `first_user` to the next range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The lowest user of it.
    pub first_user: UserId,
    /// Who owns them.
    pub shard: u32,
}

impl ShardMap {
    /// Shards at most: what the distributor's bitmaps and the bus's partitions are meant for.
    pub const SHARDS_MAX: usize = 4096;
    /// Ranges at most: so that a map fits where a fleet keeps what it agrees on (64 KiB).
    pub const RANGES_MAX: usize = 1024;

    /// The first map of shards that start at these users and own all ids: `[0, 1000]` gives shard 0 the users 0–999
    /// and shard 1 the rest.
    ///
    /// # Errors
    /// [`InvalidShardMap`] when the list is empty or does not start at 0, does not rise, or is too long.
    pub fn new(first_users: Vec<u64>) -> Result<Self, InvalidShardMap> {
        let shards = u32::try_from(first_users.len()).unwrap_or(u32::MAX);
        let range = |(shard, first_user)| Range { first_user: UserId(first_user), shard };
        Self::from_ranges(1, shards, (0..).zip(first_users).map(range).collect(), None)
    }

    /// A map of these ranges.
    ///
    /// # Errors
    /// [`InvalidShardMap`] with what is wrong, and in which range.
    pub fn from_ranges(
        version: u64,
        shards: u32,
        ranges: Vec<Range>,
        end: Option<UserId>,
    ) -> Result<Self, InvalidShardMap> {
        let map = Self { version, shards, ranges, end };
        map.check()?;
        Ok(map)
    }

    /// One shard that owns everybody.
    #[must_use]
    pub fn single() -> Self {
        let ranges = vec![Range { first_user: UserId(0), shard: 0 }];
        Self { version: 1, shards: 1, ranges, end: None }
    }

    /// Which edition of the map this is, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many shards there are, at least 1, those without users included.
    #[must_use]
    pub fn shards(&self) -> u32 {
        self.shards
    }

    /// The first user nobody owns; `None` when everybody has a home.
    #[must_use]
    pub fn end(&self) -> Option<UserId> {
        self.end
    }

    /// The shard that owns `user`: its home. `None` when nobody does yet.
    #[must_use]
    pub fn shard_of(&self, user: UserId) -> Option<u32> {
        if self.end.is_some_and(|end| user >= end) {
            return None;
        }
        let above = self.ranges.partition_point(|range| range.first_user <= user);
        self.ranges.get(above.checked_sub(1)?).map(|range| range.shard)
    }

    /// The users of `shard`, ascending; neighbouring ranges as one. Empty when it has none, or there is no such
    /// shard.
    #[must_use]
    pub fn users_of(&self, shard: u32) -> Vec<RangeInclusive<UserId>> {
        self.homes().filter(|(_, owner)| *owner == shard).map(|(users, _)| users).collect()
    }

    /// Every range with its shard, ascending; neighbouring ranges of one shard as one.
    pub fn homes(&self) -> impl Iterator<Item = (RangeInclusive<UserId>, u32)> {
        self.ranges.chunk_by(|a, b| a.shard == b.shard).scan(0, |through, chunk| {
            *through += chunk.len();
            let next = self.ranges.get(*through).map(|range| range.first_user).or(self.end);
            let last = next.map_or(UserId(u64::MAX), |next| UserId(next.0.saturating_sub(1)));
            chunk.first().map(|range| (range.first_user..=last, range.shard))
        })
    }

    /// The next edition, in which `shard` owns the users from this one's end up to `end`, which is not included;
    /// `None` gives it all the rest.
    ///
    /// # Errors
    /// [`InvalidShardMap::Complete`] when everybody has a home, and those of [`from_ranges`](Self::from_ranges).
    pub fn extended(&self, end: Option<UserId>, shard: u32) -> Result<Self, InvalidShardMap> {
        let first_user = self.end.ok_or(InvalidShardMap::Complete)?;
        let mut ranges = self.ranges.clone();
        ranges.push(Range { first_user, shard });
        Self::from_ranges(self.version.saturating_add(1), self.shards, ranges, end)
    }

    /// Whether `next` may take this map's place: it is a later edition with as many shards, in which everybody who
    /// has a home keeps it.
    ///
    /// # Errors
    /// [`InvalidShardMap::NotLater`], [`InvalidShardMap::Shards`], [`InvalidShardMap::Moved`].
    pub fn check_successor(&self, next: &Self) -> Result<(), InvalidShardMap> {
        if next.version <= self.version {
            return Err(InvalidShardMap::NotLater { version: next.version, live: self.version });
        }
        if next.shards != self.shards {
            return Err(InvalidShardMap::Shards { shards: next.shards, live: self.shards });
        }
        // Between the users where a range begins or the map ends, in either map, no owner changes.
        let ends = [self, next].map(|map| map.end).into_iter().flatten();
        let starts = self.ranges.iter().chain(&next.ranges).map(|range| range.first_user);
        let moved =
            |user: &UserId| self.shard_of(*user).is_some_and(|home| next.shard_of(*user) != Some(home));
        match starts.chain(ends).filter(moved).min() {
            None => Ok(()),
            Some(user) => Err(InvalidShardMap::Moved {
                user,
                from: self.shard_of(user).unwrap_or_default(),
                to: next.shard_of(user),
            }),
        }
    }

    fn check(&self) -> Result<(), InvalidShardMap> {
        if self.version == 0 {
            return Err(InvalidShardMap::Version);
        }
        if self.ranges.first().is_none_or(|range| range.first_user != UserId(0)) {
            return Err(InvalidShardMap::Start);
        }
        if self.shards as usize > Self::SHARDS_MAX {
            return Err(InvalidShardMap::TooManyShards);
        }
        if self.ranges.len() > Self::RANGES_MAX.max(self.shards as usize) {
            return Err(InvalidShardMap::TooManyRanges { ranges: self.ranges.len() });
        }
        for (place, pair) in (1..).zip(self.ranges.windows(2)) {
            if let [before, Range { first_user, .. }] = *pair
                && before.first_user >= first_user
            {
                return Err(InvalidShardMap::Order { range: place, first_user });
            }
        }
        for (place, Range { shard, .. }) in self.ranges.iter().enumerate() {
            if *shard >= self.shards {
                return Err(InvalidShardMap::UnknownShard {
                    range: place,
                    shard: *shard,
                    shards: self.shards,
                });
            }
        }
        match (self.end, self.ranges.last()) {
            (Some(end), Some(last)) if end <= last.first_user => {
                Err(InvalidShardMap::End { end, first_user: last.first_user })
            }
            _ => Ok(()),
        }
    }
}
