//! Quoting of what somebody wrote.

/// Characters shown of it at most.
const SHOWN_MAX: usize = 64;

/// `text` in backticks, safe to print: cut when long, control characters replaced.
pub(crate) fn quoted(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(SHOWN_MAX).map(clean).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_printable() {
        assert_eq!(quoted("a\u{1b}[2Jb"), "`a\u{fffd}[2Jb`");
        assert!(quoted(&"x".repeat(10_000)).len() < 80);
    }
}
