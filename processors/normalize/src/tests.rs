use catena_sdk::{
    Verdict,
    testing::{Harness, Sample, Value, json},
};

use super::*;

fn normalized(body: &str) -> Option<String> {
    let mut harness = Harness::<Normalize>::new(json!({})).unwrap();
    let seen = harness.run(&Sample::new(body)).unwrap();
    assert_eq!(seen.verdict, Verdict::Next);
    seen.body_changed.then(|| String::from_utf8(seen.message.body).unwrap())
}

#[test]
fn finds_what_a_text_refers_to_and_keeps_every_other_field() {
    assert_eq!(
        normalized(
            r#"{"id":505874924095815681,"actor":"42","text":"Gru\u0308ße aus #Köln,   #KÖLN an @anna http://x.org/a.","geo":{"lat":1.0}}"#
        )
        .unwrap(),
        "{\"id\":505874924095815681,\"actor\":\"42\",\"text\":\"Grüße aus #Köln, #KÖLN an @anna http://x.org/a.\",\
         \"geo\":{\"lat\":1.0},\"mentions\":[\"anna\"],\"hashtags\":[\"köln\"],\"links\":[\"http://x.org/a\"]}"
    );
}

#[test]
fn a_post_in_order_is_left_alone() {
    assert_eq!(normalized(r#"{"actor":"1","text":"こんにちは、世界😋"}"#), None);
    assert_eq!(normalized(r#"{"actor":"1","verb":"like","object":"2-2"}"#), None);
}

#[test]
fn fields_made_up_by_a_client_are_replaced() {
    assert_eq!(
        normalized(r#"{"text":"مرحبا #القاهرة","mentions":["victim"],"links":7}"#).unwrap(),
        r#"{"text":"مرحبا #القاهرة","hashtags":["القاهرة"]}"#
    );
}

#[test]
fn a_text_that_is_none_is_rejected() {
    let mut harness = Harness::<Normalize>::new(json!({})).unwrap();
    assert_eq!(
        harness.run(&Sample::json(json!({ "text": [] }))).unwrap_err().reason(),
        "body field `/text`: invalid type: sequence, expected a string"
    );
}

#[test]
fn real_posts_agree_with_their_own_entities() {
    let mut harness = Harness::<Normalize>::new(json!({})).unwrap();
    for tweet in catena_text::samples::tweets().into_iter().flatten() {
        let seen = harness.run(&Sample::json(&tweet)).unwrap();
        let body = seen.message.json_body();
        let texts = |value: &Value, name: &str| -> Vec<String> {
            let items = value.as_array().cloned().unwrap_or_default();
            items.iter().map(|item| item.get(name).unwrap_or(item).as_str().unwrap().to_lowercase()).collect()
        };
        let mut expected = texts(&tweet["entities"]["user_mentions"], "screen_name");
        expected.dedup();
        // A mention of someone who does not exist is no entity for them, and is one for us.
        for name in expected {
            assert!(texts(&body["mentions"], "").contains(&name), "{name} in {}", tweet["text"]);
        }
        assert_eq!(
            texts(&body["hashtags"], ""),
            texts(&tweet["entities"]["hashtags"], "text"),
            "{}",
            tweet["text"]
        );
        assert_eq!(body["user"], tweet["user"]);
    }
}
