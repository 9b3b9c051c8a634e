use ::toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};
use serde_json::Number;

use super::{DEPTH_MAX, Entry, Node, Value, not_a_json_number, too_deep};
use crate::{Code, Span, faults::Mistakes};

/// Reads TOML. All syntax errors are told, not only the first.
pub(super) fn read(text: &str, mistakes: &mut Mistakes) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or(text.len()..text.len());
        mistakes.add(Code::Syntax, Span::new(at.start, at.end), format!("not TOML: {}", error.message()));
    }
    if !errors.is_empty() {
        return None;
    }
    let entries = entries(table.get_ref(), DEPTH_MAX, mistakes);
    Some(Node { value: Value::Table(entries), span: Span::new(0, 0) })
}

fn entries(table: &DeTable<'_>, depth: usize, mistakes: &mut Mistakes) -> Vec<Entry> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_span: span(key),
            node: node(value, depth, mistakes),
        })
        .collect();
    // The parser sorts by key; people read in the order of the file.
    entries.sort_by_key(|e| e.key_span.start);
    entries
}

fn node(value: &Spanned<DeValue<'_>>, depth: usize, mistakes: &mut Mistakes) -> Node {
    let span = span(value);
    let Some(depth) = depth.checked_sub(1) else {
        too_deep(span, mistakes);
        return Node { value: Value::Null, span };
    };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(b) => Value::Boolean(*b),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Integer(integer) => number(whole(integer), integer.as_str(), span, mistakes),
        DeValue::Float(float) => {
            let fraction = float.as_str().parse().ok().and_then(Number::from_f64);
            number(fraction, float.as_str(), span, mistakes)
        }
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, depth, mistakes)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, depth, mistakes)),
    };
    Node { value, span }
}

fn number(number: Option<Number>, text: &str, span: Span, mistakes: &mut Mistakes) -> Value {
    number.map_or_else(
        || {
            not_a_json_number(text, span, mistakes);
            Value::Null
        },
        Value::Number,
    )
}

fn whole(integer: &DeInteger<'_>) -> Option<Number> {
    let (digits, radix) = (integer.as_str(), integer.radix());
    let signed = i64::from_str_radix(digits, radix).map(Number::from);
    signed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from)).ok()
}

fn span<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span::new(range.start, range.end)
}
