//! Hands every message on without a look at it.

use catena_sdk::{Failure, Host, Message, Outcome, Processor};
use serde::Deserialize;

/// What is handed over.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The body too, though nobody looks at it.
    pub body: bool,
}

/// See the crate's own words.
#[derive(Debug)]
pub struct Pass {
    body: bool,
}

impl Processor for Pass {
    type Settings = Settings;

    fn new(Settings { body }: Settings) -> Result<Self, String> {
        Ok(Self { body })
    }

    fn reads(&self) -> Vec<&str> {
        if self.body { vec![""] } else { Vec::new() }
    }

    fn process(&mut self, _: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        Ok(Outcome::next())
    }
}

catena_sdk::export!(Pass);

#[cfg(test)]
mod tests {
    use catena_sdk::testing::{Harness, Sample, json};

    use super::*;

    #[test]
    fn it_changes_nothing() {
        let sample = Sample::new("not json").with_header("lang", "ja");
        let seen = Harness::<Pass>::new(json!({})).unwrap().run(&sample).unwrap();
        assert_eq!((seen.message, seen.body_changed), (sample, false));
    }
}
