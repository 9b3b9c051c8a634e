use bus::Bus;
use http::StatusCode;
use http_body_util::BodyExt;
use model::Message;
use serde_json::json;

use crate::support::Plane;

#[tokio::test]
async fn the_state_of_everything_is_shown() {
    let plane = Plane::new().await;
    let status = plane.get("/v1/status").await;
    assert_eq!(
        (&status["ready"], &status["chains"], &status["dead_letters"]),
        (&json!(true), &json!(1), &json!(0))
    );
    assert_eq!(status["troubles"], json!(["The bundle file broken.wasm cannot be used: no bundle."]));

    let chain = plane.get("/v1/chains/feed").await;
    assert_eq!(plane.get("/v1/chains").await["items"], json!([chain]));
    assert_eq!((&chain["id"], &chain["generation"]), (&json!("feed"), &json!(1)));
    assert_eq!(chain["steps"][0]["version"], "1.0.0");
    assert_eq!(plane.get("/v1/generations").await["items"][0]["current"], true);

    let bundles = plane.get("/v1/bundles").await;
    assert_eq!(bundles["present"][0]["name"], "checker");
    assert_eq!(bundles["refused"][0]["reason"], "no bundle");
    assert_eq!(plane.get("/v1/shards").await["items"], json!([{"shard": 0, "applied": 0, "last": 0}]));
    let streams = plane.get("/v1/streams").await;
    let names: Vec<_> = streams["items"].as_array().unwrap().iter().map(|stream| &stream["name"]).collect();
    assert_eq!(names, ["dead-letters", "inbox", "out", "posts"]);
}

#[tokio::test]
async fn without_the_bus_the_status_says_so_instead_of_failing() {
    let plane = Plane::new().await;
    plane.bus.close().await;
    let status = plane.get("/v1/status").await;
    let why = "the bus is unavailable: it is closed";
    assert_eq!((&status["ready"], &status["reason"]), (&json!(false), &json!(why)));
    assert_eq!(status["troubles"][0], format!("The node is not ready: {why}."));
    assert_eq!((&status["dead_letters"], &status["waiting"]), (&json!(null), &json!(null)));
    assert_eq!(status["chains"], 1);
}

#[tokio::test]
async fn receipts_are_listed_newest_first_and_told_as_they_come() {
    let plane = Plane::new().await;
    let mut events = plane.stream("/v1/receipts/events").await;
    plane.save_chain("[chain]\nid = \"feed\"\n").await;
    let event = events.frame().await.unwrap().unwrap().into_data().unwrap();
    let event = std::str::from_utf8(&event).unwrap();
    assert!(event.contains("event: receipt") && event.contains("\"verdict\":\"refused\""), "{event}");
    plane.closing.cancel();
    assert!(events.frame().await.is_none(), "a closing node lets nobody wait");

    let receipts = plane.get("/v1/receipts?limit=1000").await;
    let receipts = receipts["items"].as_array().unwrap();
    assert_eq!((&receipts[0]["verdict"], &receipts[0]["generation"]), (&json!("refused"), &json!(1)));
    assert!(receipts[0]["number"].as_u64() > receipts[1]["number"].as_u64());
    assert_eq!(plane.get("/v1/receipts?limit=1").await["items"], json!([receipts[0]]));
    let troubles = plane.get("/v1/status").await["troubles"].to_string();
    assert!(troubles.contains("generation 1 runs on"), "{troubles}");
}

#[tokio::test]
async fn what_is_not_there_and_what_makes_no_sense_is_a_problem() {
    let plane = Plane::new().await;
    for (path, status) in [
        ("/v1/chains/nope", StatusCode::NOT_FOUND),
        ("/v1/dlq/1", StatusCode::NOT_FOUND),
        ("/v1/streams/nope/0/messages", StatusCode::NOT_FOUND),
        ("/v1/streams/posts/9/messages", StatusCode::NOT_FOUND),
        ("/v1/nothing", StatusCode::NOT_FOUND),
        ("/v1/dlq/x", StatusCode::BAD_REQUEST),
        ("/v1/chains/%ff", StatusCode::BAD_REQUEST),
        ("/v1/streams/%ff/0/messages", StatusCode::BAD_REQUEST),
        ("/v1/dlq?limit=0", StatusCode::BAD_REQUEST),
        ("/v1/dlq?limit=many", StatusCode::BAD_REQUEST),
        ("/v1/dlq?from=-1", StatusCode::BAD_REQUEST),
        ("/v1/dlq?form=1", StatusCode::BAD_REQUEST),
        ("/v1/receipts?limit=1001", StatusCode::BAD_REQUEST),
        ("/v1/receipts?limit=1&limit=2", StatusCode::BAD_REQUEST),
        ("/v1/streams/posts/x/messages", StatusCode::BAD_REQUEST),
        ("/v1/streams/posts/0/messages?limit=99999999999999999999", StatusCode::BAD_REQUEST),
    ] {
        let answer = plane.ask("GET", path, "").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
    }
    assert_eq!(plane.ask("DELETE", "/v1/chains/feed", "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn bodies_of_any_bytes_are_shown_and_a_page_stays_small() {
    let plane = Plane::new().await;
    let body = vec![0xff; 100_000];
    let raw = |id: usize| Message {
        id: id.to_string(),
        kind: "raw".into(),
        body: body.clone().into(),
        ..Message::default()
    };
    plane.bus.publish("out", 0, (0..80).map(raw).collect()).await.unwrap();
    let page = plane.get("/v1/streams/out/0/messages?limit=1000").await;
    let items = page["items"].as_array().unwrap();
    assert!(items[0]["message"]["body_base64"].as_str().unwrap().starts_with("////"));
    assert!(items.len() < 80 && page["next"] == items.len() + 1, "{} items", items.len());
}
