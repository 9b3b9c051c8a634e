//! Builds the engines that the benchmarks stand beside, into target/peers, once: they are no part of the workspace, and nothing
//! else needs them.

use std::path::Path;

use anyhow::Result;

use crate::{
    phase::{phase, skipped},
    tool::{cargo, command, root, run, target, works},
};

/// Where `benthos` is, and the commit that was measured.
const BENTHOS: (&str, &str) =
    ("https://github.com/redpanda-data/benthos", "a9fc41bdd0e8a1894e3b1f0faa6c700752b87158");
const SOURCES: &str = "tools/bench/peers";

/// Its name, what is there once it is built, and how it is built.
type Peer = (&'static str, &'static str, fn(&Path) -> Result<()>);

/// Builds what can be built; what cannot is said, and is a row of the table that says so.
pub(crate) fn ensure() {
    let into = target().join("peers");
    let peers: [Peer; 4] = [
        ("compilers", "compilers/release/peer-compilers", compilers),
        ("extism", "extism/release/peer-extism", extism),
        ("felix", "felix/lib", felix),
        ("benthos", "benthos", benthos),
    ];
    for (name, made, build) in peers {
        if into.join(made).exists() {
            continue;
        }
        if let Err(error) = phase(&format!("build the peer {name}"), || build(&into)) {
            skipped(name, &format!("{error:#}"));
        }
    }
}

/// With our wasmtime and Winch: a few minutes.
fn compilers(into: &Path) -> Result<()> {
    let mut cargo = cargo(["build", "--locked", "--release"]);
    cargo.current_dir(root().join(SOURCES).join("compilers"));
    run(cargo.env("CARGO_TARGET_DIR", into.join("compilers")))
}

/// With another wasmtime than ours: several minutes.
fn extism(into: &Path) -> Result<()> {
    let build = |arguments: &[&str]| {
        let mut cargo = cargo(["build", "--locked"]);
        cargo.args(arguments).current_dir(root().join(SOURCES).join("extism"));
        run(cargo.env("CARGO_TARGET_DIR", into.join("extism")))
    };
    build(&["--package", "filter", "--target", "wasm32-unknown-unknown", "--profile", "guest"])?;
    build(&["--release"])
}

fn felix(into: &Path) -> Result<()> {
    let mut maven = command("mvn");
    maven.args(["--quiet", "--batch-mode", "package", "--file", &format!("{SOURCES}/felix/pom.xml")]);
    run(maven.arg(format!("-Dout={}", into.join("felix").display())))
}

/// It is not on Go's module proxy, so its sources are fetched, that commit alone.
fn benthos(into: &Path) -> Result<()> {
    let sources = into.join("benthos-sources");
    std::fs::create_dir_all(&sources)?;
    let git = |arguments: &[&str]| run(command("git").args(arguments).current_dir(&sources));
    let (url, commit) = BENTHOS;
    if !works(command("git").args(["cat-file", "-e", commit]).current_dir(&sources)) {
        git(&["init", "--quiet"])?;
        git(&["fetch", "--quiet", "--depth", "1", url, commit])?;
    }
    git(&["checkout", "--quiet", commit])?;
    let mut go = command("go");
    run(go.arg("build").arg("-o").arg(into.join("benthos")).arg("./cmd/benthos").current_dir(&sources))
}
