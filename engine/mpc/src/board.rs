//! What is known about chain files and bundles beside what runs: for whoever asks how things stand.

use std::{collections::BTreeMap, path::PathBuf};

use model::Name;
use parking_lot::RwLock;

use crate::{AwayFolder, BundlesStatus, RefusalStatus};

/// Written by the reloader, read by anybody.
#[derive(Default)]
pub(crate) struct Board(RwLock<Notes>);

#[derive(Clone, Default)]
pub(crate) struct Notes {
    /// By path.
    pub(crate) files: BTreeMap<PathBuf, FileNote>,
    pub(crate) bundles: BundlesStatus,
    /// Folders that cannot be read.
    pub(crate) away: Vec<AwayFolder>,
}

/// One chain file.
#[derive(Clone)]
pub(crate) struct FileNote {
    /// The chain it stands for, as far as it says.
    pub(crate) chain: Option<Name>,
    /// Why it does not run as it stands.
    pub(crate) refused: Option<RefusalStatus>,
}

impl Board {
    pub(crate) fn read(&self) -> Notes {
        self.0.read().clone()
    }

    pub(crate) fn write(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.0.write());
    }
}
