//! The conformance suite over both implementations, and what only LMDB promises.
#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

// Under the name the rest of the workspace knows it by.
extern crate catena_store as store;

mod lmdb;
mod memory;

use proptest::prelude::*;
use store::conformance::{Change, Step};

/// Few, short keys, so that walks meet the same key again.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0x7f), Just(0xff)], 1..4)
}

fn change() -> impl Strategy<Value = Change> {
    (0..2_usize, key(), prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..20)))
}

fn bound() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => Just(vec![]), 3 => key()]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = prop::collection::vec(change(), 0..12).prop_map(Step::Write);
    let read = (0..2_usize, bound(), bound(), any::<bool>(), 1..10_usize).prop_map(Step::Read);
    prop::collection::vec(prop_oneof![write, read], 1..30)
}
