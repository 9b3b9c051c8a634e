use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::World;

/// What was sent, and the status, the field or pointer, and a part of the sentence that has to come back.
struct Case {
    request: RequestBuilder,
    status: u16,
    names: &'static str,
    says: &'static str,
}

async fn check(case: Case) {
    let Case { request, status, names, says } = case;
    let shown = format!("{request:?}");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), status, "{shown}");
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{shown}");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status, "{shown}");
    assert!(problem["type"].as_str().unwrap().starts_with("urn:catena:problem:"), "{problem}");
    assert!(problem["title"].is_string(), "{problem}");
    let named = problem.get("field").or_else(|| problem.get("pointer")).and_then(Value::as_str);
    assert_eq!(named.unwrap_or("-"), names, "{shown}: {problem}");
    assert!(problem["detail"].as_str().unwrap().contains(says), "{shown}: {problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_posts_are_refused_by_the_place_in_them() {
    let world = World::new().await;
    let deep = format!("{{\"actor\":1,\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("{{\"actor\":1,\"x\":\"{}\"}}", "y".repeat(2 << 20));
    let verb = format!("{{\"actor\":1,\"verb\":\"{}\"}}", "v".repeat(65));
    for (body, status, names, says) in [
        ("", 400, "", "not JSON"),
        ("{", 400, "", "not JSON"),
        ("hello", 400, "", "not JSON"),
        ("{\"actor\":1}x", 400, "", "not JSON"),
        ("[]", 400, "", "object"),
        ("null", 400, "", "object"),
        ("{}", 400, "/actor", "missing"),
        ("{\"actor\":null}", 400, "/actor", ""),
        ("{\"actor\":{}}", 400, "/actor", ""),
        ("{\"actor\":-1}", 400, "/actor", ""),
        ("{\"actor\":1.5}", 400, "/actor", ""),
        ("{\"actor\":\"alice\"}", 400, "/actor", ""),
        ("{\"actor\":18446744073709551616}", 400, "/actor", ""),
        ("{\"actor\":1,\"verb\":7}", 400, "/verb", ""),
        ("{\"actor\":1,\"verb\":\"\"}", 400, "/verb", ""),
        ("{\"actor\":1,\"verb\":\"catena.follow\"}", 400, "/verb", ""),
        (&verb, 400, "/verb", ""),
        ("{\"actor\":1,\"text\":[]}", 400, "/text", ""),
        (&deep, 400, "", "nested"),
        (&large, 413, "", "1048576 bytes"),
    ] {
        let request = world.request("POST", "/v1/posts").header("content-type", "application/json");
        check(Case { request: request.body(body.to_owned()), status, names, says }).await;
    }
    let invalid = world.request("POST", "/v1/posts").header("content-type", "application/json");
    let invalid = invalid.body(b"{\"actor\":1,\"text\":\"\xff\"}".to_vec());
    check(Case { request: invalid, status: 400, names: "", says: "UTF-8" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_cannot_be_are_named() {
    let world = World::new().await;
    let post = json!({"actor": "1"}).to_string();
    for (name, value, status, names, says) in [
        ("content-type", "text/plain", 415, "Content-Type", "application/json"),
        ("content-type", "application/x-www-form-urlencoded", 415, "Content-Type", "application/x-ndjson"),
        ("content-encoding", "gzip", 415, "Content-Encoding", "uncompressed"),
        ("idempotency-key", "", 400, "Idempotency-Key", "1 to 200"),
        ("idempotency-key", &"k".repeat(201), 400, "Idempotency-Key", "1 to 200"),
        ("idempotency-key", "é", 400, "Idempotency-Key", "ASCII"),
    ] {
        let request = world.request("POST", "/v1/posts").header("content-type", "application/json");
        let request =
            request.headers([(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect());
        check(Case { request: request.body(post.clone()), status, names, says }).await;
    }
    let none = world.request("POST", "/v1/posts").body(post);
    check(Case { request: none, status: 415, names: "Content-Type", says: "application/json" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_queries_that_cannot_be_are_named() {
    let world = World::new().await;
    let path = |method: &str, path: &str, status, names, says| Case {
        request: world.request(method, path),
        status,
        names,
        says,
    };
    for user in ["alice", "-1", "007", "1.5", "18446744073709551616", "%00", "%D9%A3", "%20"] {
        for route in ["feed", "posts", "following", "followers"] {
            check(path("GET", &format!("/v1/users/{user}/{route}"), 400, "uid", "not a user id")).await;
        }
        check(path("PUT", &format!("/v1/users/1/following/{user}"), 400, "author", "not a user id")).await;
    }
    check(path("GET", "/v1/users/%ff/feed", 400, "path", "UTF-8")).await;
    for id in ["7", "7-", "7-XYZ", "7-9f86d081884c7d6", "7-9F86D081884C7D65", "-9f86d081884c7d65"] {
        check(path("DELETE", &format!("/v1/posts/{id}"), 400, "id", "not a post id")).await;
    }
    for limit in ["0", "-1", "201", "ten", "1e2", "", "99999999999999999999", "%ff"] {
        let says = if limit == "%ff" { "UTF-8" } else { "from 1 to 200" };
        check(path("GET", &format!("/v1/users/1/feed?limit={limit}"), 400, "limit", says)).await;
        check(path("GET", &format!("/v1/users/1/followers?limit={limit}"), 400, "limit", says)).await;
    }
    for cursor in ["x", "", "0", "..%2F..", "00000000000000ff00", "%F0%9F%90%88"] {
        check(path("GET", &format!("/v1/users/1/feed?cursor={cursor}"), 400, "cursor", "not a cursor")).await;
    }
    check(path("GET", "/v1/users/1/following?cursor=x", 400, "cursor", "not a user id")).await;
    check(path("GET", "/v1/users/1/feed?limt=5", 400, "limt", "`limit`, `cursor`")).await;
    check(path("GET", "/v1/users/1/feed?limit=5&limit=6", 400, "limit", "more than once")).await;
    check(path(
        "DELETE",
        "/v1/users/1/following/2?history=burn",
        400,
        "history",
        "neither `purge` nor `keep`",
    ))
    .await;
    check(path("PUT", "/v1/users/1/following/2?x=1", 400, "x", "no parameters")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_wrong_methods_are_problems() {
    let world = World::new().await;
    for route in ["/", "/v1", "/v1/users/1", "/v1/users/1/feed/", "/v2/posts", "/../etc/passwd"] {
        check(Case { request: world.request("GET", route), status: 404, names: "-", says: "no route" }).await;
    }
    for (method, route, allow) in [
        ("GET", "/v1/posts", "POST"),
        ("PUT", "/v1/posts/7-9f86d081884c7d65", "DELETE"),
        ("POST", "/v1/users/1/feed", "GET,HEAD"),
        ("PATCH", "/v1/users/1/following/2", "PUT,DELETE"),
        ("BREW", "/healthz", "GET,HEAD"),
    ] {
        let answer = world.request(method, route).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {route}");
        assert_eq!(answer.headers()["allow"], allow, "{method} {route}");
        check(Case { request: world.request(method, route), status: 405, names: "-", says: "does not take" })
            .await;
    }
}
