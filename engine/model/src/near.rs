//! "Did you mean".

/// Longer texts are not misspelt words.
const LEN_MAX: usize = 64;

/// The candidate that `given` is most likely a misspelling of, if there is one.
#[must_use]
pub fn near<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
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
}
