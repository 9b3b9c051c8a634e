//! A node for the benchmarks: the release build of `catena`, on fresh folders.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use testkit::{
    bundles,
    process::{NodeProcess, Setup},
};

/// A running node and the folder it lives in.
pub(crate) struct Node {
    /// The process.
    pub(crate) process: NodeProcess,
    _folder: TempDir,
}

impl Node {
    /// Starts a node with the sample chain and the sample bundles.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with(|setup| {
            bundles::copy(&bundles::root().join("chains"), &setup.chains)?;
            bundles::copy(&bundles::samples()?, &setup.bundles)
        })
        .await
    }

    /// Starts a node on folders that `fill` makes.
    pub(crate) async fn with(fill: impl FnOnce(&Setup) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(bundles::target()).context("failed to make a folder")?;
        let setup = Setup::under(folder.path(), catena()?);
        fill(&setup)?;
        Ok(Self { process: NodeProcess::start(setup).await?, _folder: folder })
    }
}

/// The `catena` beside this program: both come out of one build.
pub(crate) fn catena() -> anyhow::Result<PathBuf> {
    let catena = std::env::current_exe()?.with_file_name("catena");
    if !catena.is_file() {
        bail!("there is no `{}`: run `cargo xtask bench`", catena.display());
    }
    Ok(catena)
}
