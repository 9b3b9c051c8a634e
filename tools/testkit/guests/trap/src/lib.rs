//! Panics on the text `boom`; passes everything else on.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Trap;

impl Processor for Trap {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        assert!(!says(message, "boom"), "boom");
        Ok(Outcome::next())
    }
}

fn says(message: &Message, trigger: &str) -> bool {
    message.object().is_ok_and(|post| post.text("text").is_ok_and(|text| text.as_deref() == Some(trigger)))
}

catena_sdk::export!(Trap);

#[cfg(test)]
mod tests {
    use catena_sdk::{
        Verdict,
        testing::{Harness, Sample, json},
    };

    use super::*;

    #[test]
    fn ordinary_messages_pass() {
        let mut harness = Harness::<Trap>::new(json!({})).unwrap();
        for body in [r#"{"text":"おはよう😋"}"#, "{}", "[1]", "not json"] {
            assert_eq!(harness.run(&Sample::new(body)).unwrap().verdict, Verdict::Next);
        }
    }

    #[test]
    #[should_panic(expected = "boom")]
    fn the_trigger_panics() {
        let mut harness = Harness::<Trap>::new(json!({})).unwrap();
        let _ = harness.run(&Sample::json(json!({ "text": "boom" })));
    }
}
