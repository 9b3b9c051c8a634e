//! `catena build`: a processor crate becomes a bundle.
//!
//! Cargo compiles for `wasm32-unknown-unknown`, once per workspace however many crates; the module is made a component
//! and labelled from its manifest. A bundle that would not change is not written, so that whoever watches the
//! folder sees nothing.

mod manifest;
mod revision;
mod toolchain;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bundle::{Info, Metadata};
use clap::Args;
use serde::Serialize;

use crate::{
    exit::Result,
    output::{Output, size, talk},
};
use manifest::Crate;

/// Builds processor crates into bundles.
#[derive(Args)]
pub(crate) struct Build {
    /// Folders of crates, or their Cargo.toml.
    #[arg(default_value = ".")]
    crates: Vec<PathBuf>,
    /// The folder to put bundles in. Default: `bundles` in the crate's target folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The Cargo profile to build with.
    #[arg(long, default_value = "release")]
    profile: String,
    /// The version the bundle gets, instead of its manifest's; for pipelines that number releases.
    #[arg(long, value_name = "VERSION")]
    release_as: Option<semver::Version>,
    /// Only speak when something is wrong.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Serialize)]
struct Built {
    path: PathBuf,
    /// Whether the file was there already, with the same bytes.
    unchanged: bool,
    #[serde(flatten)]
    info: Info,
}

impl Build {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let mut workspaces: BTreeMap<PathBuf, Vec<Crate>> = BTreeMap::new();
        for path in &self.crates {
            let found = Crate::read(path)?;
            workspaces.entry(found.workspace_root.clone()).or_default().push(found);
        }
        for crates in workspaces.values() {
            toolchain::compile(crates, &self.profile, self.quiet)?;
            for found in crates {
                let built = self.bundle(found)?;
                if !self.quiet {
                    output.print(&built, text)?;
                }
            }
        }
        Ok(())
    }

    fn bundle(&self, found: &Crate) -> Result<Built> {
        let module = found.module(&self.profile);
        let core =
            std::fs::read(&module).with_context(|| format!("failed to read `{}`", module.display()))?;
        let metadata = Metadata {
            version: self.release_as.clone().unwrap_or_else(|| found.metadata.version.clone()),
            ..found.metadata.clone()
        };
        let bytes = bundle::package::component(&core, &metadata)
            .with_context(|| format!("failed to make a bundle of `{}`", found.folder.display()))?;
        let folder = self.out.clone().unwrap_or_else(|| found.target_folder.join("bundles"));
        // The crate's name, not the bundle's: two crates may be versions of one bundle.
        let path = folder.join(format!("{}.wasm", found.name));
        let unchanged = std::fs::read(&path).is_ok_and(|old| old == bytes);
        if !unchanged {
            write(&path, &bytes)?;
        }
        Ok(Built { path, unchanged, info: bundle::inspect(&bytes)? })
    }
}

/// Writes a neighbour and renames it, so that nobody reads half a bundle.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let Some(folder) = path.parent() else { bail!("`{}` is no place for a file", path.display()) };
    std::fs::create_dir_all(folder).with_context(|| format!("failed to make `{}`", folder.display()))?;
    let mut file = tempfile::Builder::new().prefix(".building-").tempfile_in(folder)?;
    std::io::Write::write_all(&mut file, bytes)?;
    #[cfg(unix)]
    {
        // Temporary files are private; a bundle is for whoever runs the node.
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(())
}

fn text(built: &Built) -> String {
    let Built { path, unchanged, info } = built;
    if info.imports.is_empty() {
        talk(&format!("{} imports nothing: no step needs to grant it anything", info.name));
    }
    let state = if *unchanged { ", unchanged" } else { "" };
    let mut text = format!(
        "{} {}@{} ({}, {}{state})\n",
        path.display(),
        info.name,
        info.version,
        size(info.size_bytes as u64),
        info.digest.short(),
    );
    for import in &info.imports {
        text.push_str(&format!("  imports {import}\n"));
    }
    text
}
