//! JSON read to its end.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A value of which every part was decoded: no half surrogate is in it, and no number beyond all bounds.
///
/// It is not `serde_json::Value`, which takes an object with a certain name in it for text to be parsed again, as deep as
/// that goes: what a client sends must not say how it is read.
#[derive(Debug)]
pub(crate) enum Decoded {
    Text(String),
    /// `None` where it is none from 0 to `u64::MAX`.
    Number(Option<u64>),
    Other,
}

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Decoded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_str<E>(self, text: &str) -> Result<Decoded, E> {
                Ok(Decoded::Text(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Decoded, E> {
                Ok(Decoded::Number(Some(number)))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Decoded, E> {
                Ok(Decoded::Number(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Decoded, E> {
                Ok(Decoded::Number(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Decoded, E> {
                Ok(Decoded::Other)
            }

            fn visit_unit<E>(self) -> Result<Decoded, E> {
                Ok(Decoded::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Decoded, A::Error> {
                while items.next_element::<Decoded>()?.is_some() {}
                Ok(Decoded::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Decoded, A::Error> {
                while fields.next_entry::<Decoded, Decoded>()?.is_some() {}
                Ok(Decoded::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}
