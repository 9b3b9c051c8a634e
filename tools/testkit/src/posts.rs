//! Posts of people who speak many languages, out of a seed; each knows what must become of it.

mod languages;

use std::collections::{BTreeMap, HashSet};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde_json::{Value, json};

use crate::names::{handle_of, name_of};

/// What the feed's chain must do with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// It reaches the followers.
    Delivered,
    /// Spam: it ends in quarantine and shows on that output.
    Quarantined,
    /// The author said the same before: it ends without a trace.
    Duplicate,
    /// The chain rejects it: it becomes a dead letter.
    Rejected,
    /// Not known, for posts of others: anything that leaves a trace.
    Any,
}

/// A post, before anybody accepted it.
#[derive(Clone, Debug)]
pub struct Post {
    /// Names this post among all of a run.
    pub ordinal: u64,
    /// Who says it.
    pub author: u64,
    /// What is said.
    pub text: String,
    /// What must become of it.
    pub fate: Fate,
}

impl Post {
    /// A post.
    #[must_use]
    pub fn new(ordinal: u64, author: u64, text: String, fate: Fate) -> Self {
        Self { ordinal, author, text, fate }
    }

    /// The idempotency key under which it is sent, every time.
    #[must_use]
    pub fn key(&self) -> String {
        format!("post-{}", self.ordinal)
    }

    /// What is sent. `ordinal` travels along, so that an arrival can be told from any other without
    /// trusting the node's ids.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({
            "actor": self.author.to_string(),
            "verb": "note",
            "name": name_of(self.author),
            "text": self.text,
            "ordinal": self.ordinal,
        })
    }
}

/// Out of a thousand posts, how many are what.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Spam.
    pub spam: u32,
    /// Repetitions of what the same author said.
    pub duplicates: u32,
    /// Longer than any chain takes.
    pub too_long: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { spam: 40, duplicates: 30, too_long: 5 }
    }
}

impl Mix {
    /// Only posts that must be delivered.
    pub const CLEAN: Self = Self { spam: 0, duplicates: 0, too_long: 0 };
}

/// Characters no chain of the samples takes.
const TOO_LONG: usize = 20_000;

/// An endless row of posts.
pub struct Posts {
    random: Xoshiro256PlusPlus,
    users: u64,
    mix: Mix,
    next: u64,
    said: HashSet<(u64, String)>,
    last: BTreeMap<u64, String>,
}

impl Posts {
    /// Posts of users `1..=users`; some write much, most little.
    #[must_use]
    pub fn new(seed: u64, users: u64, mix: Mix) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { random, users: users.max(1), mix, next: 0, said: HashSet::new(), last: BTreeMap::new() }
    }

    /// Squaring a uniform draw makes low ids write far more than high ones.
    fn author(&mut self) -> u64 {
        let draw: f64 = self.random.random_range(0.0..1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let author = (draw * draw * self.users as f64) as u64;
        author.min(self.users - 1) + 1
    }

    /// Something this author has not said yet.
    fn fresh(&mut self, author: u64) -> String {
        // Everyone mostly speaks one language.
        let own = author.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let language = if self.random.random_ratio(9, 10) { own } else { self.random.random() };
        let mut text = languages::sentence(language, &mut self.random);
        if self.random.random_ratio(1, 4) {
            let other = self.random.random_range(1..=self.users);
            text = format!("@{} {text}", handle_of(other));
        }
        if self.random.random_ratio(1, 8) {
            text = format!("{text} https://example.org/{}", self.random.random_range(100..999));
        }
        while !self.said.insert((author, text.to_lowercase())) {
            text = format!("{text} {}", languages::sentence(language, &mut self.random));
        }
        text
    }
}

impl Iterator for Posts {
    type Item = Post;

    fn next(&mut self) -> Option<Post> {
        let author = self.author();
        let Mix { spam, duplicates, too_long } = self.mix;
        let draw = self.random.random_range(0..1000);
        let (text, fate) = if draw < spam {
            (languages::spam(self.next), Fate::Quarantined)
        } else if draw < spam + duplicates && self.last.contains_key(&author) {
            (self.last.get(&author).cloned().unwrap_or_default(), Fate::Duplicate)
        } else if draw >= 1000 - too_long {
            ("so it goes on and on. ".repeat(TOO_LONG / 22), Fate::Rejected)
        } else {
            let text = self.fresh(author);
            self.last.insert(author, text.clone());
            (text, Fate::Delivered)
        };
        self.next += 1;
        Some(Post { ordinal: self.next, author, text, fate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_repeat_with_the_seed_and_no_author_says_the_same_twice_unmarked() {
        let take = |seed| Posts::new(seed, 50, Mix::default()).take(5000).collect::<Vec<_>>();
        let posts = take(1);
        assert!(posts.iter().zip(&take(1)).all(|(a, b)| a.text == b.text && a.author == b.author));
        let mut seen = HashSet::new();
        for post in posts.iter().filter(|p| matches!(p.fate, Fate::Delivered | Fate::Duplicate)) {
            let new = seen.insert((post.author, post.text.to_lowercase()));
            assert_eq!(new, post.fate == Fate::Delivered, "{post:?}");
        }
        for fate in [Fate::Delivered, Fate::Quarantined, Fate::Duplicate, Fate::Rejected] {
            assert!(posts.iter().any(|p| p.fate == fate), "{fate:?} is missing");
        }
    }
}
