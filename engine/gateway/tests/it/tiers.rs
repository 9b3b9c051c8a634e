//! What a process of a fleet answers that does not do everything, or not yet for everybody.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use catena_gateway::Parts;
use inbox::{Cursor, Error, Reads};
use relations::{Range, ShardMap, UserId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use store::Memory;

use crate::{World, ids};

async fn world(map: ShardMap, change: impl FnOnce(Parts) -> Parts) -> World {
    World::with(Arc::new(Memory::new(bus::TABLES)), bus::Options::default(), map, change).await
}

async fn problem(world: &World, method: &str, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
    let request = world.request(method, path);
    let request = body.into_iter().fold(request, |request, body| request.json(body));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method} {path}");
    (answer.status(), answer.json().await.unwrap())
}

const POST: &str = "/v1/posts/7-9f86d081884c7d65";
const READS: [&str; 4] =
    ["/v1/users/1/feed", "/v1/users/1/posts", "/v1/users/1/following", "/v1/users/1/followers"];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_does_not_do_it_says_who_does() {
    let post = json!({"actor": "7"});
    let reader = world(ShardMap::single(), |parts| Parts { forwarder: None, ..parts }).await;
    for (method, path, body) in [
        ("POST", "/v1/posts", Some(&post)),
        ("DELETE", POST, None),
        ("PUT", "/v1/users/1/following/7", None),
        ("DELETE", "/v1/users/1/following/7", None),
    ] {
        let (status, told) = problem(&reader, method, path, body).await;
        assert_eq!((status, &told["status"]), (StatusCode::MISDIRECTED_REQUEST, &json!(421)), "{path}");
        assert_eq!(told["type"], "urn:catena:problem:misdirected");
        assert!(told["detail"].as_str().unwrap().ends_with("the role `forwarder`"), "{told}");
    }
    assert_eq!(reader.json(READS[0]).await["items"], json!([]));

    let writer = world(ShardMap::single(), |parts| Parts { reads: None, ..parts }).await;
    for path in READS {
        let (status, told) = problem(&writer, "GET", path, None).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
        assert!(told["detail"].as_str().unwrap().ends_with("the role `gateway`"), "{told}");
    }
    assert_eq!(writer.post(&post).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_whom_no_shard_owns_yet_are_told_so_and_nothing_of_theirs_is_stored() {
    use bus::Bus;
    let range = Range { first_user: UserId(0), shard: 0 };
    let map = ShardMap::from_ranges(1, 2, vec![range], Some(UserId(100))).unwrap();
    let world = world(map.clone(), |parts| parts).await;
    let post = json!({"actor": "100"});
    for (method, path, body, place, name) in [
        ("POST", "/v1/posts", Some(&post), "pointer", "/actor"),
        ("DELETE", "/v1/posts/100-9f86d081884c7d65", None, "field", "id"),
        ("PUT", "/v1/users/100/following/7", None, "field", "uid"),
        ("PUT", "/v1/users/7/following/100", None, "field", "author"),
        ("DELETE", "/v1/users/100/following/7", None, "field", "uid"),
        ("GET", "/v1/users/100/feed", None, "field", "uid"),
        ("GET", "/v1/users/100/posts", None, "field", "uid"),
        ("GET", "/v1/users/100/following", None, "field", "uid"),
        ("GET", "/v1/users/18446744073709551615/followers", None, "field", "uid"),
    ] {
        let (status, told) = problem(&world, method, path, body).await;
        assert_eq!((status, &told[place]), (StatusCode::NOT_FOUND, &json!(name)), "{method} {path}: {told}");
        assert!(told["detail"].as_str().unwrap().starts_with("no inbox shard owns user 1"), "{told}");
    }
    let lines = world.request("POST", "/v1/posts").header("content-type", "application/x-ndjson");
    let answer = lines.body("{\"actor\":99}\n{\"actor\":100}\n").send().await.unwrap().text().await.unwrap();
    let lines: Vec<Value> = answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["id"].is_string(), "{answer}");
    assert_eq!(
        (&lines[1]["problem"]["status"], &lines[1]["problem"]["pointer"]),
        (&json!(404), &json!("/actor"))
    );
    let mut stored = 0;
    for partition in 0..3 {
        stored += world.bus.bounds("posts", partition).await.unwrap().last;
    }
    assert_eq!(stored, 1);

    // Once somebody does, they are users like any other.
    world.map.adopt(map.extended(None, 1).unwrap()).unwrap();
    world.change("PUT", "/v1/users/100/following/7").await;
    let id = world.posted(7, "hello").await;
    let page = world.json_when("/v1/users/100/feed", |page| !ids(page).is_empty()).await;
    assert_eq!(ids(&page), [&id]);
}

/// Reads that fail in one way.
struct Failing(Error);

#[async_trait]
impl Reads for Failing {
    async fn feed(&self, _: UserId, _: Option<Cursor>, _: usize) -> inbox::Result<Bytes> {
        Err(self.0.clone())
    }

    async fn posts(&self, _: UserId, _: Option<Cursor>, _: usize) -> inbox::Result<Bytes> {
        Err(self.0.clone())
    }

    async fn following(&self, _: UserId, _: Option<UserId>, _: usize) -> inbox::Result<Vec<UserId>> {
        Err(self.0.clone())
    }

    async fn followers(&self, _: UserId, _: Option<UserId>, _: usize) -> inbox::Result<Vec<UserId>> {
        Err(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_on_its_way_is_worth_asking_again_and_a_broken_one_is_not() {
    for (error, status) in [
        (Error::NoAnswer { shard: 3 }, StatusCode::SERVICE_UNAVAILABLE),
        (Error::NotServing { shard: 3, phase: inbox::Phase::Opening }, StatusCode::SERVICE_UNAVAILABLE),
        (Error::Stopped { shard: 3, reason: "a gap".to_owned() }, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let told = error.to_string();
        let failing: Arc<dyn Reads> = Arc::new(Failing(error));
        let world = world(ShardMap::single(), |parts| Parts { reads: Some(failing), ..parts }).await;
        for path in READS {
            let answer = world.request("GET", path).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(
                answer.headers().contains_key("retry-after"),
                status == StatusCode::SERVICE_UNAVAILABLE
            );
            let answer: Value = answer.json().await.unwrap();
            assert!(answer["detail"].as_str().unwrap().starts_with(&told), "{answer}");
        }
    }
}
