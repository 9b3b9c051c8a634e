//! The stores below the data folder.

use std::sync::Arc;

use store::{Durability, Lmdb, Options, Store, Table};

use crate::{Config, Error, Result, folder::DataFolder};

/// Every store of a node, each with its one owner.
pub(crate) struct Stores {
    pub(crate) bus: Arc<dyn Store>,
    pub(crate) state: Arc<dyn Store>,
    /// One for each shard.
    pub(crate) inboxes: Vec<Arc<dyn Store>>,
}

impl Stores {
    /// Opens or creates them all; blocks on disk.
    pub(crate) fn open(folder: &DataFolder, config: &Config) -> Result<Self> {
        let open = |name: &str, tables: &[Table], durability| -> Result<Arc<dyn Store>> {
            let options = Options {
                map_bytes: config.store.file_bytes_max,
                durability,
                ..Options::new(folder.join(name), tables)
            };
            Ok(Arc::new(Lmdb::open(&options)?))
        };
        let shards = 0..config.inbox.shards.len();
        Ok(Self {
            bus: open("bus", bus::TABLES, Durability::Fsync)?,
            state: open("state", mpc::TABLES, Durability::Fsync)?,
            // A shard that loses its last batch in a power failure reads it again from the bus.
            inboxes: shards
                .map(|shard| open(&format!("inbox-{shard}"), inbox::TABLES, Durability::Relaxed))
                .collect::<Result<_>>()?,
        })
    }
}

/// Runs something that blocks, where that harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let panicked = |error: tokio::task::JoinError| Error::Panicked { reason: error.to_string() };
    tokio::task::spawn_blocking(work).await.map_err(panicked)?
}
