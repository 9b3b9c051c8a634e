//! Links in Markdown files that point into the repository.

use std::path::Path;

use super::{Finding, Tracked};
use crate::tool::root;

pub(super) fn check(tracked: &[Tracked]) -> Vec<Finding> {
    tracked
        .iter()
        .filter(|file| file.is("md"))
        .flat_map(|file| {
            let base = file.path.parent().unwrap_or(Path::new("")).to_owned();
            links(file.text.as_deref().unwrap_or_default())
                .into_iter()
                .filter(move |(_, target)| !resolves(&base, target))
                .map(|(line, target)| {
                    Finding::new(&file.path, line, format!("the link `{target}` leads nowhere"))
                })
        })
        .collect()
}

fn resolves(base: &Path, target: &str) -> bool {
    let elsewhere = target.contains("://") || target.starts_with("mailto:") || target.starts_with('#');
    let path = target.split_once('#').map_or(target, |(path, _)| path);
    elsewhere || root().join(base).join(path).exists()
}

/// Line and target of each `[text](target)` outside code fences.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        // Odd pieces between backticks are code.
        for piece in line.split('`').step_by(2) {
            found.extend(
                piece.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(t, _)| (number, t)),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_not_links() {
        let text = "[a](b.md) and [c](d.md#e)\n```\n[x](y)\n```\nthen `[p](q)` done\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "d.md#e")]);
    }
}
