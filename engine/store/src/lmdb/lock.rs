use std::{
    fs::{File, TryLockError},
    io::{Read, Write},
    path::Path,
    sync::Arc,
};

use crate::{Error, Result};

/// One opener per folder. The kernel gives the lock back when the process ends, however it ends; the
/// file stays, with the id of the process that last held it, for the message of the one refused.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self> {
        let failed =
            |source: std::io::Error| Error::Open { path: folder.to_owned(), source: Arc::new(source) };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join("owner"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                if file.read_to_string(&mut holder).is_err() || holder.trim().is_empty() {
                    "unknown".clone_into(&mut holder);
                }
                return Err(Error::Locked { path: folder.to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
