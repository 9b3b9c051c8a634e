//! The users of a shard, as its store remembers them: rows of `inbox-meta`.
//!
//! `users`: first and last user of each range the store was made for, 16 bytes each, ascending. `end`: the first user
//! that belonged to nobody then; there is no such row where everybody had a home.

use std::{fmt, ops::RangeInclusive};

use relations::{ShardMap, UserId};
use store::Snapshot;

use crate::{
    Error, Result,
    draft::Draft,
    tables::{META, number, pair, right},
};

const USERS: &[u8] = b"users";
const END: &[u8] = b"end";
const CORRUPT: Error = Error::Corrupt { table: META };

/// Whom a shard owns, as far as a shard map gives homes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Users {
    /// Ascending, with gaps between them.
    ranges: Vec<RangeInclusive<UserId>>,
    /// The first user without a home.
    end: Option<UserId>,
}

impl Users {
    pub(crate) fn of(map: &ShardMap, shard: u32) -> Self {
        Self { ranges: map.users_of(shard), end: map.end() }
    }

    /// Whether a message about `user` that came to this shard came to the right one.
    ///
    /// Behind the map's end it did: maps only grow, so whoever sent it here has a later one, in which the user is this
    /// shard's.
    pub(crate) fn own(&self, user: UserId) -> bool {
        self.end.is_some_and(|end| user >= end) || self.ranges.iter().any(|users| users.contains(&user))
    }

    /// Whether both can be of one shard: below the nearer end they are the same.
    pub(crate) fn agree(&self, other: &Self) -> bool {
        let end = if self.reach_beyond(other) { other.end } else { self.end };
        self.below(end) == other.below(end)
    }

    /// Whether these are of a later map than `other`.
    pub(crate) fn reach_beyond(&self, other: &Self) -> bool {
        match (self.end, other.end) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(here), Some(there)) => here > there,
        }
    }

    fn below(&self, end: Option<UserId>) -> Vec<(UserId, UserId)> {
        let all = self.ranges.iter().map(|users| (*users.start(), *users.end()));
        let Some(UserId(end)) = end else { return all.collect() };
        let within = all.take_while(|(first, _)| first.0 < end);
        within.map(|(first, last)| (first, UserId(last.0.min(end.saturating_sub(1))))).collect()
    }

    /// Those the store was made for; `None` in a new one.
    pub(crate) fn read(snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let Some(row) = snapshot.get(META, USERS)? else { return Ok(None) };
        let range = |range: &[u8]| {
            let first = range.get(..8).and_then(number).ok_or(CORRUPT)?;
            Ok(UserId(first)..=UserId(right(range).ok_or(CORRUPT)?))
        };
        let ranges = row.chunks(16).map(range).collect::<Result<_>>()?;
        let end = snapshot.get(META, END)?.map(|row| number(&row).ok_or(CORRUPT)).transpose()?;
        Ok(Some(Self { ranges, end: end.map(UserId) }))
    }

    pub(crate) fn put(&self, draft: &mut Draft<'_>) {
        let pairs = self.ranges.iter().flat_map(|users| pair(users.start().0, users.end().0));
        draft.put(META, USERS, pairs.collect::<Vec<u8>>());
        match self.end {
            Some(end) => draft.put(META, END, end.0.to_be_bytes().to_vec()),
            None => draft.delete(META, END),
        }
    }
}

/// `0-9, 20-29`.
impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ranges.is_empty() {
            return f.write_str("of nobody");
        }
        for (place, users) in self.ranges.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}-{}", users.start(), users.end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use relations::Range;

    use super::*;

    /// Ten users to a range.
    fn map(owners: &[u32], open: bool) -> ShardMap {
        let range = |(place, shard): (u64, &u32)| Range { first_user: UserId(place * 10), shard: *shard };
        let end = (!open).then_some(UserId(owners.len() as u64 * 10));
        ShardMap::from_ranges(1, 3, (0..).zip(owners).map(range).collect(), end).unwrap()
    }

    #[test]
    fn a_later_map_of_the_same_fleet_agrees_and_another_one_does_not() {
        let users = |owners: &[u32], open| Users::of(&map(owners, open), 1);
        let old = users(&[0, 1], false);
        for (owners, open) in
            [(&[0, 1, 0][..], true), (&[0, 1, 1], false), (&[0, 1, 2, 1], false), (&[0, 1], true)]
        {
            let new = users(owners, open);
            assert!(new.agree(&old) && old.agree(&new), "{owners:?}");
            assert!(new.reach_beyond(&old) && !old.reach_beyond(&new), "{owners:?}");
        }
        for (owners, open) in [(&[1, 1][..], false), (&[0, 0, 1], false), (&[1, 0], true), (&[0, 0], false)] {
            let new = users(owners, open);
            assert!(!new.agree(&old) && !old.agree(&new), "{owners:?}");
        }
        // Where everybody had a home, nobody can be added.
        assert!(!users(&[0, 1], true).agree(&users(&[0, 1, 2], true)));
    }

    #[test]
    fn messages_about_users_behind_the_end_are_of_a_later_map() {
        let users = Users::of(&map(&[0, 1, 0], false), 1);
        for (user, own) in [(9, false), (10, true), (19, true), (20, false), (29, false), (30, true)] {
            assert_eq!(users.own(UserId(user)), own, "user {user}");
        }
        assert_eq!(users.to_string(), "10-19");
    }

    proptest! {
        #[test]
        fn rows_survive(owners in proptest::collection::vec(0u32..3, 1..9), open: bool) {
            let store = store::Memory::new(crate::TABLES);
            for shard in 0..3 {
                let users = Users::of(&map(&owners, open), shard);
                let snapshot = store::Store::snapshot(&store).unwrap();
                let mut draft = Draft::over(&*snapshot);
                users.put(&mut draft);
                let batch = draft.into_batch();
                drop(snapshot);
                store::Store::write(&store, &batch).unwrap();
                let found = Users::read(&*store::Store::snapshot(&store).unwrap()).unwrap();
                prop_assert_eq!(found, Some(users));
            }
        }
    }
}
