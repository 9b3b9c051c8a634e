use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::{KEY_BYTES_MAX, Table, VALUE_BYTES_MAX};

/// A cause that is shared, since one failed write answers many callers.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// What a store answers when it cannot do as asked.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No room: the disk is full or the map size is reached. Nothing was applied.
    #[error("the store has no room left: {room}")]
    Full {
        /// Which room ran out.
        room: Room,
        /// What was said of it.
        source: Cause,
    },
    /// The disk or the file failed. Writes that follow answer the same.
    #[error("the store failed and takes no more writes")]
    Failed {
        /// The first failure.
        source: Cause,
    },
    /// The store could not be read; it may still be written.
    #[error("failed to read the store")]
    Read {
        /// Why.
        source: Cause,
    },
    /// The table was not named when the store was opened.
    #[error("the store was opened without table `{table}`")]
    UnknownTable {
        /// The table asked for.
        table: Table,
    },
    /// A key that no store can hold.
    #[error("a key of {bytes} bytes; a key has 1 to {KEY_BYTES_MAX}")]
    Key {
        /// Its size.
        bytes: usize,
    },
    /// A value that no store can hold.
    #[error("a value of {bytes} bytes; a value has at most {VALUE_BYTES_MAX}")]
    Value {
        /// Its size.
        bytes: usize,
    },
    /// Somebody has the store open: this process, or another.
    #[error("store `{}` is already open in process {holder}", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// The process id, as far as it is known.
        holder: String,
    },
    /// The store could not be opened.
    #[error("failed to open store `{}`", path.display())]
    Open {
        /// The store's folder.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
}

/// Room that a store can run out of; shown as what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Room {
    /// On the disk, or within a quota.
    #[error("free space on its disk")]
    Disk,
    /// In the file, which has grown to [`map_bytes`](crate::Options::map_bytes).
    #[error("raise `store.file_bytes_max`")]
    File,
    /// In one transaction: the batch changes too much at once.
    #[error("it was too much at once")]
    Batch,
}

impl Error {
    /// Whether the same call may succeed later without anybody changing the program.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Locked { .. })
    }
}
