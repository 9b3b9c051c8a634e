//! What a benchmark says: rows of a figure beside the floor, peer or target that it is judged by, from the same run.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Serialize;

/// One line of a table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The figure; `None` where it could not be measured, and the note says why.
    pub(crate) measured: Option<f64>,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// The floor, peer or target the figure stands beside, in the same unit.
    pub(crate) beside: Option<Beside>,
    /// What a reader must know to judge it.
    pub(crate) note: String,
}

/// The figure to compare with.
#[derive(Debug, Serialize)]
pub(crate) struct Beside {
    /// What it is.
    pub(crate) what: &'static str,
    /// Its figure.
    pub(crate) figure: f64,
}

impl Row {
    /// A figure by itself.
    pub(crate) fn new(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self { what: what.into(), measured: Some(measured), unit, beside: None, note: String::new() }
    }

    /// What could not be measured here, and why.
    pub(crate) fn absent(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), measured: None, unit: "", beside: None, note: why.into() }
    }

    /// Puts another figure beside it.
    pub(crate) fn beside(mut self, what: &'static str, figure: f64) -> Self {
        self.beside = Some(Beside { what, figure });
        self
    }

    /// Adds what a reader must know.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// How tables are printed.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Output {
    /// As they stand in docs/performance.md.
    Markdown,
    /// One object a table, each on a line of its own.
    Json,
}

/// What one benchmark measured.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// Its name on the command line and in the page.
    pub(crate) name: &'static str,
    /// Its heading.
    pub(crate) title: &'static str,
    /// Its lines.
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// Writes the table to the program's output.
    #[expect(clippy::print_stdout, reason = "the table is the program's data")]
    pub(crate) fn print(&self, output: Output) -> anyhow::Result<()> {
        match output {
            Output::Json => println!("{}", serde_json::to_string(self)?),
            Output::Markdown => println!("\n### {}\n\n{}", self.title, self.markdown()),
        }
        Ok(())
    }

    /// The lines as Markdown; the columns that no line uses are left out.
    pub(crate) fn markdown(&self) -> String {
        let (beside, note) = (
            self.rows.iter().any(|row| row.beside.is_some()),
            self.rows.iter().any(|row| !row.note.is_empty()),
        );
        let mut text = String::from("| what | measured |");
        let mut rule = String::from("|---|--:|");
        if beside {
            text += " beside | ratio |";
            rule += "--:|--:|";
        }
        if note {
            text += " note |";
            rule += "---|";
        }
        text = text + "\n" + &rule + "\n";
        for row in &self.rows {
            let measured = row.measured.map_or("not there".to_owned(), |m| with_unit(m, row.unit));
            let _ = write!(text, "| {} | {measured} |", row.what);
            if beside {
                let _ = match (&row.beside, row.measured) {
                    (Some(b), Some(measured)) => write!(
                        text,
                        " {} ({}) | {} |",
                        with_unit(b.figure, row.unit),
                        b.what,
                        figure(measured / b.figure)
                    ),
                    _ => write!(text, " | |"),
                };
            }
            if note {
                let _ = write!(text, " {} |", row.note);
            }
            text.push('\n');
        }
        text
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "" => figure(value),
        _ if unit.starts_with('/') => format!("{}{unit}", figure(value)),
        _ => format!("{} {unit}", figure(value)),
    }
}

/// Two or three significant digits below a hundred, thousands apart above.
fn figure(value: f64) -> String {
    if value < 1.0 {
        return format!("{value:.3}");
    }
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(figure(1_234_567.8), "1,234,568");
        assert_eq!(figure(0.1234), "0.123");
        assert_eq!(figure(999.9), "1,000");
    }

    #[test]
    fn a_table_has_the_columns_its_lines_use() {
        let rows = vec![Row::new("a", 2.0, "µs").beside("b", 4.0), Row::absent("c", "install it")];
        let mut table = Table { name: "x", title: "X", rows };
        assert_eq!(
            table.markdown(),
            "| what | measured | beside | ratio | note |\n|---|--:|--:|--:|---|\n\
             | a | 2.00 µs | 4.00 µs (b) | 0.500 |  |\n| c | not there | | | install it |\n"
        );
        table.rows = vec![Row::new("a", 2.0, "/s")];
        assert_eq!(table.markdown(), "| what | measured |\n|---|--:|\n| a | 2.00/s |\n");
    }
}
