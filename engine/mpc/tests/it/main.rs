//! The center as a whole: real lanes, real folders, the embedded bus in memory; only processors are scripted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

extern crate catena_mpc as mpc;

mod admit;
mod drain;
mod failures;
mod fleet;
mod forget;
mod reload;
mod saves;
mod settle;
mod support;
mod swap;
