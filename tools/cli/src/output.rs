//! Data to stdout, talk to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Result;

/// How data looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// JSON, one document per line.
    Json,
}

impl Output {
    pub(crate) fn is_json(self) -> bool {
        self == Self::Json
    }

    /// Prints `value` as one line of JSON, or what `text` makes of it.
    ///
    /// # Errors
    /// stdout is closed.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        match self {
            Self::Json => data(&serde_json::to_string(value)?),
            Self::Text => data(&text(value)),
        }
    }
}

/// Prints lines to stdout; nothing for an empty text.
///
/// # Errors
/// stdout is closed.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    if !text.is_empty() {
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
    }
    Ok(out.flush()?)
}

/// Says something on stderr. A closed stderr is no reason to stop working.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether somebody watches stderr, and a progress bar makes sense.
pub(crate) fn watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether stdout takes colours.
pub(crate) fn coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Characters of a line where stdout is a terminal; elsewhere lines may have any length.
pub(crate) fn width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
