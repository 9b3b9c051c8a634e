//! The oracle: what was tried and accepted, what arrived where, and what that says about the promise.
//!
//! It knows posts by the ordinal they carry in their own body, so it trusts neither the node's ids nor its
//! counters. A post that was tried and never answered for may have arrived or not; both are right.

mod arrivals;
mod report;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use arrivals::{Arrival, Arrivals, Place};
pub use report::Report;

use crate::{network::Network, posts::Post};

/// Logs every attempt and its answer; any number of writers at once.
#[derive(Debug, Default)]
pub struct Oracle {
    book: Mutex<HashMap<u64, Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    post: Post,
    attempts: u32,
    answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Unknown,
    Accepted { id: String },
    Refused { status: u16, why: String },
}

impl Entry {
    /// The id under which it was accepted.
    fn id(&self) -> Option<&str> {
        match &self.answer {
            Answer::Accepted { id } => Some(id),
            Answer::Unknown | Answer::Refused { .. } => None,
        }
    }
}

impl Oracle {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A post is about to be sent.
    pub fn attempted(&self, post: &Post) {
        let mut book = self.book();
        let entry = book.entry(post.ordinal).or_insert_with(|| Entry {
            post: post.clone(),
            attempts: 0,
            answer: Answer::Unknown,
        });
        entry.attempts += 1;
    }

    /// The node answered that it has the post, under `id`.
    pub fn accepted(&self, post: &Post, id: &str) {
        self.answered(post, Answer::Accepted { id: id.to_owned() });
    }

    /// The node answered that it will not take the post.
    pub fn refused(&self, post: &Post, status: u16, why: &str) {
        self.answered(post, Answer::Refused { status, why: why.to_owned() });
    }

    /// How many posts the node said it has.
    #[must_use]
    pub fn accepted_count(&self) -> u64 {
        self.book().values().filter(|e| matches!(e.answer, Answer::Accepted { .. })).count() as u64
    }

    /// Compares what arrived with what was accepted. `network` says who must have got what: it must have
    /// stood before the first post.
    #[must_use]
    pub fn judge(&self, arrivals: &Arrivals, network: &Network) -> Report {
        report::judge(&self.book(), arrivals, network)
    }

    fn answered(&self, post: &Post, answer: Answer) {
        if let Some(entry) = self.book().get_mut(&post.ordinal) {
            entry.answer = answer;
        }
    }

    fn book(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
