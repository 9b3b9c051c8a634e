//! Ends each message with its number among those that this instance has seen: what a processor keeps to itself, in memory of its own.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Tally {
    seen: u64,
}

impl Processor for Tally {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self { seen: 0 })
    }

    fn reads(&self) -> Vec<&str> {
        Vec::new()
    }

    fn process(&mut self, _: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        self.seen += 1;
        Ok(Outcome::term(self.seen.to_string()))
    }
}

catena_sdk::export!(Tally);

#[cfg(test)]
mod tests {
    use catena_sdk::{
        Verdict,
        testing::{Harness, Sample},
    };

    use super::*;

    #[test]
    fn it_counts_whatever_comes() {
        let mut harness = Harness::<Tally>::new(catena_sdk::testing::json!({})).unwrap();
        let mut verdict = |key: &str| harness.run(&Sample::new("{}").with_key(key)).unwrap().verdict;
        assert_eq!(["a", "b"].map(&mut verdict), ["1", "2"].map(|n| Verdict::Term(n.to_owned())));
    }
}
