use catena_sdk::{
    Verdict,
    testing::{Harness, Sample, Value, json},
};

use super::*;

fn harness(settings: Value) -> Harness<Dedupe> {
    Harness::new(settings).unwrap()
}

fn note(actor: &str, text: &str) -> Sample {
    Sample::json(json!({ "actor": actor, "verb": "note", "text": text })).with_key(actor)
}

fn duplicate() -> Verdict {
    Verdict::Term("duplicate".to_owned())
}

#[test]
fn the_same_words_of_one_author_end_within_the_window() {
    let mut harness = harness(json!({ "window_s": 60 }));
    let mut verdict = |sample: Sample, ms| {
        harness.advance_ms(ms);
        harness.run(&sample).unwrap().verdict
    };
    assert_eq!(verdict(note("1", "Guten Morgen, Köln!"), 0), Verdict::Next);
    assert_eq!(verdict(note("1", "GUTEN  Morgen,\nKo\u{308}ln!"), 1_000), duplicate());
    assert_eq!(verdict(note("2", "Guten Morgen, Köln!"), 0), Verdict::Next);
    assert_eq!(verdict(note("1", "おはよう😋"), 0), Verdict::Next);
    assert_eq!(verdict(note("1", "おはよう😋"), 59_000), duplicate());
    assert_eq!(verdict(note("1", "Guten Morgen, Köln!"), 1_000), Verdict::Next);
}

#[test]
fn the_audit_output_hears_of_it_where_the_settings_say_so() {
    let mut quiet = harness(json!({}));
    let mut audited = harness(json!({ "audit": "audit" }));
    for harness in [&mut quiet, &mut audited] {
        assert!(harness.run(&note("7", "صباح الخير")).unwrap().emitted.is_empty());
        harness.advance_ms(250);
    }
    assert!(quiet.run(&note("7", "صباح الخير")).unwrap().emitted.is_empty());
    let emitted = audited.run(&note("7", "صباح الخير").with_id("7-2")).unwrap().emitted;
    assert_eq!((emitted[0].output.as_str(), emitted[0].kind.as_str()), ("audit", "duplicate"));
    assert_eq!(emitted[0].json_body(), json!({ "id": "7-2", "actor": "7", "repeats_after_ms": 250 }));
}

#[test]
fn memory_is_bounded() {
    let mut harness = harness(json!({ "keep": 3 }));
    for n in 0..100 {
        harness.run(&note("1", &format!("post {n}"))).unwrap();
    }
    assert_eq!(harness.state("1", "seen").unwrap().len(), 3 * 16);
    assert_eq!(harness.run(&note("1", "post 99")).unwrap().verdict, duplicate());
    assert_eq!(harness.run(&note("1", "post 0")).unwrap().verdict, Verdict::Next);
}

#[test]
fn likes_and_shares_of_different_things_are_not_the_same() {
    let mut harness = harness(json!({}));
    for body in [
        json!({ "actor": "1", "verb": "like", "object": "2-1" }),
        json!({ "actor": "1", "verb": "like", "object": "2-1" }),
        json!({ "actor": "1", "verb": "share", "object": "2-1", "text": "!" }),
        json!({ "actor": "1", "verb": "share", "object": "2-2", "text": "!" }),
    ] {
        assert_eq!(harness.run(&Sample::json(body)).unwrap().verdict, Verdict::Next);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal = |settings| Harness::<Dedupe>::new(settings).err().unwrap();
    assert_eq!(refusal(json!({ "window_s": 0 })), "`window_s` must be at least 1");
    assert_eq!(refusal(json!({ "keep": 5000 })), "`keep` must be 1 to 4096");
    assert_eq!(
        refusal(json!({ "audit": 1 })),
        "setting `audit`: invalid type: integer `1`, expected a string"
    );
}

#[test]
fn real_posts_pass_once() {
    let mut harness = harness(json!({ "keep": 4096 }));
    let tweets = catena_text::samples::tweets().unwrap_or_default();
    let mut run = || -> Vec<_> {
        let verdict = |tweet| harness.run(&Sample::json(tweet)).unwrap().verdict;
        tweets.iter().map(verdict).collect()
    };
    assert!(run().iter().filter(|verdict| **verdict == Verdict::Next).count() >= tweets.len() * 9 / 10);
    assert!(run().iter().all(|verdict| *verdict == duplicate()));
}
