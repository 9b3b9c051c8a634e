//! Texts that are no chain: every one is answered with a place and a sentence.

use chain::{Code, Look, Source, compile, parse};
use proptest::prelude::*;

use crate::support::{Fakes, json, to_json, told, toml};

const WHOLE: &str = include_str!("corpus/whole.toml");

/// Compiles, and holds faults to what they promise.
fn check(source: &Source) {
    let Err(faults) = compile(source, &Fakes::samples()) else {
        return;
    };
    assert!(!faults.mistakes().is_empty());
    for mistake in faults.mistakes() {
        let lines = source.text.split('\n').count();
        assert!((1..=lines).contains(&mistake.line), "{mistake:?}");
        let line = source.text.split('\n').nth(mistake.line - 1).unwrap();
        assert!((1..=line.chars().count() + 1).contains(&mistake.column), "{mistake:?}");
        assert!(source.text.get(mistake.span.start..mistake.span.end).is_some(), "{mistake:?}");
        assert!(!mistake.message.is_empty());
    }
    for look in [Look::Colour, Look::Graphical, Look::Narrated] {
        assert!(!faults.render(look).is_empty());
    }
    serde_json::to_string(&faults).unwrap();
}

#[test]
fn a_text_cut_anywhere_is_answered() {
    let as_json = to_json(WHOLE).to_string();
    for (text, source) in [(WHOLE, toml as fn(&str) -> Source), (&as_json, json)] {
        for cut in (0..text.len()).step_by(3) {
            check(&source(&text[..cut]));
        }
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let times = |text: &str, n: usize| text.repeat(n);
    let dotted = format!("{}a", times("a.", 79));
    let bombs = [
        json(&times("[", 100_000)),
        json(&format!("{}{}", times("[", 400), times("]", 400))),
        json(&times("{\"a\":", 100_000)),
        toml(&format!("a = {}", times("[", 100_000))),
        toml(&format!("a = {}{}", times("[", 70), times("]", 70))),
        toml(&format!("{} = 1", times("a.", 200_000))),
        toml(&format!("{dotted} = 1")),
        // Each level of braces brings a dotted key of its own.
        toml(&format!("{dotted} = {}1{}", times(&format!("{{ {dotted} = "), 75), times("}", 75))),
    ];
    for bomb in bombs {
        let faults = parse(&bomb).unwrap_err();
        let codes: Vec<_> = faults.mistakes().iter().map(|m| m.code).collect();
        let expected = [Code::TooDeep, Code::Syntax];
        assert!(codes.iter().any(|c| expected.contains(c)), "{:?}: {:?}", &bomb.text[..40], told(&faults));
        check(&bomb);
    }
    assert_eq!(parse(&toml(&format!("{dotted} = 1"))).unwrap_err().mistakes()[0].code, Code::TooDeep);
}

/// An edit of a text: bytes from here to there replaced.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(String::new()),
        "[\\[\\]{}\",:=.#\\\\'\n0-9a-z]{1,4}",
        "\\PC{0,6}",
        any::<prop::sample::Index>().prop_map(move |at| {
            let start = text.floor_char_boundary(at.index(text.len()));
            text[start..].chars().take(40).collect()
        }),
    ];
    let edit = (any::<prop::sample::Index>(), 0usize..30, piece);
    prop::collection::vec(edit, 1..5).prop_map(move |edits| {
        let mut text = text.to_owned();
        for (at, len, piece) in edits {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + len).min(text.len()));
            text.replace_range(start..end, &piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_texts_are_answered(text in "\\PC{0,80}", lines in "([a-z\\[\\]{}\"=.,:# \n]|\r\n){0,80}") {
        for text in [&text, &lines] {
            check(&toml(text));
            check(&json(text));
        }
    }

    #[test]
    fn edited_chains_are_answered(text in mutated(WHOLE)) {
        check(&toml(&text));
    }

    #[test]
    fn edited_json_is_answered(text in mutated(include_str!("corpus/whole.json"))) {
        check(&json(&text));
    }
}
