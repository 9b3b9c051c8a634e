//! Hands every message on without a look at it.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Pass;

impl Processor for Pass {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn reads(&self) -> Vec<&str> {
        Vec::new()
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
