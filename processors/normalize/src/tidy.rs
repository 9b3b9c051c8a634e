use unicode_normalization::{UnicodeNormalization, is_nfc};

/// `text` in NFC, with at most one space and `newlines_max` line breaks in a row, and nothing invisible that
/// could fool a reader or another rule.
pub(crate) fn tidy(text: &str, newlines_max: usize) -> String {
    let mut tidy = String::with_capacity(text.len());
    if is_nfc(text) {
        collapse(text.chars(), newlines_max, &mut tidy);
    } else {
        collapse(text.nfc(), newlines_max, &mut tidy);
    }
    tidy
}

fn collapse(chars: impl Iterator<Item = char>, newlines_max: usize, to: &mut String) {
    let (mut space, mut newlines, mut returned) = (false, 0, false);
    for c in chars {
        // `\r\n` is one line break.
        let again = returned && c == '\n';
        returned = c == '\r';
        if is_newline(c) {
            newlines += usize::from(!again);
        } else if c.is_whitespace() {
            space = true;
        } else if !is_noise(c) {
            if !to.is_empty() {
                let breaks = newlines.min(newlines_max);
                to.extend(std::iter::repeat_n('\n', breaks));
                if breaks == 0 && (space || newlines > 0) {
                    to.push(' ');
                }
            }
            to.push(c);
            (space, newlines) = (false, 0);
        }
    }
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Controls, zero-width space, word joiner, byte-order mark, and the embeddings and overrides of
/// direction, which spill into the text around. The joiners U+200C and U+200D stay: Persian and emoji need them;
/// so do the marks and isolates of direction, which end with their paragraph.
fn is_noise(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_composed_and_collapsed() {
        for (text, expected) in [
            ("  Gru\u{308}ße \t aus\u{a0}\u{3000}Köln \n", "Grüße aus Köln"),
            ("か\u{3099}んは\u{309a}ん", "がんぱん"),
            ("a\r\nb\r\n\r\n\r\nc\n \n \nd", "a\nb\n\nc\n\nd"),
            ("x\u{0}\u{7}y\u{202e}z\u{feff}", "xyz"),
            ("می\u{200c}خواهم 👩\u{200d}👧", "می\u{200c}خواهم 👩\u{200d}👧"),
            ("\u{2028}a\u{2029}b", "a\nb"),
            ("", ""),
            (" \n\u{200b} ", ""),
        ] {
            assert_eq!(tidy(text, 2), expected, "for {text:?}");
            assert_eq!(tidy(expected, 2), expected, "again, for {text:?}");
        }
        assert_eq!(tidy("a\n\nb c", 0), "a b c");
    }
}
