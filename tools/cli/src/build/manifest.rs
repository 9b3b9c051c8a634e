use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bundle::Metadata;
use model::Name;
use semver::Version;
use serde::Deserialize;

use super::{revision, toolchain};
use crate::exit::Result;

/// A processor crate, as Cargo knows it.
pub(super) struct Crate {
    /// Where its manifest lies.
    pub(super) folder: PathBuf,
    pub(super) name: String,
    /// `name@version`, as Cargo's `--package` takes it.
    pub(super) package: String,
    /// The library's name, which the module's file has.
    library: String,
    pub(super) workspace_root: PathBuf,
    pub(super) target_folder: PathBuf,
    /// What the bundle will say of itself.
    pub(super) metadata: Metadata,
}

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
    manifest_path: PathBuf,
    description: Option<String>,
    authors: Vec<String>,
    license: Option<String>,
    repository: Option<String>,
    #[serde(default)]
    metadata: Option<Extra>,
    targets: Vec<Target>,
}

/// `[package.metadata.catena]`: what Cargo has no field for.
#[derive(Default, Deserialize)]
struct Extra {
    catena: Option<Catena>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catena {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Crate {
    /// Asks Cargo about the crate at `path`.
    ///
    /// # Errors
    /// There is none, or it cannot become a bundle; the message says what to change.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let manifest = if path.is_dir() { path.join("Cargo.toml") } else { path.to_owned() };
        let manifest = manifest
            .canonicalize()
            .with_context(|| format!("there is no crate at `{}` (no Cargo.toml)", path.display()))?;
        if manifest.file_name().is_none_or(|name| name != "Cargo.toml") {
            bail!("`{}` is neither the folder of a crate nor its Cargo.toml", path.display());
        }
        let workspace = toolchain::metadata(&manifest)?;
        let workspace: Workspace =
            serde_json::from_str(&workspace).context("failed to read what `cargo metadata` answered")?;
        let Some(package) = workspace.packages.into_iter().find(|p| p.manifest_path == manifest) else {
            bail!("`{}` is a workspace, not a crate: name the crates in it", manifest.display());
        };
        let Some(library) =
            package.targets.iter().find(|t| t.crate_types.iter().any(|kind| kind == "cdylib"))
        else {
            bail!(
                "`{}` does not build a WebAssembly module: add `crate-type = [\"cdylib\", \"rlib\"]` to its `[lib]`",
                manifest.display()
            );
        };
        let folder = manifest.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            name: package.name.clone(),
            package: format!("{}@{}", package.name, package.version),
            library: library.name.replace('-', "_"),
            workspace_root: workspace.workspace_root,
            target_folder: workspace.target_directory,
            metadata: label(package, &folder)?,
            folder,
        })
    }

    /// The module that Cargo makes of it.
    pub(super) fn module(&self, profile: &str) -> PathBuf {
        // The `dev` profile has its folder under an older name.
        let folder = if profile == "dev" { "debug" } else { profile };
        self.target_folder.join(toolchain::WASM).join(folder).join(format!("{}.wasm", self.library))
    }
}

fn label(package: Package, folder: &Path) -> Result<Metadata> {
    let given = package.metadata.and_then(|m| m.catena).and_then(|c| c.name).unwrap_or(package.name);
    let name = Name::new(&given).with_context(|| {
        format!("a bundle cannot be called `{given}`: set `name` in `[package.metadata.catena]`")
    })?;
    Ok(Metadata {
        name,
        version: package.version,
        description: package.description.filter(|text| !text.is_empty()),
        authors: (!package.authors.is_empty()).then(|| package.authors.join(", ")),
        licence: package.license,
        source: package.repository,
        revision: revision::of(folder),
    })
}
