//! A filter that reads two fields of a post, as most rules do, and lets nearly everything pass.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Fields;

impl Processor for Fields {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let post = message.object()?;
        if post.text("actor")?.is_none_or(|actor| actor.is_empty()) {
            return Ok(Outcome::term("nobody wrote it"));
        }
        if post.text("lang")?.is_some_and(|lang| lang == "xx") {
            return Ok(Outcome::term("no language"));
        }
        Ok(Outcome::next())
    }
}

catena_sdk::export!(Fields);

#[cfg(test)]
mod tests {
    use catena_sdk::testing::{Harness, Sample, json};

    use super::*;

    #[test]
    fn it_ends_posts_of_nobody_and_in_no_language() {
        let verdict = |body| {
            Harness::<Fields>::new(json!({})).unwrap().run(&Sample::json(body)).unwrap().verdict
        };
        assert_eq!(verdict(json!({ "actor": "42", "lang": "no" })), catena_sdk::Verdict::Next);
        assert_ne!(verdict(json!({ "actor": "", "lang": "no" })), catena_sdk::Verdict::Next);
        assert_ne!(verdict(json!({ "actor": "42", "lang": "xx" })), catena_sdk::Verdict::Next);
    }
}
