//! One small tree for TOML and JSON, every value and key with its place in the text, so that both
//! formats share one decoder and one set of faults.

mod json;
mod toml;

use serde_json::Number;

use crate::{Code, Format, Source, Span, faults::Mistakes, faults::quoted, source::SOURCE_BYTES_MAX};

/// Tables and lists within one another at most: deeper than any settings, shallow enough to walk by recursion.
const DEPTH_MAX: usize = 64;

/// A value and where it stands. Of a TOML table under a `[header]`, that is the header.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    /// A TOML date or time, as written.
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

/// Reads the text of `source`, or says why it is not even well-formed.
pub(crate) fn read(source: &Source) -> Result<Node, Mistakes> {
    let mut mistakes = Mistakes::default();
    if source.text.len() > SOURCE_BYTES_MAX {
        let span = Span::new(SOURCE_BYTES_MAX, SOURCE_BYTES_MAX);
        mistakes.add(Code::TooLarge, span, format!("a chain file has at most {SOURCE_BYTES_MAX} bytes"));
        return Err(mistakes);
    }
    let node = match source.format {
        Format::Toml => toml::read(&source.text, &mut mistakes),
        Format::Json => json::read(&source.text, &mut mistakes),
    };
    node.filter(|_| mistakes.count() == 0).ok_or(mistakes)
}

impl Value {
    /// What people call this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The value as JSON; dates become texts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Boolean(b) => Json::Bool(*b),
            Value::Number(n) => Json::Number(n.clone()),
            Value::Text(t) | Value::Date(t) => Json::String(t.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(entries) => {
                Json::Object(entries.iter().map(|e| (e.key.clone(), e.node.to_json())).collect())
            }
        }
    }
}

/// Says that the value at `span` lies too deep.
fn too_deep(span: Span, mistakes: &mut Mistakes) {
    mistakes.add(Code::TooDeep, span, format!("values lie within one another more than {DEPTH_MAX} deep"));
}

/// Says that a number has no JSON form.
fn not_a_json_number(text: &str, span: Span, mistakes: &mut Mistakes) {
    mistakes.add_with_hint(
        Code::NotJson,
        span,
        format!("the number {} has no JSON form, which processors are given", quoted(text)),
        "write whole numbers of at most 64 bits, or finite fractions".to_owned(),
    );
}
