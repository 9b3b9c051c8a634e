//! The process is killed under load, again and again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use testkit::{
    bundles,
    load::Load,
    network::Network,
    oracle::{Oracle, Report},
    posts::{Mix, Posts},
    process::NodeProcess,
    wait,
};

use super::scene::{Scene, expect_caught, follow, judge, read, shown};
use crate::support::{alone, rounds};

const RATE: u32 = 600;

/// Kills so many times, and says what the oracle found.
async fn kill(scene: Scene, kills: u64) -> Report {
    let network = Network::power_law(5, 80, 4);
    let mut node = scene.start().await;
    let client = node.client().unwrap();
    follow(&client, &network).await;
    let oracle = Arc::new(Oracle::new());
    let posts = Posts::new(5, network.users, Mix::default());
    let posts = posts.take(usize::try_from(kills).unwrap() * 4000 + 10_000).collect();
    let load = Load::start(client, Arc::clone(&oracle), posts, 24, Some(RATE));
    let mut slowest = Duration::ZERO;
    for round in 0..kills {
        // Not in step with anything the node does.
        tokio::time::sleep(Duration::from_millis(150 + 97 * (round % 7))).await;
        let setup = node.kill().await.unwrap();
        let began = Instant::now();
        let accepted = oracle.accepted_count();
        node = NodeProcess::start(setup).await.unwrap();
        load.point_to(node.client().unwrap());
        wait::until("posts are accepted again", Duration::from_secs(30), async || {
            (oracle.accepted_count() > accepted).then_some(())
        })
        .await
        .unwrap();
        slowest = slowest.max(began.elapsed());
    }
    let went = load.stop().await;
    println!("{kills} kills, {} posts, accepting again after {slowest:?} at the latest", went.answered);
    let report = judge(&node.client().unwrap(), &oracle, &network).await;
    node.stop().await.unwrap();
    report
}

fn feed() -> Scene {
    Scene::new(&read(&bundles::root().join("chains/feed.toml")), &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_nothing_accepted_is_lost_or_doubled() {
    let _alone = alone().await;
    let report = kill(feed(), rounds()).await;
    assert!(report.clean() && report.accepted > 1000, "{}", shown(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_disk_is_caught() {
    let _alone = alone().await;
    let attempt = async || Some(kill(feed().planted("ACK_BEFORE_DURABLE"), 5).await);
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_planted_bug_says_so() {
    let _alone = alone().await;
    let scene = feed().planted("ACK_BEFORE_DURABLE");
    let node = scene.start().await;
    let log = node.setup().log_tail();
    assert!(log.contains("ERROR") && log.contains("`planted.ack_before_durable` is on"), "{log}");
    node.stop().await.unwrap();
}
