//! Posts that are sent again under the same key, also long after the servers have forgotten their ids.

use std::collections::HashMap;

use serde_json::json;
use testkit::{
    nats,
    oracle::Report,
    posts::{Fate, Post},
};

use super::{
    super::scene::{expect_caught, shown},
    world::{DISTRIBUTORS, World, edit, few_rounds, server},
};
use crate::support::alone;

/// As short as JetStream allows.
const WINDOW_NS: u64 = 100_000_000;

/// Makes the servers forget all ids: what they know is shortened to nothing, and what they had in memory goes.
async fn forget_ids(server: &mut nats::Server) {
    let api = nats::Api::connect(&[server.url()]).await.unwrap();
    edit(&api, "catena-", &[("duplicate_window", json!(WINDOW_NS))]).await;
    server.restart().await.unwrap();
}

/// Sends every post twice at once, the two by different forwarders, and answers their ids.
async fn send_twice(world: &World, posts: &[Post]) -> HashMap<u64, String> {
    let client = world.client();
    let mut ids = HashMap::new();
    for post in posts {
        let (one, other) = tokio::join!(world.send(&client, post), world.send(&client, post));
        assert_eq!(one, other, "{post:?}");
        ids.insert(post.ordinal, one);
    }
    ids
}

/// Everything twice, and twice again when only the distributors can know it, and they are others than before.
async fn repeat(test: &str, planted: Option<&str>) -> Option<Report> {
    let mut server = server(test).await?;
    let mut world = World::new(server.url(), &[], planted).await;
    let mut posts: Vec<Post> = world.posts().take(80).collect();
    posts.extend(world.probes("boom", Fate::Rejected));
    let ids = send_twice(&world, &posts).await;
    let first = world.judge().await;
    assert!(first.clean(), "within the window: {}", shown(&first));
    world.fleet.restart(&DISTRIBUTORS).await.unwrap();
    forget_ids(&mut server).await;
    assert_eq!(send_twice(&world, &posts).await, ids);
    // Behind the last of them in every partition.
    world.arrives().await;
    Some(world.judged().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_sent_again_and_again_have_their_effects_once() {
    let _alone = alone().await;
    // Fewer than elsewhere: each round is a world of its own, and ends with restarts.
    for _ in 0..few_rounds(1) {
        let Some(report) = repeat("posts_sent_again_and_again_have_their_effects_once", None).await else {
            return;
        };
        assert!(report.clean() && report.dead == 8 && report.terminated > 5, "{}", shown(&report));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_nobody_keeps_are_caught() {
    let _alone = alone().await;
    let attempt = async || repeat("ids_that_nobody_keeps_are_caught", Some("NO_IDS")).await;
    let twice = |report: &Report, what: &str| report.duplicates.iter().any(|found| found.contains(what));
    expect_caught(attempt, |report| twice(report, "2 on outputs") && twice(report, "2 dead")).await;
}
