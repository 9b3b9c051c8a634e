//! Numbers the messages of each key from 1, and writes the number into the body as `count`.
//!
//! The last number is the processor's state. Two processes that both believe to own a key, or one that goes on with what it
//! remembers from before another one had it, give a number twice.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// The name of the entry in the state.
const STATE: &str = "count";

/// See the crate's own words.
#[derive(Debug)]
pub struct Count;

impl Processor for Count {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn reads(&self) -> Vec<&str> {
        Vec::new()
    }

    fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure> {
        let mut post = message.object()?;
        let last = host.state(STATE).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        let count = last + 1;
        host.set_state(STATE, &count.to_le_bytes());
        post.set("count", &count)?;
        Ok(Outcome::next().with_object(&post))
    }
}

catena_sdk::export!(Count);

#[cfg(test)]
mod tests {
    use catena_sdk::testing::{Harness, Sample, json};

    use super::*;

    #[test]
    fn each_key_has_its_own_numbers() {
        let mut harness = Harness::<Count>::new(json!({})).unwrap();
        let mut count = |key: &str| {
            let sample = Sample::json(json!({ "text": "日本" })).with_key(key);
            harness.run(&sample).unwrap().message.json_body()["count"].clone()
        };
        assert_eq!(["a", "a", "b", "a"].map(&mut count), [1, 2, 1, 3]);
    }
}
