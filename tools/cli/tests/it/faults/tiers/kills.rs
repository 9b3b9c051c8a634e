//! Processes of every tier and the server are killed.

use testkit::nats;

use super::{
    super::scene::expect_caught,
    world::{HANGS, World, expect_clean, flow, server},
};
use crate::support::{alone, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_processes_of_every_tier_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(server) = server("killing_processes_of_every_tier_loses_and_doubles_nothing").await else {
        return;
    };
    let mut world = World::new(server.url(), &[], None).await;
    let load = world.load();
    let victims = ["distributor-1", "inbox-1", "forwarder-1", "gateway-1", "distributor-2", "inbox-2"];
    for (round, victim) in (0..rounds()).zip(victims.iter().cycle()) {
        flow(&load).await;
        world.fleet.kill(victim).await.unwrap();
        if victim.starts_with("forwarder") {
            load.point_to(world.client());
        }
        flow(&load).await;
        // Sometimes the others have taken over by the time it comes back, sometimes they have not.
        if round % 4 == 0 {
            world.arrives().await;
        }
        world.fleet.revive(victim).await.unwrap();
        load.point_to(world.client());
    }
    flow(&load).await;
    expect_clean(world, load).await;
}

/// Kills the server, half of the times after it hung for a moment.
async fn kill_server(server: &mut nats::Server, round: u64) {
    if round % 2 == 1 {
        server.pause().await.unwrap();
        tokio::time::sleep(HANGS).await;
    }
    server.kill().await.unwrap();
    server.restart().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_server_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(mut server) = server("killing_the_server_loses_and_doubles_nothing").await else { return };
    let world = World::new(server.url(), std::slice::from_ref(&server), None).await;
    let load = world.load();
    for round in 0..rounds() {
        flow(&load).await;
        kill_server(&mut server, round).await;
        flow(&load).await;
    }
    expect_clean(world, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_servers_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let mut server = server("an_acknowledgement_before_the_servers_is_caught").await?;
        let world = World::new(server.url(), &[], Some("ACK_BEFORE_DURABLE")).await;
        let load = world.load();
        for _ in 0..4 {
            flow(&load).await;
            kill_server(&mut server, 1).await;
        }
        flow(&load).await;
        Some(world.losses(load).await)
    };
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}
