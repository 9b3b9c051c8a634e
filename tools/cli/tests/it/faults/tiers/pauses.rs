//! Distributors that stand still, and wake up when others do their work.

use std::time::Duration;

use testkit::{load::Load, nats, oracle::Report, proxy::Proxy};

use super::{
    super::scene::expect_caught,
    world::{DISTRIBUTORS, LEASE, LONG, World, expect_clean, few_rounds, flow, server},
};
use crate::support::alone;

/// Longer than the servers wait for an acknowledgement, which is 30 s.
const PAST_ACK_WAIT: Duration = Duration::from_secs(32);

/// Longer than a lease lives.
const PAST_LEASE: Duration = LEASE.saturating_add(Duration::from_millis(500));

/// A world at the other end of a long wire: whoever stands still there has something in hand.
async fn far_away(server: &nats::Server, planted: Option<&str>) -> (Proxy, World) {
    let proxy = Proxy::before(server.address()).await.unwrap();
    let world = World::new(proxy.url(), &[], planted).await;
    proxy.delay(LONG);
    (proxy, world)
}

/// One distributor stands still until the other one has all its partitions.
async fn sleep_through_a_take_over(world: &World, sleeper: &str) {
    world.fleet.pause(sleeper).await.unwrap();
    world.arrives().await;
    world.fleet.resume(sleeper).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_wakes_up_settles_nothing() {
    let _alone = alone().await;
    let Some(server) = server("an_owner_that_wakes_up_settles_nothing").await else { return };
    let (_proxy, world) = far_away(&server, None).await;
    let load = world.load();
    // Fewer than elsewhere: in each a death has to be noticed and a lease to run out.
    for (_, sleeper) in (0..few_rounds(5)).zip(DISTRIBUTORS.iter().cycle()) {
        flow(&load).await;
        sleep_through_a_take_over(&world, sleeper).await;
        world.arrives().await;
    }
    expect_clean(world, load).await;
}

/// Whether a post was counted by somebody who had not seen those before it.
fn miscounts(report: &Report) -> bool {
    !report.miscounted.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_fence_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let server = server("a_missing_fence_is_caught").await?;
        let (_proxy, world) = far_away(&server, Some("NO_FENCE")).await;
        let load = world.load();
        // Each of them: one may have been sent all that came while it slept, and then it counts right.
        for sleeper in DISTRIBUTORS {
            flow(&load).await;
            sleep_through_a_take_over(&world, sleeper).await;
            flow(&load).await;
        }
        Some(world.traces(load, miscounts).await)
    };
    expect_caught(attempt, miscounts).await;
}

/// All distributors stand still together, past their leases at least. They wake up together, or the second one when the first
/// has all its partitions.
async fn pause_all(world: &World, load: &Load, pause: Duration, together: bool) {
    flow(load).await;
    for distributor in DISTRIBUTORS {
        world.fleet.pause(distributor).await.unwrap();
    }
    tokio::time::sleep(pause).await;
    let [first, second] = DISTRIBUTORS;
    world.fleet.resume(first).unwrap();
    if !together {
        world.arrives().await;
    }
    world.fleet.resume(second).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_acknowledgements_after_a_pause_of_all_are_fenced() {
    let _alone = alone().await;
    let Some(server) = server("late_acknowledgements_after_a_pause_of_all_are_fenced").await else { return };
    let (_proxy, world) = far_away(&server, None).await;
    let load = world.load();
    for round in 1..=few_rounds(5) {
        // Past the servers' own patience where there is time for it.
        let pause = if round.is_multiple_of(20) { PAST_ACK_WAIT } else { PAST_LEASE };
        pause_all(&world, &load, pause, round % 2 == 1).await;
        world.arrives().await;
    }
    expect_clean(world, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_fence_after_a_pause_of_all_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let server = server("a_missing_fence_after_a_pause_of_all_is_caught").await?;
        let (_proxy, world) = far_away(&server, Some("NO_FENCE")).await;
        let load = world.load();
        pause_all(&world, &load, PAST_LEASE, false).await;
        flow(&load).await;
        Some(world.traces(load, miscounts).await)
    };
    expect_caught(attempt, miscounts).await;
}
