use serde::Deserialize;

use crate::{Failure, Object, locate};

/// The message at work. It lends its parts for the length of one call.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    id: &'a str,
    kind: &'a str,
    key: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn new(
        id: &'a str,
        kind: &'a str,
        key: &'a str,
        headers: &'a [(&'a str, &'a str)],
        body: &'a [u8],
    ) -> Self {
        Self { id, kind, key, headers, body }
    }

    /// Identity, unique per stream.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// What sort of message it is: `note`, `command`, …
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// Order and state are kept per key. A post's key is its author.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// The first value under `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Names and values, in order; names may repeat.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.headers.iter().copied()
    }

    /// The payload as it came.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The payload as JSON of a type. To edit a body and keep the fields this processor does not know,
    /// take [`object`](Self::object).
    ///
    /// # Errors
    /// A rejection that names the field.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.body)
            .map_err(|error| Failure::Reject(locate::sentence(self.body, &error, locate::Style::Body)))
    }

    /// The payload as a JSON object whose fields are read and replaced one by one.
    ///
    /// # Errors
    /// A rejection, where the payload is not a JSON object.
    pub fn object(&self) -> Result<Object<'a>, Failure> {
        self.json()
    }
}
