//! Ordered keys, atomic batches, snapshots: the [`Store`] seam, in memory and on LMDB.
//!
//! A store has one writer and any number of readers. It belongs to one owner (a bus, a lane, a
//! shard), which reads what it is about to change from a snapshot and writes one [`Batch`].

mod batch;
pub mod conformance;
mod error;
mod lmdb;
mod memory;

use std::{borrow::Cow, ops::ControlFlow};

pub use batch::{Batch, Op};
pub use error::{Cause, Error, Room};
pub use lmdb::{Durability, Lmdb, Options};
pub use memory::Memory;

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A named, ordered table. Every table a store will be asked for is named when it is opened.
pub type Table = &'static str;

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 511;

/// Largest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// Durable ordered tables.
///
/// Contract, checked by [`conformance`]:
/// - [`write`](Store::write) applies all of a batch or nothing, in its order, and returns when the
///   batch is as durable as the store was opened to be. Concurrent writers are serialised.
/// - A [`Snapshot`] sees every batch whose `write` returned before it was taken, and no part of a
///   later one, for as long as it lives.
/// - Keys are 1–511 bytes and ordered as unsigned bytes; values are up to 16 MiB.
/// - Calls block on disk: never call them on an async worker, except where the caller accepts a page
///   fault's worth of waiting (reads of warm data).
pub trait Store: Send + Sync {
    /// Applies `batch` atomically.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room, with nothing applied; [`Error::Failed`] when the disk
    /// failed: the store refuses every later write.
    fn write(&self, batch: &Batch) -> Result<()>;

    /// A consistent view of now.
    ///
    /// # Errors
    /// [`Error::Read`] when the store can no longer be read.
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>>;
}

/// A consistent view of a store at one moment. Keep it briefly: pages it can see are not reused.
pub trait Snapshot {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`Error::UnknownTable`], [`Error::Key`], or [`Error::Read`] when the store cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>>;

    /// Visits entries with `from <= key < to` in ascending order, until `visit` breaks. An empty `to`
    /// means no upper end.
    ///
    /// # Errors
    /// As [`get`](Snapshot::get).
    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()>;

    /// Visits entries with `from <= key < to` in descending order, until `visit` breaks.
    ///
    /// # Errors
    /// As [`get`](Snapshot::get).
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()>;
}

/// Called with each key and value of a scan.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;
