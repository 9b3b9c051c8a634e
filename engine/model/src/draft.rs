//! A message on its way through a chain, and what steps change on it.

mod fields;
mod pointer;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use thiserror::Error;

use crate::{Edit, Headers, Message, Outcome};
use fields::Fields;

pub use pointer::{InvalidPointer, Pointer};

/// A message that steps look at and change.
///
/// Its body is JSON by convention: the fields are found once, whoever asks, and a field that is set or removed is not
/// written into the body before somebody wants the whole of it.
#[derive(Clone, Debug)]
pub struct Draft {
    message: Message,
    fields: Known,
    /// The fields know better than the message's body.
    edited: bool,
}

/// Bytes that are looked through for what stands within fields, for one message and processor: no deadline holds it.
const WAYS_BYTES_MAX: usize = 1 << 20;

/// Fields were set of a body that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it set fields of a body that is no JSON object")]
pub struct NotAnObject;

/// What is known about the body.
#[derive(Clone, Debug)]
enum Known {
    Nothing,
    NoObject,
    Object(Fields),
}

impl From<Message> for Draft {
    fn from(message: Message) -> Self {
        Self { message, fields: Known::Nothing, edited: false }
    }
}

impl Draft {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.message.id
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.message.kind
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.message.key
    }

    /// Its headers as they are now.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.message.headers
    }

    /// Bytes of its body as it is now.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        match &self.fields {
            Known::Object(fields) if self.edited => fields.bytes(),
            _ => self.message.body.len(),
        }
    }

    /// Bytes it occupies as it is now: the sum of its parts.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let headers: usize = self.headers().0.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.id().len() + self.kind().len() + self.key().len() + headers + self.body_bytes()
    }

    /// Bytes of the body as `outcome` would leave it.
    ///
    /// # Errors
    /// It edits what is no JSON object.
    pub fn body_bytes_after(&mut self, outcome: &Outcome) -> Result<usize, NotAnObject> {
        let Outcome { body, edits, .. } = outcome;
        if edits.is_empty() {
            return Ok(body.as_ref().map_or_else(|| self.body_bytes(), Bytes::len));
        }
        let mut fields = match body {
            Some(body) => Fields::read(body),
            None => self.known().cloned(),
        }
        .ok_or(NotAnObject)?;
        edits.iter().for_each(|edit| fields.edit(edit.clone()));
        Ok(fields.bytes())
    }

    /// The whole of it as it is now. After an edit the body is written, once.
    pub fn message(&mut self) -> &Message {
        if let (true, Known::Object(fields)) = (self.edited, &self.fields) {
            self.message.body = fields.write();
            self.edited = false;
        }
        &self.message
    }

    /// The same, for good.
    #[must_use]
    pub fn into_message(mut self) -> Message {
        self.message();
        self.message
    }

    /// A copy of it as it is now.
    #[must_use]
    pub fn to_message(&self) -> Message {
        self.clone().into_message()
    }

    /// Whether its body is a JSON object. The first look at a body reads it to its end.
    pub fn is_object(&mut self) -> bool {
        self.known().is_some()
    }

    /// What a processor that reads `pointers` gets of the body: tells `take` the JSON at each of them, as it was written, in their
    /// order, `None` where there is nothing. Of a repeated name the last counts. Answers false where it has to get
    /// the whole body, and what was told does not hold: that is no JSON object, or cannot be read on the way to one of them, or
    /// the ways to them are longer than is worth it.
    pub fn read(&mut self, pointers: &[Pointer], mut take: impl FnMut(Option<&[u8]>)) -> bool {
        let Some(fields) = self.known() else { return false };
        if pointers.iter().map(|pointer| fields.way_bytes(pointer)).sum::<usize>() > WAYS_BYTES_MAX {
            return false;
        }
        pointers.iter().all(|pointer| fields.get(pointer).map(&mut take).is_ok())
    }

    /// Takes over what a step changed; edits hold for the new body, where there is one.
    ///
    /// # Errors
    /// It edits what is no JSON object. The rest is taken over.
    pub fn apply(
        &mut self,
        body: Option<Bytes>,
        headers: Option<Headers>,
        edits: Vec<Edit>,
    ) -> Result<(), NotAnObject> {
        if let Some(body) = body {
            self.message.body = body;
            (self.fields, self.edited) = (Known::Nothing, false);
        }
        if let Some(headers) = headers {
            self.message.headers = headers;
        }
        if edits.is_empty() {
            return Ok(());
        }
        let fields = self.known().ok_or(NotAnObject)?;
        edits.into_iter().for_each(|edit| fields.edit(edit));
        self.edited = true;
        Ok(())
    }

    fn known(&mut self) -> Option<&mut Fields> {
        if let Known::Nothing = self.fields {
            self.fields = Fields::read(&self.message.body).map_or(Known::NoObject, Known::Object);
        }
        match &mut self.fields {
            Known::Object(fields) => Some(fields),
            Known::Nothing | Known::NoObject => None,
        }
    }
}

impl Outcome {
    /// `before` as this leaves it.
    ///
    /// # Errors
    /// It edits what is no JSON object.
    pub fn applied_to(&self, before: &Draft) -> Result<Message, NotAnObject> {
        let mut after = before.clone();
        after.apply(self.body.clone(), self.headers.clone(), self.edits.clone())?;
        Ok(after.into_message())
    }
}
