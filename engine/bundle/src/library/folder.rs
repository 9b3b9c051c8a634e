//! From the files of a folder to the bundles that are used, and a sentence for each that is not.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use model::{Digest, Name};
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
        read.sort_by(|a, b| a.0.cmp(&b.0));
        let known: Vec<bool> = read.iter().map(|(_, digest, _)| self.find(digest).is_some()).collect();

        let mut next = Self::default();
        let mut rejected = Vec::new();
        for in_use in [true, false] {
            for ((path, digest, bundle), known) in read.iter().zip(&known) {
                if *known != in_use {
                    continue;
                }
                let taken = bundle.as_ref().map_err(Clone::clone).and_then(|b| next.take(path, b));
                if let Err(reason) = taken {
                    if bundle.is_err() {
                        next.refused.insert(*digest, reason.clone());
                    }
                    rejected.push(Rejected { path: path.clone(), reason });
                }
            }
        }
        self.keep_what_was_there(&mut next, &rejected);
        rejected.sort_by(|a, b| a.path.cmp(&b.path));
        (next, rejected)
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

    fn keep_what_was_there(&self, next: &mut Self, rejected: &[Rejected]) {
        for Rejected { path, .. } in rejected {
            if let Some(bundle) = self.bundles.get(path).filter(|bundle| next.rival(&bundle.info).is_none()) {
                next.bundles.insert(path.clone(), Arc::clone(bundle));
            }
        }
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
