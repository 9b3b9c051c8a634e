//! The wires between the tiers and their server are cut, swallow what is sent, and flap.

use std::time::Duration;

use testkit::proxy::Proxy;

use super::world::{LEASE, World, expect_clean, few_rounds, flow, server};
use crate::support::{alone, rounds};

/// Down for half of it, up for the other half: too short to get much done, long enough to connect.
const FLAPS: Duration = Duration::from_millis(400);

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
            proxy.cut()
        } else {
            proxy.stall()
        }
        tokio::time::sleep(LEASE + LEASE / 3).await;
        proxy.heal();
        flow(&load).await;
    }
    expect_clean(world, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flapping_wires_lose_and_double_nothing() {
    let _alone = alone().await;
    let Some(server) = server("flapping_wires_lose_and_double_nothing").await else { return };
    let proxy = Proxy::before(server.address()).await.unwrap();
    let world = World::new(proxy.url(), &[], None).await;
    let load = world.load();
    flow(&load).await;
    proxy.flap(FLAPS);
    tokio::time::sleep(FLAPS * u32::try_from(rounds()).unwrap()).await;
    proxy.heal();
    flow(&load).await;
    world.arrives().await;
    expect_clean(world, load).await;
}
