//! Composes a running node: one process with an embedded bus, the Message Processor Center, inbox shards and
//! both HTTP planes.
//!
//! [`Config`] says how, [`Node::start`] builds it from the bottom up, [`Node::shutdown`] takes it down in
//! phases: not ready → stop intake → drain → flush → settle → close.

mod bundles;
pub mod config;
mod deployment;
mod descriptors;
mod error;
mod fleet;
mod folder;
mod node;
mod stores;

pub use config::{Config, ConfigError};
pub use error::Error;
pub use fleet::{Declined, Fleet, FleetStatus};
pub use node::{Addresses, Node};

/// The streams that every node has: their readers are parts of the node, or posts' chains.
pub const STREAMS: [&str; 3] = [relations::stream::POSTS, relations::stream::INBOX, mpc::DEAD_LETTERS];

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
