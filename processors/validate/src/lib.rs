//! Rejects posts of the wrong shape or size. All that is wrong is said at once, each with its field.
//!
//! It looks at `actor`, `verb`, `text` and `published_at`; other fields are the business of other rules.

mod check;
#[cfg(test)]
mod tests;

use catena_sdk::{Failure, Host, Message, Outcome, Processor};
use serde::Deserialize;

/// What this chain takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Characters of a text at most, as people count them: extended grapheme clusters.
    pub text_max: usize,
    /// Bytes of a body at most.
    pub body_bytes_max: usize,
    /// The verbs taken; empty for any.
    pub verbs: Vec<String>,
    /// The verbs that need a text.
    pub text_required: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            text_max: 2_000,
            body_bytes_max: 64 * 1024,
            verbs: Vec::new(),
            text_required: vec!["note".to_owned()],
        }
    }
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Validate {
    settings: Settings,
}

impl Processor for Validate {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.text_max == 0 || settings.body_bytes_max == 0 {
            return Err("`text_max` and `body_bytes_max` must be at least 1".to_owned());
        }
        let mut verbs = settings.verbs.iter().chain(&settings.text_required);
        if let Some(verb) = verbs.find(|verb| !check::is_verb(verb)) {
            return Err(format!("`verbs` and `text_required` list verbs, and `{verb}` is none"));
        }
        Ok(Self { settings })
    }

    fn reads(&self) -> Vec<&str> {
        vec!["/actor", "/verb", "/text", "/published_at"]
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let (bytes, bytes_max) = (message.body_bytes(), self.settings.body_bytes_max);
        if bytes > bytes_max {
            return Err(Failure::reject(format!("body: has {bytes} bytes, at most {bytes_max}")));
        }
        let post = message.object()?;
        let mut problems = Vec::new();
        check::actor(&post, &mut problems);
        check::published_at(&post, &mut problems);
        let verb = check::verb(&post, message.kind(), &self.settings.verbs, &mut problems);
        let required = self.settings.text_required.iter().any(|other| *other == verb);
        check::text(&post, required, self.settings.text_max, &mut problems);
        if problems.is_empty() { Ok(Outcome::next()) } else { Err(Failure::Reject(problems.join("; "))) }
    }
}

catena_sdk::export!(Validate);
