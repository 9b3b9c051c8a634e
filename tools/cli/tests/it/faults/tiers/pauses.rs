//! Distributors that stand still, and wake up when others do their work.

use std::time::Duration;

use super::{
    super::scene::expect_caught,
    world::{DISTRIBUTORS, LEASE, World, expect_clean, few_rounds, flow, server},
};
use crate::support::alone;

/// Longer than the servers wait for an acknowledgement, which is 30 s.
const PAST_ACK_WAIT: Duration = Duration::from_secs(32);

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
    let world = World::new(server.url(), &[], None).await;
    let load = world.load();
    // Fewer than elsewhere: in each a death has to be noticed and a lease to run out.
    for (_, sleeper) in (0..few_rounds(5)).zip(DISTRIBUTORS.iter().cycle()) {
        flow(&load).await;
        sleep_through_a_take_over(&world, sleeper).await;
        world.arrives().await;
    }
    expect_clean(world, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_fence_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let server = server("a_missing_fence_is_caught").await?;
        let world = World::new(server.url(), &[], Some("NO_FENCE")).await;
        let load = world.load();
        // Each of them: one that stood still between two messages had nothing in its hands to settle late.
        for sleeper in DISTRIBUTORS {
            flow(&load).await;
            sleep_through_a_take_over(&world, sleeper).await;
            flow(&load).await;
        }
        load.stop().await;
        Some(world.judged().await)
    };
    expect_caught(attempt, |report| !report.miscounted.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_acknowledgements_after_a_pause_of_all_are_fenced() {
    let _alone = alone().await;
    let Some(server) = server("late_acknowledgements_after_a_pause_of_all_are_fenced").await else { return };
    let world = World::new(server.url(), &[], None).await;
    let load = world.load();
    let rounds = few_rounds(5);
    for round in 1..=rounds {
        flow(&load).await;
        for distributor in DISTRIBUTORS {
            world.fleet.pause(distributor).await.unwrap();
        }
        // Past the lease each time; past the servers' own patience where there is time for it.
        let pause = if round.is_multiple_of(20) { PAST_ACK_WAIT } else { LEASE + LEASE / 3 };
        tokio::time::sleep(pause).await;
        for distributor in DISTRIBUTORS {
            world.fleet.resume(distributor).unwrap();
        }
        world.arrives().await;
    }
    expect_clean(world, load).await;
}
