use std::path::PathBuf;

use thiserror::Error;

/// A chain file could not be read. What a file that *was* read gets wrong is told by
/// [`Faults`](crate::Faults).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The name does not end in `.toml` or `.json`.
    #[error("`{name}` is not a chain file: its name must end in `.toml` or `.json`")]
    UnknownFormat {
        /// The file.
        name: String,
    },
    /// More than a chain can need.
    #[error("`{name}` is larger than {bytes_max} bytes, the most a chain file may have")]
    TooLarge {
        /// The file.
        name: String,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// The bytes are not text.
    #[error("`{name}` is not UTF-8 text: the first bad byte is at offset {offset}")]
    NotText {
        /// The file.
        name: String,
        /// Bytes before the first bad one.
        offset: usize,
    },
}

impl Error {
    /// Whether reading again may succeed: a file being written or moved, not a file that is wrong.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::NotText { .. })
    }
}
