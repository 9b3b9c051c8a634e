use catena_sdk::{
    Verdict,
    testing::{Harness, Sample, Value, json},
};

use super::*;

fn reason(settings: Value, body: Value) -> Option<String> {
    let mut harness = Harness::<Validate>::new(settings).unwrap();
    harness.run(&Sample::json(body)).err().map(|failure| failure.reason().to_owned())
}

fn note(text: &str) -> Value {
    json!({ "actor": "42", "verb": "note", "text": text })
}

#[test]
fn good_posts_of_any_language_pass_unchanged() {
    let mut harness = Harness::<Validate>::new(json!({})).unwrap();
    for text in ["Grüße aus Köln", "こんにちは😋✨", "مرحبا بالعالم", "a", "👩‍👩‍👧‍👦", "नमस्ते"]
    {
        let seen = harness.run(&Sample::json(note(text))).unwrap();
        assert_eq!((seen.verdict, seen.body_changed), (Verdict::Next, false), "for {text}");
    }
    assert_eq!(
        reason(
            json!({}),
            json!({ "actor": 42, "verb": "like", "object": "1-1", "published_at": "2026-01-31T12:00:00.000Z" })
        ),
        None
    );
}

#[test]
fn characters_are_counted_as_people_see_them() {
    let settings = json!({ "text_max": 3 });
    // 25 bytes, 7 code points and one character each.
    let family = "👩‍👩‍👧‍👦";
    assert_eq!(reason(settings.clone(), note(&family.repeat(3))), None);
    assert_eq!(reason(settings.clone(), note("e\u{301}e\u{301}e\u{301}")), None);
    assert_eq!(
        reason(settings, note(&family.repeat(4))).unwrap(),
        "body field `/text`: has 4 characters, at most 3"
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let body = json!({ "actor": "a b", "verb": "Like It", "text": 7, "published_at": "yesterday" });
    assert_eq!(
        reason(json!({}), body).unwrap(),
        "body field `/actor`: must not contain spaces or control characters; \
         body field `/published_at`: is not a time of RFC 3339; \
         body field `/verb`: is not a verb: use 1 to 64 of a-z, 0-9, `.`, `-` and `_`, starting with a letter; \
         body field `/text`: invalid type: integer `7`, expected a string"
    );
}

#[test]
fn each_field_has_its_reasons() {
    for (body, expected) in [
        (json!([]), "body: invalid type: sequence, expected a JSON object"),
        (json!({ "verb": "note", "text": "x" }), "body field `/actor`: is missing"),
        (json!({ "actor": "", "text": "x" }), "body field `/actor`: is empty"),
        (json!({ "actor": "x".repeat(65), "text": "x" }), "body field `/actor`: has more than 64 characters"),
        (
            json!({ "actor": 1.5, "text": "x" }),
            "body field `/actor`: invalid type: floating point `1.5`, expected a string",
        ),
        (json!({ "actor": "1" }), "body field `/text`: is missing"),
        (note(" \n\u{200b}\u{3000}\u{2800}"), "body field `/text`: is blank"),
    ] {
        assert_eq!(reason(json!({}), body).unwrap(), expected);
    }
    assert_eq!(
        reason(json!({ "verbs": ["note", "like"] }), json!({ "actor": "1", "verb": "share" })).unwrap(),
        "body field `/verb`: `share` is not taken here; taken are note, like"
    );
    assert_eq!(
        reason(json!({ "body_bytes_max": 10 }), note("0123456789")).unwrap(),
        "body: has 48 bytes, at most 10"
    );
    let mut harness = Harness::<Validate>::new(json!({})).unwrap();
    assert_eq!(
        harness.run(&Sample::new("{\"actor\":")).unwrap_err().reason(),
        "body field `/actor`: EOF while parsing a value"
    );
    assert!(harness.run(&Sample::new(vec![b'['; 10_000])).is_err());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal = |settings| Harness::<Validate>::new(settings).err().unwrap();
    assert_eq!(refusal(json!({ "text_max": 0 })), "`text_max` and `body_bytes_max` must be at least 1");
    assert_eq!(
        refusal(json!({ "verbs": ["a b"] })),
        "`verbs` and `text_required` list verbs, and `a b` is none"
    );
    assert!(refusal(json!({ "text_maxx": 1 })).starts_with("settings: unknown field `text_maxx`"));
    assert!(refusal(json!({ "verbs": ["a", 1] })).starts_with("setting `verbs.1`: invalid type"));
}

#[test]
fn real_posts_pass() {
    let mut harness = Harness::<Validate>::new(json!({})).unwrap();
    for tweet in catena_text::samples::tweets().into_iter().flatten() {
        assert_eq!(harness.run(&Sample::json(&tweet)).map(|seen| seen.verdict), Ok(Verdict::Next));
    }
}
