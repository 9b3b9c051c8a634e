//! Adds the language of a post and how long it takes to read.
//!
//! `language` is a tag like `ja` (BCP 47, the shortest code), left as it is where the author gave one and left out
//! where the text does not tell; `reading_s` is whole seconds. Links, mentions and hashtags do not count.

mod language;
mod reading;
#[cfg(test)]
mod tests;

use catena_sdk::{Failure, Host, Message, Outcome, Processor};
use catena_text::without_entities;
use serde::Deserialize;

/// How sure and how fast.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A language less certain than this, from 0 to 1, is left out. Greetings of three words reach 0.3 where they are
    /// right and stay below 0.2 where they are wrong.
    pub confidence_min: f64,
    /// Words read in a minute, in scripts with spaces.
    pub words_per_minute: u32,
    /// Characters read in a minute, in scripts without.
    pub characters_per_minute: u32,
}

impl Default for Settings {
    /// Rates of silent reading: Brysbaert, 2019 (English 238 words); Trauzettel-Klosinski, 2012 (Chinese,
    /// Japanese about 260 and 360 characters aloud, more in silence).
    fn default() -> Self {
        Self { confidence_min: 0.3, words_per_minute: 238, characters_per_minute: 500 }
    }
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Enrich {
    settings: Settings,
}

impl Processor for Enrich {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&settings.confidence_min) {
            return Err("`confidence_min` must be 0 to 1".to_owned());
        }
        if settings.words_per_minute == 0 || settings.characters_per_minute == 0 {
            return Err("`words_per_minute` and `characters_per_minute` must be at least 1".to_owned());
        }
        Ok(Self { settings })
    }

    fn reads(&self) -> Vec<&str> {
        vec!["/text", "/language"]
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let mut post = message.object()?;
        let Some(text) = post.text("text")? else { return Ok(Outcome::next()) };
        let words = without_entities(&text);
        if post.text("language")?.is_none()
            && let Some(language) = language::detect(&words, self.settings.confidence_min)
        {
            post.set("language", language)?;
        }
        let Settings { words_per_minute, characters_per_minute, .. } = self.settings;
        post.set("reading_s", &reading::seconds(&words, words_per_minute, characters_per_minute))?;
        Ok(Outcome::next().with_object(&post))
    }
}

catena_sdk::export!(Enrich);
