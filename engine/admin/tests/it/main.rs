//! The routes of the management plane over everything in memory: a bus, a center with one chain, an inbox shard.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod changing;
mod reading;
mod support;
