//! Collects mistakes while a source is decoded and checked.

use super::{Faults, Mistake};
use crate::{Code, Source, Span};

/// Nobody reads more, and garbage of a megabyte has a mistake per byte.
const LISTED_MAX: usize = 100;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    list: Vec<Mistake>,
    count: usize,
}

impl Mistakes {
    pub(crate) fn add(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push(code, span, message.into(), None);
    }

    pub(crate) fn add_with_hint(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.push(code, span, message.into(), hint.into());
    }

    fn push(&mut self, code: Code, span: Span, message: String, hint: Option<String>) {
        self.count += 1;
        if self.list.len() < LISTED_MAX {
            self.list.push(Mistake { code, message, hint, line: 0, column: 0, span });
        }
    }

    /// How many there are: two equal counts around a piece of work say that it found none.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Ends the gathering: nothing was wrong, or everything that was.
    pub(crate) fn into_result(self, source: &Source) -> Result<(), Faults> {
        if self.count == 0 { Ok(()) } else { Err(self.into_faults(source)) }
    }

    /// The mistakes, placed and in the order of the text.
    pub(crate) fn into_faults(mut self, source: &Source) -> Faults {
        let text = &*source.text;
        for mistake in &mut self.list {
            mistake.span = within(text, mistake.span);
        }
        self.list.sort_by_key(|m| m.span.start);
        let mut place = Place { offset: 0, line: 1, line_start: 0 };
        for mistake in &mut self.list {
            place.advance(text, mistake.span.start);
            mistake.line = place.line;
            let before = text.get(place.line_start..mistake.span.start).unwrap_or_default();
            mistake.column = before.chars().count() + 1;
        }
        let more = self.count - self.list.len();
        Faults { source: source.clone(), mistakes: self.list, more }
    }
}

/// `span` cut to the text and moved to borders of characters, so that it can be sliced and shown.
fn within(text: &str, span: Span) -> Span {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    Span::new(start, end)
}

/// Line numbers are found in one pass over the text, whatever the number of mistakes.
struct Place {
    offset: usize,
    line: usize,
    line_start: usize,
}

impl Place {
    fn advance(&mut self, text: &str, to: usize) {
        let passed = text.as_bytes().get(self.offset..to).unwrap_or_default();
        for (i, _) in passed.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            self.line += 1;
            self.line_start = self.offset + i + 1;
        }
        self.offset = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    #[test]
    fn mistakes_come_out_in_the_order_of_the_text_with_lines_and_characters() {
        let source = Source { name: "x.toml".into(), format: Format::Toml, text: "ä = 1\r\nb\n".into() };
        let mut mistakes = Mistakes::default();
        for at in [99, 8, 5, 3, 1] {
            mistakes.add(Code::Syntax, Span::new(at, at + 1), at.to_string());
        }
        let faults = mistakes.into_result(&source).unwrap_err();
        let places: Vec<_> =
            faults.mistakes().iter().map(|m| (m.message.as_str(), m.line, m.column)).collect();
        assert_eq!(places, [("1", 1, 1), ("3", 1, 3), ("5", 1, 5), ("8", 2, 1), ("99", 3, 1)]);
    }

    #[test]
    fn a_flood_is_counted_and_cut() {
        let source = Source { name: "x.toml".into(), format: Format::Toml, text: "".into() };
        let mut mistakes = Mistakes::default();
        for _ in 0..1000 {
            mistakes.add(Code::Syntax, Span::NOWHERE, "x");
        }
        let faults = mistakes.into_result(&source).unwrap_err();
        assert_eq!((faults.mistakes().len(), faults.more()), (LISTED_MAX, 1000 - LISTED_MAX));
    }
}
