//! Chains and bundles on this machine, without a node: what `check`, `run` and `test` stand on.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use bundle::{File, Library, Rejected, Runtime};
use chain::{Faults, Look, Plan, Source};
use clap::Args;
use model::{Catalog as _, Refusal, Resolved, Wanted};

use crate::{exit::Result, output::talk};

/// Instances the pool has room for; one chain on a desk needs few.
const INSTANCES_MAX: u32 = 64;

/// Where bundles are looked for.
#[derive(Args, Clone, Debug)]
pub(crate) struct BundlesFolder {
    /// The folder of bundles that chains draw on.
    #[arg(
        long,
        value_name = "DIR",
        env = "CATENA_BUNDLES",
        hide_env_values = true,
        default_value = "bundles"
    )]
    pub(crate) bundles: PathBuf,
}

/// A library of bundles, and the means to compile chains against it.
pub(crate) struct Workbench {
    library: Library,
}

impl Workbench {
    /// Loads every bundle of the folder; those that cannot be used are named on stderr.
    ///
    /// # Errors
    /// The folder cannot be read, or the engine cannot be set up.
    pub(crate) fn open(folder: &BundlesFolder) -> Result<Self> {
        Self::with(files(&folder.bundles)?)
    }

    /// Loads these files.
    ///
    /// # Errors
    /// The engine cannot be set up.
    pub(crate) fn with(files: Vec<File>) -> Result<Self> {
        let options =
            bundle::Options { data_dir: cache(), instances_max: INSTANCES_MAX, ..bundle::Options::default() };
        let library = Library::new(Arc::new(Runtime::new(options)?));
        for Rejected { path, reason, .. } in library.replace(files) {
            talk(&format!("warning: {}: {reason}", path.display()));
        }
        Ok(Self { library })
    }

    /// Compiles one chain file.
    ///
    /// # Errors
    /// All its faults.
    pub(crate) fn compile(&self, source: &Source) -> Result<Plan, Faults> {
        chain::compile(source, &self.library)
    }

    /// Finds one bundle and makes it ready.
    ///
    /// # Errors
    /// All reasons why it cannot run.
    pub(crate) fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        self.library.resolve(wanted)
    }

    /// Compiles a chain file for a command that needs it to be right: faults are shown, in full, on stderr.
    ///
    /// # Errors
    /// It has faults.
    pub(crate) fn plan(&self, source: &Source) -> Result<Plan> {
        self.compile(source).map_err(|faults| {
            talk(faults.render(look_of(console::Term::stderr().features().colors_supported())).trim_end());
            let found = count(faults.mistakes().len() + faults.more(), "fault");
            anyhow::anyhow!("`{}` has {found}", source.name)
        })
    }
}

/// The files of a folder that could be bundles.
fn files(folder: &Path) -> Result<Vec<File>> {
    let listing = std::fs::read_dir(folder).with_context(|| {
        format!("failed to read the folder of bundles `{}` (`--bundles`)", folder.display())
    })?;
    let mut files = Vec::new();
    for entry in listing {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") && path.is_file() {
            files.push(read(path)?);
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Reads one bundle whole.
///
/// # Errors
/// It cannot be read, or is larger than any bundle.
pub(crate) fn read(path: PathBuf) -> Result<File> {
    let shown = || format!("failed to read `{}`", path.display());
    let metadata = std::fs::metadata(&path).with_context(shown)?;
    if metadata.is_dir() {
        bail!("`{}` is a folder: name the bundles in it", path.display());
    }
    let length = metadata.len();
    // Checked before reading, so that a mistyped path to a disk image costs nothing.
    if length > bundle::FILE_BYTES_MAX as u64 {
        bail!("`{}` has {length} bytes, a bundle has at most {}", path.display(), bundle::FILE_BYTES_MAX);
    }
    let bytes = std::fs::read(&path).with_context(shown)?.into();
    Ok(File { path, bytes })
}

/// How faults are drawn on a terminal, or where there is none.
pub(crate) fn look_of(colours: bool) -> Look {
    if colours {
        Look::Colour
    } else if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        Look::Narrated
    } else {
        Look::Graphical
    }
}

/// `1 fault`, `2 faults`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Where compiled code is kept between calls: a bundle is compiled once per machine, not once per try.
/// Where there is no such place, nothing is kept.
fn cache() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let folder = base.join("catena");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder)
}
