//! Expected against actual, told in terms of the chain file.

use std::collections::BTreeMap;

use model::{Emission, Headers, Name};
use serde_json::Value;

use super::Difference;
use crate::{
    End, Finished, Stopped,
    definition::{Emitted, Ending, Expect},
};

/// Characters of a value shown at most.
const SHOWN_CHARS_MAX: usize = 200;

pub(super) fn compare(
    expect: &Expect,
    result: &Result<Finished, Stopped>,
    path: &[Name],
    out: &mut Vec<Difference>,
) {
    if let Some(wanted) = &expect.path {
        let wanted = wanted.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" → ");
        let got = path.iter().map(Name::as_str).collect::<Vec<_>>().join(" → ");
        equal("path", &wanted, &got, out);
    }
    let (ending, reason) = match result {
        Ok(Finished { end: End::Output, .. }) => (Ending::OUTPUT.as_str(), String::new()),
        Ok(Finished { end: End::Term { reason }, .. }) => (Ending::TERM.as_str(), reason.clone()),
        Err(stopped) => (stopped.fault.code(), stopped.fault.to_string()),
    };
    if let Some(wanted) = expect.verdict {
        let with_reason = format!("{ending}: {reason}");
        let got = if reason.is_empty() || ending == wanted.as_str() { ending } else { &with_reason };
        equal("verdict", wanted.as_str(), got, out);
    }
    if let Some(wanted) = expect.reason.as_ref().filter(|part| !reason.contains(part.as_str())) {
        differs("reason", format!("a text with {wanted:?}"), format!("{reason:?}"), out);
    }
    let Ok(finished) = result else {
        if expect.body.is_some() || expect.headers.is_some() || expect.emitted.is_some() {
            differs("end", "a message".to_owned(), format!("{ending}: {reason}"), out);
        }
        return;
    };
    if let Some(wanted) = &expect.body {
        body("body", wanted, &finished.message.body, out);
    }
    if let Some(wanted) = &expect.headers {
        headers(wanted, &finished.message.headers, out);
    }
    if let Some(wanted) = &expect.emitted {
        emissions(wanted, &finished.emitted, out);
    }
}

fn headers(wanted: &BTreeMap<String, String>, got: &Headers, out: &mut Vec<Difference>) {
    for (name, value) in wanted {
        equal(&format!("header `{name}`"), value, got.get(name).unwrap_or("none"), out);
    }
}

fn emissions(wanted: &[Emitted], got: &[(usize, Emission)], out: &mut Vec<Difference>) {
    if wanted.len() != got.len() {
        let outputs = |names: Vec<&str>| format!("{} [{}]", names.len(), names.join(", "));
        let expected = outputs(wanted.iter().map(|e| e.output.as_str()).collect());
        differs("emitted", expected, outputs(got.iter().map(|(_, e)| e.output.as_str()).collect()), out);
        return;
    }
    for (i, (wanted, (_, got))) in wanted.iter().zip(got).enumerate() {
        let of = |what: &str| format!("{what} of emission {}", i + 1);
        equal(&of("output"), &wanted.output, &got.output, out);
        for (what, wanted, got) in [("kind", &wanted.kind, &got.kind), ("key", &wanted.key, &got.key)] {
            if let Some(wanted) = wanted {
                equal(&of(what), wanted, got, out);
            }
        }
        if let Some(wanted) = &wanted.body {
            body(&of("body"), wanted, &got.body, out);
        }
    }
}

fn body(what: &str, wanted: &Value, got: &[u8], out: &mut Vec<Difference>) {
    match serde_json::from_slice(got) {
        Ok(got) => within(what, &mut String::new(), wanted, &got, out),
        Err(_) => {
            differs(what, wanted.to_string(), format!("no JSON: {:?}", String::from_utf8_lossy(got)), out)
        }
    }
}

/// Whether `got` has all that `wanted` mentions. `pointer` is the place, as RFC 6901 writes it.
fn within(what: &str, pointer: &mut String, wanted: &Value, got: &Value, out: &mut Vec<Difference>) {
    let length = pointer.len();
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, wanted) in wanted {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match got.get(key) {
                    Some(got) => within(what, pointer, wanted, got, out),
                    None => differs(&place(what, pointer), wanted.to_string(), "nothing".to_owned(), out),
                }
                pointer.truncate(length);
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (i, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                pointer.push_str(&format!("/{i}"));
                within(what, pointer, wanted, got, out);
                pointer.truncate(length);
            }
        }
        // `1` and `1.0` are one number.
        (Value::Number(wanted), Value::Number(got)) if wanted.as_f64() == got.as_f64() => {}
        _ if wanted == got => {}
        _ => differs(&place(what, pointer), wanted.to_string(), got.to_string(), out),
    }
}

fn place(what: &str, pointer: &str) -> String {
    if pointer.is_empty() { what.to_owned() } else { format!("{what} at {pointer}") }
}

fn equal(what: &str, expected: &str, got: &str, out: &mut Vec<Difference>) {
    if expected != got {
        differs(what, expected.to_owned(), got.to_owned(), out);
    }
}

fn differs(what: &str, expected: String, got: String, out: &mut Vec<Difference>) {
    out.push(Difference { what: what.to_owned(), expected: cut(&expected), got: cut(&got) });
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
