//! The signals and what each weighs: simple measures, so that an operator can see why.

use std::collections::BTreeSet;

use catena_text::{Kind, entities, without_entities};

use crate::phrases::Phrases;

/// Letters looked at for repetition: longer texts repeat themselves by nature.
const REPETITION_WINDOW: usize = 128;

/// The signals that are there, each with its points.
pub(crate) fn of(text: &str, phrases: &Phrases) -> impl Iterator<Item = (&'static str, u32)> {
    let count = |kind| entities(text).filter(|entity| entity.kind == kind).count();
    let (links, mentions, hashtags) = (count(Kind::Link), count(Kind::Mention), count(Kind::Hashtag));
    let words = without_entities(text);
    let lower = words.to_lowercase();
    let letters: Vec<char> = lower.chars().filter(|c| c.is_alphabetic()).take(REPETITION_WINDOW).collect();
    [
        // One link is ordinary, the second begins to advertise.
        ("links", beyond(links, 1, 15, 45)),
        ("only-links", if links > 0 && letters.len() < 10 { 20 } else { 0 }),
        ("mentions", beyond(mentions, 4, 8, 45)),
        ("hashtags", beyond(hashtags, 6, 5, 30)),
        ("phrases", beyond(phrases.count_in(&lower), 0, 30, 60)),
        ("repetition", repetition(&letters)),
        ("runs", if longest_run(&lower) >= 10 { 10 } else { 0 }),
        ("shouting", shouting(&words)),
    ]
    .into_iter()
    .filter(|(_, points)| *points > 0)
}

/// `each` for every one beyond `free`, at most `most`.
fn beyond(count: usize, free: usize, each: u32, most: u32) -> u32 {
    u32::try_from(count.saturating_sub(free)).map_or(most, |over| over.saturating_mul(each).min(most))
}

/// How much of the text has been said before: the share of repeated triples of letters, which needs no words
/// and so works for every script.
fn repetition(letters: &[char]) -> u32 {
    if letters.len() < 9 {
        return 0;
    }
    let triples = letters.len() - 2;
    let distinct = letters.windows(3).collect::<BTreeSet<_>>().len();
    let percent = 100 * (triples - distinct) / triples;
    if percent < 40 { 0 } else { u32::try_from(percent).map_or(40, |percent| (percent * 7 / 10).min(40)) }
}

/// The length of the longest run of one character.
fn longest_run(text: &str) -> usize {
    let (mut longest, mut run, mut before) = (0, 0, None);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        run = if before == Some(c) { run + 1 } else { 1 };
        longest = longest.max(run);
        before = Some(c);
    }
    longest
}

/// Mostly capitals, in scripts that have them.
fn shouting(text: &str) -> u32 {
    let upper = text.chars().filter(|c| c.is_uppercase()).count();
    let lower = text.chars().filter(|c| c.is_lowercase()).count();
    if upper + lower >= 12 && upper >= 4 * lower { 20 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<&'static str> {
        of(text, &Phrases::built_in()).map(|(name, _)| name).collect()
    }

    #[test]
    fn each_signal_is_seen_alone() {
        for (text, expected) in [
            ("Ein Foto von heute: http://a.example/1 und http://a.example/2", &["links"][..]),
            ("見て http://t.co/abc", &["only-links"]),
            ("@a @b @c @d @e @f, was macht ihr heute Abend?", &["mentions"]),
            ("#a1 #b1 #c1 #d1 #e1 #f1 #g1 ein schöner Tag", &["hashtags"]),
            ("Wer mag, kann das hier JETZT kaufen", &["phrases"]),
            ("激安通販激安通販激安通販激安通販", &["repetition"]),
            ("mir ist soooooooooooo langweilig gewesen", &["runs"]),
            ("WARUM SCHREIT HIER NIEMAND", &["shouting"]),
            ("Guten Morgen, wie geht es euch allen?", &[]),
            ("صباح الخير يا أصدقاء", &[]),
            ("", &[]),
        ] {
            assert_eq!(named(text), expected, "in {text}");
        }
    }

    #[test]
    fn points_stop_growing() {
        assert_eq!(beyond(3, 1, 15, 45), 30);
        assert_eq!(beyond(100, 1, 15, 45), 45);
        assert_eq!(beyond(usize::MAX, 1, 15, 45), 45);
        assert_eq!(repetition(&['a'; 128]), 40);
        assert_eq!(repetition(&[]), 0);
    }
}
