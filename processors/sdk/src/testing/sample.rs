use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    Failure, Message, Object,
    message::{Lent, Payload, Read},
    object::Edit,
    outcome::to_json,
    pointer,
};

/// A message to try a processor on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Identity.
    pub id: String,
    /// `note`, unless said otherwise.
    pub kind: String,
    /// State is kept per key; `1`, unless said otherwise.
    pub key: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub body: Vec<u8>,
}

impl Sample {
    /// A `note` with this body.
    #[must_use]
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        let text = |text: &str| text.to_owned();
        Self { id: text("1-1"), kind: text("note"), key: text("1"), headers: Vec::new(), body: body.into() }
    }

    /// A `note` with this body, as JSON.
    ///
    /// # Panics
    /// Where the value has no form in JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests, where a panic is the report")]
    pub fn json(body: impl Serialize) -> Self {
        Self::new(serde_json::to_vec(&body).expect("the body of a sample is JSON"))
    }

    /// With another id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// With another key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The first value under `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` where it is not JSON.
    #[must_use]
    pub fn json_body(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn headers(&self) -> Vec<(Lent<'_>, Lent<'_>)> {
        self.headers.iter().map(|(name, value)| (lend(name), lend(value))).collect()
    }

    /// What the body has of this; `None` where it is handed over whole, being no JSON object.
    pub(super) fn values(&self, reads: &[Read]) -> Option<Vec<Lent<'_>>> {
        if reads.is_empty() && !self.body.is_empty() {
            return Some(Vec::new());
        }
        let body: &RawValue = serde_json::from_slice(&self.body).ok()?;
        serde_json::from_str::<Object<'_>>(body.get()).ok()?;
        let value = |read: &Read| lend(pointer::find(body.get(), &read.pointer).unwrap_or_default());
        Some(reads.iter().map(value).collect())
    }

    pub(super) fn lend<'a>(
        &'a self,
        headers: &'a [(Lent<'a>, Lent<'a>)],
        payload: Payload<'a>,
    ) -> Message<'a> {
        Message { id: lend(&self.id), kind: lend(&self.kind), key: lend(&self.key), headers, payload }
    }

    /// Does what the engine does with edits.
    pub(super) fn edit(&mut self, edits: Vec<Edit>) -> Result<(), Failure> {
        if edits.is_empty() {
            return Ok(());
        }
        let body = std::mem::take(&mut self.body);
        let mut object: Object<'_> = serde_json::from_slice(&body)
            .map_err(|_| Failure::reject("it set fields of a body that is no JSON object"))?;
        for (field, value) in edits {
            match value {
                Some(value) => object.set_raw(&field, value),
                None => drop(object.remove(&field)),
            }
        }
        self.body = to_json(&object)?;
        Ok(())
    }
}

fn lend(text: &str) -> Lent<'_> {
    Lent(text.as_bytes())
}
