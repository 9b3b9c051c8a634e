//! `cargo xtask bundles`: every sample processor and every misbehaving guest, as bundles.
//!
//! Samples come to lie in `target/bundles/`, guests in `target/bundles/guests/`. Cargo rebuilds what
//! changed, and `catena build` leaves a bundle alone that would not change, so a second run costs a second.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    phase::phase,
    tool::{built, cargo, command, root, run, target, works},
};

const WASM: &str = "wasm32-unknown-unknown";

/// Builds the sample processors and the test guests into target/bundles.
#[derive(Args)]
pub(crate) struct Bundles {}

impl Bundles {
    pub(crate) fn execute(self) -> Result<()> {
        ensure()
    }
}

/// Makes sure that `catena` and all bundles are built and current.
pub(crate) fn ensure() -> Result<()> {
    ensure_target();
    phase("build the catena command", || run(&mut cargo(["build", "--workspace", "--bin", "catena"])))?;
    let samples = processors(&root().join("processors"))?;
    phase(&format!("bundle {} sample processors", samples.len()), || {
        build(&samples, &target().join("bundles"))
    })?;
    let guests = processors(&root().join("tools/testkit/guests"))?;
    phase(&format!("bundle {} test guests", guests.len()), || {
        build(&guests, &target().join("bundles/guests"))
    })
}

/// Adds the guests' target where rustup can. Where it cannot, `catena build` tries the system's own
/// toolchain and else says what to install.
fn ensure_target() {
    let mut installed = command("rustup");
    installed.args(["target", "list", "--installed"]).env_remove("RUSTUP_TOOLCHAIN");
    let has = crate::tool::output(&mut installed).is_ok_and(|list| list.lines().any(|line| line == WASM));
    if !has {
        let add = phase(&format!("add the Rust target {WASM}"), || {
            run(command("rustup").args(["target", "add", WASM]))
        });
        if add.is_err() && works(command("rustc").arg("--version")) {
            crate::phase::skipped("rustup target add", "`catena build` will look for another toolchain");
        }
    }
}

fn build(crates: &[PathBuf], to: &Path) -> Result<()> {
    if crates.is_empty() {
        return Ok(());
    }
    run(command(built("catena"))
        .args(["build", "--quiet", "--profile", "guest", "--out"])
        .arg(to)
        .args(crates.iter().map(|path| path.strip_prefix(root()).unwrap_or(path))))
}

/// The crates in `folder` that make a wasm module: those with a `cdylib`.
fn processors(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Ok(manifest) = std::fs::read_to_string(path.join("Cargo.toml")) else { continue };
        let Ok(manifest) = manifest.parse::<toml::Table>() else {
            bail!("`{}` is not a manifest", path.join("Cargo.toml").display());
        };
        let kinds = manifest.get("lib").and_then(|lib| lib.get("crate-type")).and_then(toml::Value::as_array);
        if kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib"))) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
