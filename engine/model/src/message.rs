use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Name and value pairs, in order. Names may repeat; look-ups answer the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub Vec<(String, String)>);

/// Headers that a message may have once a step has set them.
pub const HEADERS_MAX: usize = 256;

impl Headers {
    /// The first value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Replaces every value under `name` by one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(n, _)| n != name);
        self.0.push((name.to_owned(), value.into()));
    }
}

/// What flows: one post, command or event.
///
/// `body` is shared, never copied between bus, chain and inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Identity for deduplication: 1–128 bytes, unique per stream within its dedupe window.
    pub id: String,
    /// What sort of message this is (`note`, `follow`, …); routing and rules look at it.
    pub kind: String,
    /// Order holds among messages of one key, and processor state is kept per key.
    pub key: String,
    /// Metadata that travels with the body.
    pub headers: Headers,
    /// The payload, JSON by convention, at most 1 MiB.
    pub body: Bytes,
}

impl Message {
    /// Bytes this message occupies in a queue: the sum of its parts.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let headers: usize = self.headers.0.iter().map(|(n, v)| n.len() + v.len()).sum();
        self.id.len() + self.kind.len() + self.key.len() + headers + self.body.len()
    }
}
