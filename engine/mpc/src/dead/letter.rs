use std::fmt::Display;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use model::{BundleRef, Headers, Message, Name};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{Error, Result};

/// The kind of the messages that carry dead letters.
const KIND: &str = "catena.dead-letter";

/// A message that failed for good, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The message as it came in.
    #[serde(rename = "message")]
    pub(crate) original: JsonMessage,
    /// The stream it came from.
    pub stream: Name,
    /// The partition it came from.
    pub partition: u32,
    /// Its sequence there.
    pub sequence: u64,
    /// When the bus accepted it, milliseconds since 1970.
    pub accepted_at_ms: u64,
    /// The chain that could not process it.
    pub chain: Name,
    /// The step that failed; `None` when it was not a step.
    pub step: Option<Name>,
    /// The steps it visited, the one that failed last.
    pub path: Vec<Name>,
    /// The generation it began under.
    pub generation: u64,
    /// The bundle that ran in the step.
    pub bundle: Option<BundleRef>,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong, the last time.
    pub error: Problem,
    /// When it was put aside, milliseconds since 1970.
    pub at_ms: u64,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A word for scripts: `reject`, `trap`, `deadline`, `route`, …
    pub code: String,
    /// A sentence for people.
    pub sentence: String,
    /// The wasm backtrace, innermost first; empty where there is none.
    #[serde(default)]
    pub backtrace: Vec<String>,
}

/// A message in JSON, byte for byte: the one form in which people and tools read and write messages.
///
/// `{id?, kind, key, headers?, body}`, with `body_base64` instead of `body` where the body is no JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonMessage {
    /// Absent where whoever takes the message is to give it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    kind: String,
    key: String,
    #[serde(default)]
    headers: Headers,
    /// The body, when it is JSON: readable, and still exactly as it was.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "even_null")]
    body: Option<Box<RawValue>>,
    /// The body, when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// `null` is a body as good as any.
fn even_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

impl From<&Message> for JsonMessage {
    fn from(message: &Message) -> Self {
        let Message { id, kind, key, headers, body } = message;
        let json = std::str::from_utf8(body).ok().and_then(|text| {
            let parsed: &RawValue = serde_json::from_str(text).ok()?;
            // White space around a value is not part of it.
            (parsed.get().len() == text.len()).then(|| parsed.to_owned())
        });
        Self {
            id: Some(id.clone()),
            kind: kind.clone(),
            key: key.clone(),
            headers: headers.clone(),
            body_base64: json.is_none().then(|| BASE64.encode(body)),
            body: json,
        }
    }
}

impl JsonMessage {
    /// The message.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it has no id, or not exactly one body.
    pub fn into_message(self) -> Result<Message> {
        let Self { id, kind, key, headers, body, body_base64 } = self;
        let wrong = |reason: &dyn Display| Error::Malformed { what: "a message", reason: reason.to_string() };
        let body = match (body, body_base64) {
            (Some(json), None) => Bytes::copy_from_slice(json.get().as_bytes()),
            (None, Some(text)) => BASE64
                .decode(text)
                .map_err(|error| wrong(&format_args!("`body_base64` is not base64: {error}")))?
                .into(),
            (None, None) => return Err(wrong(&"it has neither `body` nor `body_base64`")),
            (Some(_), Some(_)) => return Err(wrong(&"it has both `body` and `body_base64`")),
        };
        let id = id.ok_or_else(|| wrong(&"it has no `id`"))?;
        Ok(Message { id, kind, key, headers, body })
    }
}

impl DeadLetter {
    /// The message as it came in, byte for byte.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the letter was not written by this engine.
    pub fn message(&self) -> Result<Message> {
        self.original.clone().into_message()
    }

    /// As a message for the stream of dead letters.
    pub(crate) fn to_message(&self, id: String) -> Result<Message> {
        let body = serde_json::to_vec(self).map_err(|error| malformed(&error))?;
        let headers = Headers::default();
        Ok(Message { id, kind: KIND.to_owned(), key: self.original.key.clone(), headers, body: body.into() })
    }

    pub(crate) fn from_message(message: &Message) -> Result<Self> {
        if message.kind != KIND {
            return Err(malformed(&format_args!("a message of kind `{}`", message.kind)));
        }
        serde_json::from_slice(&message.body).map_err(|error| malformed(&error))
    }
}

fn malformed(reason: &dyn Display) -> Error {
    Error::Malformed { what: "a dead letter", reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letter(original: &Message) -> DeadLetter {
        DeadLetter {
            original: original.into(),
            stream: Name::new("posts").unwrap(),
            partition: 3,
            sequence: 7,
            accepted_at_ms: 1,
            chain: Name::new("feed").unwrap(),
            step: Some(Name::new("spam").unwrap()),
            path: vec![Name::new("validate").unwrap(), Name::new("spam").unwrap()],
            generation: 4,
            bundle: None,
            attempts: 5,
            error: Problem::default(),
            at_ms: 2,
        }
    }

    #[test]
    fn a_json_body_stays_readable() {
        let body = br#"{ "text":"caf\u00e9 \n", "n": 1.50 }"#;
        let original = Message { id: "42-a".into(), body: body.as_slice().into(), ..Message::default() };
        let carried = letter(&original).to_message("d".into()).unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&carried.body).unwrap();
        assert_eq!(shown["message"]["body"]["text"], "café \n");
        assert_eq!(DeadLetter::from_message(&carried).unwrap().message().unwrap(), original);
    }

    proptest! {
        #[test]
        fn a_message_comes_back_byte_for_byte(
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "[ \t]{0,2}[0-9]{1,3}[ \n]{0,2}".prop_map(String::into_bytes),
                Just(b"null".to_vec()),
                r#"\{"a":"[a-z"\\]{0,5}"\}"#.prop_map(String::into_bytes),
            ],
            id in ".{0,10}", headers in prop::collection::vec((".{0,5}", ".{0,5}"), 0..3),
        ) {
            let original =
                Message { id, kind: "note".into(), key: "1".into(), headers: Headers(headers), body: body.into() };
            let carried = letter(&original).to_message("d".into()).unwrap();
            prop_assert_eq!(DeadLetter::from_message(&carried).unwrap().message().unwrap(), original);
        }
    }
}
