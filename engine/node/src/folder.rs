//! The data folder, held by one node at a time.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::{Addresses, Error, Result};

/// The file in it whose lock says that the folder is taken.
const LOCK: &str = "lock";

/// The folder of everything a node keeps, locked for as long as this lives: every store in it holds it too.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, for its owner only, and takes it.
    ///
    /// # Errors
    /// [`Error::InUse`] while another node has it, [`Error::Folder`].
    pub(crate) fn take(path: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        let path = path.canonicalize().map_err(at(path))?;
        let lock = path.join(LOCK);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock);
        let mut file = file.map_err(at(&lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is helps, but is not known when the other one is just starting.
                let _ = file.read_to_string(&mut holder);
                return Err(Error::InUse { path, holder: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(Error::Folder { path: lock, source }),
        }
        note_holder(&mut file).map_err(at(&lock))?;
        Ok(Self { path, lock: file })
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// The name this folder's node gave itself: made up once, and kept, so that a node that is started again is the same one.
    pub(crate) fn own_name(&self) -> Result<String> {
        let path = self.join("name");
        match std::fs::read_to_string(&path) {
            Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&path)(error)),
        }
        let random = getrandom::u32().map_err(|error| at(&path)(io::Error::other(error.to_string())))?;
        let name = format!("node-{random:08x}");
        std::fs::write(&path, &name).map_err(at(&path))?;
        Ok(name)
    }

    /// Whether the folder is still the one that was taken. What is written into one that was deleted or replaced is
    /// gone with the process.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub(crate) fn check(&self) -> Result<()> {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let taken = self.lock.metadata().map(identity).ok();
        let there = std::fs::metadata(self.path.join(LOCK)).map(identity).ok();
        if there.is_some() && there == taken { Ok(()) } else { Err(Error::Gone { path: self.path.clone() }) }
    }

    /// Leaves word where the node listens, for tools on this machine.
    pub(crate) fn announce(&self, addresses: &Addresses) -> Result<()> {
        let (new, path) = (self.join("addresses.json.new"), self.announcement());
        let text = serde_json::to_vec(addresses).map_err(|error| at(&path)(error.into()))?;
        std::fs::write(&new, text).map_err(at(&new))?;
        std::fs::rename(&new, &path).map_err(at(&path))
    }

    /// Takes it back.
    pub(crate) fn withdraw(&self) {
        // What is left behind only sends a tool to a closed port.
        let _ = std::fs::remove_file(self.announcement());
    }

    fn announcement(&self) -> PathBuf {
        self.join("addresses.json")
    }
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::Folder { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_has_one_holder_and_is_free_again_afterwards() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("deep/data");
        let held = DataFolder::take(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let said = DataFolder::take(&path).unwrap_err().to_string();
        assert!(said.contains(&format!("by process {}", std::process::id())), "{said}");
        drop(held);
        DataFolder::take(&path).unwrap();
    }
}
