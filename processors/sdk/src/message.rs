use std::{fmt, str};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Failure, Object, locate, object::Found, pointer};

/// The message at work. It lends its parts for the length of one call.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub(crate) id: Lent<'a>,
    pub(crate) kind: Lent<'a>,
    pub(crate) key: Lent<'a>,
    pub(crate) headers: &'a [(Lent<'a>, Lent<'a>)],
    pub(crate) payload: Payload<'a>,
}

/// Text that came as bytes. Whether it is text is looked at when somebody asks for it: most processors do not ask for most
/// of a message.
#[derive(Clone, Copy)]
pub(crate) struct Lent<'a>(pub(crate) &'a [u8]);

impl<'a> Lent<'a> {
    /// The host lends nothing but text.
    pub(crate) fn text(self) -> &'a str {
        str::from_utf8(self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text(), f)
    }
}

/// What there is of the body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Whole(&'a [u8]),
    /// What the processor reads of a JSON object.
    Fields {
        size: usize,
        reads: &'a [Read],
        /// The JSON of each; empty where there is nothing.
        values: &'a [Lent<'a>],
    },
}

/// One pointer that a processor reads.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) pointer: String,
    /// The field, where it is a whole one.
    pub(crate) name: Option<String>,
}

/// Pointers that a processor may read; the host has the same bound.
const READS_MAX: usize = 32;

impl Read {
    /// What a processor says it reads; `None` for the whole body. The error is a sentence.
    pub(crate) fn all(pointers: &[&str]) -> Result<Option<Vec<Self>>, String> {
        if pointers.contains(&"") {
            return Ok(None);
        }
        if pointers.len() > READS_MAX {
            return Err(format!(
                "`reads` names {} fields, at most {READS_MAX} are allowed: read the whole body, which is the empty pointer",
                pointers.len()
            ));
        }
        let read = |pointer: &&str| {
            pointer::check(pointer).map_err(|wrong| format!("`reads`: {wrong}"))?;
            Ok(Self { pointer: (*pointer).to_owned(), name: pointer::name(pointer) })
        };
        pointers.iter().map(read).collect::<Result<_, _>>().map(Some)
    }
}

impl<'a> Message<'a> {
    /// Identity, unique per stream.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id.text()
    }

    /// What sort of message it is: `note`, `command`, …
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.kind.text()
    }

    /// Order and state are kept per key. A post's key is its author.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.key.text()
    }

    /// The first value under `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Names and values, in order; names may repeat.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.headers.iter().map(|(name, value)| (name.text(), value.text()))
    }

    /// The payload as it came.
    ///
    /// # Panics
    /// Where [`reads`](crate::Processor::reads) does not name it.
    #[must_use]
    #[expect(clippy::panic, reason = "a mistake of the processor's author, which every message shows")]
    pub fn body(&self) -> &'a [u8] {
        self.whole().unwrap_or_else(|missing| panic!("{missing}"))
    }

    /// Bytes of the payload, whatever is read of it.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        match self.payload {
            Payload::Whole(body) => body.len(),
            Payload::Fields { size, .. } => size,
        }
    }

    /// The payload as JSON of a type. To edit a body and keep the fields this processor does not know,
    /// take [`object`](Self::object).
    ///
    /// # Errors
    /// A rejection that names the field; and one that says so where [`reads`](crate::Processor::reads) does not name the
    /// whole body.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        let body = self.whole().map_err(|missing| Failure::Reject(missing.to_owned()))?;
        serde_json::from_slice(body)
            .map_err(|error| Failure::Reject(locate::sentence(body, &error, locate::Style::Body)))
    }

    /// The payload as a JSON object whose fields are read and replaced one by one: all of them, or those that
    /// [`reads`](crate::Processor::reads) names.
    ///
    /// # Errors
    /// A rejection, where the payload is not a JSON object.
    pub fn object(&self) -> Result<Object<'a>, Failure> {
        match self.payload {
            Payload::Whole(_) => self.json(),
            Payload::Fields { reads, values, .. } => Ok(Object::found(Found { reads, values })),
        }
    }

    /// What a JSON pointer leads to, as a type; `None` where there is nothing, or `null`.
    ///
    /// # Errors
    /// A rejection that names the field, or says that the payload is no JSON; and one that says so where
    /// [`reads`](crate::Processor::reads) names neither the pointer nor the whole body.
    pub fn field<T: Deserialize<'a>>(&self, pointer: &str) -> Result<Option<T>, Failure> {
        let json = match self.payload {
            Payload::Whole(_) => {
                pointer::check(pointer).map_err(Failure::Reject)?;
                pointer::find(self.json::<&RawValue>()?.get(), pointer).map(str::as_bytes)
            }
            Payload::Fields { reads, values, .. } => {
                let at = reads.iter().position(|read| read.pointer == pointer);
                let at = at.ok_or_else(|| Failure::Reject(format!("`reads` does not name `{pointer}`")))?;
                values.get(at).map(|value| value.0).filter(|json| !json.is_empty())
            }
        };
        let Some(json) = json else { return Ok(None) };
        serde_json::from_slice(json).map_err(|error| {
            let field = pointer.trim_start_matches('/');
            Failure::Reject(locate::sentence(json, &error, locate::Style::Field(field)))
        })
    }

    fn whole(&self) -> Result<&'a [u8], &'static str> {
        match self.payload {
            Payload::Whole(body) => Ok(body),
            Payload::Fields { .. } => Err("`reads` does not name the whole body, which is the empty pointer"),
        }
    }
}
