//! A real `nats-server` as a child process, alone or as a cluster, and what may happen to one: killed, stopped, started
//! again on the same port and store, paused, cut off (with [`proxy`](crate::proxy)).
//!
//! Everything listens on loopback, keeps its files in a temporary folder and dies with whoever owns it, even if
//! that one is killed. Every wait is bounded. A test begins so:
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use testkit::nats;
//! if nats::server_path().is_none() {
//!     nats::skip("a_test_of_something");
//!     return Ok(());
//! }
//! let server = nats::Server::start(nats::Setup::default()).await?;
//! # Ok(()) }
//! ```

mod api;
mod authorization;
mod cluster;
mod config;
mod find;
mod guard;
mod monitor;
mod ports;
mod server;
mod setup;
pub mod tiers;
pub mod tls;

pub use api::Api;
pub use authorization::{Authorization, Credential, Permissions, User};
pub use cluster::Cluster;
pub use find::{server_path, skip};
pub use server::Server;
pub use setup::{Setup, Store, Sync};
