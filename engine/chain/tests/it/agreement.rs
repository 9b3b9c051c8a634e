//! The decoder and the schema take the same files.

use chain::{json_schema, parse};
use serde_json::{Value, json};

use crate::support::json;

const WHOLE: &str = include_str!("corpus/whole.json");
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../chains/chain.schema.json");

#[test]
fn the_committed_schema_is_current() {
    let current = json_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(COMMITTED, &current).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    assert!(committed == current, "run `UPDATE_SCHEMA=1 cargo test -p catena-chain schema`");
}

/// Every way to a value within `value`.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, v)| pointers(v, &format!("{at}/{key}"), out)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| pointers(v, &format!("{at}/{i}"), out))
        }
        _ => {}
    }
}

/// The chain with everything in it, changed in one place in every way that might matter.
fn variants(whole: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    pointers(whole, "", &mut places);
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(7),
        json!(-1),
        json!(0.5),
        json!(20_000),
        json!(100_000),
        json!("text"),
        json!("Not A Name"),
        json!("a@*"),
        json!(""),
        json!([]),
        json!(["x"]),
        json!([1]),
        json!({}),
        json!({ "text": "x" }),
        json!({ "a": 1 }),
    ];
    let mut variants = Vec::new();
    for place in &places {
        for value in &values {
            let mut variant = whole.clone();
            *variant.pointer_mut(place).unwrap() = value.clone();
            variants.push((format!("{place} = {value}"), variant));
        }
        let Some((parent, key)) = place.rsplit_once('/') else {
            continue;
        };
        let mut variant = whole.clone();
        match variant.pointer_mut(parent).unwrap() {
            Value::Object(map) => map.remove(key),
            Value::Array(list) => Some(list.remove(key.parse().unwrap())),
            _ => None,
        };
        variants.push((format!("no {place}"), variant));
        let mut variant = whole.clone();
        if let Some(map) = variant.pointer_mut(place).unwrap().as_object_mut() {
            map.insert("unknown-key".to_owned(), json!("unknown"));
            variants.push((format!("more in {place}"), variant));
        }
    }
    variants
}

#[test]
fn the_decoder_and_the_schema_agree() {
    let schema = jsonschema::validator_for(&json_schema().parse().unwrap()).unwrap();
    let mut whole: Value = WHOLE.parse().unwrap();
    whole["$schema"] = json!("chain.schema.json");
    assert!(
        schema.is_valid(&whole),
        "{:?}",
        schema.iter_errors(&whole).map(|e| e.to_string()).collect::<Vec<_>>()
    );
    let variants = variants(&whole);
    assert!(variants.len() > 1_000);
    let mut refused = 0;
    for (what, variant) in variants {
        let decoder = parse(&json(&variant.to_string())).map(|_| ()).map_err(|f| f.to_string());
        assert_eq!(decoder.is_ok(), schema.is_valid(&variant), "{what}: {decoder:?}");
        refused += usize::from(decoder.is_err());
    }
    assert!(refused > 500);
}

/// Every key the schema has anywhere, so that a new one cannot be forgotten in the chain above.
#[test]
fn the_chain_with_everything_has_every_key() {
    fn keys(value: &Value, out: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            out.extend(properties.keys().cloned());
        }
        match value {
            Value::Object(map) => map.values().for_each(|v| keys(v, out)),
            Value::Array(list) => list.iter().for_each(|v| keys(v, out)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    keys(&json_schema().parse().unwrap(), &mut all);
    for key in all.iter().filter(|key| *key != "$schema") {
        assert!(WHOLE.contains(&format!("\"{key}\":")), "`{key}` is not in corpus/whole.toml");
    }
}
