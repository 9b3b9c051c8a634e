//! What tests, the demonstration and the benchmarks share: people and posts out of a seed, a node as a child
//! process, and an [`Oracle`](oracle::Oracle) that counts from outside.
//!
//! It stands outside the blast radius: nothing of the engine is linked here, so that a fault of the engine
//! cannot also be a fault of the one who judges it. Everything that waits is bounded.

pub mod bundles;
pub mod chain_file;
pub mod client;
pub mod data;
pub mod fleet;
pub mod load;
pub mod metrics;
pub mod names;
pub mod nats;
pub mod network;
pub mod oracle;
pub mod posts;
pub mod process;
pub mod proxy;
pub mod save;
mod signal;
pub mod wait;
