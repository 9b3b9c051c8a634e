//! A filter that looks at two fields of a post, as most rules do, and lets nearly everything pass.

use catena_sdk::{Failure, Host, Message, Outcome, Processor};
use serde::Deserialize;

/// How it gets at the fields.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// It takes the whole body and looks for the fields itself.
    pub whole: bool,
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Fields {
    whole: bool,
}

impl Processor for Fields {
    type Settings = Settings;

    fn new(Settings { whole }: Settings) -> Result<Self, String> {
        Ok(Self { whole })
    }

    fn reads(&self) -> Vec<&str> {
        if self.whole { vec![""] } else { vec!["/actor", "/lang"] }
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
        for whole in [false, true] {
            let mut fields = Harness::<Fields>::new(json!({ "whole": whole })).unwrap();
            let mut verdict = |body| fields.run(&Sample::json(body)).unwrap().verdict;
            assert_eq!(verdict(json!({ "actor": "42", "lang": "no" })), catena_sdk::Verdict::Next);
            assert_ne!(verdict(json!({ "actor": "", "lang": "no" })), catena_sdk::Verdict::Next);
            assert_ne!(verdict(json!({ "actor": "42", "lang": "xx" })), catena_sdk::Verdict::Next);
        }
    }
}
