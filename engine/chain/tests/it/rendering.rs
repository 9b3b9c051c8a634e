//! What people read.

use chain::{Look, compile};

use crate::support::{Fakes, toml};

const SEVEN: &str = include_str!("corpus/seven-mistakes.toml");
const WHOLE: &str = include_str!("corpus/whole.toml");

#[test]
fn a_chain_with_seven_mistakes_shows_all_seven() {
    let faults = compile(&toml(SEVEN), &Fakes::samples()).unwrap_err();
    insta::assert_snapshot!("seven_lines", faults.to_string());
    insta::assert_snapshot!("seven_drawn", faults.render(Look::Graphical));
    insta::assert_json_snapshot!("seven_json", faults);
    let mut codes: Vec<_> = faults.mistakes().iter().map(|m| m.code).collect();
    codes.sort();
    codes.dedup();
    assert!(codes.len() >= 7, "{codes:?}");
}

#[test]
fn mistakes_are_drawn_with_their_lines() {
    let drawn = |from: &str, to: &str, look| {
        compile(&toml(&WHOLE.replacen(from, to, 1)), &Fakes::samples()).unwrap_err().render(look)
    };
    insta::assert_snapshot!("cycle", drawn("]\nvisits_max = 2", ", \"dedupe\"]", Look::Graphical));
    insta::assert_snapshot!("narrated", drawn("text_max = 2000", "text_mux = 2000", Look::Narrated));
    insta::assert_snapshot!("syntax", drawn("id = \"feed\"", "id = \"feed", Look::Graphical));
    assert!(drawn("id = \"feed\"", "id = \"feed", Look::Colour).contains("\u{1b}["));
}

#[test]
fn control_characters_and_endless_lines_do_not_reach_the_terminal() {
    let text = format!("\"\u{1b}[2J\u{9b}x\" = 1 # {}\n[chain]\n", "x".repeat(5_000));
    let drawn = compile(&toml(&text), &Fakes::samples()).unwrap_err().render(Look::Graphical);
    assert!(!drawn.contains(['\u{1b}', '\u{9b}']) && drawn.len() < 6_000, "{drawn}");
}
