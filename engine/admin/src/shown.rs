//! A message as JSON: `{id, kind, key, headers?, body}`, or `body_base64` where the body is no JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use model::{Headers, Message};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A message on its way out.
#[derive(Serialize)]
pub(crate) struct Shown {
    id: String,
    kind: String,
    key: String,
    headers: Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl From<Message> for Shown {
    fn from(Message { id, kind, key, headers, body }: Message) -> Self {
        let json = std::str::from_utf8(&body).ok().and_then(|text| {
            let json: Box<RawValue> = serde_json::from_str(text).ok()?;
            // White space around a value is not part of it, and would be lost.
            (json.get().len() == text.len()).then_some(json)
        });
        let body_base64 = json.is_none().then(|| BASE64.encode(&body));
        Self { id, kind, key, headers, body: json, body_base64 }
    }
}

/// A message on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    id: Option<String>,
    kind: String,
    key: String,
    #[serde(default)]
    headers: Headers,
    body: Box<RawValue>,
}

impl Given {
    /// The message, with an id of its own or the one that `make` gives.
    pub(crate) fn into_message<E>(self, make: impl FnOnce() -> Result<String, E>) -> Result<Message, E> {
        let Self { id, kind, key, headers, body } = self;
        let id = id.map_or_else(make, Ok)?;
        Ok(Message { id, kind, key, headers, body: Bytes::copy_from_slice(body.get().as_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_bodies_stay_readable_and_others_whole() {
        let shown = |body: &'static [u8]| {
            let message = Message { id: "1".into(), body: body.into(), ..Message::default() };
            serde_json::to_value(Shown::from(message)).unwrap()
        };
        assert_eq!(shown(b"{\"n\": 1}")["body"], serde_json::json!({"n": 1}));
        assert_eq!(shown(b"\xff")["body_base64"], "/w==");
        assert_eq!(shown(b"")["body_base64"], "");
        assert_eq!(shown(b"1\n")["body_base64"], "MQo=");
    }
}
