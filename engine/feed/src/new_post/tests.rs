use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn taken(json: &str) -> Value {
    let post = NewPost::from_json(json.as_bytes()).unwrap();
    let id = PostId { author: post.actor(), unique: 10 };
    serde_json::from_str(&post.body(id, "2026-01-02T03:04:05.678Z")).unwrap()
}

fn refused(json: impl AsRef<[u8]>) -> (&'static str, String) {
    let Invalid { field, problem } = NewPost::from_json(json.as_ref()).unwrap_err();
    (field, problem)
}

#[test]
fn the_engine_writes_its_members_and_keeps_the_others() {
    let body =
        taken(r#"{"text":"hi \u00e9","actor":42,"id":"mine","sequence":1,"published_at":0,"a\"b":[1.50]}"#);
    let expected = serde_json::json!({
        "id": "42-000000000000000a", "actor": "42", "verb": "note",
        "published_at": "2026-01-02T03:04:05.678Z", "text": "hi é", "a\"b": [1.5],
    });
    assert_eq!(body, expected);
    let kept = NewPost::from_json(br#"{"actor":"7","verb":"Like.x","n":1e2 , "n":{"k" : 1}}"#).unwrap();
    assert_eq!((kept.actor(), kept.verb()), (UserId(7), "Like.x"));
    assert_eq!(kept.rest, r#","n":1e2,"n":{"k" : 1}"#);
}

#[test]
fn refusals_name_the_field() {
    for (json, field, problem) in [
        ("", "", "not JSON"),
        ("{\"actor\":1", "", "not JSON"),
        ("[]", "", "not a JSON object"),
        ("7", "", "not a JSON object"),
        ("{\"actor\":1,\"x\":\"\\ud800\"}", "", "not JSON"),
        ("{\"actor\":1,\"x\":1e999}", "", "not JSON"),
        ("{}", "/actor", "is missing"),
        ("{\"actor\":-1}", "/actor", "is not a whole number"),
        ("{\"actor\":1.5}", "/actor", "is not a whole number"),
        ("{\"actor\":18446744073709551616}", "/actor", "is not a whole number"),
        ("{\"actor\":\"007\"}", "/actor", "`007` is not a user id"),
        ("{\"actor\":null}", "/actor", "neither"),
        ("{\"actor\":1,\"\\u0061ctor\":2}", "/actor", "is given twice"),
        ("{\"actor\":1,\"verb\":\"catena.follow\"}", "/verb", "kept for the engine"),
        ("{\"actor\":1,\"verb\":\"\"}", "/verb", "is not a verb"),
        ("{\"actor\":1,\"verb\":\"a b\"}", "/verb", "is not a verb"),
        ("{\"actor\":1,\"verb\":7}", "/verb", "is not a string"),
        ("{\"actor\":1,\"text\":7}", "/text", "is not a string"),
    ] {
        let (found_field, found) = refused(json);
        assert_eq!(found_field, field, "{json}: {found}");
        assert!(found.contains(problem), "{json}: {found}");
    }
    let long = |field: &str, bytes: usize| format!("{{\"actor\":1,\"{field}\":\"{}\"}}", "x".repeat(bytes));
    assert_eq!(refused(long("verb", 65)).0, "/verb");
    assert_eq!(refused(long("text", TEXT_BYTES_MAX + 1)).0, "/text");
    assert!(refused(long("other", BODY_BYTES_MAX)).1.contains("at most 1048320"));
    assert!(refused(b"{\"actor\":1,\"x\":\"\xff\"}").1.contains("not UTF-8"));
    assert!(NewPost::from_json(long("text", TEXT_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(NewPost::from_json(b"{}").unwrap_err().to_string(), "`/actor` is missing");
}

#[test]
fn depth_is_bounded_before_anything_recurses() {
    let nested =
        |levels: usize| format!("{{\"actor\":1,\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(NewPost::from_json(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
    assert!(refused(nested(DEPTH_MAX)).1.contains("nested deeper"));
    assert!(refused(nested(10_000)).1.contains("nested deeper"));
    assert!(refused("[".repeat(500_000)).1.contains("nested deeper"));
    assert!(NewPost::from_json(b"{\"actor\":1,\"x\":\"[[[\\\"[[[\"}").is_ok());
}

/// `serde_json::Value` parses the text under this name again, with a new bound on depth.
#[test]
fn no_name_makes_a_post_something_else() {
    let magic = "$serde_json::private::RawValue";
    let smuggled = format!(r#"{{"{magic}":"{{\"actor\":42}}"}}"#);
    assert_eq!(refused(&smuggled), ("/actor", "is missing".to_owned()));
    let text = format!(r#"{{"actor":1,"text":{{"{magic}":"\"t\""}}}}"#);
    assert_eq!(refused(&text), ("/text", "is not a string".to_owned()));
    let meta = format!(r#"{{"actor":1,"meta":{{"{magic}":"hello"}}}}"#);
    let kept = NewPost::from_json(meta.as_bytes()).unwrap();
    assert_eq!(kept.rest, format!(r#","meta":{{"{magic}":"hello"}}"#));
}

proptest! {
    #[test]
    fn any_text_survives(text: String, name in "[a-z\"\\\\\u{e9} ]{6,9}") {
        let json = serde_json::json!({ "actor": "5", "text": text, name.clone(): text }).to_string();
        let body = taken(&json);
        prop_assert_eq!(body["text"].as_str(), Some(text.as_str()));
        prop_assert_eq!(body[&name].as_str(), Some(text.as_str()));
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>) {
        let _ = NewPost::from_json(&bytes);
    }
}
