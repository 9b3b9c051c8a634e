//! Adds `version:mark` to the list `stamps` of a body: which code and which settings a message met, in order.
//!
//! `stamp-v2` is the same source under another version, so a trace that shows both, or two marks, went through two
//! generations.

use catena_sdk::{Failure, Host, Message, Outcome, Processor};
use serde::Deserialize;

/// What this step writes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Written behind the version.
    pub mark: String,
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Stamp {
    stamp: String,
}

impl Processor for Stamp {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { stamp: format!("{}:{}", env!("CARGO_PKG_VERSION"), settings.mark) })
    }

    fn reads(&self) -> Vec<&str> {
        vec!["/stamps"]
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let mut post = message.object()?;
        let mut stamps: Vec<String> = post.get("stamps")?.unwrap_or_default();
        stamps.push(self.stamp.clone());
        post.set("stamps", &stamps)?;
        Ok(Outcome::next().with_object(&post))
    }
}

catena_sdk::export!(Stamp);

#[cfg(test)]
mod tests {
    use catena_sdk::testing::{Harness, Sample, json};

    use super::*;

    #[test]
    fn stamps_add_up_in_order() {
        let version = env!("CARGO_PKG_VERSION");
        let stamped = |mark, sample: &Sample| {
            Harness::<Stamp>::new(json!({ "mark": mark })).unwrap().run(sample).unwrap().message
        };
        let twice = stamped("b", &stamped("a", &Sample::json(json!({ "text": "日本" }))));
        let stamps = [format!("{version}:a"), format!("{version}:b")];
        assert_eq!(twice.json_body(), json!({ "text": "日本", "stamps": stamps }));
    }
}
