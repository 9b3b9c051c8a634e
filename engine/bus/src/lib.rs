//! Durable streams of partitions: the [`Bus`] seam, and the embedded implementation over a store.
//!
//! What bounds it: every queue in front of the disk has a limit in bytes, past which publishing answers
//! [`Error::Overloaded`] instead of growing.

pub mod conformance;
mod delivery;
mod embedded;
mod error;
pub mod metric;
mod spec;

use async_trait::async_trait;
use model::Message;

pub use delivery::{Delivery, Settle, Settlement, Settler, Stored};
#[doc(hidden)]
pub use embedded::Fault;
pub use embedded::{Embedded, Options, TABLES};
pub use error::Error;
pub use spec::{Bounds, Published, StreamSpec, partition_of};

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Durable, partitioned streams of messages.
///
/// Contract, checked by [`conformance`] on every implementation:
/// - **Order.** Sequences of a partition start at 1 and rise by one per stored message. A batch is
///   stored contiguously, in its order, whole or not at all.
/// - **Durability.** `publish` returns after the batch is durable (fsynced), never before.
/// - **Identity.** Within the stream's dedupe window a message whose id is already stored in that
///   partition is not stored again: its [`Published`] carries the first sequence and `duplicate`. An
///   empty id is no identity.
/// - **Delivery.** A subscription of a group sees each message at least once, in sequence order on
///   first delivery, with at most `credits` unsettled, those waiting for a retry included. An unsettled
///   delivery that is dropped, retried or lost with the process is delivered again, with `attempt`
///   counted up (what a crash takes from the count is at most the last second's). One live subscription
///   per partition and group: a second one is refused. A new group starts at the oldest message kept.
/// - **Settlement** is by value. `ack` is applied before the process next acknowledges anything durable,
///   but may be forgotten in a crash: consumers keep their own position with their effects.
/// - **Retention.** Messages are removed oldest first, only once every group has settled them (and there
///   is a group), and only past the stream's `retain_messages`; the newest is always kept.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Makes sure the stream exists as described. Doing it again is free.
    ///
    /// # Errors
    /// [`Error::Layout`] when it exists with other partitions.
    async fn provision(&self, spec: &StreamSpec) -> Result<()>;

    /// Every stream there is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the bus is closed or failed.
    async fn streams(&self) -> Result<Vec<StreamSpec>>;

    /// Stores `batch` in one partition and answers, in order, where each message stands.
    ///
    /// # Errors
    /// [`Error::Overloaded`] (retryable) when buffers are full; [`Error::Full`] when the disk is;
    /// [`Error::UnknownStream`]; [`Error::TooLarge`]; [`Error::Unavailable`].
    async fn publish(&self, stream: &str, partition: u32, batch: Vec<Message>) -> Result<Vec<Published>>;

    /// Up to `max` messages from sequence `from`, without consuming them. Returns fewer at the end.
    ///
    /// # Errors
    /// [`Error::UnknownStream`], [`Error::Unavailable`].
    async fn read(&self, stream: &str, partition: u32, from: u64, max: usize) -> Result<Vec<Stored>>;

    /// First and last sequence of a partition; empty when `first > last`.
    ///
    /// # Errors
    /// [`Error::UnknownStream`], [`Error::Unavailable`].
    async fn bounds(&self, stream: &str, partition: u32) -> Result<Bounds>;

    /// Delivers a partition to `group`, from its first unsettled message, at most `credits` at a time.
    ///
    /// # Errors
    /// [`Error::Busy`] while another subscription of the group holds the partition;
    /// [`Error::UnknownStream`], [`Error::Group`], [`Error::Unavailable`].
    async fn subscribe(
        &self,
        stream: &str,
        partition: u32,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Subscription>>;
}

/// One group's place in one partition. Dropping it gives the partition back.
#[async_trait]
pub trait Subscription: Send {
    /// Waits until something can be delivered, then answers up to `max` deliveries.
    /// Cancel-safe: a dropped future loses no delivery.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the bus closed or failed.
    async fn fetch(&mut self, max: usize) -> Result<Vec<Delivery>>;

    /// How many stored messages the group has not settled.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the bus closed or failed.
    async fn lag(&self) -> Result<u64>;
}
