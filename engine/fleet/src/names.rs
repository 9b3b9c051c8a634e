//! What things are called on the server. `<p>` is [`Options::prefix`](crate::Options::prefix), `catena` by default.
//!
//! | thing | name |
//! |---|---|
//! | stream of a partition | `<p>-<stream>-<partition>` |
//! | its subject | `<p>.s.<stream>.<partition>` |
//! | consumer of a group | `<group>-<epoch>` |
//! | lease | bucket `<p>-leases`, key `<stream>.<partition>.<group>` |
//! | question | subject `<p>.r.<subject>` |

use std::fmt::Write;

/// Longest name of a group, in bytes.
pub(crate) const GROUP_BYTES_MAX: usize = 128;

#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Option<Self> {
        let fits = (1..=32).contains(&prefix.len())
            && prefix.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        fits.then(|| Self { prefix: prefix.to_owned() })
    }

    pub(crate) fn stream(&self, stream: &str, partition: u32) -> String {
        format!("{}-{stream}-{partition}", self.prefix)
    }

    pub(crate) fn subject(&self, stream: &str, partition: u32) -> String {
        format!("{}.s.{stream}.{partition}", self.prefix)
    }

    /// Every subject of every stream.
    pub(crate) fn subjects(&self) -> String {
        format!("{}.s.>", self.prefix)
    }

    pub(crate) fn bucket(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(crate) fn question(&self, subject: &str) -> String {
        format!("{}.r.{subject}", self.prefix)
    }
}

/// A group's name where only `a-z 0-9 - _` will do: itself, or a hash of it. Upper case keeps the two apart.
pub(crate) fn token(group: &str) -> String {
    let plain =
        group.len() <= 64 && group.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if plain {
        return group.to_owned();
    }
    let hash = blake3::hash(group.as_bytes());
    format!("H{}", hash.to_hex().get(..32).unwrap_or_default())
}

/// Percent-escapes every byte that `keep` does not keep, and `%`.
pub(crate) fn escape(text: &str, keep: impl Fn(usize, char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, char) in text.char_indices() {
        if char != '%' && keep(at, char) {
            out.push(char);
            continue;
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Undoes [`escape`]; what is no escape stays as it is.
pub(crate) fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = (*first == b'%').then(|| behind.first_chunk::<2>()).flatten();
        let byte = digits
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
