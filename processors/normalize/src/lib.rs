//! Puts a post's text into one form and finds what it refers to.
//!
//! The text: Unicode NFC, no control characters, no runs of spaces or empty lines, nothing at the ends. Then
//! `mentions`, `hashtags` (in lower case) and `links` as fields, each entry once, in order of appearance. The three are
//! always this rule's own: what a client puts there is replaced.

#[cfg(test)]
mod tests;
mod tidy;

use catena_sdk::{Failure, Host, Message, Object, Outcome, Processor};
use catena_text::{Kind, entities};
use serde::Deserialize;

/// How much of the author's layout stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Line breaks in a row at most; 0 makes a text one line.
    pub newlines_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { newlines_max: 2 }
    }
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Normalize {
    newlines_max: usize,
}

impl Processor for Normalize {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { newlines_max: settings.newlines_max })
    }

    fn reads(&self) -> Vec<&str> {
        vec!["/text", "/mentions", "/hashtags", "/links"]
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let mut post = message.object()?;
        let before = post.text("text")?.map(std::borrow::Cow::into_owned);
        let text = tidy::tidy(before.as_deref().unwrap_or_default(), self.newlines_max);
        if before.as_ref().is_some_and(|before| *before != text) {
            post.set("text", &text)?;
        }
        for (field, kind) in [("mentions", Kind::Mention), ("hashtags", Kind::Hashtag), ("links", Kind::Link)]
        {
            write(&mut post, field, &names(&text, kind))?;
        }
        Ok(Outcome::next().with_object(&post))
    }
}

/// The distinct entities of one kind.
fn names(text: &str, kind: Kind) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entity in entities(text).filter(|entity| entity.kind == kind) {
        let name = match kind {
            Kind::Hashtag => entity.name().to_lowercase(),
            Kind::Mention | Kind::Link => entity.name().to_owned(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Sets a field, or removes it where there is nothing to say.
fn write(post: &mut Object<'_>, field: &str, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        post.remove(field);
        return Ok(());
    }
    post.set(field, names)
}

catena_sdk::export!(Normalize);
