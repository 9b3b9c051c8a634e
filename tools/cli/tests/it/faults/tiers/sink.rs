//! Inboxes that stand still while posts come in, until every buffer on the way is full.

use serde_json::json;
use testkit::{
    client::{Client, Sent},
    nats,
    oracle::Report,
    posts::{Fate, Post},
};

use super::{
    super::scene::{expect_caught, shown},
    world::{DISTRIBUTORS, World, edit, few_rounds, server},
};
use crate::support::alone;

const INBOXES: [&str; 2] = ["inbox-1", "inbox-2"];
/// What a partition of `posts` and of `inbox` may hold; an operator's limit. Half of it has to take what a distributor
/// publishes at once.
const PARTITION_BYTES_MAX: u64 = 8 << 20;
/// All partitions of both.
const BUFFER_BYTES: u64 = 8 * PARTITION_BYTES_MAX;
/// A post is mostly this: near the most that the samples take.
const TEXT_BYTES: u64 = 60 << 10;
/// So many refusals in a row are back-pressure on every partition.
const REFUSALS: u32 = 100;
/// How much a process may grow while it waits: what may wait in it to be published, and a tenth.
const GROWTH_BYTES_MAX: u64 = 70 << 20;

/// Resident bytes of every process but the inboxes.
fn memory(world: &World) -> Vec<(String, u64)> {
    let others = world.fleet.names().filter(|name| !INBOXES.contains(name));
    others.map(|name| (name.to_owned(), world.fleet.node(name).unwrap().memory_bytes().unwrap())).collect()
}

/// Publishes until nothing is taken any more; how many posts were.
async fn fill(world: &World, client: &Client) -> u64 {
    let (mut accepted, mut refused) = (0, 0);
    for post in world.posts().filter(|post| post.fate == Fate::Delivered) {
        let text = format!("{} {}", post.text, "na ".repeat(usize::try_from(TEXT_BYTES / 3).unwrap()));
        let post = Post { text, ..post };
        world.oracle.attempted(&post);
        match client.post(&post).await {
            Sent::Accepted(id) => {
                world.oracle.accepted(&post, &id);
                (accepted, refused) = (accepted + 1, 0);
            }
            Sent::Busy => refused += 1,
            other => panic!("{other:?} is no back-pressure"),
        }
        if refused == REFUSALS {
            break;
        }
        assert!(
            accepted * TEXT_BYTES < 2 * BUFFER_BYTES,
            "{accepted} posts were taken, and nobody says stop"
        );
    }
    accepted
}

/// Stalls the inboxes until nobody takes anything any more, kills the distributors while they wait for room, and lets all go
/// on. Says what arrived, and how many posts were taken before the inboxes went on.
async fn stall(test: &str, planted: Option<&str>) -> Option<(Report, u64)> {
    let server = server(test).await?;
    let mut world = World::new(server.url(), &[], planted).await;
    let api = nats::Api::connect(&[server.url()]).await.unwrap();
    for prefix in ["catena-posts-", "catena-inbox-"] {
        edit(&api, prefix, &[("max_bytes", json!(PARTITION_BYTES_MAX))]).await;
    }
    world.arrives().await;
    let before = memory(&world);
    for inbox in INBOXES {
        world.fleet.pause(inbox).await.unwrap();
    }
    let accepted = fill(&world, &world.client()).await;
    println!("{accepted} posts of {TEXT_BYTES} bytes were taken");
    for ((name, before), (_, after)) in before.into_iter().zip(memory(&world)) {
        println!("{name}: {before} bytes, {after} after");
        assert!(after < before + GROWTH_BYTES_MAX, "{name} grew from {before} to {after} bytes");
    }
    for distributor in DISTRIBUTORS {
        world.fleet.kill(distributor).await.unwrap();
        world.fleet.revive(distributor).await.unwrap();
    }
    for inbox in INBOXES {
        world.fleet.resume(inbox).unwrap();
    }
    let report = match planted {
        Some(_) => world.losses_so_far().await,
        None => {
            world.arrives().await;
            world.judged().await
        }
    };
    Some((report, accepted))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_sink_presses_back_to_the_forwarders_and_everything_resumes_alone() {
    let _alone = alone().await;
    let test = "a_stalled_sink_presses_back_to_the_forwarders_and_everything_resumes_alone";
    // Fewer than elsewhere: each round fills every buffer of a world of its own.
    for _ in 0..few_rounds(1) {
        let Some((report, accepted)) = stall(test, None).await else { return };
        assert!(accepted * TEXT_BYTES > PARTITION_BYTES_MAX, "{accepted} posts are no buffer");
        assert!(report.clean(), "{}", shown(&report));
        assert_eq!(report.delivered, report.accepted, "{}", shown(&report));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_effects_is_caught() {
    let _alone = alone().await;
    let test = "an_acknowledgement_before_the_effects_is_caught";
    let attempt = async || stall(test, Some("SETTLE_FIRST")).await.map(|(report, _)| report);
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}
