//! A `nats-server` for the tests that need one: found, or installed beside the build, or asked for.
//!
//! The way to it is handed on in the environment variable `NATS_SERVER`; `testkit::nats` looks in the same
//! places in the same order. Where there is none nothing fails: the tests that need it skip themselves and write their names down,
//! and the end of the run counts them.

mod skips;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    phase::{phase, skipped},
    tool::{command, run, target, works},
};

pub(crate) use skips::Skips;

/// Where people say which server to take, and where tests look first.
const VARIABLE: &str = "NATS_SERVER";
/// What gets installed where there is none: the version the figures were measured with.
const PINNED: &str = "2.15.2";
/// Atomic batches came with 2.12.
const OLDEST: (u32, u32) = (2, 12);

/// The server to test with: `NATS_SERVER`, the one on the path, the one installed before, or one installed now.
/// `None` where there is none and none can be installed; it was said then what to do.
///
/// # Errors
/// `NATS_SERVER` names something that is no server, or one too old: who names one does not want another.
pub(crate) fn ensure() -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if !fits(&named) {
            bail!(
                "{VARIABLE} is `{}`, which is no nats-server of {}.{} or newer: correct it, or unset it to have one \
                 found or installed",
                named.display(),
                OLDEST.0,
                OLDEST.1
            );
        }
        return Ok(Some(named));
    }
    let own = target().join("tools").join(format!("nats-server{}", std::env::consts::EXE_SUFFIX));
    if let Some(found) = on_path().into_iter().chain([own.clone()]).find(|server| fits(server)) {
        return Ok(Some(found));
    }
    if works(command("go").arg("version")) && install(&own).is_ok() && fits(&own) {
        return Ok(Some(own));
    }
    skipped(
        "nats-server",
        &format!(
            "none of {}.{} or newer is at hand, so tests that need one will skip themselves. Either install Go \
             (https://go.dev/dl) and run this again, or put nats-server {PINNED} \
             (https://github.com/nats-io/nats-server/releases/tag/v{PINNED}) on the path, or name it in {VARIABLE}",
            OLDEST.0, OLDEST.1
        ),
    );
    Ok(None)
}

/// Hands the way to the server on to what `tests` starts.
pub(crate) fn hand_over<'a>(server: Option<&Path>, tests: &'a mut Command) -> &'a mut Command {
    match server {
        Some(server) => tests.env(VARIABLE, server),
        None => tests.env_remove(VARIABLE),
    }
}

fn install(to: &Path) -> Result<()> {
    let module = format!("github.com/nats-io/nats-server/v2@v{PINNED}");
    let folder = to.parent().unwrap_or(to);
    phase(&format!("install nats-server {PINNED} (about a minute, once)"), || {
        // Without cgo no C compiler is needed.
        run(command("go").args(["install", &module]).env("GOBIN", folder).env("CGO_ENABLED", "0"))
    })
}

fn on_path() -> Option<PathBuf> {
    let name = format!("nats-server{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

fn fits(server: &Path) -> bool {
    let said = Command::new(server).arg("--version").output();
    said.is_ok_and(|said| {
        version(&String::from_utf8_lossy(&said.stdout)).is_some_and(|version| version >= OLDEST)
    })
}

/// Major and minor version out of `nats-server: v2.15.2`.
fn version(said: &str) -> Option<(u32, u32)> {
    let (_, version) = said.trim().split_once("nats-server: v")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("nats-server: v2.15.2\n"), Some((2, 15)));
        assert_eq!(version("nats-server: v2.12.0-RC.1\n"), Some((2, 12)));
        assert!(version("nats-server: v2.9.25\n").is_some_and(|version| version < OLDEST));
        assert_eq!(version("git version 2.47.3"), None);
    }
}
