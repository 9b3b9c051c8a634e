//! Messages that go through their chain together.
//!
//! None of them may be the business of another: they are on one plan, none is a second copy of another, and where the
//! plan keeps state no two have the same key. One that failed before walks alone: most likely it fails again, and then
//! those of its key would have walked in vain. What they leave is still taken over one by one, in their order.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use super::work::Work;

/// Grows until somebody comes who has to wait for those in it.
#[derive(Default)]
pub(super) struct Wave {
    works: Vec<Work>,
    /// Hashes of the keys; two keys of one hash only wait for each other.
    keys: HashSet<u64>,
    /// Identities, where the lane has to recognise second copies.
    identities: HashSet<[u8; 16]>,
    hasher: RandomState,
}

impl Wave {
    pub(super) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// Whether the message can go with those that are in.
    pub(super) fn admits(&self, work: &Work) -> bool {
        let Some(first) = self.works.first() else { return true };
        Arc::ptr_eq(first.live(), work.live())
            && first.failures == 0
            && work.failures == 0
            && !self.keys.contains(&self.key(work))
            && !work.mark.is_some_and(|mark| self.identities.contains(mark.hash()))
    }

    /// Takes in a message that it [admits](Self::admits).
    pub(super) fn add(&mut self, work: Work) {
        if work.live().plan.keeps_state() {
            self.keys.insert(self.key(&work));
        }
        self.identities.extend(work.mark.map(|mark| *mark.hash()));
        self.works.push(work);
    }

    pub(super) fn into_works(self) -> Vec<Work> {
        self.works
    }

    fn key(&self, work: &Work) -> u64 {
        self.hasher.hash_one(&work.stored.message.key)
    }
}
