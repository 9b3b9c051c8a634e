//! The bundles of a folder, side by side in all their versions, as a [`Catalog`].
//!
//! [`replace`](Library::replace) takes the folder's whole content and publishes an immutable
//! [`Snapshot`]; a chain is compiled against one snapshot, whatever happens to the folder meanwhile.
//! A bundle is compiled when the first chain asks for it and stays compiled while its bytes are there.

mod folder;
mod snapshot;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use model::{BundleRef, Catalog, Refusal, Resolved, Wanted};
use parking_lot::Mutex;

use crate::{Info, Runtime};
use folder::Folder;

pub use snapshot::Snapshot;

/// One file of the folder.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is; shown to people, and its name may carry a version.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Bytes,
}

/// A file that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub reason: String,
    /// The bundle that was at its path before, and stays in use.
    pub kept: Option<BundleRef>,
}

/// The set of bundles, replaced as a whole.
pub struct Library {
    runtime: Arc<Runtime>,
    current: Mutex<(Folder, Arc<Snapshot>)>,
}

impl Library {
    /// An empty library.
    #[must_use]
    pub fn new(runtime: Arc<Runtime>) -> Self {
        let folder = Folder::default();
        let snapshot = Arc::new(Snapshot::new(Arc::clone(&runtime), &folder));
        Self { runtime, current: Mutex::new((folder, snapshot)) }
    }

    /// Makes `files` the content of the library. Files it already knows, by digest, keep their
    /// compiled code or their refusal and are not looked at again.
    ///
    /// Returns what was refused. Reads, hashes and validates the new files; compiles nothing.
    pub fn replace(&self, files: Vec<File>) -> Vec<Rejected> {
        let mut current = self.current.lock();
        let (folder, rejected) = current.0.replaced_by(files);
        let snapshot = Arc::new(Snapshot::new(Arc::clone(&self.runtime), &folder));
        *current = (folder, snapshot);
        rejected
    }

    /// The bundles as they are now, for good.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.lock().1)
    }

    /// What the library holds, by name and newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Info> {
        self.snapshot().list()
    }
}

impl Catalog for Library {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        self.snapshot().resolve(wanted)
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("bundles", &self.list()).finish_non_exhaustive()
    }
}
