//! The center's seam to bundles, filled by the crate that runs them.

use bundle::{File, Library, Rejected};
use mpc::{BundleFile, Bundles, Loaded, RefusedFile};

/// A [`Library`] as the center wants it.
pub(crate) struct Folder(pub(crate) Library);

impl Bundles for Folder {
    fn load(&self, files: &[BundleFile]) -> Loaded {
        let file = |file: &BundleFile| File { path: file.path.clone(), bytes: file.bytes.clone() };
        let rejected = self.0.replace(files.iter().map(file).collect());
        let snapshot = self.0.snapshot();
        Loaded {
            refused: rejected
                .into_iter()
                .map(|Rejected { path, reason, kept }| RefusedFile { path, reason, kept })
                .collect(),
            present: snapshot.list().iter().map(bundle::Info::bundle).collect(),
            catalog: snapshot,
        }
    }
}
