//! Faults for people: the text around each mistake, drawn by `miette`.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, NarratableReportHandler,
    Severity, SourceCode, SourceSpan,
};

use super::{Faults, Mistake};

/// A line longer than this is not shown: it would bury what is said about it.
const LINE_BYTES_MAX: usize = 1_000;

/// How faults are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Drawn lines, in colour.
    Colour,
    /// Drawn lines, without colour.
    Graphical,
    /// Sentences only: for screen readers and whatever is not a terminal.
    Narrated,
}

impl Faults {
    /// All mistakes, each with the lines of the text it is about.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let source = NamedSource::new(&self.source.name, printable(&self.source.text));
        let mut out = String::new();
        for mistake in &self.mistakes {
            let report = Report { mistake, source: shown(&self.source.text, mistake).then_some(&source) };
            // Writing to a `String` cannot fail, and a mistake that miette cannot draw still has its line.
            if draw(&mut out, look, &report).is_err() {
                out.push_str(&mistake.message);
            }
            out.push('\n');
        }
        if self.more > 0 {
            out.push_str(&format!("{}: and {} more\n", self.source.name, self.more));
        }
        out
    }
}

fn draw(out: &mut String, look: Look, report: &Report<'_>) -> fmt::Result {
    let graphical = |theme| GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    match look {
        Look::Colour => graphical(GraphicalTheme::unicode()).render_report(out, report),
        Look::Graphical => graphical(GraphicalTheme::unicode_nocolor()).render_report(out, report),
        Look::Narrated => NarratableReportHandler::new().render_report(out, report),
    }
}

/// Whether the line of a mistake, and its neighbours, are short enough to show.
fn shown(text: &str, mistake: &Mistake) -> bool {
    let start = text.len().min(mistake.span.start);
    let (before, after) = text.split_at_checked(start).unwrap_or((text, ""));
    let before = before.rsplit('\n').take(2).map(str::len);
    let after = after.split('\n').take(2).map(str::len);
    before.chain(after).all(|len| len <= LINE_BYTES_MAX)
}

/// The text with control characters masked byte by byte, so that spans stay and terminals do too.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => out.push(' '),
            c if c.is_control() => (0..c.len_utf8()).for_each(|_| out.push('?')),
            c => out.push(c),
        }
    }
    out
}

/// One mistake as miette wants it.
#[derive(Debug)]
struct Report<'a> {
    mistake: &'a Mistake,
    source: Option<&'a NamedSource<String>>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { message, line, column, .. } = self.mistake;
        match self.source {
            Some(_) => f.write_str(message),
            None => write!(f, "line {line}, column {column}: {message}"),
        }
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.mistake.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(if self.mistake.code.is_warning() { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let hint = self.mistake.hint.as_ref()?;
        Some(Box::new(hint))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.mistake.span;
        let place = SourceSpan::new(span.start.into(), span.end - span.start);
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, place))))
    }
}
