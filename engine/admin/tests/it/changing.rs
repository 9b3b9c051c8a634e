use std::sync::atomic::Ordering::Relaxed;

use bus::partition_of;
use http::StatusCode;
use model::Message;
use mpc::{DEAD_LETTERS, dead::JsonMessage};
use serde_json::{Value, json};

use crate::support::Plane;

const POISON: &str =
    r#"{"id":"p-1","kind":"note","key":"42","headers":[["a","b"]],"body":{"text": "poison"}}"#;

#[tokio::test]
async fn a_dead_letter_is_listed_shown_and_sent_again_once() {
    let plane = Plane::new().await;
    plane.put(POISON).await;
    plane.arrived(DEAD_LETTERS).await;

    let letter = plane.get("/v1/dlq/1").await;
    assert_eq!(plane.get("/v1/dlq?from=1&limit=5").await, json!({"items": [letter]}));
    assert_eq!(plane.get("/v1/dlq?limit=1").await["next"], 2);
    assert_eq!(plane.get("/v1/dlq?from=2").await, json!({"items": []}));
    assert_eq!((&letter["number"], &letter["step"]), (&json!(1), &json!("check")));
    assert_eq!(letter["error"]["code"], "reject");
    assert!(letter["error"]["sentence"].as_str().unwrap().ends_with(": poison"), "{letter}");
    assert_eq!(letter["message"], serde_json::from_str::<Value>(POISON).unwrap());
    assert_eq!(plane.get("/v1/status").await["dead_letters"], 1);

    let partition = letter["partition"].as_u64().unwrap();
    plane.mended.store(true, Relaxed);
    for already in [false, true] {
        let replayed = plane.ask("POST", "/v1/dlq/1/replay", "").await;
        assert_eq!((replayed.status, &replayed.json()["sequence"]), (StatusCode::OK, &json!(2)));
        assert_eq!(replayed.json()["already"], already);
    }
    assert_eq!(plane.get("/v1/dlq/1").await["replayed"]["sequence"], 2);
    assert_eq!(plane.arrived("out").await.body, r#"{"text": "poison"}"#, "mended, it passes");
    let messages = plane.get(&format!("/v1/streams/posts/{partition}/messages")).await;
    assert_eq!(messages["items"].as_array().unwrap().len(), 2);
    assert_eq!(plane.ask("POST", "/v1/dlq/99/replay", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn dead_letters_are_purged_by_number_and_up_to_one() {
    let plane = Plane::new().await;
    for n in 1..=5 {
        plane
            .put(&json!({"id": format!("p-{n}"), "kind": "note", "key": "1", "body": "poison"}).to_string())
            .await;
        plane.dead_letters(n).await;
    }
    let numbers = async |path: &str| -> Vec<u64> {
        let page = plane.get(path).await;
        page["items"].as_array().unwrap().iter().map(|letter| letter["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers("/v1/dlq?order=newest&limit=2").await, [5, 4]);
    let purge = async |path: &str| plane.ask("DELETE", path, "").await;
    let one = purge("/v1/dlq/4").await;
    assert_eq!((one.status, one.json()), (StatusCode::OK, json!({"purged": 1, "unreplayed": 1})));
    assert_eq!(purge("/v1/dlq/4").await.status, StatusCode::NOT_FOUND);
    assert_eq!(purge("/v1/dlq/x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(purge("/v1/dlq").await.status, StatusCode::BAD_REQUEST, "not all by leaving something out");
    assert_eq!(numbers("/v1/dlq").await, [1, 2, 3, 5]);
    assert_eq!(numbers("/v1/dlq?order=newest&limit=3").await, [5, 3, 2]);
    assert_eq!(purge("/v1/dlq?up_to=2").await.json(), json!({"purged": 2, "unreplayed": 2}));
    assert_eq!(plane.get("/v1/status").await["dead_letters"], 2);
    let all = purge(&format!("/v1/dlq?up_to={}", u64::MAX)).await;
    assert_eq!(all.json(), json!({"purged": 2, "unreplayed": 2}));
    assert_eq!(numbers("/v1/dlq?order=newest").await, [0; 0]);
    for path in ["/v1/dlq?order=newest&from=1", "/v1/dlq?order=up"] {
        assert_eq!(plane.ask("GET", path, "").await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn messages_go_into_a_stream_line_by_line_and_can_be_read_there() {
    let plane = Plane::new().await;
    let lines = [
        r#"{"id":"a","kind":"note","key":"1","body":{"n": 1}}"#,
        r#"{"id":"a","kind":"note","key":"1","body":{"n": 1}}"#,
        "",
        r#"{"kind":"note","key":"1"}"#,
        r#"{"kind":"note","key":"","body":1}"#,
        r#"{"kind":"note","key":"1","body":2}"#,
    ];
    let answer = plane.ask("POST", "/v1/streams/posts/messages", &lines.join("\n")).await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let said: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = said[0]["partition"].as_u64().unwrap();
    assert_eq!(said[0], json!({"line": 1, "id": "a", "partition": at, "sequence": 1, "duplicate": false}));
    assert_eq!(said[1], json!({"line": 2, "id": "a", "partition": at, "sequence": 1, "duplicate": true}));
    assert_eq!((&said[2]["line"], &said[2]["problem"]["status"]), (&json!(4), &json!(400)));
    assert_eq!((&said[3]["line"], &said[3]["problem"]["pointer"]), (&json!(5), &json!("/key")));
    assert_eq!((&said[4]["line"], &said[4]["sequence"]), (&json!(6), &json!(2)));

    let read = plane.get(&format!("/v1/streams/posts/{at}/messages?from=1&limit=1000")).await;
    let read = read["items"].as_array().unwrap();
    assert_eq!(
        read[0]["message"],
        json!({"id": "a", "kind": "note", "key": "1", "headers": [], "body": {"n": 1}})
    );
    assert_eq!((read.len(), &read[1]["message"]["id"]), (2, &said[4]["id"]));
    assert_eq!(plane.get(&format!("/v1/streams/posts/{}/messages", 1 - at)).await["items"], json!([]));
}

#[tokio::test]
async fn a_message_goes_back_in_as_it_is_shown() {
    let plane = Plane::new().await;
    plane.mended.store(true, Relaxed);
    for (id, body) in
        [("bytes", b"\xff\x00"), ("spaces", b"1\n"), ("empty", b""), ("null", b"null")] as [(_, &[u8]); 4]
    {
        let body = body.into();
        let message =
            Message { id: id.into(), kind: "raw".into(), key: "1".into(), body, ..Message::default() };
        let mut shown = serde_json::to_value(JsonMessage::from(&message)).unwrap();
        plane.put(&shown.to_string()).await;
        let at = partition_of("1", 2);
        let read = plane.get(&format!("/v1/streams/posts/{at}/messages?limit=1000")).await;
        assert_eq!(read["items"].as_array().unwrap().last().unwrap()["message"], shown);
        shown["body"] = json!(1);
        shown["body_base64"] = json!("MQ==");
        let answer = plane.ask("POST", "/v1/streams/posts/messages", &shown.to_string()).await;
        assert!(answer.text.contains("both `body` and `body_base64`"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_good_message_reaches_the_output() {
    let plane = Plane::new().await;
    plane.put(r#"{"id":"fine","kind":"note","key":"1","body":"good"}"#).await;
    assert_eq!(plane.arrived("out").await.body, "\"good\"");
}

#[tokio::test]
async fn only_streams_that_clients_may_feed_take_messages() {
    let plane = Plane::new().await;
    let line = r#"{"kind":"note","key":"1","body":1}"#;
    for (stream, status) in [
        ("dead-letters", StatusCode::BAD_REQUEST),
        ("inbox", StatusCode::BAD_REQUEST),
        ("nope", StatusCode::NOT_FOUND),
    ] {
        let answer = plane.ask("POST", &format!("/v1/streams/{stream}/messages"), line).await;
        assert_eq!(answer.status, status, "{stream}: {}", answer.text);
    }
    assert_eq!(plane.get("/v1/dlq").await["items"], json!([]));
}
