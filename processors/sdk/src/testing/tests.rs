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

/// Reads what its settings say, and does what the message's kind says.
struct Reader {
    reads: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reads {
    reads: Vec<String>,
}

impl Processor for Reader {
    type Settings = Reads;

    fn new(Reads { reads }: Reads) -> Result<Self, String> {
        Ok(Self { reads })
    }

    fn reads(&self) -> Vec<&str> {
        self.reads.iter().map(String::as_str).collect()
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        let mut post = message.object()?;
        match message.kind() {
            "name" => {
                let name = message.field::<String>("/user/name")?.unwrap_or_default();
                Ok(Outcome::term(format!("{name} of {}", message.body_bytes())))
            }
            "whole" => Outcome::next().with_json(&post),
            "raw" => Ok(Outcome::term(post.raw("text").unwrap_or_default())),
            _ => {
                post.set("length", &post.text("text")?.map_or(0, |text| text.chars().count()))?;
                assert!(post.text("length").is_err(), "it is a number");
                Ok(Outcome::next().with_object(&post))
            }
        }
    }
}

fn reader(reads: &[&str]) -> Harness<Reader> {
    Harness::new(json!({ "reads": reads })).unwrap()
}

#[test]
fn a_processor_sees_what_it_reads_and_edits_leave_the_rest() {
    let sample =
        Sample::new("\n {\"id\":505874924095815681, \"user\":{\"name\":\"Ada\"},\"text\":\"日本\"} ");
    for reads in [&["/text", "/user/name"][..], &[""]] {
        let seen = reader(reads).run(&sample).unwrap();
        let body = "{\"id\":505874924095815681,\"user\":{\"name\":\"Ada\"},\"text\":\"日本\",\"length\":2}";
        assert_eq!(String::from_utf8(seen.message.body).unwrap(), body, "{reads:?}");
        assert!(seen.body_changed);
        let named = reader(reads).run(&sample.clone().with_kind("name")).unwrap();
        assert_eq!(named.verdict, Verdict::Term(format!("Ada of {}", sample.body.len())), "{reads:?}");
    }
}

#[test]
fn what_is_not_read_is_not_taken_for_absent() {
    let sample = Sample::json(json!({ "text": "x", "user": { "name": "Ada" } }));
    let reason = |reads: &[&str], kind: &str| {
        reader(reads).run(&sample.clone().with_kind(kind)).unwrap_err().reason().to_owned()
    };
    assert_eq!(reason(&["/user/name"], "length"), "`reads` does not name the field `text`");
    assert_eq!(reason(&["/text"], "name"), "`reads` does not name `/user/name`");
    assert!(reason(&["/text"], "whole").contains("give edits back with `Outcome::with_object`"));
}

#[test]
#[should_panic(expected = "`reads` does not name the field `text`")]
fn raw_text_that_is_not_read_is_a_mistake() {
    let _ = reader(&[]).run(&Sample::new("{}").with_kind("raw"));
}

#[test]
fn what_is_no_object_is_handed_over_whole_unless_nothing_is_read() {
    let run =
        |reads: &[&str], kind: &str| reader(reads).run(&Sample::new("[1]").with_kind(kind)).unwrap_err();
    let told = "body: invalid type: sequence, expected a JSON object";
    assert!(run(&["/text"], "length").reason().starts_with(told));
    assert_eq!(run(&[], "length").reason(), "`reads` does not name the field `text`");
}

#[test]
fn pointers_that_the_host_refuses_are_refused() {
    let refused = |reads: &[&str]| Harness::<Reader>::new(json!({ "reads": reads })).err().unwrap();
    assert_eq!(refused(&["text"]), "`reads`: `text` is no JSON pointer: begin it with a slash, like `/text`");
    assert!(refused(&["/a~2"]).contains("after `~` comes `0`"));
    assert!(refused(&["/1/2/3/4/5/6/7/8/9"]).contains("leads 9 deep, at most 8"));
    assert!(refused(&["/a"; 33]).starts_with("`reads` names 33 fields, at most 32"));
}
