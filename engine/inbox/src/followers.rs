//! An author's followers, from all shards, in order.
//!
//! A shard knows those among its own users. Shards own ranges that alternate, so the ranges are walked in order; what a
//! shard answered is kept for its later ranges, so that it is asked again only where that was not all it has.

use std::{
    collections::{HashMap, VecDeque},
    ops::RangeInclusive,
};

use relations::{ShardMap, UserId};

/// A walk over the shards. It asks nobody itself: [`next`](Self::next) says what to ask, [`take`](Self::take) hears the answer.
pub(crate) struct Followers {
    /// Those not finished, ascending.
    homes: VecDeque<(RangeInclusive<UserId>, u32)>,
    after: Option<UserId>,
    limit: usize,
    known: HashMap<u32, Known>,
    users: Vec<UserId>,
}

/// What a shard has said and was not used yet.
#[derive(Default)]
struct Known {
    waiting: VecDeque<UserId>,
    /// The last follower it has named.
    through: Option<UserId>,
    /// There are none behind it.
    all: bool,
}

/// Which followers to ask a shard for: up to `limit` above `after`, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) shard: u32,
    pub(crate) after: Option<UserId>,
    pub(crate) limit: usize,
}

impl Ask {
    /// The same for `limit` of them at most.
    pub(crate) fn at_most(self, limit: usize) -> Self {
        Self { limit: self.limit.min(limit), ..self }
    }
}

impl Followers {
    /// Up to `limit` followers above `after`.
    pub(crate) fn new(map: &ShardMap, after: Option<UserId>, limit: usize) -> Self {
        let above = |users: &RangeInclusive<UserId>| after.is_none_or(|after| *users.end() > after);
        let homes = map.homes().filter(|(users, _)| above(users)).collect();
        Self { homes, after, limit, known: HashMap::new(), users: Vec::new() }
    }

    /// What to ask next; `None` when the list is complete.
    pub(crate) fn next(&mut self) -> Option<Ask> {
        while let Some((range, shard)) = self.homes.front() {
            let known = self.known.get_mut(shard);
            let before = range.start().0.checked_sub(1).map(UserId).max(self.after);
            let Some(known) = known else { return self.ask(*shard, before) };
            while let Some(user) = known.waiting.front().copied() {
                if self.users.len() >= self.limit {
                    return None;
                }
                if user > *range.end() {
                    break;
                }
                known.waiting.pop_front();
                if range.contains(&user) {
                    self.users.push(user);
                }
            }
            if known.waiting.is_empty() && !known.all && known.through < Some(*range.end()) {
                let (shard, after) = (*shard, known.through.max(before));
                return self.ask(shard, after);
            }
            self.homes.pop_front();
        }
        None
    }

    /// Takes a shard's answer to `ask`.
    pub(crate) fn take(&mut self, ask: Ask, users: Vec<UserId>) {
        let known = self.known.entry(ask.shard).or_default();
        known.all = users.len() < ask.limit;
        known.through = users.last().copied().or(ask.after);
        known.waiting = users.into();
    }

    /// The list.
    pub(crate) fn into_users(self) -> Vec<UserId> {
        self.users
    }

    fn ask(&self, shard: u32, after: Option<UserId>) -> Option<Ask> {
        let limit = self.limit.saturating_sub(self.users.len());
        (limit > 0).then_some(Ask { shard, after, limit })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use relations::Range;

    use super::*;

    proptest! {
        #[test]
        fn the_list_is_what_one_shard_alone_would_say(
            owners in proptest::collection::vec(0u32..3, 1..10),
            open: bool,
            users in proptest::collection::btree_set(0u64..100, 0..60),
            after in proptest::option::of(0u64..110),
            limit in 0usize..30,
        ) {
            let range = |(place, shard): (u64, &u32)| Range { first_user: UserId(place * 10), shard: *shard };
            let end = (!open).then_some(UserId(owners.len() as u64 * 10));
            let map = ShardMap::from_ranges(1, 3, (0..).zip(&owners).map(range).collect(), end).unwrap();
            let users: BTreeSet<UserId> = users.into_iter().map(UserId).collect();
            let of = |shard: u32, after: Option<UserId>| {
                users.iter().copied().filter(move |user| Some(*user) > after).filter({
                    let map = &map;
                    move |user| map.shard_of(*user) == Some(shard)
                })
            };
            let after = after.map(UserId);
            let mut walk = Followers::new(&map, after, limit);
            let mut asked = Vec::new();
            while let Some(ask) = walk.next() {
                asked.push(ask.shard);
                prop_assert!(asked.len() < 40, "it never ends");
                walk.take(ask, of(ask.shard, ask.after).take(ask.limit).collect());
            }
            let homeless = |user: &&UserId| map.shard_of(**user).is_some() && Some(**user) > after;
            let expected: Vec<UserId> = users.iter().filter(homeless).take(limit).copied().collect();
            let complete = expected.len() < limit;
            prop_assert_eq!(walk.into_users(), expected);
            if complete {
                let once: BTreeSet<u32> = asked.iter().copied().collect();
                prop_assert_eq!(once.len(), asked.len(), "a shard that had said all was asked again");
            }
        }
    }
}
