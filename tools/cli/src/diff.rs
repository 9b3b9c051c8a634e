//! What differs between two JSON values, field by field, as JSON pointers.

use serde::Serialize;
use serde_json::Value;

/// One field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// Where, as a JSON pointer; empty for the whole.
    pub(crate) at: String,
    /// What was there; nothing where it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    /// What is there now; nothing where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
}

/// Bytes of a shown value at most, about.
const SHOWN_MAX: usize = 100;

impl Change {
    /// One line for people: `+` new, `-` gone, `~` changed.
    pub(crate) fn line(&self) -> String {
        let at = if self.at.is_empty() { "(body)" } else { &self.at };
        match (&self.before, &self.after) {
            (None, Some(after)) => format!("+ {at} {}", shown(after)),
            (Some(before), None) => format!("- {at} {}", shown(before)),
            (Some(before), Some(after)) => format!("~ {at} {} → {}", shown(before), shown(after)),
            (None, None) => at.to_owned(),
        }
    }
}

fn shown(value: &Value) -> String {
    console::truncate_str(&value.to_string(), SHOWN_MAX, "…").into_owned()
}

/// Every field that differs. Objects are compared by name, arrays as wholes: processors rarely change one
/// element, and a shifted array would read as a change of every element.
pub(crate) fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    collect(String::new(), before, after, &mut changes);
    changes
}

fn collect(at: String, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        changes.push(Change { at, before: Some(before.clone()), after: Some(after.clone()) });
        return;
    };
    let field = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    for (name, old) in old {
        match new.get(name) {
            Some(new) => collect(field(name), old, new, changes),
            None => changes.push(Change { at: field(name), before: Some(old.clone()), after: None }),
        }
    }
    for (name, new) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        changes.push(Change { at: field(name), before: None, after: Some(new.clone()) });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_told_field_by_field() {
        let before = json!({"a": 1, "b": {"c": "x", "d/e": 1}, "gone": true});
        let after = json!({"a": 1, "b": {"c": "y", "d/e": 2}, "new": []});
        let lines: Vec<_> = diff(&before, &after).iter().map(Change::line).collect();
        assert_eq!(lines, [r#"~ /b/c "x" → "y""#, "~ /b/d~1e 1 → 2", "- /gone true", "+ /new []"]);
        assert!(diff(&before, &before).is_empty());
        assert_eq!(diff(&json!(1), &json!([1])).len(), 1);
    }
}
