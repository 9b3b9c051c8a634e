//! The testkit's own servers and networks: what a fault test trusts has to be right first.
//!
//! Where there is no `nats-server` the tests that need one say so and are counted by `cargo xtask test`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

mod cluster;
mod deploy;
mod proxy;
mod server;
mod support;
