//! The stores below the data folder.

use std::sync::Arc;

use store::{Batch, Durability, Lmdb, Options, Snapshot, Store, Table};

use crate::{Config, Error, Result, folder::DataFolder};

/// Opens or creates the stores of a node, each when its one owner needs it. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Stores {
    folder: Arc<DataFolder>,
    file_bytes_max: usize,
}

impl Stores {
    pub(crate) fn new(folder: &Arc<DataFolder>, config: &Config) -> Self {
        Self { folder: Arc::clone(folder), file_bytes_max: config.store.file_bytes_max }
    }

    /// The embedded bus's. Blocks on disk, as the others do.
    pub(crate) fn bus(&self) -> store::Result<Arc<dyn Store>> {
        self.open("bus", bus::TABLES, Durability::Fsync)
    }

    /// The center's. What it commits is durable here, or, of a center that keeps a changelog on the bus, there: the last
    /// batch that a power failure takes from its own store is read again from that.
    pub(crate) fn state(&self, changelog: bool) -> store::Result<Arc<dyn Store>> {
        let durability = if changelog { Durability::Relaxed } else { Durability::Fsync };
        self.open("state", mpc::TABLES, durability)
    }

    fn open(&self, name: &str, tables: &[Table], durability: Durability) -> store::Result<Arc<dyn Store>> {
        let path = self.folder.join(name);
        let options = Options { map_bytes: self.file_bytes_max, durability, ..Options::new(path, tables) };
        Ok(Arc::new(Held { store: Lmdb::open(&options)?, _folder: Arc::clone(&self.folder) }))
    }
}

/// Each inbox shard's.
impl inbox::Stores for Stores {
    fn open(&self, shard: u32) -> inbox::Result<Arc<dyn Store>> {
        // A shard that loses its last batch in a power failure reads it again from the bus.
        Ok(Self::open(self, &format!("inbox-{shard}"), inbox::TABLES, Durability::Relaxed)?)
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
        let stores = Stores::new(&folder, &Config::default());
        let (bus, state) = (stores.bus().unwrap(), stores.state(false).unwrap());
        let inbox = inbox::Stores::open(&stores, 0).unwrap();
        drop((folder, stores, state, inbox));
        let refused = DataFolder::take(around.path()).unwrap_err();
        assert!(matches!(refused, Error::InUse { .. }), "{refused}");
        drop(bus);
        DataFolder::take(around.path()).unwrap();
    }
}
