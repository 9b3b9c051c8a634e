//! The stores below the data folder.

use std::sync::Arc;

use store::{Batch, Durability, Lmdb, Options, Snapshot, Store, Table};

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
    pub(crate) fn open(folder: &Arc<DataFolder>, config: &Config) -> Result<Self> {
        let open = |name: &str, tables: &[Table], durability| -> Result<Arc<dyn Store>> {
            let options = Options {
                map_bytes: config.store.file_bytes_max,
                durability,
                ..Options::new(folder.join(name), tables)
            };
            Ok(Arc::new(Held { store: Lmdb::open(&options)?, _folder: Arc::clone(folder) }))
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

/// A store that keeps the data folder taken: whichever task lets go of it last, another node cannot have the folder
/// before.
struct Held {
    // In the order in which they are to be dropped.
    store: Lmdb,
    _folder: Arc<DataFolder>,
}

impl Store for Held {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        self.store.write(batch)
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.store.snapshot()
    }
}

/// Runs something that blocks, where that harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let panicked = |error: tokio::task::JoinError| Error::Panicked { reason: error.to_string() };
    tokio::task::spawn_blocking(work).await.map_err(panicked)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stays_taken_until_the_last_store_is_gone() {
        let around = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::take(around.path()).unwrap());
        let Stores { bus, state, inboxes } = Stores::open(&folder, &Config::default()).unwrap();
        drop((folder, state, inboxes));
        let refused = DataFolder::take(around.path()).unwrap_err();
        assert!(matches!(refused, Error::InUse { .. }), "{refused}");
        drop(bus);
        DataFolder::take(around.path()).unwrap();
    }
}
