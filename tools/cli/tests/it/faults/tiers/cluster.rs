//! Three servers that replicate: their leaders change, and they are restarted one after the other.

use testkit::{load::Load, nats};

use super::{
    super::scene::expect_caught,
    world::{HANGS, World, expect_clean, few_rounds, flow},
};
use crate::support::alone;

async fn cluster(test: &str) -> Option<nats::Cluster> {
    if nats::server_path().is_none() {
        nats::skip(test);
        return None;
    }
    Some(nats::Cluster::start(3).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_leaders_lose_and_double_nothing() {
    let _alone = alone().await;
    let Some(mut servers) = cluster("changes_of_leaders_lose_and_double_nothing").await else { return };
    let world = World::new(servers.urls().join(","), servers.nodes(), None).await;
    let load = world.load();
    let api = nats::Api::connect(&servers.urls()).await.unwrap();
    // Fewer than elsewhere: three servers sync everything three times, on the cores of all the others. Each round is an
    // election for every stream.
    for _ in 0..few_rounds(5) {
        change_leaders(&api, &load).await;
    }
    for round in 0..few_rounds(3) {
        kill_a_leader(&mut servers, &api, &load, round).await;
    }
    world.arrives().await;
    expect_clean(world, load).await;
}

/// Every stream gets another leader, while something is on its way to the old ones.
async fn change_leaders(api: &nats::Api, load: &Load) {
    flow(load).await;
    for stream in api.streams("catena-").await.unwrap() {
        api.step_down(&stream).await.unwrap();
    }
    flow(load).await;
}

/// The servers are upgraded under load.
async fn upgrade(servers: &mut nats::Cluster, load: &Load) {
    flow(load).await;
    servers.rolling_restart().await.unwrap();
    flow(load).await;
}

/// The leader of a partition of `posts` hangs, dies, and comes back.
async fn kill_a_leader(servers: &mut nats::Cluster, api: &nats::Api, load: &Load, round: u64) {
    flow(load).await;
    let leader = api.leader(&format!("catena-posts-{}", round % 4)).await.unwrap();
    let server = servers.named(&leader).unwrap();
    server.pause().await.unwrap();
    tokio::time::sleep(HANGS).await;
    server.kill().await.unwrap();
    flow(load).await;
    servers.named(&leader).unwrap().restart().await.unwrap();
    servers.settled().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_leader_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let mut servers = cluster("an_acknowledgement_before_the_leader_is_caught").await?;
        let world = World::new(servers.urls().join(","), servers.nodes(), Some("ACK_BEFORE_DURABLE")).await;
        let load = world.load();
        let api = nats::Api::connect(&servers.urls()).await.unwrap();
        for round in 0..2 {
            kill_a_leader(&mut servers, &api, &load, round).await;
        }
        Some(world.losses(load).await)
    };
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_the_servers_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(mut servers) = cluster("a_rolling_restart_of_the_servers_loses_and_doubles_nothing").await
    else {
        return;
    };
    let world = World::new(servers.urls().join(","), servers.nodes(), None).await;
    let load = world.load();
    // Two, which is six restarts: each waits until a server has caught up.
    for _ in 0..few_rounds(2) {
        upgrade(&mut servers, &load).await;
    }
    world.arrives().await;
    expect_clean(world, load).await;
}
