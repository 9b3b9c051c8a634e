//! Which shards have a follower of an author: the distributor's summary of the graph.
//!
//! One bit per shard, kept in the lane's state under the author. Bits are only ever set, since an unfollow
//! does not tell whether another follower remains: the set is never too small, and a bit too many costs one
//! message per post (ADR 6). Shard 0 is the lowest bit of the first byte.
//!
//! The state belongs to the partition of the stream, whichever chain reads it: a feed whose chain gets another id
//! keeps what it knows.

use mpc::{LaneState, Result};
use relations::UserId;

/// A set of shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shards(Vec<u8>);

impl Shards {
    /// What the lane knows of `author`.
    pub(crate) fn read(lane: &LaneState<'_>, author: UserId) -> Result<Self> {
        Ok(lane.get(&key(author))?.map(|bytes| Self(bytes.to_vec())).unwrap_or_default())
    }

    /// Keeps it, committed with the message at hand.
    pub(crate) fn keep(self, lane: &mut LaneState<'_>, author: UserId) {
        lane.put(&key(author), self.0);
    }

    /// Adds a shard; true when it is new.
    pub(crate) fn add(&mut self, shard: u32) -> bool {
        let (byte, bit) = ((shard / 8) as usize, 1u8 << (shard % 8));
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        let Some(byte) = self.0.get_mut(byte) else { return false };
        let new = *byte & bit == 0;
        *byte |= bit;
        new
    }

    /// The shards, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.0).flat_map(|(place, byte)| {
            (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| place * 8 + bit)
        })
    }
}

fn key(author: UserId) -> [u8; 14] {
    let mut key = *b"shards\0\0\0\0\0\0\0\0";
    let (_, tail) = key.split_at_mut(6);
    tail.copy_from_slice(&author.0.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_summary_is_a_set(shards in proptest::collection::vec(0u32..4096, 0..40)) {
            let mut summary = Shards::default();
            let mut model = BTreeSet::new();
            for shard in shards {
                prop_assert_eq!(summary.add(shard), model.insert(shard));
            }
            prop_assert_eq!(summary.iter().collect::<Vec<_>>(), model.into_iter().collect::<Vec<_>>());
        }
    }
}
