//! The wires between the tiers and their server are cut, swallow what is sent, and flap.

use std::time::Duration;

use testkit::{load::Load, proxy::Proxy};

use super::{
    super::scene::expect_caught,
    world::{HANGS, LEASE, LONG, World, doubles, expect_clean, few_rounds, flow, server},
};
use crate::support::{alone, rounds};

/// Down for half of it, up for the other half: too short to get much done, long enough to connect.
const FLAPS: Duration = Duration::from_millis(400);

/// Cuts the wires. What was sent in the moment before has gone nowhere, and nobody is told.
async fn cut(proxy: &Proxy) {
    proxy.stall();
    tokio::time::sleep(HANGS).await;
    proxy.cut();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cutting_the_wires_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(server) = server("cutting_the_wires_loses_and_doubles_nothing").await else { return };
    let proxy = Proxy::before(server.address()).await.unwrap();
    let world = World::new(proxy.url(), &[], None).await;
    let load = world.load();
    // Half of the usual: every one outlasts a lease, and then all have to take up their work anew.
    for round in 0..few_rounds(10) {
        flow(&load).await;
        // In turn by closing connections and by swallowing what is sent.
        if round % 2 == 0 {
            cut(&proxy).await;
        } else {
            proxy.stall();
        }
        tokio::time::sleep(LEASE + LEASE / 3).await;
        proxy.heal();
        flow(&load).await;
    }
    expect_clean(world, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_of_what_a_wire_swallowed_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let server = server("an_acknowledgement_of_what_a_wire_swallowed_is_caught").await?;
        let proxy = Proxy::before(server.address()).await.unwrap();
        let world = World::new(proxy.url(), &[], Some("ACK_BEFORE_DURABLE")).await;
        let load = world.load();
        for _ in 0..2 {
            flow(&load).await;
            cut(&proxy).await;
            proxy.heal();
            flow(&load).await;
        }
        Some(world.losses(load).await)
    };
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

/// Long wires flap so many times: at each cut answers are on their way that never arrive.
async fn flap(proxy: &Proxy, load: &Load, times: u64) {
    proxy.delay(LONG / 4);
    flow(load).await;
    proxy.flap(FLAPS);
    tokio::time::sleep(FLAPS * u32::try_from(times).unwrap()).await;
    proxy.heal();
    proxy.delay(Duration::ZERO);
    flow(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flapping_wires_lose_and_double_nothing() {
    let _alone = alone().await;
    let Some(server) = server("flapping_wires_lose_and_double_nothing").await else { return };
    let proxy = Proxy::before(server.address()).await.unwrap();
    let world = World::new(proxy.url(), &[], None).await;
    let load = world.load();
    flap(&proxy, &load, rounds()).await;
    world.arrives().await;
    expect_clean(world, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_without_an_id_over_flapping_wires_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let server = server("a_retry_without_an_id_over_flapping_wires_is_caught").await?;
        let proxy = Proxy::before(server.address()).await.unwrap();
        let world = World::new(proxy.url(), &[], Some("RANDOM_IDS")).await;
        let load = world.load();
        flap(&proxy, &load, 8).await;
        Some(world.traces(load, doubles).await)
    };
    expect_caught(attempt, doubles).await;
}
