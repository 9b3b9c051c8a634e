//! What the folders hold, as far as it is settled: chain texts with the chain each stands for, and bundles.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::{BundleRef, Digest, Name};
use sha2::{Digest as _, Sha256};

use super::folder::{Folder, Holds};
use crate::{
    BundleFile, Bundles, Loaded, RefusedFile,
    receipt::{Cause, Change, Refusal},
};

/// A chain file.
pub(super) struct ChainFile {
    pub(super) bytes: Bytes,
    /// The chain that runs from it: of its newest text that went live.
    pub(super) chain: Option<Name>,
    /// Why its newest text does not run.
    pub(super) refusal: Option<Refusal>,
}

/// The settled state of both folders.
pub(super) struct Shelf {
    pub(super) chains: BTreeMap<PathBuf, ChainFile>,
    bundles: BTreeMap<PathBuf, BundleFile>,
    pub(super) loaded: Loaded,
}

/// A file that settled; `None` when it is gone.
pub(super) type Settled = (PathBuf, Option<Bytes>);

/// What a set of settled files changed on the shelf.
#[derive(Default)]
pub(super) struct Changed {
    /// Every file, and what happened to it.
    pub(super) causes: Vec<Cause>,
    /// Names of bundles that came, went, were replaced, or whose file was written without any of that.
    pub(super) bundles: HashSet<Name>,
    /// Bundle files among them that cannot be used.
    pub(super) refused: Vec<RefusedFile>,
    /// Whether bundle files are among them at all.
    pub(super) reopened: bool,
}

impl Shelf {
    /// An empty one. Blocks as long as [`Bundles::load`] takes.
    pub(super) fn new(bundles: &dyn Bundles) -> Self {
        Self { chains: BTreeMap::new(), bundles: BTreeMap::new(), loaded: bundles.load(&[]) }
    }

    /// Takes over what settled. Blocks as long as [`Bundles::load`] takes, where bundles changed.
    pub(super) fn take(
        &mut self,
        settled: Vec<Settled>,
        starting: bool,
        folders: &[Folder],
        bundles: &dyn Bundles,
    ) -> Changed {
        let mut changed = Changed::default();
        for (path, bytes) in settled {
            let holds = folders.iter().find(|folder| folder.has(&path)).map(|folder| folder.holds);
            let Some(holds) = holds else { continue };
            let known = self.chains.contains_key(&path) || self.bundles.contains_key(&path);
            let change = match (&bytes, known) {
                (None, _) => Change::Removed,
                (Some(_), _) if starting => Change::Started,
                (Some(_), true) => Change::Changed,
                (Some(_), false) => Change::Added,
            };
            changed.causes.push(Cause { path: path.clone(), change });
            match holds {
                Holds::Chains => self.put_chain(path, bytes),
                Holds::Bundles => {
                    changed.reopened = true;
                    self.put_bundle(path, bytes);
                }
            }
        }
        if changed.reopened {
            self.open_bundles(bundles, &mut changed);
        }
        changed
    }

    fn put_chain(&mut self, path: PathBuf, bytes: Option<Bytes>) {
        let Some(bytes) = bytes else {
            self.chains.remove(&path);
            return;
        };
        let chain = self.chains.remove(&path).and_then(|file| file.chain);
        self.chains.insert(path, ChainFile { bytes, chain, refusal: None });
    }

    fn put_bundle(&mut self, path: PathBuf, bytes: Option<Bytes>) {
        match bytes {
            None => drop(self.bundles.remove(&path)),
            Some(bytes) => {
                let digest = Digest(Sha256::digest(&bytes).into());
                self.bundles.insert(path.clone(), BundleFile { path, bytes, digest });
            }
        }
    }

    fn open_bundles(&mut self, bundles: &dyn Bundles, changed: &mut Changed) {
        let files: Vec<_> = self.bundles.values().cloned().collect();
        let before = std::mem::replace(&mut self.loaded, bundles.load(&files));
        let was: HashSet<&BundleRef> = before.present.iter().collect();
        let is: HashSet<&BundleRef> = self.loaded.present.iter().collect();
        let caused = |path: &Path| changed.causes.iter().any(|cause| cause.path == path);
        let refused: Vec<_> = self.loaded.refused.iter().filter(|file| caused(&file.path)).cloned().collect();
        // A file that holds what is in use already, or that leaves in use what it held before, makes no difference; the
        // chains that use it are named all the same.
        let written: HashSet<_> =
            self.bundles.values().filter(|file| caused(&file.path)).map(|file| file.digest).collect();
        let again = self.loaded.present.iter().filter(|bundle| written.contains(&bundle.digest));
        let kept = refused.iter().filter_map(|file| file.kept.as_ref());
        let concerned = was.symmetric_difference(&is).copied().chain(again).chain(kept);
        changed.bundles = concerned.map(|bundle| bundle.name.clone()).collect();
        changed.refused = refused;
    }

    /// Another file that `chain` runs from and that is not just being moved away.
    pub(super) fn other_owner(&self, chain: &Name, path: &Path, away: &HashSet<PathBuf>) -> Option<&PathBuf> {
        let owns = |(other, file): &(&PathBuf, &ChainFile)| {
            other.as_path() != path && file.chain.as_ref() == Some(chain) && !away.contains(*other)
        };
        self.chains.iter().find(owns).map(|(other, _)| other)
    }

    /// The file at `path` is what `chain` runs from now, and no other.
    pub(super) fn claim(&mut self, chain: &Name, path: &Path) {
        for (other, file) in &mut self.chains {
            if other == path {
                file.chain = Some(chain.clone());
                file.refusal = None;
            } else if file.chain.as_ref() == Some(chain) {
                file.chain = None;
            }
        }
    }

    /// The text at `path` does not run. What its file stood for before still does.
    pub(super) fn refuse(&mut self, path: &Path, refusal: Refusal) {
        if let Some(file) = self.chains.get_mut(path) {
            file.refusal = Some(refusal);
        }
    }

    /// The chain that runs from the file at `path`.
    pub(super) fn runs_from(&self, path: &Path) -> Option<Name> {
        self.chains.get(path).and_then(|file| file.chain.clone())
    }

    /// Why the text at `path` does not run.
    pub(super) fn refusal(&self, path: &Path) -> Option<Refusal> {
        self.chains.get(path).and_then(|file| file.refusal.clone())
    }

    /// Whether some text does not run for such a reason.
    pub(super) fn any_refusal(&self, is_such: impl Fn(&Refusal) -> bool) -> bool {
        self.chains.values().filter_map(|file| file.refusal.as_ref()).any(is_such)
    }

    /// Whether the file at `path` stands for a chain, or would like to.
    pub(super) fn means_something(&self, path: &Path) -> bool {
        self.chains.get(path).is_some_and(|file| file.chain.is_some() || file.refusal.is_some())
    }

    /// Whether some file stands for `chain`.
    pub(super) fn is_claimed(&self, chain: &Name) -> bool {
        self.chains.values().any(|file| file.chain.as_ref() == Some(chain))
    }
}
