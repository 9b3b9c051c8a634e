//! Messages as NDJSON: `{id?, kind, key, headers?, body}` (or `body_base64`), one a line.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use model::Message;
use mpc::dead::JsonMessage;
use serde_json::Value;

use crate::exit::Result;

/// Bytes of one line at most: the largest body, escaped, and what stands around it.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Reads one message; `number` is its line, which gives an id to a message that has none.
///
/// # Errors
/// What is wrong with the line.
pub(crate) fn parse(line: &str, number: usize) -> Result<Message> {
    let mut line: JsonMessage = serde_json::from_str(line)?;
    line.id.get_or_insert_with(|| format!("line-{number}"));
    Ok(line.into_message()?)
}

/// A body as JSON, whatever it is: JSON as it is, other text as a string, bytes in hexadecimal.
pub(crate) fn body_json(body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        Err(_) => serde_json::json!({ "hex": hex::encode(body) }),
    }
}

/// Lines of a file, or of standard input where it is absent or `-`.
pub(crate) struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
    number: usize,
    offset: u64,
}

/// One line that is not empty.
pub(crate) struct Numbered {
    /// Which line, from 1.
    pub(crate) number: usize,
    /// Bytes before it.
    pub(crate) offset: u64,
    /// Without its end.
    pub(crate) text: String,
}

impl Lines {
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: Option<&PathBuf>) -> Result<Self> {
        let (name, reader): (_, Box<dyn BufRead>) = match path {
            Some(path) if path != Path::new("-") => {
                let file =
                    File::open(path).with_context(|| format!("failed to open `{}`", path.display()))?;
                (path.display().to_string(), Box::new(BufReader::with_capacity(1 << 18, file)))
            }
            _ => ("stdin".to_owned(), Box::new(BufReader::new(std::io::stdin()))),
        };
        Ok(Self { name, reader, number: 0, offset: 0 })
    }

    /// What it reads from, with a line, for messages to people.
    pub(crate) fn at(&self, number: usize) -> String {
        format!("{}:{number}", self.name)
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// It cannot be read, is not UTF-8, or is longer than any message.
    pub(crate) fn next(&mut self) -> Result<Option<Numbered>> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = std::io::Read::take(&mut self.reader, LINE_BYTES_MAX);
            let read = limited.read_until(b'\n', &mut bytes);
            let read = read.with_context(|| format!("failed to read `{}`", self.name))? as u64;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read == LINE_BYTES_MAX && !bytes.ends_with(b"\n") {
                bail!("{}: a line of more than {LINE_BYTES_MAX} bytes", self.at(self.number));
            }
            let offset = self.offset;
            self.offset += read;
            let text = String::from_utf8(bytes).with_context(|| self.at(self.number))?;
            if !text.trim().is_empty() {
                return Ok(Some(Numbered { number: self.number, offset, text: text.trim_end().to_owned() }));
            }
        }
    }

    /// Bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_with_its_body_as_written() {
        let message = parse(r#"{"kind":"note","key":"4","body":{"a": 1e400}}"#, 3).unwrap();
        assert_eq!((message.id.as_str(), &message.body[..]), ("line-3", &br#"{"a": 1e400}"#[..]));
        for (bad, says) in [
            (r#"{"kind":"note","key":"4"}"#, "it has neither `body` nor `body_base64`"),
            (r#"{"kind":1,"key":"4","body":1}"#, "invalid type: integer `1`"),
            (r#"{"knid":"x"}"#, "unknown field `knid`"),
        ] {
            let error = parse(bad, 1).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn bodies_of_all_sorts_have_a_form_in_json() {
        assert_eq!(body_json(b"{\"a\":1}"), serde_json::json!({"a": 1}));
        assert_eq!(body_json(b"hello"), serde_json::json!("hello"));
        assert_eq!(body_json(&[0xff]), serde_json::json!({"hex": "ff"}));
    }
}
