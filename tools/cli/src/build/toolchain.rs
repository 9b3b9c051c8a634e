//! Finding a toolchain that can compile for WebAssembly, and running it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::Crate;
use crate::exit::Result;

/// What guests are compiled for: no operating system, so no WASI to deny.
pub(super) const WASM: &str = "wasm32-unknown-unknown";

/// Where Debian's `rustc-web` and `cargo-web` put themselves.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

const WHAT_TO_INSTALL: &str = "no Rust toolchain here compiles for wasm32-unknown-unknown; install one of\n  \
    rustup target add wasm32-unknown-unknown\n  \
    apt install rustc-web cargo-web rust-web-src lld-19    (Debian, where rustup cannot download)";

/// What `cargo metadata` says about the workspace of a manifest.
pub(super) fn metadata(manifest: &Path) -> Result<String> {
    let output = Command::new(cargo())
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
        .arg(manifest)
        .stdin(Stdio::null())
        .output()
        .context("failed to start `cargo`: install Rust from https://rustup.rs")?;
    if !output.status.success() {
        bail!("cargo does not like the manifest:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Compiles the crates, which are of one workspace, in one go.
///
/// # Errors
/// There is no toolchain, or the crates do not compile; the compiler has said why on stderr then.
pub(super) fn compile(crates: &[Crate], profile: &str, quiet: bool) -> Result<()> {
    let Some(first) = crates.first() else { return Ok(()) };
    let mut command = Toolchain::find(&first.folder)?.build();
    command.args(["--target", WASM, "--profile", profile]);
    command.args(quiet.then_some("--quiet"));
    command.arg("--manifest-path").arg(first.folder.join("Cargo.toml"));
    for one in crates {
        command.args(["--package", &one.package]);
    }
    // Cargo's own words are for whoever waits; our stdout is for data.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().context("failed to start `cargo`")?;
    if !status.success() {
        bail!("the build failed");
    }
    Ok(())
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

enum Toolchain {
    /// The one in use has the target.
    Own,
    /// Debian's, which brings the standard library as source.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// `folder` matters: a `rust-toolchain.toml` above it chooses the compiler.
    fn find(folder: &Path) -> Result<Self> {
        let libraries = printed(Command::new("rustc").current_dir(folder).args([
            "--print",
            "target-libdir",
            "--target",
            WASM,
        ]));
        if libraries.is_some_and(|folder| holds(Path::new(&folder), "libcore-")) {
            return Ok(Self::Own);
        }
        let source = printed(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]))
            .map(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.toml"));
        match (source, linker()) {
            (Some(source), Some(linker)) if source.exists() => Ok(Self::Debian { linker }),
            _ => bail!(WHAT_TO_INSTALL),
        }
    }

    /// `cargo build`, as this toolchain needs it.
    fn build(self) -> Command {
        match self {
            Self::Own => {
                let mut command = Command::new(cargo());
                command.arg("build");
                command
            }
            Self::Debian { linker } => {
                let mut command = Command::new(DEBIAN_CARGO);
                // The standard library is built along, which needs an unstable flag of a stable compiler.
                command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command.args(["build", "-Zbuild-std=std,panic_abort", "--ignore-rust-version"]);
                command
            }
        }
    }
}

/// A linker for wasm: the one rustc brings, or LLVM's.
fn linker() -> Option<PathBuf> {
    let own = printed(Command::new("rustc").args(["--print", "target-libdir"]))
        .map(|libraries| Path::new(&libraries).with_file_name("bin").join("rust-lld"));
    let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let names = ["wasm-ld", "wasm-ld-19", "rust-lld"];
    let found = folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    own.into_iter().chain(found).find(|path| path.is_file())
}

fn printed(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn holds(folder: &Path, prefix: &str) -> bool {
    let Ok(listing) = std::fs::read_dir(folder) else { return false };
    listing.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
}
