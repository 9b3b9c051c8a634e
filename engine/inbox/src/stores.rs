use std::sync::Arc;

use store::Store;

use crate::{Error, Result};

/// Where shards keep what they know: opens the store of one shard when its turn comes.
pub trait Stores: Send + Sync + 'static {
    /// Opens the store of `shard` with [`TABLES`](crate::TABLES), or makes a new one. Blocks on disk. It is closed when the
    /// last handle is dropped.
    ///
    /// # Errors
    /// Anything; it costs this shard, and where it is [retryable](Error::retryable) the shard tries again.
    fn open(&self, shard: u32) -> Result<Arc<dyn Store>>;
}

impl<F> Stores for F
where
    F: Fn(u32) -> Result<Arc<dyn Store>> + Send + Sync + 'static,
{
    fn open(&self, shard: u32) -> Result<Arc<dyn Store>> {
        self(shard)
    }
}

/// Stores that are open already, by shard.
impl Stores for Vec<Arc<dyn Store>> {
    fn open(&self, shard: u32) -> Result<Arc<dyn Store>> {
        self.get(shard as usize).cloned().ok_or(Error::NoStore { shard })
    }
}
