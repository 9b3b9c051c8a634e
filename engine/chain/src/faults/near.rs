//! "Did you mean", and quoting of what somebody wrote.

/// Longer texts are not misspelt words.
const LEN_MAX: usize = 64;

/// The candidate that `given` is most likely a misspelling of, if there is one.
pub(crate) fn near<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if given.len() > LEN_MAX {
        return None;
    }
    candidates
        .into_iter()
        .filter(|c| c.len() <= LEN_MAX)
        .map(|c| (strsim::damerau_levenshtein(given, c), c))
        .filter(|(distance, c)| *distance <= (given.len().max(c.len()) / 3).max(1) && *distance < c.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// `text` in backticks, safe to print: cut when long, control characters replaced.
pub(crate) fn quoted(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(LEN_MAX).map(clean).collect();
    if text.chars().nth(LEN_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_recognised_and_other_words_are_not() {
        let keys = ["settings", "jumps", "uses", "id"];
        assert_eq!(near("setings", keys), Some("settings"));
        assert_eq!(near("jump", keys), Some("jumps"));
        assert_eq!(near("use", keys), Some("uses"));
        assert_eq!(near("colour", keys), None);
        assert_eq!(near("x", keys), None);
        assert_eq!(near(&"s".repeat(100_000), keys), None);
    }

    #[test]
    fn quoted_text_is_short_and_printable() {
        assert_eq!(quoted("a\u{1b}[2Jb"), "`a\u{fffd}[2Jb`");
        assert!(quoted(&"x".repeat(10_000)).len() < 80);
    }
}
