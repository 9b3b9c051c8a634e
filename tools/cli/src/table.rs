//! Aligned columns, in any script.

/// What stands between columns.
const GAP: &str = "  ";
/// What is left of the last column on the narrowest terminal.
const LAST_WIDTH_MIN: usize = 20;

/// Rows of cells, each column as wide as its widest cell. The last column is not padded.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|h| h.to_uppercase()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // A line break inside a cell would break the row.
        self.rows.push(cells.into_iter().map(|cell| cell.replace(['\n', '\r', '\t'], " ")).collect());
    }

    /// All of it, a line per row.
    pub(crate) fn render(&self) -> String {
        self.render_within(None)
    }

    /// As [`render`](Self::render), with the last column cut where a row is wider than `width`; some of it always stays.
    pub(crate) fn render_within(&self, width: Option<usize>) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| console::measure_text_width(cell)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(widest).collect();
        if let (Some(width), Some((last, others))) = (width, widths.split_last_mut()) {
            let before: usize = others.iter().map(|other| other + GAP.len()).sum();
            *last = (*last).min(width.saturating_sub(before).max(LAST_WIDTH_MIN));
        }
        let mut text = String::new();
        for row in &self.rows {
            let padded = row.iter().zip(&widths).map(|(cell, width)| {
                console::pad_str(cell, *width, console::Alignment::Left, Some("…")).into_owned()
            });
            text.push_str(padded.collect::<Vec<_>>().join(GAP).trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_wide_scripts_too() {
        let mut table = Table::new(&["name", "n"]);
        table.row(["旅行".to_owned(), "1".to_owned()]);
        table.row(["a\nb".to_owned(), "2".to_owned()]);
        assert_eq!(table.render(), "NAME  N\n旅行  1\na b   2\n");
    }

    #[test]
    fn what_does_not_fit_is_cut_from_the_last_column_alone() {
        let mut table = Table::new(&["n", "why"]);
        table.row(["1".to_owned(), "x".repeat(30)]);
        assert!(!table.render().contains('…'));
        let (wide, narrow) = (table.render_within(Some(28)), table.render_within(Some(5)));
        assert_eq!(wide, format!("N  WHY\n1  {}…\n", "x".repeat(24)));
        assert_eq!(narrow, format!("N  WHY\n1  {}…\n", "x".repeat(19)));
    }
}
