use std::{fmt, path::PathBuf};

use thiserror::Error;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    #[default]
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line it stands on, from 1.
        line: usize,
        /// The character of the line, from 1.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A command-line flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File { path, line, column } => write!(f, "file `{}:{line}:{column}`", path.display()),
            Self::Environment(name) => write!(f, "environment variable `{name}`"),
            Self::Flag(flag) => write!(f, "flag `{flag}`"),
        }
    }
}

/// One value that may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key: `http.address`.
    pub key: String,
    /// The value; `None` of a key that is none.
    pub value: Option<String>,
    /// Who said so.
    pub origin: Origin,
    /// What is wrong, or what is allowed.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin, problem } = self;
        write!(f, "`{key}`")?;
        if let Some(value) = value {
            write!(f, " = `{value}`")?;
        }
        write!(f, " (from {origin}): {problem}")
    }
}

/// The configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read the configuration file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file is not TOML:\n{problems}")]
    File {
        /// Where and what, a line each.
        problems: String,
    },
    /// Values that may not be.
    #[error("the configuration has mistakes:\n{}", lines(mistakes))]
    Values {
        /// All of them.
        mistakes: Vec<Mistake>,
    },
    /// The defaults do not survive being written: a bug of this program.
    #[error("the default configuration cannot be written: {problem}")]
    Defaults {
        /// What `toml` said.
        problem: String,
    },
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("  {mistake}")).collect::<Vec<_>>().join("\n")
}
