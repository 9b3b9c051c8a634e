//! The shape of source files.

use super::{Finding, Tracked};

/// Lines past which a file must be listed in [`LONG`] with a reason.
const LINES_MAX: usize = 500;

/// Files that are long for a reason.
const LONG: &[(&str, &str)] = &[];

/// Folders of somebody's machine; a path of the test machine would pass there and fail everywhere else.
const MACHINE: &[&str] =
    &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

pub(super) fn check(tracked: &[Tracked]) -> Vec<Finding> {
    tracked.iter().flat_map(|file| source(file).into_iter().chain(paths(file)).chain(merges(file))).collect()
}

fn source(file: &Tracked) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (true, Some(text)) = (file.is("rs"), &file.text) else { return findings };
    if file.path.file_name().is_some_and(|name| name == "mod.rs") {
        findings.push(Finding::new(&file.path, None, "write `foo.rs` beside `foo/`, not `mod.rs`"));
    }
    let lines = text.lines().count();
    let shown = file.path.to_string_lossy();
    if lines > LINES_MAX && !LONG.iter().any(|(path, _)| *path == shown) {
        findings.push(Finding::new(
            &file.path,
            None,
            format!(
                "{lines} lines, at most {LINES_MAX}: split it, or list it in tidy/files.rs with a reason"
            ),
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim() == "#[ignore]" {
            findings.push(Finding::new(
                &file.path,
                number,
                "an ignored test needs a reason: `#[ignore = \"…\"]`",
            ));
        }
    }
    findings
}

fn paths(file: &Tracked) -> Vec<Finding> {
    let Some(text) = &file.text else { return Vec::new() };
    let names_machine = |line: &str| MACHINE.iter().any(|folder| after_boundary(line, folder));
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| names_machine(line))
        .map(|(number, _)| Finding::new(&file.path, number, "names a folder of one machine"))
        .collect()
}

/// What Git leaves of a merge that nobody finished.
fn merges(file: &Tracked) -> Vec<Finding> {
    let Some(text) = &file.text else { return Vec::new() };
    let unfinished = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| unfinished(line))
        .map(|(number, _)| Finding::new(&file.path, number, "a merge was not finished here"))
        .collect()
}

/// `folder` occurs in `line` as the start of a path, not inside one (`crates.io/home/…` is fine).
fn after_boundary(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '}' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Tracked {
        Tracked { path: path.into(), text: Some(text.to_owned()) }
    }

    #[test]
    fn long_files_mod_files_and_silent_ignores_are_found() {
        let long = "x\n".repeat(LINES_MAX + 1);
        let tracked =
            [file("a.rs", &long), file("b/mod.rs", ""), file("c.rs", "  #[ignore]\n"), file("d.md", &long)];
        assert_eq!(check(&tracked).len(), 3);
    }

    #[test]
    fn unfinished_merges_are_found() {
        let conflict = "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n";
        assert_eq!(check(&[file("a.md", conflict)]).len(), 2);
        assert_eq!(check(&[file("a.md", "=======\n>>> quoted\n")]).len(), 0);
    }

    #[test]
    fn machine_paths_are_found_at_their_start_only() {
        let home = MACHINE[0];
        assert_eq!(check(&[file("a.toml", &format!("x = \"{home}me\""))]).len(), 1);
        assert_eq!(check(&[file("a.md", &format!("https://example.com{home}me"))]).len(), 0);
    }
}
