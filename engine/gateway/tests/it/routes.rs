use std::sync::atomic::Ordering::Relaxed;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{World, ids};

#[tokio::test(flavor = "multi_thread")]
async fn a_post_reaches_the_followers_it_had_and_the_authors_own_list() {
    let world = World::new().await;
    let before = world.posted(7, "too early").await;
    world.change("PUT", "/v1/users/1/following/7").await;
    world.change("PUT", "/v1/users/5000/following/7").await;
    let id = world.posted(7, "hello, Žižkov 🐈").await;
    for follower in [1, 5000] {
        let page = world.json_when(&format!("/v1/users/{follower}/feed"), |page| !ids(page).is_empty()).await;
        assert_eq!(ids(&page), [&id]);
        let item = &page["items"][0];
        assert_eq!(
            (&item["actor"], &item["verb"], &item["text"]),
            (&json!("7"), &json!("note"), &json!("hello, Žižkov 🐈"))
        );
        assert!(item["published_at"].as_str().unwrap().ends_with('Z'));
        assert!(item["sequence"].as_u64().unwrap() > 0);
        assert_eq!(page["next"], Value::Null);
        assert!(page["covered"]["to"].as_u64().unwrap() >= item["sequence"].as_u64().unwrap());
    }
    let own = world.json_when("/v1/users/7/posts", |page| ids(page).len() == 2).await;
    assert_eq!(ids(&own), [&id, &before]);
    assert_eq!(
        world.json("/v1/users/18446744073709551615/feed").await["items"],
        json!([]),
        "an unknown user is nobody's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_while_new_posts_arrive() {
    let world = World::new().await;
    world.change("PUT", "/v1/users/1/following/7").await;
    let mut posted = Vec::new();
    for n in 0..5 {
        posted.insert(0, world.posted(7, &format!("post {n}")).await);
    }
    let first =
        world.json_when("/v1/users/1/feed?limit=2", |page| ids(page).first() == Some(&&*posted[0])).await;
    world.posted(7, "one more").await;
    let mut seen: Vec<String> = ids(&first).into_iter().map(str::to_owned).collect();
    let mut next = first["next"].clone();
    while let Some(cursor) = next.as_str() {
        let page = world.json(&format!("/v1/users/1/feed?limit=2&cursor={cursor}")).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        next = page["next"].clone();
    }
    assert_eq!(seen, posted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_is_the_same_post() {
    let world = World::new().await;
    let post = async |actor: &str, text: &str| {
        let request = world.request("POST", "/v1/posts").header("idempotency-key", "k");
        let answer = request.json(&json!({"actor": actor, "text": text})).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let first = post("7", "once").await;
    assert_eq!(post("7", "once").await, first);
    assert_eq!(post("7", "other content").await, first, "as /openapi.json says");
    assert_ne!(post("8", "once").await, first);
    let last = world.posted(7, "another").await;
    let own = world.json_when("/v1/users/7/posts", |page| ids(page).first() == Some(&&*last)).await;
    assert_eq!(ids(&own), [&last, &first]);
    assert_eq!(own["items"][1]["text"], "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_post_is_gone_everywhere_and_an_unfollow_purges_or_keeps() {
    let world = World::new().await;
    for author in [7, 8, 9] {
        world.change("PUT", &format!("/v1/users/1/following/{author}")).await;
    }
    let (seven, eight, nine) =
        (world.posted(7, "a").await, world.posted(8, "b").await, world.posted(9, "c").await);
    world.json_when("/v1/users/1/feed", |page| ids(page).len() == 3).await;
    world.change("DELETE", &format!("/v1/posts/{nine}")).await;
    world.json_when("/v1/users/1/feed", |page| !ids(page).contains(&&*nine)).await;
    world.json_when("/v1/users/9/posts", |page| ids(page).is_empty()).await;
    world.change("DELETE", "/v1/users/1/following/7").await;
    world.change("DELETE", "/v1/users/1/following/8?history=keep").await;
    let feed = world.json_when("/v1/users/1/feed", |page| !ids(page).contains(&&*seven)).await;
    assert_eq!(ids(&feed), [&eight]);
    world.json_when("/v1/users/1/following", |list| list["items"] == json!(["9"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_is_listed_in_pages_both_ways_and_over_shards() {
    let world = World::new().await;
    for user in [3, 1, 2000, 2] {
        world.change("PUT", &format!("/v1/users/{user}/following/7")).await;
    }
    world.change("PUT", "/v1/users/1/following/2").await;
    let path = "/v1/users/7/followers";
    world.json_when(path, |list| list["items"] == json!(["1", "2", "3", "2000"])).await;
    assert_eq!(world.json(&format!("{path}?limit=3")).await, json!({"items": ["1", "2", "3"], "next": "3"}));
    assert_eq!(
        world.json(&format!("{path}?limit=3&cursor=3")).await,
        json!({"items": ["2000"], "next": null})
    );
    assert_eq!(world.json(&format!("{path}?limit=4")).await["next"], Value::Null, "nothing is above");
    world.json_when("/v1/users/1/following", |list| list["items"] == json!(["2", "7"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_and_the_description_answer() {
    let world = World::new().await;
    let text = async |path: &str| {
        let answer = world.request("GET", path).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(text("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(text("/readyz").await.0, StatusCode::OK);
    world.ready.store(false, Relaxed);
    let (status, why) = text("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.contains("no chain is live"), "{why}");
    assert_eq!(text("/healthz").await.0, StatusCode::OK, "it is alive all the same");
    assert_eq!(world.json("/openapi.json").await["openapi"], "3.1.1");
    let (_, metrics) = text("/metrics").await;
    let counted = "catena_gateway_requests_total{route=\"/readyz\",status=\"5xx\"}";
    assert!(
        metrics.contains(counted) && metrics.contains("catena_gateway_request_seconds_bucket"),
        "{metrics}"
    );
}
