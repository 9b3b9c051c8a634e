//! Which server to start, in the order of `cargo xtask`, which installs one; and what to do without one.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::bundles;

/// Atomic batches came with 2.12.
const OLDEST: (u32, u32) = (2, 12);

/// The `nats-server` to test with: what `NATS_SERVER` names, the one on the path, or the one `cargo xtask test` put
/// into `target/tools`; `None` where none of them is a server of 2.12 or newer. Looked for once per process.
#[must_use]
pub fn server_path() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find).clone()
}

/// Notes that the test of this name was skipped for want of a server: on standard error, past the capture of
/// libtest, and as a line in the file `CATENA_SKIPPED` names, for `cargo xtask test` to count.
pub fn skip(test: &str) {
    let mut noted = writeln!(
        std::io::stderr(),
        "SKIPPED: {test}: it needs nats-server {}.{} or newer, {}; `cargo xtask test` installs one or says how",
        OLDEST.0,
        OLDEST.1,
        named().map_or("which is not at hand".to_owned(), |path| {
            format!("which NATS_SERVER (`{}`) is not", path.display())
        })
    );
    if let Some(file) = std::env::var_os("CATENA_SKIPPED") {
        // One write of a whole line in append mode: tests of other processes write here too.
        let line = format!("{test}\n");
        noted = noted
            .and(OpenOptions::new().create(true).append(true).open(file))
            .and_then(|mut file| file.write_all(line.as_bytes()));
    }
    assert!(noted.is_ok(), "a skipped test could not be noted: {noted:?}");
}

fn named() -> Option<PathBuf> {
    std::env::var_os("NATS_SERVER").filter(|named| !named.is_empty()).map(PathBuf::from)
}

fn find() -> Option<PathBuf> {
    // Who names one does not want another.
    if let Some(named) = named() {
        return Some(named).filter(|server| fits(server));
    }
    let name = format!("nats-server{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|server| server.is_file())
        .into_iter()
        .chain([bundles::target().join("tools").join(&name)])
        .find(|server| fits(server))
}

fn fits(server: &Path) -> bool {
    let said = Command::new(server).arg("--version").output();
    said.is_ok_and(|said| {
        let said = String::from_utf8_lossy(&said.stdout);
        version(&said).is_some_and(|version| version >= OLDEST)
    })
}

/// Major and minor version out of `nats-server: v2.15.2`.
fn version(said: &str) -> Option<(u32, u32)> {
    let (_, version) = said.trim().split_once("nats-server: v")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
