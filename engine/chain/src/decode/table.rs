//! A table whose keys are known beforehand.

use model::near;

use super::value::{Decode, wrong_type};
use crate::{
    Code, Span,
    faults::{Mistakes, quoted},
    node::{Entry, Node, Value},
};

/// The entries of one table, under the keys it may have.
pub(super) struct Table<'n> {
    what: &'static str,
    span: Span,
    entries: Vec<(&'static str, &'n Node)>,
    /// A table that is not there, or is no table, has been told of already: its keys are not missed.
    readable: bool,
}

impl<'n> Table<'n> {
    /// A table that is not there.
    pub(super) fn absent() -> Self {
        Self { what: "", span: Span::NOWHERE, entries: Vec::new(), readable: false }
    }

    /// Looks at every key of `node`. A key that is not among `keys` is a mistake; when it is close to
    /// one that is not given, it is read as that one, so that a misspelt key is told once.
    pub(super) fn open(
        node: &'n Node,
        what: &'static str,
        keys: &'static [&'static str],
        mistakes: &mut Mistakes,
    ) -> Self {
        let Value::Table(found) = &node.value else {
            wrong_type(node, what, "a table", mistakes);
            return Self::absent();
        };
        let mut table = Self { what, span: head(node.span), entries: Vec::new(), readable: true };
        let known = |entry: &Entry| keys.iter().copied().find(|key| *key == entry.key);
        for entry in found {
            if let Some(key) = known(entry) {
                table.entries.push((key, &entry.node));
            }
        }
        for entry in found.iter().filter(|entry| known(entry).is_none()) {
            let meant = near(&entry.key, keys.iter().copied());
            let hint = match meant {
                Some(key) => format!("did you mean `{key}`?"),
                None => format!("{what} takes `{}`", keys.join("`, `")),
            };
            let message = format!("{what} has no key {}", quoted(&entry.key));
            mistakes.add_with_hint(Code::UnknownKey, entry.key_span, message, hint);
            if let Some(key) = meant.filter(|key| table.get(key).is_none()) {
                table.entries.push((key, &entry.node));
            }
        }
        table
    }

    /// The value under `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(k, _)| *k == key).map(|(_, node)| *node)
    }

    /// The value under `key`; that there is none is a mistake.
    pub(super) fn need(&self, key: &str, mistakes: &mut Mistakes) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() && self.readable {
            mistakes.add(Code::MissingKey, self.span, format!("{} needs the key `{key}`", self.what));
        }
        node
    }

    /// The decoded value under `key`, when there is one and it can be read.
    pub(super) fn optional<T: Decode>(&self, key: &'static str, mistakes: &mut Mistakes) -> Option<T> {
        T::decode(self.get(key)?, &format!("`{key}`"), mistakes)
    }

    /// The decoded value under `key`, which must be there.
    pub(super) fn required<T: Decode>(&self, key: &'static str, mistakes: &mut Mistakes) -> Option<T> {
        T::decode(self.need(key, mistakes)?, &format!("`{key}`"), mistakes)
    }
}

/// The part of a table's span that is worth showing: all of a header or a short table, else its first byte.
fn head(span: Span) -> Span {
    const SHORT: usize = 80;
    if span.end - span.start <= SHORT { span } else { Span::new(span.start, span.start + 1) }
}
