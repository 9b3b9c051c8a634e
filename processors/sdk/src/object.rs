//! A JSON object cut into its fields, without looking into them.
//!
//! Rules share messages with rules that know other fields, so an edit must leave what it does not know alone.
//! Fields are kept as the text they came as: their order, 64-bit numbers and odd escapes survive byte for
//! byte, and a field that nobody reads costs a scan and no allocation.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::{Error as _, SerializeMap},
};
use serde_json::value::RawValue;

use crate::{
    Failure, locate,
    message::{Lent, Read},
};

/// The fields of a JSON object, in order. What is [set](Self::set) and [removed](Self::remove) goes back with
/// [`Outcome::with_object`](crate::Outcome::with_object).
#[derive(Clone, Debug, Default)]
pub struct Object<'a> {
    /// Where not all fields are here, those that can be.
    declared: Option<&'a [Read]>,
    /// The fields as the host found them. Most rules only look at them, and nothing is copied for that.
    found: Option<Found<'a>>,
    /// Those that were cut out of a whole body, and all of them from the first edit on.
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    edits: Vec<Edit>,
}

/// A field set to a value in JSON, or removed.
pub(crate) type Edit = (String, Option<String>);

/// What a processor reads, and what is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) reads: &'a [Read],
    /// The JSON of each; empty where there is nothing.
    pub(crate) values: &'a [Lent<'a>],
}

impl<'a> Found<'a> {
    fn fields(self) -> impl DoubleEndedIterator<Item = (&'a str, Lent<'a>)> {
        let there = self.reads.iter().zip(self.values).filter(|(_, value)| !value.0.is_empty());
        there.filter_map(|(read, value)| Some((read.name.as_deref()?, *value)))
    }
}

impl<'a> Object<'a> {
    pub(crate) fn found(found: Found<'a>) -> Self {
        Self { declared: Some(found.reads), found: Some(found), ..Self::default() }
    }

    /// Of the text it was made from, if nobody set it.
    pub(crate) fn into_raw(self, name: &str) -> Option<&'a str> {
        match self.fields.into_iter().rfind(|(n, _)| n == name)? {
            (_, Cow::Borrowed(raw)) => Some(raw),
            (_, Cow::Owned(_)) => None,
        }
    }

    /// All fields, to be edited.
    fn fields_mut(&mut self) -> &mut Vec<(Cow<'a, str>, Cow<'a, str>)> {
        if let Some(found) = self.found.take() {
            let cut = |(name, value): (_, Lent<'a>)| (Cow::Borrowed(name), Cow::Borrowed(value.text()));
            self.fields.extend(found.fields().map(cut));
        }
        &mut self.fields
    }
}

impl Object<'_> {
    /// The field as a type; `None` where it is absent or `null`. Of a repeated name the last counts.
    ///
    /// # Errors
    /// A rejection that names the field; and one that says so where [`reads`](crate::Processor::reads) does not name it.
    pub fn get<'b, T: Deserialize<'b>>(&'b self, name: &str) -> Result<Option<T>, Failure> {
        let Some(raw) = self.find(name) else {
            return self.knows(name).map_err(Failure::Reject).map(|()| None);
        };
        serde_json::from_str(raw).map_err(|error| {
            Failure::Reject(locate::sentence(raw.as_bytes(), &error, locate::Style::Field(name)))
        })
    }

    /// A text field, borrowed where its JSON has no escapes; `None` where it is absent or `null`.
    ///
    /// # Errors
    /// As [`get`](Self::get), and where it is not a string.
    pub fn text<'b>(&'b self, name: &str) -> Result<Option<Cow<'b, str>>, Failure> {
        if let Some(plain) = self.find(name).and_then(plain) {
            return Ok(Some(Cow::Borrowed(plain)));
        }
        Ok(self.get::<Text<'b>>(name)?.map(|text| text.0))
    }

    /// The field's JSON as it came.
    ///
    /// # Panics
    /// Where [`reads`](crate::Processor::reads) does not name it.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.must_know(name);
        self.find(name)
    }

    /// Replaces the field in its place, or adds it at the end.
    ///
    /// # Errors
    /// A rejection, where the value has no form in JSON.
    pub fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        let raw = serde_json::to_string(value)
            .map_err(|error| Failure::Reject(format!("failed to write field `{name}` as JSON: {error}")))?;
        self.set_raw(name, raw);
        Ok(())
    }

    /// The same with the value as JSON.
    pub(crate) fn set_raw(&mut self, name: &str, raw: String) {
        self.edits.push((name.to_owned(), Some(raw.clone())));
        let mut raw = Some(Cow::Owned(raw));
        let fields = self.fields_mut();
        fields.retain_mut(|(n, old)| {
            // The first of a repeated name takes the value, the others go.
            n != name || raw.take().map(|new| *old = new).is_some()
        });
        if let Some(raw) = raw {
            fields.push((Cow::Owned(name.to_owned()), raw));
        }
    }

    /// Removes the field; says whether it was there.
    ///
    /// # Panics
    /// Where [`reads`](crate::Processor::reads) does not name it.
    pub fn remove(&mut self, name: &str) -> bool {
        self.must_know(name);
        let fields = self.fields_mut();
        let before = fields.len();
        fields.retain(|(n, _)| n != name);
        let removed = fields.len() < before;
        if removed {
            self.edits.push((name.to_owned(), None));
        }
        removed
    }

    /// The names of the fields that are here: all in their order, or those of [`reads`](crate::Processor::reads) in its.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let found = self.found.into_iter().flat_map(Found::fields).map(|(name, _)| name);
        found.chain(self.fields.iter().map(|(name, _)| name.as_ref()))
    }

    /// What was set and removed, in order.
    pub(crate) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    fn find(&self, name: &str) -> Option<&str> {
        if let Some(found) = self.found {
            return found.fields().rfind(|(n, _)| *n == name).map(|(_, value)| value.text());
        }
        self.fields.iter().rfind(|(n, _)| n == name).map(|(_, raw)| raw.as_ref())
    }

    /// A field that was set is known, read or not.
    fn knows(&self, name: &str) -> Result<(), String> {
        let declared = |reads: &[Read]| reads.iter().any(|read| read.name.as_deref() == Some(name));
        if self.declared.is_none_or(declared) || self.edits.iter().any(|(edited, _)| edited == name) {
            return Ok(());
        }
        Err(format!("`reads` does not name the field `{name}`"))
    }

    #[expect(clippy::panic, reason = "a mistake of the processor's author, which every message shows")]
    fn must_know(&self, name: &str) {
        if let Err(missing) = self.knows(name) {
            panic!("{missing}");
        }
    }
}

/// The text of a JSON string that has no escapes: what stands between its quotes. The field is known to be JSON.
fn plain(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    (!text.as_bytes().contains(&b'\\')).then_some(text)
}

/// Of all fields: where only some are here, others would be lost.
impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.declared.is_some() {
            return Err(S::Error::custom(
                "only what `reads` names is here: give edits back with `Outcome::with_object`",
            ));
        }
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, raw) in &self.fields {
            let raw: &RawValue = serde_json::from_str(raw).map_err(S::Error::custom)?;
            map.serialize_entry(name, raw)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(Text(name)) = map.next_key()? {
                    fields.push((name, Cow::Borrowed(map.next_value::<&RawValue>()?.get())));
                }
                Ok(Object { fields, ..Object::default() })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A string, borrowed where it can be (`Cow` of serde always copies).
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(body: &str, edit: impl FnOnce(&mut Object<'_>)) -> String {
        let mut object: Object<'_> = serde_json::from_str(body).unwrap();
        edit(&mut object);
        serde_json::to_string(&object).unwrap()
    }

    #[test]
    fn fields_nobody_touches_survive_byte_for_byte() {
        let body = r#"{"z":1e400,"id":505874924095815681,"a":[ 1 , {"\u0041": null}],"text":"x","é":"\ud83d\ude0b"}"#;
        let after = edited(body, |object| object.set("text", "日本").unwrap());
        assert_eq!(after, body.replace(r#""x""#, r#""日本""#));
    }

    #[test]
    fn a_repeated_name_reads_as_its_last_value_and_is_written_once() {
        assert_eq!(
            edited(r#"{"a":1,"b":2,"a":3}"#, |o| assert_eq!(o.get("a"), Ok(Some(3)))),
            r#"{"a":1,"b":2,"a":3}"#
        );
        assert_eq!(edited(r#"{"a":1,"b":2,"a":3}"#, |o| o.set("a", &4).unwrap()), r#"{"a":4,"b":2}"#);
        assert_eq!(edited(r#"{"a":1,"b":2,"a":3}"#, |o| assert!(o.remove("a"))), r#"{"b":2}"#);
        assert_eq!(edited("{}", |o| assert!(!o.remove("a"))), "{}");
    }

    #[test]
    fn texts_are_borrowed_unless_escaped() {
        let object: Object<'_> = serde_json::from_str(r#"{"a":"مرحبا","b":"\n","c":null}"#).unwrap();
        assert!(matches!(object.text("a"), Ok(Some(Cow::Borrowed("مرحبا")))));
        assert!(matches!(object.text("b"), Ok(Some(Cow::Owned(text))) if text == "\n"));
        assert_eq!(object.text("c"), Ok(None));
        assert_eq!(object.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        let object: Object<'_> = serde_json::from_str(r#"{"text":[1],"user":{"name":7}}"#).unwrap();
        let reason = |failure: Failure| failure.reason().to_owned();
        assert_eq!(
            reason(object.text("text").unwrap_err()),
            "body field `/text`: invalid type: sequence, expected a string"
        );
        #[derive(Debug, Deserialize)]
        struct User {
            #[serde(rename = "name")]
            _name: String,
        }
        assert_eq!(
            reason(object.get::<User>("user").unwrap_err()),
            "body field `/user/name`: invalid type: integer `7`, expected a string"
        );
    }
}
