//! Puts a post aside: a copy on an output for people to look at, with why it came here, and the post ends.
//!
//! The reasons are the headers that the step before it wrote; they become the field `quarantine` of the copy.

use std::collections::BTreeMap;

use catena_sdk::{Emission, Failure, Host, Message, Outcome, Processor};
use serde::Deserialize;

/// Where posts are put, and what counts as a reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The output that gets the copies.
    pub output: String,
    /// The headers that say why; those that are there are copied.
    pub headers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let headers = ["spam-score", "spam-signals"].map(str::to_owned).to_vec();
        Self { output: "quarantine".to_owned(), headers }
    }
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Quarantine {
    settings: Settings,
}

impl Processor for Quarantine {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.output.is_empty() {
            Err("`output` must not be empty".to_owned())
        } else {
            Ok(Self { settings })
        }
    }

    fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure> {
        let emission = Emission::new(message.kind());
        // A body that is not an object may be the very reason why it is here: it is kept as it is.
        let emission = match message.object() {
            Ok(mut post) => {
                let headers = self.settings.headers.iter();
                let reasons: BTreeMap<_, _> =
                    headers.filter_map(|name| Some((name.as_str(), message.header(name)?))).collect();
                post.set("quarantine", &reasons)?;
                emission.with_json(&post)?
            }
            Err(_) => emission.with_body(message.body()),
        };
        host.emit(&self.settings.output, emission)?;
        Ok(Outcome::term("quarantined"))
    }
}

catena_sdk::export!(Quarantine);

#[cfg(test)]
mod tests {
    use catena_sdk::{
        Verdict,
        testing::{Harness, Sample, Seen, json},
    };

    use super::*;

    fn run(sample: &Sample) -> Seen {
        Harness::<Quarantine>::new(json!({})).unwrap().run(sample).unwrap()
    }

    #[test]
    fn the_copy_says_why_and_the_post_ends() {
        let sample = Sample::json(json!({ "actor": "42", "text": "今すぐ購入", "id": u64::MAX }))
            .with_key("42")
            .with_header("spam-score", "70")
            .with_header("other", "x");
        let seen = run(&sample);
        assert_eq!(seen.verdict, Verdict::Term("quarantined".to_owned()));
        assert_eq!(seen.message, sample);
        let copy = &seen.emitted[0];
        assert_eq!([&copy.output, &copy.kind, &copy.key], ["quarantine", "note", "42"]);
        let body = json!({ "actor": "42", "text": "今すぐ購入", "id": u64::MAX, "quarantine": { "spam-score": "70" } });
        assert_eq!(copy.json_body(), body);
    }

    #[test]
    fn what_is_no_post_is_kept_as_it_is() {
        assert_eq!(run(&Sample::new("\u{1}not json")).emitted[0].body, b"\x01not json");
    }

    #[test]
    fn real_posts_keep_their_fields() {
        for tweet in catena_text::samples::tweets().into_iter().flatten() {
            let mut body = run(&Sample::json(&tweet)).emitted[0].json_body();
            assert_eq!(body.as_object_mut().unwrap().remove("quarantine"), Some(json!({})));
            assert_eq!(body, tweet);
        }
    }

    #[test]
    fn an_output_must_have_a_name() {
        let refusal = Harness::<Quarantine>::new(json!({ "output": "" })).err();
        assert_eq!(refusal.unwrap(), "`output` must not be empty");
    }
}
