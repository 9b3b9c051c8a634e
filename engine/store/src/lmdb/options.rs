use std::path::PathBuf;

use crate::Table;

/// Read transactions at once; each slot is 64 bytes of the lock file.
pub(super) const READERS_MAX: u32 = 2048;

/// What a power failure may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: a write returns after two syncs, of the pages and of the root that names them.
    #[default]
    Fsync,
    /// The last batch (`MDB_NOMETASYNC`): pages are synced, the root with the next batch. The store
    /// stays whole, and a killed process still loses nothing.
    Relaxed,
}

/// How to open an [`Lmdb`](super::Lmdb).
#[derive(Clone, Debug)]
pub struct Options {
    /// The store's folder; made when it is not there.
    pub path: PathBuf,
    /// Every table that will be asked for. Others already in the file are left alone.
    pub tables: Vec<Table>,
    /// Address space reserved, and the most the file can grow to. Costs nothing until used.
    pub map_bytes: usize,
    /// What a power failure may take.
    pub durability: Durability,
}

impl Options {
    /// Fully durable, up to 64 GiB.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, tables: &[Table]) -> Self {
        Self {
            path: path.into(),
            tables: tables.to_vec(),
            map_bytes: 64 << 30,
            durability: Durability::default(),
        }
    }
}
