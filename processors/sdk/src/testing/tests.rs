use serde::Deserialize;

use super::*;
use crate::{Emission, Message, Outcome};

/// Counts per key, and does what the message's kind says.
struct Counter {
    step: u64,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    step: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { step: 1 }
    }
}

impl Processor for Counter {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.step == 0 {
            Err("`step` must not be 0".to_owned())
        } else {
            Ok(Self { step: settings.step })
        }
    }

    fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure> {
        let old = host.state("count").map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap());
        let new = old + self.step;
        host.set_state("count", new.to_string().as_bytes());
        host.info(&format!("count {new}"));
        host.emit("audit", Emission::new("counted").with_json(&new)?)?;
        match message.kind() {
            "retry" => Err(Failure::retry("not now")),
            "reset" => {
                host.remove_state("count");
                Ok(Outcome::term("reset"))
            }
            "random" => Ok(Outcome::jump(format!("step-{}", host.random_u64()))),
            _ => Outcome::next()
                .with_header("count", new.to_string())
                .with_json(&json!({ "at": host.now_ms() })),
        }
    }
}

crate::export!(Counter);

fn harness() -> Harness<Counter> {
    Harness::new(json!({})).unwrap()
}

#[test]
fn state_is_kept_per_key_from_message_to_message() {
    let mut harness = harness();
    let sample = Sample::new("{}");
    for (key, count) in [("1", "1"), ("1", "2"), ("2", "1"), ("1", "3")] {
        let seen = harness.run(&sample.clone().with_key(key)).unwrap();
        assert_eq!(seen.message.header("count"), Some(count));
        assert_eq!(seen.emitted[0].key, key);
    }
    assert_eq!(harness.state("1", "count"), Some(&b"3"[..]));
    assert_eq!(harness.run(&sample.with_kind("reset")).unwrap().verdict, Verdict::Term("reset".to_owned()));
    assert_eq!(harness.state("1", "count"), None);
}

#[test]
fn a_failed_message_leaves_nothing_but_its_log() {
    let mut harness = harness();
    assert_eq!(harness.run(&Sample::new("{}").with_kind("retry")), Err(Failure::retry("not now")));
    assert_eq!(harness.state("1", "count"), None);
    assert_eq!(harness.logs(), [(Level::Info, "count 1".to_owned())]);
}

#[test]
fn clock_and_random_bits_repeat_with_the_message() {
    let mut harness = harness();
    let random = Sample::new("{}").with_kind("random");
    let first = harness.run(&random).unwrap().verdict;
    assert_eq!(harness.run(&random).unwrap().verdict, first);
    assert_ne!(harness.run(&random.with_id("1-2")).unwrap().verdict, first);
    let at = |harness: &mut Harness<Counter>| {
        harness.run(&Sample::new("{}")).unwrap().message.json_body()["at"].as_u64()
    };
    let before = at(&mut harness).unwrap();
    harness.advance_ms(5);
    assert_eq!(at(&mut harness), Some(before + 5));
}

#[test]
fn settings_are_refused_in_a_sentence_that_names_the_field() {
    let refusal = |settings| Harness::<Counter>::new(settings).err().unwrap();
    assert_eq!(refusal(json!({ "step": 0 })), "`step` must not be 0");
    assert_eq!(refusal(json!({ "step": -1 })), "setting `step`: invalid value: integer `-1`, expected u64");
    assert_eq!(refusal(json!({ "stop": 1 })), "settings: unknown field `stop`, expected `step`");
}
