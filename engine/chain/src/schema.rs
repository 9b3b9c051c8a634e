//! The JSON Schema of chain files, for editors and other tools.

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};

use crate::Definition;

/// The schema, as `chains/chain.schema.json` holds it: JSON, indented, with a line feed at the end.
#[must_use]
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<Definition>();
    format!("{:#}\n", schema.to_value())
}

/// A key that may be left out may not be `null` instead: TOML has no such value, and the two formats
/// hold the same.
fn without_null(schema: &mut Schema) {
    if let Some(types) = schema.get_mut("type").and_then(|t| t.as_array_mut()) {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(words) = schema.get_mut("enum").and_then(|w| w.as_array_mut()) {
        words.retain(|word| !word.is_null());
    }
    if let Some(choices) = schema.get_mut("anyOf").and_then(|c| c.as_array_mut()) {
        choices.retain(|c| c.get("type").is_none_or(|t| t != "null"));
        if let [only] = choices.as_slice() {
            let only = only.as_object().cloned().unwrap_or_default();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
}
