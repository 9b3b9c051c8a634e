//! The checks, one per field. Each adds what is wrong as a sentence, and none quotes a long value back.

use std::borrow::Cow;

use catena_sdk::{Failure, Object};
use unicode_segmentation::UnicodeSegmentation;

/// Characters of an author's name at most.
const ACTOR_MAX: usize = 64;

fn problem(field: &str, what: impl std::fmt::Display) -> String {
    format!("body field `/{field}`: {what}")
}

/// A text field; a wrong type is a problem.
fn text_of<'a>(post: &'a Object<'_>, field: &str, problems: &mut Vec<String>) -> Option<Cow<'a, str>> {
    match post.text(field) {
        Ok(text) => text,
        Err(Failure::Reject(problem) | Failure::Retry(problem)) => {
            problems.push(problem);
            None
        }
    }
}

/// A name without spaces, or a number.
pub(crate) fn actor(post: &Object<'_>, problems: &mut Vec<String>) {
    match post.raw("actor") {
        None | Some("null") => problems.push(problem("actor", "is missing")),
        Some(raw) if raw.parse::<u64>().is_ok() => {}
        Some(_) => {
            let Some(actor) = text_of(post, "actor", problems) else { return };
            if actor.is_empty() {
                problems.push(problem("actor", "is empty"));
            } else if actor.chars().count() > ACTOR_MAX {
                problems.push(problem("actor", format_args!("has more than {ACTOR_MAX} characters")));
            } else if actor.chars().any(|c| c.is_whitespace() || c.is_control()) {
                problems.push(problem("actor", "must not contain spaces or control characters"));
            }
        }
    }
}

/// The post's verb, or the message's kind where the post names none.
pub(crate) fn verb<'a>(
    post: &'a Object<'_>,
    kind: &'a str,
    taken: &[String],
    problems: &mut Vec<String>,
) -> Cow<'a, str> {
    let verb = text_of(post, "verb", problems).unwrap_or(Cow::Borrowed(kind));
    if !is_verb(&verb) {
        problems.push(problem(
            "verb",
            "is not a verb: use 1 to 64 of a-z, 0-9, `.`, `-` and `_`, starting with a letter",
        ));
    } else if !taken.is_empty() && !taken.iter().any(|other| *other == verb) {
        problems.push(problem(
            "verb",
            format_args!("`{verb}` is not taken here; taken are {}", taken.join(", ")),
        ));
    }
    verb
}

pub(crate) fn is_verb(verb: &str) -> bool {
    (1..=64).contains(&verb.len())
        && verb.starts_with(|c: char| c.is_ascii_lowercase())
        && verb.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'))
}

/// Present where it must be, something to see, and not too long.
pub(crate) fn text(post: &Object<'_>, required: bool, text_max: usize, problems: &mut Vec<String>) {
    let before = problems.len();
    let Some(text) = text_of(post, "text", problems) else {
        if required && problems.len() == before {
            problems.push(problem("text", "is missing"));
        }
        return;
    };
    if required && !text.chars().any(is_visible) {
        problems.push(problem("text", "is blank"));
    }
    // No text has more characters than bytes: most are let through without counting.
    if text.len() > text_max {
        let count = text.graphemes(true).count();
        if count > text_max {
            problems.push(problem("text", format_args!("has {count} characters, at most {text_max}")));
        }
    }
}

/// Leaves out spaces, controls, zero-width characters and the fillers used to fake a text.
fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

/// The shape `2026-01-31T12:00:00…` where it is there; the calendar is the engine's business.
pub(crate) fn published_at(post: &Object<'_>, problems: &mut Vec<String>) {
    let Some(at) = text_of(post, "published_at", problems) else { return };
    let shape = b"0000-00-00T00:00:00";
    let fits = |(given, expected): (&u8, &u8)| match expected {
        b'0' => given.is_ascii_digit(),
        _ => given.eq_ignore_ascii_case(expected),
    };
    if at.len() < shape.len() || !at.as_bytes().iter().zip(shape).all(fits) {
        problems.push(problem("published_at", "is not a time of RFC 3339"));
    }
}
