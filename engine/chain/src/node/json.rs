use std::collections::HashSet;

use jsonc_parser::{
    CollectOptions, ParseOptions, ast,
    common::{Range, Ranged as _},
    errors::ParseErrorKind as Kind,
    parse_to_ast,
};
use serde_json::Number;

use super::{DEPTH_MAX, Entry, Node, Value, not_a_json_number, too_deep};
use crate::{
    Code, Span,
    faults::{Mistakes, quoted},
};

/// JSON as RFC 8259 has it, nothing looser.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads JSON.
pub(super) fn read(text: &str, mistakes: &mut Mistakes) -> Option<Node> {
    match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => match parsed.value {
            Some(value) => Some(node(&value, DEPTH_MAX, mistakes)),
            None => {
                let end = Span::new(text.len(), text.len());
                mistakes.add(Code::Syntax, end, "not JSON: the file is empty");
                None
            }
        },
        Err(error) => {
            let at = match error.kind() {
                // The parser gives all of the object; what is missing is missing at its end.
                Kind::UnterminatedObject | Kind::UnterminatedArray => Span::new(text.len(), text.len()),
                _ => span(error.range()),
            };
            mistakes.add(Code::Syntax, at, format!("not JSON: {}", lower_first(&error.kind().to_string())));
            None
        }
    }
}

fn node(value: &ast::Value<'_>, depth: usize, mistakes: &mut Mistakes) -> Node {
    let span = span(value.range());
    let Some(depth) = depth.checked_sub(1) else {
        too_deep(span, mistakes);
        return Node { value: Value::Null, span };
    };
    let value = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.clone().into_owned()),
        ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::NumberLit(number) => match number.value.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => {
                not_a_json_number(number.value, span, mistakes);
                Value::Null
            }
        },
        ast::Value::Array(list) => {
            Value::List(list.elements.iter().map(|item| node(item, depth, mistakes)).collect())
        }
        ast::Value::Object(object) => Value::Table(entries(object, depth, mistakes)),
    };
    Node { value, span }
}

fn entries(object: &ast::Object<'_>, depth: usize, mistakes: &mut Mistakes) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut entries = Vec::with_capacity(object.properties.len());
    for property in &object.properties {
        let key = property.name.as_str();
        let key_span = span(property.name.range());
        if !seen.insert(key) {
            mistakes.add(Code::DuplicateKey, key_span, format!("{} stands here twice", quoted(key)));
            continue;
        }
        entries.push(Entry { key: key.to_owned(), key_span, node: node(&property.value, depth, mistakes) });
    }
    entries
}

fn span(range: Range) -> Span {
    Span::new(range.start, range.end)
}

/// Faults are sentences in lower case.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
