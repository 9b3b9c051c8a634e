//! Which field a JSON error is about.
//!
//! serde says what was wrong and serde_json where, as line and column; people want the field's name. The text up to
//! that place is scanned again for the path: nothing is paid where nothing is wrong, and no code is generated per
//! type, which matters in a guest.

/// How the sentence speaks of the place.
#[derive(Clone, Copy)]
pub(crate) enum Style<'a> {
    /// The step's settings: `limits.text_max`.
    Settings,
    /// The message's body, as a JSON pointer: `/user/name`.
    Body,
    /// One field of the body, whose own JSON was read.
    Field(&'a str),
}

/// What is wrong, and in which field.
pub(crate) fn sentence(text: &[u8], error: &serde_json::Error, style: Style<'_>) -> String {
    let problem = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = problem.strip_suffix(&place).unwrap_or(&problem);
    let mut path = path_at(text, offset(text, error));
    // Serde names unknown and missing fields itself.
    if path.last().is_some_and(|last| problem.contains(&format!("field `{last}`"))) {
        path.pop();
    }
    if let Style::Field(name) = style {
        path.insert(0, name.to_owned());
    }
    match style {
        Style::Settings if path.is_empty() => format!("settings: {problem}"),
        Style::Settings => format!("setting `{}`: {problem}", path.join(".")),
        Style::Body | Style::Field(_) if path.is_empty() => format!("body: {problem}"),
        Style::Body | Style::Field(_) => {
            let pointer = path.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
            format!("body field `/{}`: {problem}", pointer.collect::<Vec<_>>().join("/"))
        }
    }
}

/// Bytes read when the error came up.
fn offset(text: &[u8], error: &serde_json::Error) -> usize {
    let line = error.line().saturating_sub(1);
    let before: usize = text.split_inclusive(|byte| *byte == b'\n').take(line).map(<[u8]>::len).sum();
    before + error.column()
}

/// A place within one container.
enum Place {
    Key(Option<String>),
    Index(usize),
}

/// The path to the value that was being read, or had just been read, `end` bytes into `text`. Lenient: up to
/// there the text was taken by a parser already.
fn path_at(text: &[u8], end: usize) -> Vec<String> {
    let mut stack: Vec<Place> = Vec::new();
    let mut key_is_due = false;
    let mut rest = text.get(..end).unwrap_or(text);
    while let Some((byte, after)) = rest.split_first() {
        let mut next = after;
        match byte {
            b'{' => {
                stack.push(Place::Key(None));
                key_is_due = true;
            }
            b'[' => stack.push(Place::Index(0)),
            b'}' | b']' => {
                stack.pop();
            }
            b',' => match stack.last_mut() {
                Some(Place::Index(index)) => *index += 1,
                Some(Place::Key(key)) => {
                    *key = None;
                    key_is_due = true;
                }
                None => {}
            },
            b':' => key_is_due = false,
            b'"' => {
                let (string, after) = rest.split_at(string_length(rest));
                next = after;
                if let (true, Some(Place::Key(key))) = (key_is_due, stack.last_mut()) {
                    *key = serde_json::from_slice(string).ok();
                }
            }
            _ => {}
        }
        rest = next;
    }
    let name = |place| match place {
        Place::Key(key) => key,
        Place::Index(index) => Some(index.to_string()),
    };
    stack.into_iter().filter_map(name).collect()
}

/// The bytes of the string literal at the start of `text`, quotes included; all of it where it does not end.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code)]
    struct Shape {
        count: u32,
        #[serde(default)]
        list: Vec<BTreeMap<String, bool>>,
    }

    fn says(text: &str, style: Style<'_>) -> String {
        sentence(text.as_bytes(), &serde_json::from_str::<Shape>(text).unwrap_err(), style)
    }

    #[test]
    fn the_field_is_named_wherever_it_is() {
        for (text, expected) in [
            (r#"{"count":"x"}"#, "body field `/count`: invalid type: string \"x\", expected u32"),
            (r#"{"count":{}}"#, "body field `/count`: invalid type: map, expected u32"),
            (
                "{\n \"list\":[],\n \"count\": -1}",
                "body field `/count`: invalid value: integer `-1`, expected u32",
            ),
            (
                r#"{"list":[{},{"a":true,"b/\"c":7}],"count":1}"#,
                "body field `/list/1/b~1\"c`: invalid type: integer `7`, expected a boolean",
            ),
            (r#"{"list":[{"a":true},[]]}"#, "body field `/list/1`: invalid type: sequence, expected a map"),
            ("[]", "body: invalid length 0, expected struct Shape with 2 elements"),
            (r#""{}""#, "body: invalid type: string \"{}\", expected struct Shape"),
            (r#"{"count":1"#, "body field `/count`: EOF while parsing an object"),
            ("", "body: EOF while parsing a value"),
        ] {
            assert_eq!(says(text, Style::Body), expected, "for {text}");
        }
    }

    #[test]
    fn settings_are_named_with_dots_and_serde_names_what_is_unknown_or_missing() {
        assert_eq!(
            says(r#"{"count":"x"}"#, Style::Settings),
            "setting `count`: invalid type: string \"x\", expected u32"
        );
        assert_eq!(says("{}", Style::Settings), "settings: missing field `count`");
        assert_eq!(
            says(r#"{"cuont":1}"#, Style::Settings),
            "settings: unknown field `cuont`, expected `count` or `list`"
        );
        assert_eq!(
            says(r#"{"count":1,"list":[{"a":0}]}"#, Style::Settings),
            "setting `list.0.a`: invalid type: integer `0`, expected a boolean"
        );
    }
}
