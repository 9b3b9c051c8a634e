//! Changelogs that take no commit for a while: what lanes have published comes again, and again.

use std::time::Duration;

use serde_json::json;
use testkit::{nats, oracle::Report};

use super::{
    super::scene::{expect_caught, shown},
    world::{World, edit, few_rounds, flow, server},
};
use crate::support::alone;

/// Lanes begin again after 50 ms, then ever later: this is a few times.
const REFUSED: Duration = Duration::from_millis(500);

/// Refuses commits in each round, as a disk would that has no room for them.
async fn refuse(test: &str, planted: Option<&str>, rounds: u64) -> Option<Report> {
    let server = server(test).await?;
    let world = World::new(server.url(), &[], planted).await;
    let load = world.load();
    let api = nats::Api::connect(&[server.url()]).await.unwrap();
    for _ in 0..rounds {
        flow(&load).await;
        edit(&api, "catena-changelog-", &[("max_bytes", json!(1))]).await;
        flow(&load).await;
        tokio::time::sleep(REFUSED).await;
        edit(&api, "catena-changelog-", &[("max_bytes", json!(-1))]).await;
        // A round that lanes are still waiting in tells nothing about the next.
        world.arrives().await;
    }
    load.stop().await;
    Some(world.judged().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_that_could_not_be_committed_happen_once() {
    let _alone = alone().await;
    // Fewer than elsewhere: lanes take seconds to begin again.
    let test = "effects_that_could_not_be_committed_happen_once";
    let Some(report) = refuse(test, None, few_rounds(4)).await else { return };
    assert!(report.clean() && report.accepted > 100, "{}", shown(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_a_redelivery_does_not_repeat_are_caught() {
    let _alone = alone().await;
    let test = "ids_that_a_redelivery_does_not_repeat_are_caught";
    let attempt = async || refuse(test, Some("RANDOM_IDS"), 1).await;
    expect_caught(attempt, |report| !report.duplicates.is_empty()).await;
}
