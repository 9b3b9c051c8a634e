//! Types that the decoder and the schema take the same rules from.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within<const MIN: u64, const MAX: u64>(u32);

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    /// The number, when it lies within.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (MIN..=MAX).contains(&number).then(|| u32::try_from(number).ok().map(Self)).flatten()
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("from {MIN} to {MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A type whose values are words.
pub(crate) trait Word: Copy + 'static {
    /// Every word; two may mean the same.
    const WORDS: &'static [(&'static str, Self)];
}

/// The schema of a [`Word`].
pub(super) struct WordOf<W>(PhantomData<W>);

impl<W: Word> JsonSchema for WordOf<W> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<W>().into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = W::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $title:literal, $pattern:literal;)+) => {$(
        $(#[doc = $doc])+
        pub(super) struct $name(());

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )+};
}

texts! {
    /// The schema of a [`Name`](model::Name).
    NameText = "Name", "^[a-z0-9][a-z0-9_-]{0,63}$";
    /// The schema of [`Uses`](super::Uses).
    UsesText = "Uses", "^[a-z0-9][a-z0-9_-]{0,63}@.+$";
    /// The schema of a [`Digest`](model::Digest).
    DigestText = "Digest", "^sha256:[0-9a-fA-F]{64}$";
    /// The schema of a [`Grant`](super::Grant).
    GrantText = "Grant", "^(state|output:[a-z0-9][a-z0-9_-]{0,63})$";
}
