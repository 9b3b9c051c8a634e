//! The two folders: which of their files matter, what tells their states apart, and reading one whole.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use super::settling::{Look, Print};

/// Bytes read of one file at most; whoever opens it refuses what is larger than its own, smaller limit.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A watched folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// As it was given; files are known and shown by it.
    pub(super) path: PathBuf,
    pub(super) holds: Holds,
    /// What events may call it: absolute, and on some systems with its links resolved.
    aliases: Vec<PathBuf>,
}

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Chains,
    Bundles,
}

impl Folder {
    /// The folder at `path`.
    pub(super) fn new(path: &Path, holds: Holds) -> Self {
        let names = [std::path::absolute(path), fs::canonicalize(path)];
        Self { path: path.to_owned(), holds, aliases: names.into_iter().flatten().collect() }
    }

    /// Whether a file of this name matters: neither hidden, nor somebody's half-done copy, nor a JSON Schema.
    pub(super) fn wants(&self, name: &OsStr) -> bool {
        let Some(name) = name.to_str() else { return false };
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        let hidden = name.starts_with(['.', '#']) || ends(&["~", ".swp", ".tmp", ".part"]);
        !hidden
            && match self.holds {
                Holds::Chains => ends(&[".toml", ".json"]) && !ends(&[".schema.json"]),
                Holds::Bundles => ends(&[".wasm"]),
            }
    }

    /// Whether `path` is a file of this folder that matters.
    pub(super) fn has(&self, path: &Path) -> bool {
        path.parent() == Some(&self.path) && path.file_name().is_some_and(|name| self.wants(name))
    }

    /// The file of this folder that matters and that an event calls `path`, by the path that a scan has for it.
    pub(super) fn known(&self, path: &Path) -> Option<PathBuf> {
        let parent = path.parent()?;
        let ours = self.path == parent || self.aliases.iter().any(|alias| alias == parent);
        path.file_name().filter(|name| ours && self.wants(name)).map(|name| self.path.join(name))
    }

    /// Every file that matters.
    pub(super) fn scan(&self) -> io::Result<BTreeMap<PathBuf, Print>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if self.wants(&entry.file_name())
                && let Some(print) = print(&entry.path())
            {
                found.insert(entry.path(), print);
            }
        }
        Ok(found)
    }

    /// Which folder it is: another one may have been moved into its place, and nobody watches that one.
    pub(super) fn identity(&self) -> Option<u64> {
        fs::metadata(&self.path).ok().map(|metadata| inode(&metadata))
    }
}

/// The state of a file, through links; `None` when there is no file.
fn print(path: &Path) -> Option<Print> {
    let link = fs::symlink_metadata(path).ok()?.is_symlink();
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    let target = if link { fs::canonicalize(path).ok() } else { None };
    Some(Print { target, ..fingerprint(&metadata) })
}

fn fingerprint(metadata: &Metadata) -> Print {
    Print { inode: inode(metadata), bytes: metadata.len(), changed_ns: changed_ns(metadata), target: None }
}

/// Reads a file, provided that nothing happened to it for `quiet` and nothing does while it is read.
///
/// This stands beside the watcher's events, which may be late: the file system's own clock is not.
pub(super) fn look(path: &Path, quiet: Duration) -> Look {
    match read(path, quiet) {
        Ok(look) => look,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Absent,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a file cannot be read");
            Look::Unreadable
        }
    }
}

fn read(path: &Path, quiet: Duration) -> io::Result<Look> {
    // Before it is opened: a pipe would wait for somebody to write into it.
    if !path.metadata()?.is_file() {
        return Ok(Look::Absent);
    }
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let before = fingerprint(&metadata);
    if age(&before) < quiet {
        return Ok(Look::Busy);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(FILE_BYTES_MAX)).unwrap_or(0));
    file.by_ref().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let after = fingerprint(&file.metadata()?);
    match print(path) {
        // The path may lead to another file by now.
        Some(now) if before == after && Print { target: None, ..now.clone() } == before => {
            Ok(Look::Read(now, Bytes::from(bytes)))
        }
        _ => Ok(Look::Busy),
    }
}

/// How long ago the file changed. A change in the future, after the clock was set back, is long ago: the
/// events have to do then.
fn age(print: &Print) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let age = i128::try_from(now).unwrap_or(i128::MAX) - print.changed_ns;
    u64::try_from(age).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.ino() ^ metadata.dev().rotate_left(32)
}

/// The inode's own time: unlike the content's it cannot be set back by `cp -p`.
#[cfg(unix)]
fn changed_ns(metadata: &Metadata) -> i128 {
    use std::os::unix::fs::MetadataExt as _;
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(not(unix))]
fn changed_ns(metadata: &Metadata) -> i128 {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    i128::try_from(since.unwrap_or_default().as_nanos()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_knows_its_files_as_events_name_them() {
        for given in ["chains", "./chains", "../chains"] {
            let folder = Folder::new(Path::new(given), Holds::Chains);
            let named = std::env::current_dir().unwrap().join(given).join("feed.toml");
            assert_eq!(folder.known(&named), Some(Path::new(given).join("feed.toml")));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_behind_a_link_knows_its_files_by_either_path() {
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("real"), place.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let folder = Folder::new(&link, Holds::Chains);
        let resolved = fs::canonicalize(&real).unwrap();
        for named in [&link, &resolved] {
            assert_eq!(folder.known(&named.join("feed.toml")), Some(link.join("feed.toml")));
            assert_eq!(folder.known(&named.join("feed.txt")), None);
        }
        assert_eq!(folder.known(&place.path().join("feed.toml")), None);
    }

    #[test]
    fn only_finished_files_of_the_right_kind_matter() {
        let chains = Folder::new(Path::new("chains"), Holds::Chains);
        for name in ["feed.toml", "feed.json", "a b.toml"] {
            assert!(chains.wants(OsStr::new(name)), "{name}");
        }
        for name in [
            ".feed.toml",
            "feed.toml~",
            ".feed.toml.swp",
            "feed.toml.tmp",
            "feed.toml.part",
            "#feed.toml#",
            "feed.wasm",
            "chain.schema.json",
            "..data",
            "feed.yaml",
        ] {
            assert!(!chains.wants(OsStr::new(name)), "{name}");
        }
        assert!(chains.has(Path::new("chains/feed.toml")));
        assert!(!chains.has(Path::new("chains/old/feed.toml")));
    }

    #[test]
    fn a_file_is_read_once_it_was_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        assert!(matches!(look(&path, Duration::ZERO), Look::Absent));
        fs::write(&path, "x").unwrap();
        assert!(matches!(look(&path, Duration::from_secs(3600)), Look::Busy));
        assert!(
            matches!(look(&path, Duration::ZERO), Look::Read(print, bytes) if print.bytes == 1 && bytes == "x")
        );
        assert!(matches!(look(folder.path(), Duration::ZERO), Look::Absent));
    }
}
