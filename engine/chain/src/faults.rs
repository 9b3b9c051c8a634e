//! Everything that is wrong with one chain file, gathered rather than reported one at a time.

mod gather;
mod quoted;
mod render;

use std::fmt;

use serde::Serialize;

use crate::{Code, Source, Span};

pub(crate) use gather::Mistakes;
pub(crate) use quoted::quoted;
pub use render::Look;

/// One thing that is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// What kind of mistake it is.
    pub code: Code,
    /// One sentence, lower case, without a full stop.
    pub message: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The line it stands on, from 1.
    pub line: usize,
    /// The character of that line it begins at, from 1.
    pub column: usize,
    /// The bytes it is about.
    #[serde(skip)]
    pub span: Span,
}

/// Why a source is no plan, or what it is warned of: at least one mistake, in the order of the text.
///
/// `Display` gives one line per mistake, for logs; [`render`](Self::render) shows the text around each.
#[derive(Clone, Debug, Serialize)]
pub struct Faults {
    #[serde(rename = "file", serialize_with = "name_only")]
    source: Source,
    mistakes: Vec<Mistake>,
    more: usize,
}

fn name_only<S: serde::Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&source.name)
}

impl Faults {
    /// The file, as its [`Source`] calls it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The mistakes, in the order of the text; at most 100.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// How many mistakes were found beyond those listed.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let Mistake { code, message, hint, line, column, .. } = mistake;
            write!(f, "{}:{line}:{column}: {message} [{code}]", self.source.name)?;
            if let Some(hint) = hint {
                write!(f, "; {hint}")?;
            }
        }
        if self.more > 0 {
            write!(f, "\n{}: and {} more", self.source.name, self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
