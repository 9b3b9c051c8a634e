//! The text of a chain file, and what it is called.

use std::{io::Read as _, path::Path, sync::Arc};

use model::Digest;
use sha2::{Digest as _, Sha256};

use crate::{Error, Span};

/// Bytes of one chain file at most.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;

/// How a chain file is written. Both formats hold the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON, strictly: no comments, no trailing commas.
    Json,
}

impl Format {
    /// The format that a file of this name has.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One chain file, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What faults and receipts call it: its path as the operator knows it.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// Everything in it.
    pub text: Arc<str>,
}

impl Source {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error`], when it cannot be read, is too large, is not text, or has another kind of name.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        // One byte more than allowed tells "too large" without reading it all.
        file.take(SOURCE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        Self::from_bytes(path, &bytes)
    }

    /// Takes a file that the caller has read already.
    ///
    /// # Errors
    /// As [`read`](Self::read), without the operating system's part.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let name = path.display().to_string();
        let Some(format) = Format::of(path) else {
            return Err(Error::UnknownFormat { name });
        };
        if bytes.len() > SOURCE_BYTES_MAX {
            return Err(Error::TooLarge { name, bytes_max: SOURCE_BYTES_MAX });
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, format, text: text.into() }),
            Err(error) => Err(Error::NotText { name, offset: error.valid_up_to() }),
        }
    }

    /// SHA-256 of the text: two sources of one digest compile to the same definition.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The line and the character of it, both from 1, at which `span` begins.
    #[must_use]
    pub fn place(&self, span: Span) -> (usize, usize) {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let source = Source { name: "x.toml".into(), format: Format::Toml, text: "ä = 1\r\nb = 2\n".into() };
        let at = |start| source.place(Span::new(start, start + 1));
        assert_eq!(
            [at(0), at(1), at(3), at(8), at(12), at(14)],
            [(1, 1), (1, 1), (1, 3), (2, 1), (2, 5), (3, 1)]
        );
        assert_eq!(source.place(Span::NOWHERE), (3, 1));
    }

    #[test]
    fn a_file_is_read_or_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Source::read(&path)
        };
        let good = write("a.toml", b"[chain]").unwrap();
        assert_eq!((good.format, &*good.text), (Format::Toml, "[chain]"));
        assert!(matches!(write("a.yaml", b""), Err(Error::UnknownFormat { .. })));
        assert!(matches!(write("b.json", b"{\"\xff"), Err(Error::NotText { offset: 2, .. })));
        let large = vec![b' '; SOURCE_BYTES_MAX + 1];
        assert!(matches!(write("c.toml", &large), Err(Error::TooLarge { .. })));
        let absent = Source::read(&folder.path().join("no.toml"));
        assert!(matches!(&absent, Err(error @ Error::Read { .. }) if error.retryable()));
    }
}
