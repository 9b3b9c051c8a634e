//! The fields of a JSON object, found without looking into them.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Pointer;
use crate::Edit;

/// JSON within the body that is well formed and stands for nothing: half a surrogate in a name.
#[derive(Debug)]
pub(super) struct Unreadable;

/// In the order they were written. Those that nobody edits stay as they were, byte for byte.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    body: Bytes,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: Name,
    value: Value,
}

#[derive(Clone, Debug)]
enum Name {
    /// Where it stands in the body, without quotes: it has no escapes.
    Plain(Range<usize>),
    /// Escaped there, or not there.
    Own(Box<str>),
}

#[derive(Clone, Debug)]
enum Value {
    There(Range<usize>),
    New(Bytes),
}

impl Fields {
    /// `None` where the body is no JSON object.
    pub(super) fn read(body: &Bytes) -> Option<Self> {
        Some(Self { body: body.clone(), fields: read(body)? })
    }

    /// What is there now.
    ///
    /// # Errors
    /// The way leads through what cannot be read.
    pub(super) fn get(&self, pointer: &Pointer) -> Result<Option<&[u8]>, Unreadable> {
        let Some(mut json) = self.field(&pointer.first) else { return Ok(None) };
        for token in &pointer.rest {
            match step(json, token)? {
                Some(within) => json = within,
                None => return Ok(None),
            }
        }
        Ok(Some(json))
    }

    /// Bytes that are looked through for this, at most.
    pub(super) fn way_bytes(&self, pointer: &Pointer) -> usize {
        match pointer.rest.len() {
            0 => 0,
            steps => steps * self.field(&pointer.first).map_or(0, <[u8]>::len),
        }
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        let field = self.fields.iter().rfind(|field| field.name(&self.body) == name.as_bytes())?;
        Some(field.value(&self.body))
    }

    /// The first field of the name takes the value, others of the name go; one that is not there comes last.
    pub(super) fn edit(&mut self, Edit { field: name, value }: Edit) {
        let body = &self.body;
        let mut value = value.map(Value::New);
        self.fields.retain_mut(|field| {
            field.name(body) != name.as_bytes() || value.take().map(|new| field.value = new).is_some()
        });
        if let Some(value) = value {
            self.fields.push(Field { name: Name::Own(name.into()), value });
        }
    }

    /// Bytes of the object when it is [written](Self::write).
    pub(super) fn bytes(&self) -> usize {
        let name_bytes = |name: &Name| match name {
            Name::Plain(place) => place.len() + 2,
            Name::Own(name) => quoted(name).len(),
        };
        let fields = self.fields.iter();
        let contents: usize =
            fields.map(|field| name_bytes(&field.name) + 1 + field.value(&self.body).len()).sum();
        2 + contents + self.fields.len().saturating_sub(1)
    }

    /// The object as it is now.
    pub(super) fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.bytes());
        for field in &self.fields {
            out.push(if out.is_empty() { b'{' } else { b',' });
            match &field.name {
                Name::Plain(_) => {
                    out.push(b'"');
                    out.extend_from_slice(field.name(&self.body));
                    out.push(b'"');
                }
                Name::Own(name) => out.extend_from_slice(quoted(name).as_bytes()),
            }
            out.push(b':');
            out.extend_from_slice(field.value(&self.body));
        }
        if out.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
        out.into()
    }
}

impl Field {
    fn name<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match &self.name {
            Name::Plain(place) => body.get(place.clone()).unwrap_or_default(),
            Name::Own(name) => name.as_bytes(),
        }
    }

    fn value<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match &self.value {
            Value::There(place) => body.get(place.clone()).unwrap_or_default(),
            Value::New(value) => value,
        }
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// What `token` leads to within a value.
fn step<'a>(json: &'a [u8], token: &str) -> Result<Option<&'a [u8]>, Unreadable> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let found = match json.first() {
        Some(b'{') => reader.deserialize_map(Under(token)),
        Some(b'[') => {
            let index = token.parse().ok().filter(|_| token == "0" || !token.starts_with(['0', '+']));
            let Some(index) = index else { return Ok(None) };
            reader.deserialize_seq(At(index))
        }
        _ => return Ok(None),
    };
    Ok(found.map_err(|_| Unreadable)?.map(|raw| raw.get().as_bytes()))
}

/// The fields of an object, as they stand in `body`.
fn read(body: &[u8]) -> Option<Vec<Field>> {
    // The standard library's check takes as long as everything else here.
    let text = simdutf8::basic::from_utf8(body).ok()?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let fields = Places { origin: body.as_ptr().addr() }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(fields)
}

/// How many fields a body has, more or less.
const USUAL: usize = 16;

/// Finds where names and values stand in text that begins at this address.
struct Places {
    origin: usize,
}

impl Places {
    /// What the parser lends is part of the text. Were it ever not, there would be no fields.
    fn of<E: serde::de::Error>(&self, part: &str) -> Result<Range<usize>, E> {
        let start = part.as_ptr().addr().checked_sub(self.origin);
        let start = start.ok_or_else(|| E::custom("the parser lent text from elsewhere"))?;
        Ok(start..start + part.len())
    }
}

impl<'de> DeserializeSeed<'de> for Places {
    type Value = Vec<Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Places {
    type Value = Vec<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(USUAL);
        while let Some(Text(name)) = map.next_key()? {
            let name = match name {
                Cow::Borrowed(name) => Name::Plain(self.of(name)?),
                Cow::Owned(name) => Name::Own(name.into()),
            };
            let value = map.next_value::<&RawValue>()?;
            fields.push(Field { name, value: Value::There(self.of(value.get())?) });
        }
        Ok(fields)
    }
}

/// A string, borrowed where it has no escapes (`Cow` of serde always copies).
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

/// The last field of an object with this name.
struct Under<'n>(&'n str);

impl<'de> Visitor<'de> for Under<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Text(name)) = map.next_key()? {
            let value = map.next_value()?;
            if name == self.0 {
                found = Some(value);
            }
        }
        Ok(found)
    }
}

/// The element of an array at this index.
struct At(usize);

impl<'de> Visitor<'de> for At {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        for index in 0.. {
            if index == self.0 {
                found = items.next_element()?;
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            if found.is_some() {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
        }
        Ok(found)
    }
}
