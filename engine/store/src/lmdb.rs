//! LMDB through `heed`: one memory-mapped file, one writer, readers that never wait.
//!
//! Chosen for reads, which a feed does most. What it trades: one write at a time (so callers group
//! their changes into batches), a map size fixed at open, and pages that a long snapshot can see are
//! not reused. Pages carry no checksum; the file system is trusted to return what it synced.

mod lock;
mod options;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use heed::{CommitOrAbort, Env, EnvFlags, EnvOpenOptions, MdbError, WithoutTls, types::Bytes};
use parking_lot::Mutex;

use crate::{
    Batch, Error, Op, Result, Snapshot, Store, Table,
    error::{Cause, Room},
};

use lock::Lock;
pub use options::{Durability, Options};
use snapshot::View;

type Database = heed::Database<'static, Bytes, Bytes>;

/// A durable store in a folder, opened by one process at a time.
#[derive(Debug)]
pub struct Lmdb {
    tables: Vec<(Table, Database)>,
    env: Env<WithoutTls>,
    /// Serialises writers; holds the first failure, after which nothing is written.
    writer: Mutex<Option<Cause>>,
    // Last, so that the folder is given back only after the environment is closed.
    _lock: Lock,
}

impl Lmdb {
    /// Opens or creates the store; blocks on disk.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is already open, here or in another process; [`Error::Open`] when
    /// the folder or the file cannot be used.
    pub fn open(options: &Options) -> Result<Self> {
        let failed = |source: Cause| Error::Open { path: options.path.clone(), source };
        std::fs::create_dir_all(&options.path).map_err(|error| failed(Arc::new(error)))?;
        let lock = Lock::take(&options.path)?;
        let env = open(options).map_err(|error| failed(cause(error)))?;
        let tables = create(&env, &options.tables).map_err(|error| failed(cause(error)))?;
        // A new file is there after a power failure only once its folder is synced, and a new folder
        // only once the one around it is.
        for folder in options.path.ancestors().take(2).filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| failed(Arc::new(error)))?;
        }
        Ok(Self { tables, env, writer: Mutex::new(None), _lock: lock })
    }

    fn apply(&self, batch: &Batch) -> std::result::Result<(), Refused> {
        let mut ops = Vec::with_capacity(batch.len());
        for op in batch.ops() {
            op.check()?;
            let place = place(&self.tables, op.table())?;
            ops.push((place, op));
        }
        // Neighbouring keys share pages: in key order a batch touches each page once. The sort is
        // stable, so the last of several changes to one key stays the last.
        ops.sort_by(|(a, x), (b, y)| (a, x.key()).cmp(&(b, y.key())));
        let mut txn = self.env.write_txn()?;
        for (place, op) in ops {
            let Some((_, database)) = self.tables.get(place) else { continue };
            match op {
                Op::Put { key, value, .. } => database.put(&mut txn, key, value)?,
                Op::Delete { key, .. } => {
                    database.delete(&mut txn, key)?;
                }
            }
        }
        Ok(txn.commit()?)
    }
}

impl Store for Lmdb {
    fn write(&self, batch: &Batch) -> Result<()> {
        let mut failure = self.writer.lock();
        if let Some(source) = failure.as_ref() {
            return Err(Error::Failed { source: Arc::clone(source) });
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.apply(batch).map_err(|refused| refused.conclude(&mut failure))
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>> {
        let txn = self.env.read_txn().map_err(|error| Error::Read { source: Arc::new(error) })?;
        Ok(Box::new(View { tables: &self.tables, txn }))
    }
}

/// The system's own error where there is one: whoever is told of it knows what to do about those.
fn cause(error: heed::Error) -> Cause {
    match error {
        heed::Error::Io(error) => Arc::new(error),
        other => Arc::new(other),
    }
}

/// Why a batch was not applied.
#[derive(Debug)]
enum Refused {
    Batch(Error),
    Disk(heed::Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Batch(error)
    }
}

impl From<heed::Error> for Refused {
    fn from(error: heed::Error) -> Self {
        Self::Disk(error)
    }
}

impl Refused {
    /// Remembers what must not be retried. After a failed fsync the kernel may have dropped the very
    /// pages it could not write and report success next time, so nothing that follows can be believed.
    fn conclude(self, failure: &mut Option<Cause>) -> Error {
        match self {
            Self::Batch(error) => error,
            Self::Disk(error) => {
                if let Some(room) = missing(&error) {
                    return Error::Full { room, source: Arc::new(error) };
                }
                tracing::error!(%error, "the store failed; it takes no more writes");
                let source: Cause = Arc::new(error);
                *failure = Some(Arc::clone(&source));
                Error::Failed { source }
            }
        }
    }
}

/// The room that ran out, if that is what happened.
fn missing(error: &heed::Error) -> Option<Room> {
    match error {
        heed::Error::Mdb(MdbError::MapFull) => Some(Room::File),
        heed::Error::Mdb(MdbError::TxnFull) => Some(Room::Batch),
        heed::Error::Io(error)
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
        {
            Some(Room::Disk)
        }
        _ => None,
    }
}

fn place(tables: &[(Table, Database)], table: Table) -> Result<usize> {
    tables.iter().position(|(name, _)| *name == table).ok_or(Error::UnknownTable { table })
}

#[expect(unsafe_code, reason = "the map is sound: `Lock` keeps every other process off the file")]
fn open(options: &Options) -> heed::Result<Env<WithoutTls>> {
    let mut builder = EnvOpenOptions::new().read_txn_without_tls();
    builder
        .map_size(options.map_bytes.next_multiple_of(1 << 16))
        .max_dbs(u32::try_from(options.tables.len()).unwrap_or(u32::MAX))
        .max_readers(options::READERS_MAX);
    let flags = match options.durability {
        Durability::Fsync => EnvFlags::empty(),
        Durability::Relaxed => EnvFlags::NO_META_SYNC,
    };
    unsafe { builder.flags(flags).open(&options.path) }
}

fn create(env: &Env<WithoutTls>, tables: &[Table]) -> heed::Result<Vec<(Table, Database)>> {
    let mut opened = Vec::with_capacity(tables.len());
    for table in tables {
        let database = env
            .create_databases_and_commit(env.write_txn()?, |opener, txn| {
                opener.create_database(txn, Some(table)).map(CommitOrAbort::<_, ()>::Commit)
            })?
            .commit();
        opened.extend(database.map(|database| (*table, database)));
    }
    Ok(opened)
}
