//! What feeds are: lists, and a set of pairs.

use std::collections::{BTreeMap, BTreeSet};

/// A post as somebody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) text: String,
}

#[derive(Default)]
pub(super) struct Model {
    /// (user, author).
    follows: BTreeSet<(u64, u64)>,
    /// Oldest first, with the author of each.
    feeds: BTreeMap<u64, Vec<(u64, Entry)>>,
    outboxes: BTreeMap<u64, Vec<Entry>>,
    /// The ids of everything an author ever said.
    said: BTreeMap<u64, Vec<String>>,
}

impl Model {
    pub(super) fn follow(&mut self, user: u64, author: u64) {
        self.follows.insert((user, author));
    }

    pub(super) fn unfollow(&mut self, user: u64, author: u64, keep: bool) {
        self.follows.remove(&(user, author));
        if !keep {
            self.feeds.entry(user).or_default().retain(|(by, _)| *by != author);
        }
    }

    pub(super) fn post(&mut self, author: u64, entry: Entry) {
        for user in self.followers(author) {
            self.feeds.entry(user).or_default().push((author, entry.clone()));
        }
        self.said.entry(author).or_default().push(entry.id.clone());
        self.outboxes.entry(author).or_default().push(entry);
    }

    pub(super) fn delete(&mut self, id: &str) {
        self.feeds.values_mut().for_each(|feed| feed.retain(|(_, entry)| entry.id != id));
        self.outboxes.values_mut().for_each(|outbox| outbox.retain(|entry| entry.id != id));
    }

    /// Newest first.
    pub(super) fn feed(&self, user: u64) -> Vec<Entry> {
        self.feeds.get(&user).into_iter().flatten().rev().map(|(_, entry)| entry.clone()).collect()
    }

    /// Newest first.
    pub(super) fn outbox(&self, author: u64) -> Vec<Entry> {
        self.outboxes.get(&author).into_iter().flatten().rev().cloned().collect()
    }

    pub(super) fn said(&self, author: u64) -> &[String] {
        self.said.get(&author).map_or(&[], Vec::as_slice)
    }

    pub(super) fn following(&self, user: u64) -> Vec<u64> {
        self.follows.iter().filter(|(u, _)| *u == user).map(|(_, author)| *author).collect()
    }

    pub(super) fn followers(&self, author: u64) -> Vec<u64> {
        self.follows.iter().filter(|(_, a)| *a == author).map(|(user, _)| *user).collect()
    }
}
