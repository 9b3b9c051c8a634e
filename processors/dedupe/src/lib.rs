//! Ends a post whose author said the same within a window.
//!
//! "The same" is verb, object and text, the text compared without case, spacing and Unicode spelling. Per message
//! key (a post's author) the state `seen` holds the last few posts as 16 bytes each: bounded, and nothing of what
//! was said. Time is when a message was accepted, so a replay decides the same again.

mod fingerprint;
mod seen;
#[cfg(test)]
mod tests;

use catena_sdk::{Emission, Failure, Host, Message, Outcome, Processor};
use serde::{Deserialize, Serialize};

use crate::{fingerprint::fingerprint, seen::Seen};

/// The name of the entry in the state.
const STATE: &str = "seen";
/// Posts remembered at most: what fits an entry of 64 KiB.
const KEEP_MAX: usize = 4_096;

/// What is a duplicate, and who hears of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds within which the same words are a duplicate.
    pub window_s: u64,
    /// Posts remembered per author, at most 4,096; the oldest goes first.
    pub keep: usize,
    /// The output that gets a note of each duplicate; empty for none.
    pub audit: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window_s: 600, keep: 64, audit: String::new() }
    }
}

/// The note on the audit output.
#[derive(Debug, Serialize)]
struct Audit<'a> {
    id: &'a str,
    actor: &'a str,
    repeats_after_ms: u64,
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Dedupe {
    window_ms: u64,
    keep: usize,
    audit: String,
}

impl Processor for Dedupe {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.window_s == 0 {
            return Err("`window_s` must be at least 1".to_owned());
        }
        if !(1..=KEEP_MAX).contains(&settings.keep) {
            return Err(format!("`keep` must be 1 to {KEEP_MAX}"));
        }
        Ok(Self {
            window_ms: settings.window_s.saturating_mul(1_000),
            keep: settings.keep,
            audit: settings.audit,
        })
    }

    fn reads(&self) -> Vec<&str> {
        vec!["/actor", "/verb", "/object", "/text"]
    }

    fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure> {
        let post = message.object()?;
        let Some(text) = post.text("text")? else { return Ok(Outcome::next()) };
        let actor = post.raw("actor").unwrap_or_default();
        let verb = post.text("verb")?;
        let verb = verb.as_deref().unwrap_or(message.kind());
        let fingerprint = fingerprint([actor, verb, post.raw("object").unwrap_or_default()], &text);
        let now_ms = host.now_ms();
        let mut seen = Seen::read(host.state(STATE).unwrap_or_default());
        if let Some(first_ms) = seen.at(fingerprint, now_ms.saturating_sub(self.window_ms)) {
            if !self.audit.is_empty() {
                let repeats_after_ms = now_ms.saturating_sub(first_ms);
                let actor = actor.trim_matches('"');
                let audit = Audit { id: message.id(), actor, repeats_after_ms };
                host.emit(&self.audit, Emission::new("duplicate").with_json(&audit)?)?;
            }
            return Ok(Outcome::term("duplicate"));
        }
        seen.push(fingerprint, now_ms, self.keep);
        host.set_state(STATE, seen.bytes());
        Ok(Outcome::next())
    }
}

catena_sdk::export!(Dedupe);
