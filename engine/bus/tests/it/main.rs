//! The conformance suite over the embedded bus, in memory and on LMDB.
#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

// Under the name the rest of the workspace knows it by.
extern crate catena_bus as bus;

mod lmdb;
mod memory;
mod subject;

use bus::conformance::{How, PARTITIONS, Step};
use proptest::prelude::*;

/// Drives a test; time stands still unless everything waits for it.
fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
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
