//! Where things stand in the text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Bytes `start..end` of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The place of values that stand nowhere in the text: defaults, and stand-ins for values that
    /// could not be read.
    pub const NOWHERE: Self = Self { start: usize::MAX, end: usize::MAX };

    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place, [`Span::NOWHERE`] when it is not written down.
    pub span: Span,
}

impl<T> Spanned<T> {
    pub(crate) fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// A value that stands nowhere.
    pub(crate) fn absent(value: T) -> Self {
        Self { value, span: Span::NOWHERE }
    }

    /// Whether the text holds this value, rather than leaving it to a default.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.span != Span::NOWHERE
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A span is no part of the format.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
