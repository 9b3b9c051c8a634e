//! What every crate's manifest says.

use super::{Finding, Tracked};

/// What each crate takes from the workspace.
const FROM_WORKSPACE: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Workspaces of their own, which take nothing from ours: what the benchmarks stand beside.
const PEERS: &str = "tools/bench/peers";

pub(super) fn check(tracked: &[Tracked]) -> Vec<Finding> {
    tracked
        .iter()
        .filter(|file| file.path.file_name().is_some_and(|name| name == "Cargo.toml"))
        .filter(|file| !file.path.starts_with(PEERS))
        .flat_map(one)
        .collect()
}

fn one(file: &Tracked) -> Vec<Finding> {
    let finding = |what: String| Finding::new(&file.path, None, what);
    let manifest = file.text.as_deref().unwrap_or_default().parse::<toml::Table>();
    let Ok(manifest) = manifest else { return vec![finding("is not TOML".to_owned())] };
    let Some(package) = manifest.get("package") else { return Vec::new() };
    let inherits = |value: Option<&toml::Value>| {
        value.and_then(|v| v.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    let mut findings = Vec::new();
    if !inherits(manifest.get("lints")) {
        findings.push(finding("must have `lints.workspace = true`".to_owned()));
    }
    // Processors have versions of their own: they are what a chain's ranges speak of.
    let processor = manifest.get("lib").is_some_and(|lib| lib.get("crate-type").is_some());
    for key in FROM_WORKSPACE.iter().filter(|key| !(processor && **key == "version")) {
        if !inherits(package.get(key)) {
            findings.push(finding(format!("must have `{key}.workspace = true`")));
        }
    }
    if package.get("description").is_none() {
        findings.push(finding("must have a `description`".to_owned()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let file = Tracked { path: "Cargo.toml".into(), text: Some(text.to_owned()) };
        one(&file).into_iter().map(|f| f.what).collect()
    }

    #[test]
    fn a_crate_without_the_workspace_lints_is_found() {
        let good = FROM_WORKSPACE.iter().map(|key| format!("{key}.workspace = true\n")).collect::<String>();
        let good = format!("[package]\nname = \"a\"\ndescription = \"b\"\n{good}");
        assert_eq!(findings(&good), ["must have `lints.workspace = true`"]);
        assert!(findings(&format!("{good}[lints]\nworkspace = true\n")).is_empty());
        assert!(findings("[workspace]\n").is_empty());
    }
}
