//! Many machines: the seams of `bus` over NATS, and who is there to share the work.
//!
//! [`Connection`] checks once that the servers it reaches are fit for the promises made over them. [`JetStream`] is the
//! bus: one JetStream stream for each partition, one durable consumer for each group. [`Keys`] and [`Desk`] are
//! agreed values and questions. [`Members`] says who is alive, [`Turns`] deals the partitions out among them.
//!
//! What bounds it: bytes that wait to be published ([`Options::queue_bytes_max`]), the time they wait while no server is
//! there ([`Options::patience`]), the time a start waits for servers that are still electing ([`Options::placing`]), deliveries by a
//! subscription's credits, read-ahead by bytes.

mod api;
mod connection;
mod desk;
mod envelope;
mod jetstream;
mod keys;
mod lane;
mod lease;
mod members;
pub mod metric;
mod names;
mod options;
mod patience;
mod publish;
mod stream;
mod turns;

pub use bus::{Error, Result};
pub use connection::{Connection, Durability, Link};
pub use desk::Desk;
pub use jetstream::JetStream;
pub use keys::Keys;
pub use members::{Live, Member, Members};
#[doc(hidden)]
pub use options::Fault;
pub use options::{Credentials, Options, Tls};
pub use turns::{Turns, deal};
