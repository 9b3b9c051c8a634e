//! What a benchmark says: rows of a figure beside the floor or peer measured in the same run.

use serde::Serialize;

/// One line of a table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The figure.
    pub(crate) measured: f64,
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
        Self { what: what.into(), measured, unit, beside: None, note: String::new() }
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

/// Prints `rows` as a Markdown table, or as one JSON array.
#[expect(clippy::print_stdout, reason = "the table is the program's data")]
pub(crate) fn print(title: &str, rows: &[Row], json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(&serde_json::json!({ "title": title, "rows": rows }))?);
        return Ok(());
    }
    println!("\n### {title}\n\n| what | measured | beside | ratio | note |\n|---|--:|--:|--:|---|");
    for row in rows {
        let (beside, ratio) = match &row.beside {
            Some(b) => (
                format!("{} {} ({})", figure(b.figure), row.unit, b.what),
                format!("{:.2}", row.measured / b.figure),
            ),
            None => (String::new(), String::new()),
        };
        println!(
            "| {} | {} {} | {beside} | {ratio} | {} |",
            row.what,
            figure(row.measured),
            row.unit,
            row.note
        );
    }
    Ok(())
}

/// Three significant digits, thousands apart.
fn figure(value: f64) -> String {
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
    use super::figure;

    #[test]
    fn figures_are_readable() {
        assert_eq!(figure(1_234_567.8), "1,234,568");
        assert_eq!(figure(0.1234), "0.12");
        assert_eq!(figure(999.9), "1,000");
    }
}
