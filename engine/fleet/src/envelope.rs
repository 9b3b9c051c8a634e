//! A message as JetStream holds it. The stock `nats` tool writes and reads it:
//! `nats pub catena.s.posts.0 '{"text":"hi"}' -H Nats-Msg-Id:1 -H Catena-Key:42 -H Catena-Kind:note -H Catena-H-source:cli`.
//!
//! | part | where | when it is missing |
//! |---|---|---|
//! | body | the payload | empty |
//! | id | `Nats-Msg-Id`, which the server remembers for the dedupe window | no identity |
//! | kind | `Catena-Kind` | `note` |
//! | key | `Catena-Key` | empty: whoever publishes by hand has chosen the partition by the subject |
//! | a header | `Catena-H-<name>`; where a name repeats, `Catena-H2-<name>` and so on | |
//! | order of headers | `Catena-Order`: names, separated by commas | by name |
//!
//! Names and values are percent-escaped where NATS would change them (control characters, blanks at the ends, `%`;
//! in names all but letters, digits, `-` and `_`), so that every pair survives as it was. Headers together may be
//! 64 KiB on the server: a message with more of them carries `Catena-Packed: 1`, and its payload is the whole message in
//! the form of `model::Message::encode`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use async_nats::HeaderMap;
use bytes::Bytes;
use model::{Headers, Message};

use crate::names::{escape, unescape};

pub(crate) const ID: &str = "Nats-Msg-Id";
const KIND: &str = "Catena-Kind";
const KEY: &str = "Catena-Key";
/// Begins a header of the message; then which of its name it is, from the second on, then `-` and the name. Not
/// repeated on the wire: the client's raw reads keep the last of a name only.
const HEADER: &str = "Catena-H";
const ORDER: &str = "Catena-Order";
const PACKED: &str = "Catena-Packed";

/// Half of what the server takes, so that what it adds itself has room.
const HEADER_BYTES_MAX: usize = 32 << 10;

/// What every message may need beside its parts.
pub(crate) const OVERHEAD_BYTES: usize = 512;

const KIND_DEFAULT: &str = "note";

/// A message ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// Names and values, escaped; no name twice.
    headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) payload: Bytes,
    /// About what it takes on the wire.
    pub(crate) bytes: usize,
}

impl Envelope {
    /// The headers as the client takes them, made anew for every try.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(&**name, value.as_str());
        }
        headers
    }
}

pub(crate) fn seal(message: Message) -> Envelope {
    let mut sealed = Vec::with_capacity(message.headers.0.len() + 4);
    let mut bytes = OVERHEAD_BYTES;
    let mut put = |name: Cow<'static, str>, value: String| {
        bytes += name.len() + value.len() + 4;
        sealed.push((name, value));
    };
    let texts: usize = message.headers.0.iter().map(|(name, value)| 2 * name.len() + value.len() + 20).sum();
    let payload = if texts + message.kind.len() + message.key.len() > HEADER_BYTES_MAX {
        if !message.id.is_empty() {
            put(ID.into(), value(message.id.clone()));
        }
        put(PACKED.into(), "1".to_owned());
        let mut packed = Vec::with_capacity(message.size_bytes() + 64);
        message.encode_into(&mut packed);
        packed.into()
    } else {
        let Message { id, kind, key, headers, body } = message;
        if !id.is_empty() {
            put(ID.into(), value(id));
        }
        put(KIND.into(), value(kind));
        put(KEY.into(), value(key));
        if headers.0.len() > 1 {
            let names: Vec<String> = headers.0.iter().map(|(n, _)| name(n)).collect();
            put(ORDER.into(), names.join(","));
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for (n, v) in headers.0 {
            let escaped = name(&n);
            let count = counts.entry(n).and_modify(|count| *count += 1).or_insert(1);
            let which = if *count > 1 { count.to_string() } else { String::new() };
            put(format!("{HEADER}{which}-{escaped}").into(), value(v));
        }
        body
    };
    bytes += payload.len();
    Envelope { headers: sealed, payload, bytes }
}

/// Reads a message back. Never fails: what was injected by hand reads as far as it goes.
pub(crate) fn open(headers: Option<&HeaderMap>, payload: Bytes) -> Message {
    let mut message = Message { kind: KIND_DEFAULT.to_owned(), body: payload, ..Message::default() };
    let Some(headers) = headers else { return message };
    let mut order = None;
    // By name and by which of its name it is.
    let mut found: BTreeMap<(&str, usize), &str> = BTreeMap::new();
    for (name, values) in headers.iter() {
        let (Some(first), Some(last)) = (values.first(), values.last()) else { continue };
        match AsRef::<str>::as_ref(name) {
            ID => message.id = unescape(first.as_str()),
            KIND => message.kind = unescape(first.as_str()),
            KEY => message.key = unescape(first.as_str()),
            ORDER => order = Some(first.as_str()),
            PACKED => {
                if let Ok(message) = Message::decode(message.body.clone()) {
                    return message;
                }
            }
            name => {
                let parts = name.strip_prefix(HEADER).and_then(|rest| rest.split_once('-'));
                let Some((which, name)) = parts else { continue };
                let which = if which.is_empty() { Some(1) } else { which.parse().ok() };
                if let Some(which) = which {
                    found.insert((name, which), last.as_str());
                }
            }
        }
    }
    let mut out = Vec::with_capacity(found.len());
    if let Some(order) = order {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for name in order.split(',') {
            let count = counts.entry(name).and_modify(|count| *count += 1).or_insert(1);
            let next = found.remove(&(name, *count));
            out.extend(next.map(|value| (unescape(name), unescape(value))));
        }
    }
    out.extend(found.into_iter().map(|((name, _), value)| (unescape(name), unescape(value))));
    message.headers = Headers(out);
    message
}

fn name(text: &str) -> String {
    escape(text, |_, char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'))
}

fn value(text: String) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return text;
    }
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    escape(&text, |at, char| at >= start && at < end && !char.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(parts: (String, String, String), headers: Vec<(String, String)>) -> Message {
        let (id, kind, key) = parts;
        Message { id, kind, key, headers: Headers(headers), body: "{}".into() }
    }

    fn reopened(message: Message) -> Message {
        let envelope = seal(message);
        open(Some(&envelope.headers()), envelope.payload)
    }

    proptest! {
        #[test]
        fn every_message_survives(
            parts in any::<(String, String, String)>(),
            headers in prop::collection::vec(("[a-c%, ]{0,2}|.*", any::<String>()), 0..6),
        ) {
            let message = message(parts, headers);
            prop_assert_eq!(reopened(message.clone()), message);
        }
    }

    #[test]
    fn headers_that_do_not_fit_are_packed() {
        let message = message(Default::default(), vec![("a".into(), "x".repeat(100_000))]);
        assert!(seal(message.clone()).headers().get(PACKED).is_some());
        assert_eq!(reopened(message.clone()), message);
    }

    #[test]
    fn what_was_injected_by_hand_reads_sensibly() {
        let bare = open(None, "hi".into());
        assert_eq!(bare, Message { kind: "note".into(), body: "hi".into(), ..Message::default() });
        let mut headers = HeaderMap::new();
        headers.insert("Catena-Key", "42");
        headers.insert("Catena-H-b", "100%");
        headers.insert("Catena-H-a", "1");
        let read = open(Some(&headers), "hi".into());
        assert_eq!(read.key, "42");
        assert_eq!(read.headers.0, [("a".into(), "1".into()), ("b".into(), "100%".into())]);
    }
}
