//! What a JSON pointer leads to, in the text itself.

use serde_json::value::RawValue;

use crate::Object;

/// The tokens of a pointer (RFC 6901); none where it is empty.
fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// Names in a pointer at most; the host has the same bound.
const DEPTH_MAX: usize = 8;

/// Says what is wrong with a pointer that is not empty, as the host would.
pub(crate) fn check(pointer: &str) -> Result<(), String> {
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err(format!("`{pointer}` is no JSON pointer: begin it with a slash, like `/text`"));
    };
    if rest.split('~').skip(1).any(|behind| !behind.starts_with(['0', '1'])) {
        return Err(format!(
            "`{pointer}` is no JSON pointer: after `~` comes `0` (for `~`) or `1` (for `/`)"
        ));
    }
    let depth = rest.split('/').count();
    if depth > DEPTH_MAX {
        return Err(format!(
            "`{pointer}` leads {depth} deep, at most {DEPTH_MAX} are allowed: take a field further up"
        ));
    }
    Ok(())
}

/// The name of the field a pointer points at, where it leads no further.
pub(crate) fn name(pointer: &str) -> Option<String> {
    let mut tokens = tokens(pointer);
    tokens.next().filter(|_| tokens.next().is_none())
}

/// The JSON at the pointer, as it was written, in JSON without blanks around it. Of a repeated name the last counts.
pub(crate) fn find<'a>(json: &'a str, pointer: &str) -> Option<&'a str> {
    tokens(pointer).try_fold(json, |json, token| match json.as_bytes().first()? {
        b'{' => serde_json::from_str::<Object<'a>>(json).ok()?.into_raw(&token),
        b'[' => {
            let index: usize =
                token.parse().ok().filter(|_| token == "0" || !token.starts_with(['0', '+']))?;
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            items.get(index).map(|item| item.get())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_as_they_were_written() {
        let json = r#"{"a":[{"b/c":1e5},"x"],"d":1,"d":{"e":[]}}"#;
        for (pointer, found) in [
            ("", Some(json)),
            ("/a/0/b~1c", Some("1e5")),
            ("/a/1", Some("\"x\"")),
            ("/a/01", None),
            ("/a/2", None),
            ("/d/e", Some("[]")),
            ("/a/1/x", None),
            ("/z", None),
        ] {
            assert_eq!(find(json, pointer), found, "{pointer}");
        }
        assert_eq!(name("/a~1b"), Some("a/b".to_owned()));
        assert_eq!((name(""), name("/a/b")), (None, None));
    }
}
