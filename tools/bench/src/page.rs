//! Puts measured tables into docs/performance.md, each between a pair of comments that name it, and leaves the rest alone.

use std::ops::Range;

use anyhow::{Context as _, bail};

use crate::report::Table;

/// Replaces the table of the same name, unless something could not be measured here that stands there.
///
/// # Errors
/// The page cannot be read or written, or has no place for it.
#[expect(clippy::print_stderr, reason = "it is a remark to whoever measures")]
pub(crate) fn write(table: &Table) -> anyhow::Result<()> {
    if let Some(absent) = table.rows.iter().find(|row| row.measured.is_none()) {
        eprintln!("docs/performance.md keeps its table `{}`: `{}` is not there", table.name, absent.what);
        return Ok(());
    }
    let path = testkit::bundles::root().join("docs/performance.md");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let text = replaced(&text, table)?;
    std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))
}

fn replaced(page: &str, table: &Table) -> anyhow::Result<String> {
    let Some(place) = place(page, table.name) else {
        let (from, to) = marks(table.name);
        bail!("docs/performance.md has no place for the table `{}`: add `{from}` and `{to}`", table.name);
    };
    let mut text = page.to_owned();
    text.replace_range(place, &format!("\n{}", table.markdown()));
    Ok(text)
}

/// What stands between the marks of a table.
fn place(page: &str, name: &str) -> Option<Range<usize>> {
    let (from, to) = marks(name);
    let begin = page.find(&from)? + from.len();
    let length = page.get(begin..)?.find(&to)?;
    Some(begin..begin + length)
}

fn marks(name: &str) -> (String, String) {
    (format!("<!-- table {name} -->"), format!("<!-- end of {name} -->"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::Row, tables::TABLES};

    #[test]
    fn a_table_takes_the_place_of_the_last_one() {
        let page = "a\n<!-- table x -->\nold\n<!-- end of x -->\nb\n";
        let table = Table { name: "x", title: "", rows: vec![Row::new("w", 1.0, "/s")] };
        let new =
            "a\n<!-- table x -->\n| what | measured |\n|---|--:|\n| w | 1.00/s |\n<!-- end of x -->\nb\n";
        assert_eq!(replaced(page, &table).unwrap(), new);
        assert_eq!(replaced(new, &table).unwrap(), new);
        assert!(replaced("a", &table).is_err());
    }

    #[test]
    fn the_page_has_a_place_for_every_table() {
        let page = std::fs::read_to_string(testkit::bundles::root().join("docs/performance.md")).unwrap();
        for table in TABLES {
            assert!(place(&page, table.name).is_some(), "no place for `{}`", table.name);
        }
    }
}
