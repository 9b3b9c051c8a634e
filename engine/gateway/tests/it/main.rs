//! The data plane over real HTTP on loopback: embedded bus and shards in memory, a chain that passes everything.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here is a test")]

mod bad_input;
mod bulk;
mod routes;
mod tiers;
mod unavailable;
mod world;

use world::{World, ids};
