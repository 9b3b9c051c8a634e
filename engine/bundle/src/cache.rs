//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Compiled code is native code: whoever can slip an entry in runs what he likes. So the folder is
//! open to its owner alone, and every entry is sealed with keyed BLAKE3 over header and code; what is
//! deserialized is the very buffer that was verified. An entry that is torn, foreign, or of another
//! engine is as good as absent and is written anew.
//!
//! ```text
//! entry = "catena-code-1\n" · digest of the bundle (32) · compatibility of the engine (32) · seal (32) · code
//! seal  = BLAKE3(key, everything else)
//! ```
//!
//! Bounded by [`ENTRIES_MAX`] files; the oldest go when the cache is opened.

mod files;
#[cfg(test)]
mod tests;

use std::{
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use model::Digest;
use wasmtime::{Engine, component::Component};

use crate::Error;

const MAGIC: &[u8; 14] = b"catena-code-1\n";
const KEY_BYTES: usize = 32;
/// Entries kept when the cache is opened.
const ENTRIES_MAX: usize = 256;
/// Bytes of one entry read at most: compiled code is a few times its bundle.
const ENTRY_BYTES_MAX: u64 = 256 << 20;

pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    /// wasmtime's version, the target and every setting that changes the code, as one hash.
    compatibility: [u8; 32],
}

impl Cache {
    /// Opens `code/` in `data_dir`, creating it and its key where they are missing.
    pub(crate) fn open(data_dir: &Path, engine: &Engine) -> Result<Self, Error> {
        let folder = data_dir.join("code");
        files::private_folder(&folder)?;
        files::keep_newest(&folder, ENTRIES_MAX);
        let key = files::key(&data_dir.join("code.key"))?;
        Ok(Self { folder, key, compatibility: compatibility(engine) })
    }

    /// The code of the bundle with `digest`, if there is an entry and it is whole and ours.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let entry = files::read(&path, ENTRY_BYTES_MAX)?;
        let Some(code) = self.verified(digest, &entry) else {
            tracing::warn!(path = %path.display(), "compiled code is damaged or foreign, compiling anew");
            return None;
        };
        deserialize(engine, code)
            .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "compiled code is of no use"))
            .ok()
    }

    /// Writes an entry. Failing to only costs the next start a compilation.
    pub(crate) fn keep(&self, digest: &Digest, component: &Component) {
        let path = self.path(digest);
        let written =
            component.serialize().map_err(|e| std::io::Error::other(e.to_string())).and_then(|code| {
                let mut entry = self.header(digest);
                entry.extend_from_slice(self.seal(&entry, &code).as_bytes());
                entry.extend_from_slice(&code);
                files::write(&path, &entry)
            });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "failed to keep compiled code");
        }
    }

    /// One file per bundle and engine, so that two releases can share a folder.
    fn path(&self, digest: &Digest) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&digest.0).update(&self.compatibility);
        self.folder.join(format!("{}.code", hasher.finalize().to_hex()))
    }

    fn header(&self, digest: &Digest) -> Vec<u8> {
        [MAGIC.as_slice(), &digest.0, &self.compatibility].concat()
    }

    fn seal(&self, header: &[u8], code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(header).update(code);
        hasher.finalize()
    }

    /// The code inside `entry`, if header and seal are right.
    fn verified<'a>(&self, digest: &Digest, entry: &'a [u8]) -> Option<&'a [u8]> {
        let rest = entry.strip_prefix(self.header(digest).as_slice())?;
        let (seal, code) = rest.split_first_chunk::<{ blake3::OUT_LEN }>()?;
        // `Hash` compares in constant time.
        (self.seal(&self.header(digest), code) == *seal).then_some(code)
    }
}

#[expect(unsafe_code, reason = "wasmtime cannot check native code; see below for why this is")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` comes from `verified`: these bytes were written by `keep`, from a component this
    // process's predecessor compiled, sealed with a key only this data folder's owner can read.
    unsafe { Component::deserialize(engine, code) }
}

fn compatibility(engine: &Engine) -> [u8; 32] {
    struct Blake(blake3::Hasher);
    impl Hasher for Blake {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0 // Not asked for: the whole hash is taken below.
        }
    }
    let mut hasher = Blake(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}
