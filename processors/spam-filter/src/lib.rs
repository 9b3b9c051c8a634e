//! Scores what looks like spam, in any language, from 0 to 100.
//!
//! A post at the threshold or above jumps to the step `target`; every post gets its score as the header
//! `spam-score`, and what made it up as `spam-signals`. No signal alone reaches the default threshold, except phrases
//! that the chain lists; scripts without capitals or spaces are judged by what they have.

mod phrases;
mod signals;
#[cfg(test)]
mod tests;

use catena_sdk::{Failure, Host, Message, Outcome, Processor};
use serde::Deserialize;

use crate::phrases::Phrases;

/// What is too much, and where it goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The score from which a post is spam, 1 to 100.
    pub threshold: u32,
    /// The step that spam jumps to; the chain must list it in `jumps`.
    pub target: String,
    /// Phrases of spam in place of the built-in ones, in any case.
    pub phrases: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threshold: 50, target: "quarantine".to_owned(), phrases: None }
    }
}

/// See the crate's own words.
#[derive(Debug)]
pub struct SpamFilter {
    threshold: u32,
    target: String,
    phrases: Phrases,
}

impl Processor for SpamFilter {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        let Settings { threshold, target, phrases } = settings;
        if !(1..=100).contains(&threshold) {
            return Err("`threshold` must be 1 to 100".to_owned());
        }
        if target.is_empty() {
            return Err("`target` must not be empty".to_owned());
        }
        let phrases = match phrases {
            Some(phrases) => Phrases::new(&phrases)?,
            None => Phrases::built_in(),
        };
        Ok(Self { threshold, target, phrases })
    }

    fn reads(&self) -> Vec<&str> {
        vec!["/text"]
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let post = message.object()?;
        let text = post.text("text")?.unwrap_or_default();
        let (mut score, mut names) = (0, Vec::new());
        for (name, points) in signals::of(&text, &self.phrases) {
            score += points;
            names.push(name);
        }
        let score = score.min(100);
        let outcome =
            if score >= self.threshold { Outcome::jump(self.target.as_str()) } else { Outcome::next() };
        let outcome = outcome.with_header("spam-score", score.to_string());
        Ok(if names.is_empty() {
            outcome.without_header("spam-signals")
        } else {
            outcome.with_header("spam-signals", names.join(" "))
        })
    }
}

catena_sdk::export!(SpamFilter);
