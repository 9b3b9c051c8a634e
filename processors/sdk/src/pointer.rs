//! What a JSON pointer leads to, in the text itself.

use serde_json::value::RawValue;

use crate::Object;

/// The tokens of a pointer (RFC 6901); none where it is empty.
fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// The name of the field a pointer points at, where it leads no further.
pub(crate) fn name(pointer: &str) -> Option<String> {
    let mut tokens = tokens(pointer);
    tokens.next().filter(|_| tokens.next().is_none())
}

/// The JSON at the pointer, as it was written. Of a repeated name the last counts.
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
