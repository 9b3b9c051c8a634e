use std::path::PathBuf;

use model::Name;
use thiserror::Error;

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What goes wrong in the center itself, as opposed to in a processor, a chain file or a bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be read or written.
    #[error("failed to use the store")]
    Store(#[from] store::Error),
    /// The bus did not do as asked.
    #[error("failed to use the bus")]
    Bus(#[from] bus::Error),
    /// A folder of chains or bundles cannot be read.
    #[error("failed to read the folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The folders cannot be watched.
    #[error("failed to watch the folder `{}`", path.display())]
    Watch {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: notify::Error,
    },
    /// A router could not send a message on.
    #[error("failed to route the message: {reason}")]
    Route {
        /// Why.
        reason: String,
        /// Whether trying again may help; otherwise the message is dead at once.
        retryable: bool,
    },
    /// Something the center stored cannot be read back.
    #[error("failed to read {what}: {reason}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No dead letter has that number.
    #[error("there is no dead letter {number}")]
    NoDeadLetter {
        /// The number asked for.
        number: u64,
    },
    /// The dead letter is there and cannot be read back.
    #[error("dead letter {number} cannot be replayed: {reason}")]
    DamagedLetter {
        /// Its number.
        number: u64,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// An earlier commit did not come to its end, or the partition was in other hands meanwhile: the lane has to read anew where it stands.
    #[error("what the lane has read is not known to be level with the partition's changelog")]
    Behind,
    /// The lane closed before bus or store took what it had; everything is still in the bus.
    #[error("the lane closed before its last batch was settled")]
    GivenUp,
    /// The threads that run chains cannot be started.
    #[error("failed to start the threads that run chains")]
    Threads {
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Work of the engine itself panicked; the message is that of the panic.
    #[error("the engine panicked: {reason}")]
    Panicked {
        /// What the panic said.
        reason: String,
    },
}

impl Error {
    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.retryable(),
            Self::Bus(error) => error.retryable(),
            Self::Route { retryable, .. } => *retryable,
            _ => false,
        }
    }
}

/// Why a node should not be sent traffic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotReady {
    /// No chain runs: there is none, or all were refused.
    #[error("no chain runs{}", refused_were(refused))]
    NoChain {
        /// Those that were refused.
        refused: Vec<Name>,
    },
    /// It is closing.
    #[error("the node is closing")]
    Draining,
}

fn refused_were(refused: &[Name]) -> String {
    match refused {
        [] => String::new(),
        refused => {
            format!("; refused were {}", refused.iter().map(Name::as_str).collect::<Vec<_>>().join(", "))
        }
    }
}
