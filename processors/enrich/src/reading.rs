use catena_text::script::is_unspaced;

/// Seconds to read `text`, rounded up: words of spaced scripts and characters of the others.
pub(crate) fn seconds(text: &str, words_per_minute: u32, characters_per_minute: u32) -> u64 {
    let (mut words, mut characters) = (0_u64, 0_u64);
    let mut in_word = false;
    for c in text.chars() {
        if is_unspaced(c) && c.is_alphanumeric() {
            characters += 1;
            in_word = false;
        } else if c.is_alphanumeric() {
            words += u64::from(!in_word);
            in_word = true;
        } else if c.is_whitespace() || is_unspaced(c) {
            in_word = false;
        }
    }
    let (wpm, cpm) = (u64::from(words_per_minute), u64::from(characters_per_minute));
    // Both in one fraction, so that a text in two scripts is rounded once.
    (60 * (words * cpm + characters * wpm)).div_ceil(wpm * cpm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_characters_add_up() {
        for (text, expected) in [
            ("", 0),
            ("…!? 😋", 0),
            ("one", 1),
            ("It's well-known: don't.", 3),
            ("日本語", 3),
            ("Rustは速い", 4),
            ("مرحبا بالعالم", 2),
        ] {
            assert_eq!(seconds(text, 60, 60), expected, "for {text}");
        }
        assert_eq!(seconds("日本", 60, 600), 1);
        assert_eq!(seconds(&"word ".repeat(476), 238, 500), 120);
    }
}
