//! Values of one kind each. Every failure notes a mistake and answers `None`.

use std::collections::BTreeMap;

use model::{Digest, Name, near};
use semver::VersionReq;
use serde_json::Value as Json;

use crate::{
    Code, Span, Spanned,
    definition::{Grant, Uses, Within, Word},
    faults::{Mistakes, quoted},
    node::{Node, Value},
};

/// A type that a value of a chain file may have.
pub(super) trait Decode: Sized {
    /// Reads `node`, which people know as `what`.
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self>;
}

pub(super) fn wrong_type(node: &Node, what: &str, wanted: &str, mistakes: &mut Mistakes) {
    let message = format!("{what} must be {wanted}, not {}", node.value.kind());
    mistakes.add(Code::WrongType, node.span, message);
}

/// Checks a name, be it a value or a key.
pub(super) fn name(text: &str, span: Span, what: &str, mistakes: &mut Mistakes) -> Option<Name> {
    let name = Name::new(text).ok();
    if name.is_none() {
        mistakes.add_with_hint(
            Code::BadName,
            span,
            format!("{what} cannot be called {}", quoted(text)),
            "names are 1 to 64 of a-z, 0-9, `-` and `_`, and start with a letter or digit".to_owned(),
        );
    }
    name
}

fn text<'n>(node: &'n Node, what: &str, mistakes: &mut Mistakes) -> Option<&'n str> {
    let Value::Text(text) = &node.value else {
        wrong_type(node, what, "a text", mistakes);
        return None;
    };
    Some(text)
}

/// The place of bytes `from..to` of a text within its quotes; the whole value where escapes or other
/// quotes make that unknown.
fn within(node: &Node, text: &str, from: usize, to: usize) -> Span {
    let Span { start, end } = node.span;
    if end - start == text.len() + 2 { Span::new(start + 1 + from, start + 1 + to) } else { node.span }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        T::decode(node, what, mistakes).map(|value| Self::new(value, node.span))
    }
}

/// A list keeps what can be read of it.
impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Value::List(items) = &node.value else {
            wrong_type(node, what, "a list", mistakes);
            return None;
        };
        let each = format!("each of {what}");
        Some(items.iter().filter_map(|item| T::decode(item, &each, mistakes)).collect())
    }
}

impl Decode for String {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        text(node, what, mistakes).map(str::to_owned)
    }
}

impl Decode for bool {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Value::Boolean(value) = node.value else {
            wrong_type(node, what, "`true` or `false`", mistakes);
            return None;
        };
        Some(value)
    }
}

impl Decode for u64 {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Value::Number(number) = &node.value else {
            wrong_type(node, what, "a number", mistakes);
            return None;
        };
        let whole = number.as_u64();
        if whole.is_none() {
            let message = format!("{what} must be a whole number from 0, not {number}");
            mistakes.add(Code::OutOfRange, node.span, message);
        }
        whole
    }
}

impl<const MIN: u64, const MAX: u64> Decode for Within<MIN, MAX> {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Value::Number(number) = &node.value else {
            wrong_type(node, what, "a number", mistakes);
            return None;
        };
        let within = number.as_u64().and_then(Self::new);
        if within.is_none() {
            let message = format!("{what} must be a whole number from {MIN} to {MAX}, not {number}");
            mistakes.add(Code::OutOfRange, node.span, message);
        }
        within
    }
}

impl Decode for Name {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        name(text(node, what, mistakes)?, node.span, what, mistakes)
    }
}

impl Decode for Digest {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let text = text(node, what, mistakes)?;
        let digest = text.parse().ok();
        if digest.is_none() {
            mistakes.add_with_hint(
                Code::BadDigest,
                node.span,
                format!("{} is not a digest", quoted(text)),
                "write `sha256:` and 64 hexadecimal digits".to_owned(),
            );
        }
        digest
    }
}

impl Decode for Uses {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let text = text(node, what, mistakes)?;
        let Some((bundle, range)) = text.split_once('@') else {
            mistakes.add_with_hint(
                Code::BadVersion,
                node.span,
                format!("{what} names no version: {}", quoted(text)),
                Name::new(text).is_ok().then(|| format!("write `{text}@^1`, or `{text}@*` for any version")),
            );
            return None;
        };
        let name = name(bundle, within(node, text, 0, bundle.len()), "a bundle", mistakes);
        let range = match VersionReq::parse(range) {
            Ok(range) => Some(range),
            Err(error) => {
                mistakes.add_with_hint(
                    Code::BadVersion,
                    within(node, text, bundle.len() + 1, text.len()),
                    format!("{} is not a range of versions: {error}", quoted(range)),
                    "write `^1.2`, `=1.2.3`, `>=1, <3` or `*`".to_owned(),
                );
                None
            }
        };
        Some(Self { name: name?, range: range? })
    }
}

impl Decode for Grant {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let text = text(node, what, mistakes)?;
        if text == "state" {
            return Some(Self::State);
        }
        if let Some(output) = text.strip_prefix("output:") {
            let at = within(node, text, "output:".len(), text.len());
            return name(output, at, "an output", mistakes).map(Self::Output);
        }
        let hint = match near(text.split(':').next().unwrap_or_default(), ["state", "output"]) {
            Some("state") => "did you mean `state`?",
            Some(_) => "did you mean `output:<name>`?",
            None => "there are `state` and `output:<name>`",
        };
        let message = format!("there is no capability {} to grant", quoted(text));
        mistakes.add_with_hint(Code::UnknownGrant, node.span, message, hint.to_owned());
        None
    }
}

/// Reads one of the words of `W`.
pub(super) fn word<W: Word>(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<W> {
    let text = text(node, what, mistakes)?;
    let found = W::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let words = || W::WORDS.iter().map(|(word, _)| *word);
        let hint = near(text, words()).map_or_else(
            || format!("it is one of `{}`", words().collect::<Vec<_>>().join("`, `")),
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("{what} cannot be {}", quoted(text));
        mistakes.add_with_hint(Code::UnknownWord, node.span, message, hint);
    }
    found
}

impl Decode for crate::OnFailure {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        word(node, what, mistakes)
    }
}

impl Decode for crate::definition::Ending {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        word(node, what, mistakes)
    }
}

/// Anything at all, as JSON.
impl Decode for Json {
    fn decode(node: &Node, _: &str, _: &mut Mistakes) -> Option<Self> {
        Some(node.to_json())
    }
}

impl Decode for serde_json::Map<String, Json> {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Json::Object(map) = node.to_json() else {
            wrong_type(node, what, "a table", mistakes);
            return None;
        };
        Some(map)
    }
}

/// Texts under keys of the author's choice.
impl Decode for BTreeMap<String, String> {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            wrong_type(node, what, "a table of texts", mistakes);
            return None;
        };
        let each = format!("each of {what}");
        let pair = |e: &crate::node::Entry, mistakes: &mut Mistakes| {
            text(&e.node, &each, mistakes).map(|value| (e.key.clone(), value.to_owned()))
        };
        Some(entries.iter().filter_map(|entry| pair(entry, mistakes)).collect())
    }
}
