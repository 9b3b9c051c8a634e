use std::path::PathBuf;

use thiserror::Error;

/// The management plane cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The token's file cannot be used.
    #[error("failed to use the token in `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What the file holds is too easily guessed.
    #[error("the token in `{}` is too short: it needs {} characters; remove the file to get a new one", path.display(), crate::Token::CHARACTERS_MIN)]
    Weak {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random numbers.
    #[error("failed to make a token: {reason}")]
    Random {
        /// What it said.
        reason: String,
    },
}
