use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn draft(body: &str) -> Draft {
    Message { body: body.to_owned().into(), ..Message::default() }.into()
}

/// What a draft has at a pointer; `Err` where it has to be read whole.
fn read(draft: &mut Draft, pointer: &str) -> Result<Option<String>, ()> {
    let mut found = None;
    let text = |json: &[u8]| String::from_utf8(json.to_vec()).unwrap();
    let read = draft.read(&[pointer.parse().unwrap()], |json| found = json.map(text));
    read.then_some(found).ok_or(())
}

fn field(body: &str, pointer: &str) -> Option<String> {
    read(&mut draft(body), pointer).unwrap()
}

fn edit(field: &str, value: Option<&str>) -> Edit {
    Edit { field: field.to_owned(), value: value.map(|value| value.to_owned().into()) }
}

fn edited(body: &str, edits: &[Edit]) -> String {
    let mut draft = draft(body);
    let outcome = Outcome { edits: edits.to_vec(), ..Outcome::default() };
    let after = draft.body_bytes_after(&outcome);
    assert_eq!(draft.apply(None, None, edits.to_vec()), after.map(|_| ()));
    if let Ok(bytes) = after {
        assert_eq!(bytes, draft.body_bytes());
    }
    let bytes = draft.body_bytes();
    let body = draft.into_message().body;
    assert_eq!(bytes, body.len());
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn fields_are_found_as_they_were_written() {
    let body = r#"{"text":"日\n","n":1e400,"a":[0,{"b":[ 1 ]}],"t":1,"t":2,"\u0041":null,"a/b~":7,"":8}"#;
    for (pointer, expected) in [
        ("/text", Some("\"日\\n\"")),
        ("/n", Some("1e400")),
        ("/a/1/b", Some("[ 1 ]")),
        ("/a/1/b/0", Some("1")),
        ("/t", Some("2")),
        ("/A", Some("null")),
        ("/a~1b~0", Some("7")),
        ("/", Some("8")),
        ("/a/2", None),
        ("/a/01", None),
        ("/a/-", None),
        ("/text/0", None),
        ("/missing", None),
    ] {
        assert_eq!(field(body, pointer).as_deref(), expected, "{pointer}");
    }
}

#[test]
fn a_body_that_is_no_object_has_no_fields_and_takes_no_edits() {
    for body in ["", "[1]", "\"x\"", "{\"a\":1", "{\"a\":1} x", "{\"a\":\u{1}}", "not json"] {
        assert_eq!(read(&mut draft(body), "/a"), Err(()), "{body}");
        assert_eq!(edited(body, &[edit("a", Some("1"))]), body);
    }
    let mut draft = Draft::from(Message { body: b"{\"a\":\"\xff\"}"[..].into(), ..Message::default() });
    assert!(!draft.is_object());
}

#[test]
fn what_cannot_be_read_on_the_way_is_not_taken_for_absent() {
    assert_eq!(read(&mut draft(r#"{"a":{"b":1,"\ud800":2}}"#), "/a/b"), Err(()));
    // Nor is what would take long to find.
    let long = format!(r#"{{"a":{{"b":[{}0]}}}}"#, "0,".repeat(100_000));
    assert_eq!(read(&mut draft(&long), "/a/b/100000"), Ok(Some("0".to_owned())));
    let mut draft = draft(&long);
    let ways = vec!["/a/b/0".parse().unwrap(); 10];
    assert!(!draft.read(&ways, |_| {}));
}

#[test]
fn many_fields_are_as_good_as_few() {
    let many: String = (0..70_000).map(|n| format!("\"k{n}\":1,")).collect();
    assert_eq!(
        field(&format!(r#"{{"user":{{"name":"evil",{many}"z":0}}}}"#), "/user/name").unwrap(),
        "\"evil\""
    );
    let body = format!("{{{many}\"a\":2}}");
    assert_eq!(edited(&body, &[edit("a", Some("3"))]), body.replace("\"a\":2", "\"a\":3"));
}

#[test]
fn edits_leave_everything_else_byte_for_byte() {
    let body =
        r#"{"z":1e400,"id":505874924095815681,"a":[ 1 , {"\u0041": null}],"text":"x","é":"\ud83d\ude0b"}"#;
    assert_eq!(edited(body, &[edit("text", Some("\"日本\""))]), body.replace(r#""x""#, r#""日本""#));
    assert_eq!(edited(body, &[edit("new\"", Some("1"))]), body.replace("0b\"}", "0b\",\"new\\\"\":1}"));
    assert_eq!(edited(r#"{"a":1,"b":2,"a":3}"#, &[edit("a", Some("4"))]), r#"{"a":4,"b":2}"#);
    assert_eq!(edited(r#"{"a":1,"b":2,"a":3}"#, &[edit("a", None), edit("b", None)]), "{}");
    assert_eq!(edited(" { } ", &[edit("a", Some("1"))]), r#"{"a":1}"#);
}

#[test]
fn a_new_body_forgets_the_fields_of_the_old_one() {
    let mut draft = draft(r#"{"a":1}"#);
    draft.apply(None, None, vec![edit("a", Some("2"))]).unwrap();
    assert_eq!(read(&mut draft, "/a"), Ok(Some("2".to_owned())));
    assert_eq!(draft.to_message().body, r#"{"a":2}"#);
    draft.apply(Some(r#"{"a":3}"#.into()), None, vec![edit("b", Some("4"))]).unwrap();
    assert_eq!(read(&mut draft, "/a"), Ok(Some("3".to_owned())));
    assert_eq!(draft.message().body, r#"{"a":3,"b":4}"#);
    draft.apply(None, None, vec![edit("a", None)]).unwrap();
    assert_eq!(draft.into_message().body, r#"{"b":4}"#);
}

#[test]
fn pointers_are_read_and_shown() {
    for text in ["/", "/a", "/a/0/b", "/a~1b/~0", "/ü"] {
        assert_eq!(text.parse::<Pointer>().unwrap().to_string(), text);
    }
    assert!(matches!("".parse::<Pointer>(), Err(InvalidPointer::NoSlash(_))));
    assert!(matches!("text".parse::<Pointer>(), Err(InvalidPointer::NoSlash(_))));
    assert!(matches!("/a~2".parse::<Pointer>(), Err(InvalidPointer::Tilde(_))));
    assert!(matches!("/a~".parse::<Pointer>(), Err(InvalidPointer::Tilde(_))));
    assert!("/1/2/3/4/5/6/7/8".parse::<Pointer>().is_ok());
    assert!(
        matches!("/".repeat(100_000).parse::<Pointer>(), Err(InvalidPointer::TooDeep(shown, 100_000)) if shown.len() == 64)
    );
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\\n\u{e9}\u{65e5}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    prop::collection::vec((name(), value), 0..5).prop_map(|fields| fields.into_iter().collect())
}

fn name() -> impl Strategy<Value = String> {
    "[ab~/\"\u{e9}]{0,2}"
}

proptest! {
    #[test]
    fn fields_and_edits_agree_with_parsed_json(
        body in object(json()),
        pointer in prop::collection::vec(prop_oneof![name(), "[0-3]"], 1..4),
        edits in prop::collection::vec((name(), prop::option::of(json())), 0..5),
    ) {
        let pointer: String =
            pointer.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect();
        let mut expected = Value::Object(body);
        let mut draft = draft(&expected.to_string());
        for (name, value) in edits {
            let value_text = value.as_ref().map(Value::to_string);
            draft.apply(None, None, vec![edit(&name, value_text.as_deref())]).unwrap();
            let fields = expected.as_object_mut().unwrap();
            match value {
                Some(value) => drop(fields.insert(name, value)),
                None => drop(fields.remove(&name)),
            }
            let found = read(&mut draft, &pointer).unwrap();
            let found: Option<Value> = found.map(|json| serde_json::from_str(&json).unwrap());
            prop_assert_eq!(found.as_ref(), expected.pointer(&pointer));
        }
        let bytes = draft.body_bytes();
        let body = draft.into_message().body;
        prop_assert_eq!(bytes, body.len());
        prop_assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}
