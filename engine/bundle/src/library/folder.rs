//! From the files of a folder to the bundles that are used, and a sentence for each that is not.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use model::{BundleRef, Digest, Name};
use semver::Version;

use super::{File, Rejected};
use crate::{Info, Runtime, inspect, prepare::Prepared};

/// One bundle and, once a chain asked for it, its code or why it has none.
pub(super) struct Bundle {
    pub(super) info: Info,
    bytes: Bytes,
    prepared: OnceLock<Result<Arc<Prepared>, String>>,
}

impl Bundle {
    /// Compiles at the first call; the answer, good or bad, holds for these bytes.
    pub(super) fn prepare(&self, runtime: &Runtime) -> Result<Arc<Prepared>, String> {
        self.prepared.get_or_init(|| Prepared::new(runtime, &self.info, &self.bytes).map(Arc::new)).clone()
    }
}

/// What was found where.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) bundles: BTreeMap<PathBuf, Arc<Bundle>>,
    /// Refused files by digest, so that a scan does not read them again.
    refused: HashMap<Digest, String>,
}

/// What a file has to say for itself when another is called the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// Its bytes are in use.
    InUse,
    /// It stands where one in use stood, which stays if this one is refused.
    Successor,
    /// It is new, or was refused before.
    Newcomer,
}

/// A file that was read, good or not.
type Read = (PathBuf, Digest, Result<Arc<Bundle>, String>);

impl Folder {
    /// The folder after its files became `files`.
    ///
    /// Two files may not say the same name and version with different bytes. Of those the one that was
    /// there before stays, else the first by path; and a file that is refused leaves the bundle in use
    /// that was at its path before.
    pub(super) fn replaced_by(&self, files: Vec<File>) -> (Self, Vec<Rejected>) {
        let mut read: Vec<Read> = files.into_iter().map(|file| self.read(file)).collect();
        read.sort_by_cached_key(|(path, digest, _)| (self.claim(path, digest), path.clone()));

        let mut next = Self::default();
        let mut rejected = Vec::new();
        for (path, digest, bundle) in read {
            let taken = bundle.as_ref().map_err(Clone::clone).and_then(|bundle| next.take(&path, bundle));
            if let Err(reason) = taken {
                if bundle.is_err() {
                    next.refused.insert(digest, reason.clone());
                }
                let kept = self.keep_what_was_at(&path, &mut next);
                rejected.push(Rejected { path, reason, kept });
            }
        }
        rejected.sort_by(|a, b| a.path.cmp(&b.path));
        (next, rejected)
    }

    /// Whose turn it is to take a name and version, the strongest claim first.
    fn claim(&self, path: &Path, digest: &Digest) -> Claim {
        if self.find(digest).is_some() {
            Claim::InUse
        } else if self.bundles.contains_key(path) {
            Claim::Successor
        } else {
            Claim::Newcomer
        }
    }

    fn find(&self, digest: &Digest) -> Option<&Arc<Bundle>> {
        self.bundles.values().find(|bundle| bundle.info.digest == *digest)
    }

    fn read(&self, File { path, bytes }: File) -> Read {
        let digest = inspect::digest(&bytes);
        let bundle = match (self.find(&digest), self.refused.get(&digest)) {
            (Some(bundle), _) => Ok(Arc::clone(bundle)),
            (None, Some(reason)) => Err(reason.clone()),
            (None, None) => match inspect(&bytes) {
                Ok(info) => Ok(Arc::new(Bundle { info, bytes, prepared: OnceLock::new() })),
                Err(error) => Err(error.to_string()),
            },
        };
        (path, digest, bundle)
    }

    fn take(&mut self, path: &Path, bundle: &Arc<Bundle>) -> Result<(), String> {
        name_agrees(path, &bundle.info)?;
        if let Some(other) = self.rival(&bundle.info) {
            return Err(format!(
                "it says it is {}, and so does `{}`, with other content: give one of them another version",
                bundle.info.bundle(),
                other.display()
            ));
        }
        self.bundles.insert(path.to_owned(), Arc::clone(bundle));
        Ok(())
    }

    /// The file that says the same name and version and is not the same.
    fn rival(&self, info: &Info) -> Option<&PathBuf> {
        let same = |other: &Info| other.name == info.name && other.version == info.version;
        self.bundles
            .iter()
            .find(|(_, other)| same(&other.info) && other.info.digest != info.digest)
            .map(|(path, _)| path)
    }

    fn keep_what_was_at(&self, path: &Path, next: &mut Self) -> Option<BundleRef> {
        let bundle = self.bundles.get(path).filter(|bundle| next.rival(&bundle.info).is_none())?;
        next.bundles.insert(path.to_owned(), Arc::clone(bundle));
        Some(bundle.info.bundle())
    }
}

/// A file called `validate-1.3.0.wasm` or `validate@1.3.0.wasm` must be that version of that bundle.
fn name_agrees(path: &Path, info: &Info) -> Result<(), String> {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { return Ok(()) };
    let Some(version) = version_in(stem, &info.name) else { return Ok(()) };
    if version == info.version {
        return Ok(());
    }
    Err(format!(
        "the file name says version {version}, the bundle says {}: rename the file or build it with the version meant",
        info.version
    ))
}

fn version_in(stem: &str, name: &Name) -> Option<Version> {
    let rest = stem.strip_prefix(name.as_str())?;
    let text = rest.strip_prefix(['-', '@', '_'])?;
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}
