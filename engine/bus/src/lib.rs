//! Durable streams of partitions: the [`Bus`] seam, and the embedded implementation over a store.
//!
//! Beside it stand the seams of a fleet, which one process alone does not need: [`KeyValue`] for what is agreed
//! on, [`Requests`] for questions and answers, [`Placement`] for whose turn it is.
//!
//! What bounds it: every queue in front of the disk has a limit in bytes, past which publishing answers
//! [`Error::Overloaded`] instead of growing.

pub mod conformance;
mod delivery;
mod embedded;
mod error;
mod keys;
pub mod metric;
mod placement;
mod requests;
mod spec;

use std::time::Duration;

use async_trait::async_trait;
use model::Message;

pub use delivery::{Delivery, Settle, Settlement, Settler, Stored};
#[doc(hidden)]
pub use embedded::Fault;
pub use embedded::{Embedded, Options, TABLES};
pub use error::Error;
pub use keys::{Change, Kept, KeyValue, MemoryKeys, Watch};
pub use placement::{Everything, Placement};
pub use requests::{Answer, Answering, MemoryRequests, Requests};
pub use spec::{Bounds, Published, StreamSpec, Unread, partition_of};

/// Messages in one [`Bus::append`] at most.
pub const APPEND_MESSAGES_MAX: usize = 1000;

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Durable, partitioned streams of messages.
///
/// Contract, checked by [`conformance`] on every implementation:
/// - **Order.** Sequences of a partition start at 1 and rise by one per stored message. A batch is
///   stored in its order, but where sending it failed and was repeated, messages of different keys may have
///   changed places. Messages of one key never overtake each other: neither within a batch, nor from a publish
///   that was answered to the next one.
/// - **Wholeness.** A publish that fails may have stored any part of its batch, unless [`Error::took_nothing`]
///   says otherwise; publishing again under the same message ids completes it. Only
///   [`append`](Self::append) is whole or nothing.
/// - **Durability.** `publish` returns after the batch is durable (fsynced), never before.
/// - **Identity.** Within the stream's dedupe window, and no longer than [`remembers`](Self::remembers), a
///   message whose id is already stored in that partition is not stored again: its [`Published`] carries the
///   first sequence and `duplicate`. An empty id is no identity.
/// - **Delivery.** A subscription of a group sees each message at least once, in sequence order on
///   first delivery, with at most `credits` unsettled, those waiting for a retry included. An unsettled
///   delivery that is dropped, retried or lost with the process is delivered again, with `attempt`
///   counted up (what a crash or a change of owner takes from the count is up to the implementation). One
///   live subscription per partition and group, over all processes: a second one is refused, and one that
///   lost its place to another process fails with [`Error::Lost`]; what it settles from then on has no
///   effect. A new group starts at the oldest message kept.
/// - **Settlement** is by value. `ack` is applied soon,
///   but may be forgotten in a crash: consumers keep their own position with their effects.
/// - **Retention.** Messages are removed oldest first, only once every group has settled them (while there is no
///   group, as the stream's [`unread`](StreamSpec::unread) says), and only past the stream's `retain_messages`, or
///   where the room for so many is not there; the newest is always kept.
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

    /// Stores `batch` directly behind sequence `after`, whole or not at all, and only if that is still the last of
    /// the partition; answers the new last sequence. This is how one writer of several that believe to be the only
    /// one finds out. At most [`APPEND_MESSAGES_MAX`] messages, with empty ids: the condition takes their place.
    ///
    /// # Errors
    /// [`Error::Moved`] when something else was stored behind `after`, and those of [`publish`](Self::publish).
    async fn append(&self, stream: &str, partition: u32, after: u64, batch: Vec<Message>) -> Result<u64>;

    /// Removes all messages before sequence `below`, whoever has settled them: groups go on behind them. The newest stays.
    /// May be forgotten in a crash.
    ///
    /// # Errors
    /// [`Error::UnknownStream`], [`Error::Unavailable`].
    async fn trim(&self, stream: &str, partition: u32, below: u64) -> Result<()>;

    /// Whether a message of this size can be stored at all; it takes as long as writing it down.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    fn fits(&self, message: &Message) -> Result<()>;

    /// How long message ids are remembered at most, whatever a stream's description asks for.
    fn remembers(&self) -> Duration;

    /// Up to `max` messages from sequence `from`, without consuming them. Returns fewer at the end, and where they are
    /// large: an implementation bounds the bytes it hands out at once. None are returned only where there are none.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the first of them cannot be read back; those before a damaged one are answered.
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

    /// Removes `group` from `stream`: its positions in every partition are gone, durably, and retention no longer waits
    /// for it. Should it subscribe again it is a new group. Forgetting what is not there is fine.
    ///
    /// # Errors
    /// [`Error::Busy`] while the group is subscribed to a partition, and nothing is forgotten then;
    /// [`Error::UnknownStream`], [`Error::Full`], [`Error::Unavailable`].
    async fn forget(&self, stream: &str, group: &str) -> Result<()>;
}

/// One group's place in one partition. Dropping it gives the partition back.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits until something can be delivered, then answers up to `max` deliveries: at least one, and fewer than there
    /// are where they are large, since an implementation bounds the bytes it hands out at once.
    /// Cancel-safe: a dropped future loses no delivery.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the next one cannot be read back: nothing behind it is delivered. [`Error::Lost`];
    /// [`Error::Unavailable`] when the bus closed or failed.
    async fn fetch(&mut self, max: usize) -> Result<Vec<Delivery>>;

    /// How many stored messages the group has not settled.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the bus closed or failed.
    async fn lag(&self) -> Result<u64>;
}
