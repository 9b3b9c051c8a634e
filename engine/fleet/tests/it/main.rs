//! The contract over real NATS servers, alone and three together, and what must hold when they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails here is a test"
)]

// Under the name the rest of the workspace knows them by.
extern crate catena_fleet as fleet;

mod alone;
mod contended;
mod fitness;
mod lists;
mod place;
mod publishing;
mod reading;
mod subject;
mod support;
mod together;

use bus::conformance::{How, PARTITIONS, Step};
use proptest::prelude::*;

/// Drives a test in real time: the servers know no other.
fn run<T: Default>(test: impl Future<Output = T>) -> T {
    if testkit::nats::server_path().is_none() {
        testkit::nats::skip(std::thread::current().name().unwrap_or("a test of the fleet"));
        return T::default();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let limit = std::time::Duration::from_secs(120);
        tokio::time::timeout(limit, test).await.expect("the test hangs")
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || 0..PARTITIONS;
    let how = prop_oneof![Just(How::Ack), Just(How::Retry), Just(How::Drop)];
    let step = prop_oneof![
        5 => (at(), prop::collection::vec(0..30_u8, 1..6)).prop_map(|(at, ids)| Step::Publish(at, ids)),
        5 => at().prop_map(Step::Fetch),
        10 => (at(), 0..9_usize, how).prop_map(|(at, index, how)| Step::Settle(at, index, how)),
        1 => at().prop_map(Step::Resubscribe),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}
