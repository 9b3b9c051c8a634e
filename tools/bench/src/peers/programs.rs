//! Peers with a small program of their own, which prints the median microseconds a message.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

use super::{Found, Peer};
use crate::report::Row;

/// How they are built.
const BUILD: &str = "`cargo xtask bench peers` builds it, where";

struct Program {
    what: &'static str,
    note: &'static str,
    program: PathBuf,
    /// Before the message's file and the number of seconds.
    arguments: Vec<PathBuf>,
}

impl Peer for Program {
    fn what(&self) -> String {
        self.what.to_owned()
    }

    fn note(&self) -> String {
        self.note.to_owned()
    }

    fn measure(&mut self, message: &Path, seconds: f64) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(message).arg(seconds.to_string()).stderr(Stdio::inherit());
        let output =
            command.output().with_context(|| format!("failed to start `{}`", self.program.display()))?;
        if !output.status.success() {
            bail!("{} ended with {}", self.what, output.status);
        }
        let said = String::from_utf8_lossy(&output.stdout);
        said.trim().parse().with_context(|| format!("{} printed no number: {said}", self.what))
    }
}

/// Extism: plugins of core wasm.
pub(super) fn extism(folder: &Path) -> Found {
    let what = "Extism: five plugins";
    let built = folder.join("extism");
    let program = built.join("release/peer-extism");
    let plugin = built.join("wasm32-unknown-unknown/guest/filter.wasm");
    if !program.is_file() || !plugin.is_file() {
        return Err(Row::absent(what, format!("{BUILD} crates.io can be reached")));
    }
    let note = "one message at a time: it has no batches; each plugin parses";
    Ok(Box::new(Program { what, note, program, arguments: vec![plugin] }))
}

/// Apache Felix: services in one heap.
pub(super) fn felix(folder: &Path) -> Found {
    let what = "Apache Felix: five services";
    let built = folder.join("felix");
    let classes = built.join("classes");
    let java = Command::new("java").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !java.is_ok_and(|status| status.success()) || !classes.is_dir() || !built.join("lib").is_dir() {
        return Err(Row::absent(
            what,
            format!("{BUILD} there are Java 17 and Maven, and its repository can be reached"),
        ));
    }
    let path = format!("{}:{}/*", classes.display(), built.join("lib").display());
    let arguments = ["-XX:ActiveProcessorCount=1", "-XX:+UseSerialGC", "-cp", &path, "peer.Main"]
        .map(PathBuf::from)
        .to_vec();
    let note = "no sandbox: parsed once, then method calls in one heap; after two seconds of warming up";
    Ok(Box::new(Program { what, note, program: "java".into(), arguments }))
}
