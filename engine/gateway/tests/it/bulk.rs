use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::{World, ids};

async fn send(world: &World, body: impl Into<reqwest::Body>, key: Option<&str>) -> Response {
    let request = world.request("POST", "/v1/posts").header("content-type", "application/x-ndjson");
    let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    answer
}

async fn lines(answer: Response) -> Vec<Value> {
    answer.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_answered_for_and_a_bad_one_harms_no_other() {
    let world = World::new().await;
    let long = format!("{{\"actor\":1,\"x\":\"{}\"}}", "y".repeat(1 << 20));
    let body = format!(
        "{{\"actor\":7,\"text\":\"one\"}}\n\nnot json\r\n{long}\n{{\"text\":\"whose?\"}}\n{{\"actor\":\"7\",\"text\":\"two\"}}"
    );
    let answers = lines(send(&world, body, None).await).await;
    let numbers: Vec<_> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 3, 4, 5, 6]);
    for (at, status, pointer) in [(1, 400, ""), (2, 413, ""), (3, 400, "/actor")] {
        let problem = &answers[at]["problem"];
        assert_eq!((&problem["status"], &problem["pointer"]), (&status.into(), &pointer.into()), "{problem}");
        assert!(answers[at].get("id").is_none());
    }
    let posted = world.json_when("/v1/users/7/posts", |page| ids(page).len() == 2).await;
    assert_eq!(ids(&posted), [answers[4]["id"].as_str().unwrap(), answers[0]["id"].as_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_lines_under_the_same_key_are_stored_once() {
    let world = World::new().await;
    let body = "{\"actor\":7}\n{\"actor\":7}\n";
    let first = lines(send(&world, body, Some("import-1")).await).await;
    assert_ne!(first[0]["id"], first[1]["id"]);
    assert_eq!(lines(send(&world, body, Some("import-1")).await).await, first);
    assert_ne!(lines(send(&world, body, Some("import-2")).await).await, first);
    world.json_when("/v1/users/7/posts", |page| ids(page).len() == 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_and_a_single_post_never_share_a_key() {
    let world = World::new().await;
    let first = lines(send(&world, "{\"actor\":7}\n", Some("import")).await).await;
    let single = world.request("POST", "/v1/posts").header("idempotency-key", "import/1");
    let single = single.json(&serde_json::json!({"actor": 7})).send().await.unwrap();
    assert_ne!(single.json::<Value>().await.unwrap()["id"], first[0]["id"]);
    world.json_when("/v1/users/7/posts", |page| ids(page).len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_while_more_is_sent() {
    let world = World::new().await;
    let (feed, fed) = futures::channel::mpsc::unbounded::<std::io::Result<String>>();
    feed.unbounded_send(Ok("{\"actor\":7}\n{\"ac".to_owned())).unwrap();
    let mut answer = send(&world, reqwest::Body::wrap_stream(fed), None).await;
    let chunk = answer.chunk().await.unwrap().unwrap();
    assert!(chunk.starts_with(b"{\"line\":1,\"id\":\"7-"), "{chunk:?}");
    feed.unbounded_send(Ok("tor\":8}".to_owned())).unwrap();
    drop(feed);
    let chunk = answer.chunk().await.unwrap().unwrap();
    assert!(chunk.starts_with(b"{\"line\":2,\"id\":\"8-"), "{chunk:?}");
    assert_eq!(answer.chunk().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_lines_keep_their_order_per_author() {
    let world = World::new().await;
    let body: String = (0..3000).map(|n| format!("{{\"actor\":{},\"n\":{n}}}\n", n % 3)).collect();
    let answers = lines(send(&world, body, None).await).await;
    assert_eq!(answers.len(), 3000);
    assert!(
        answers.iter().zip(1u64..).all(|(answer, line)| answer["line"] == line && answer["id"].is_string())
    );
    let page = world.json_when("/v1/users/0/posts?limit=200", |page| page["items"][0]["n"] == 2997).await;
    let numbers: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|item| item["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| *a == b + 3), "{numbers:?}");
}
