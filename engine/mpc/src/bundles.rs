use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use model::{BundleRef, Catalog, Digest};
use serde::{Deserialize, Serialize};

/// One settled file of the folder of bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Everything in it.
    pub bytes: Bytes,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

/// A file that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it and what to do, in a sentence.
    pub reason: String,
    /// The bundle that was at its path before, where it stays in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<BundleRef>,
}

/// What a set of files amounts to.
pub struct Loaded {
    /// Resolves against exactly these files, for as long as somebody holds it.
    pub catalog: Arc<dyn Catalog>,
    /// Files that cannot be used.
    pub refused: Vec<RefusedFile>,
    /// The bundles that can.
    pub present: Vec<BundleRef>,
}

/// Turns the files of a folder into processors: the seam to whatever runs them.
///
/// The set is always whole: a chain compiles against one consistent state of the folder. A file that was in an
/// earlier set, told by its digest, should cost nothing; a bad one is refused and never fails the rest. What was at its
/// path before may stay in use, as [`RefusedFile::kept`] says.
pub trait Bundles: Send + Sync + 'static {
    /// Looks at `files`, all there are. Blocks as long as that takes; never called on a hot path.
    fn load(&self, files: &[BundleFile]) -> Loaded;
}
