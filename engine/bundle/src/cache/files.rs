//! Files only their owner may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use super::KEY_BYTES;
use crate::Error;

/// Makes `folder`, or closes it to others where it exists. Fails where it belongs to someone else.
pub(super) fn private_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
        .map_err(|source| Error::CodeFolder { path: folder.to_owned(), source })
}

/// The key in `path`, drawn at the first start. A key of the wrong length is drawn anew: it only
/// makes the present entries foreign.
pub(super) fn key(path: &Path) -> Result<[u8; KEY_BYTES], Error> {
    let failed = |source| Error::CodeFolder { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => {
            if let Ok(key) = bytes.try_into() {
                fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
                return Ok(key);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|e| Error::Key { reason: e.to_string() })?;
    write(path, &key).map_err(failed)?;
    Ok(key)
}

/// The content of `path`, unless there is none, it cannot be read or it is larger than `bytes_max`.
pub(super) fn read(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let mut content = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= bytes_max).then_some(content)
}

/// Puts `content` at `path` whole or not at all. Not synced: a torn entry is found by its seal.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let unfinished = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let result = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&unfinished, path));
    if result.is_err() {
        // What is left over is swept when the cache is next opened.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

/// Removes unfinished files and all but the `most` newest. What cannot be removed stays.
pub(super) fn keep_newest(folder: &Path, most: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let unfinished = path.extension().is_some_and(|extension| extension == "new");
        match entry.metadata().and_then(|metadata| metadata.modified()) {
            Ok(modified) if !unfinished => files.push((modified, path)),
            _ => drop(fs::remove_file(path)),
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    for (_, path) in files.into_iter().skip(most) {
        drop(fs::remove_file(path));
    }
}
