//! Networks and posts out of files: edge lists (two integers a line) and NDJSON.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    network::Network,
    posts::{Fate, Post},
};

/// The folder of real data beside the repository, or where `CATENA_DATA` says; `None` where there is none,
/// and then a test says so and passes.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CATENA_DATA").map_or(beside, PathBuf::from);
    folder.canonicalize().ok()
}

/// Reads an edge list: `follower author` a line, `#` starts a comment.
///
/// # Errors
/// The file cannot be read, or a line is not two integers.
pub fn follows(path: &Path, undirected: bool) -> Result<Network> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(a)), Some(Ok(b))) = (columns.next(), columns.next()) else {
            anyhow::bail!("{}:{number}: `{line}` is not two integers", path.display());
        };
        pairs.push((a, b));
        if undirected {
            pairs.push((b, a));
        }
    }
    Ok(Network::from_pairs(pairs))
}

/// Reads posts from NDJSON. Fields are named by JSON pointer, or by name for a field at the top.
/// What must become of them is not known ([`Fate::Any`]), but for an author's repetitions.
///
/// # Errors
/// The file cannot be read, or a line is not JSON with both fields.
pub fn posts(path: &Path, author_field: &str, text_field: &str) -> Result<Vec<Post>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let mut seen = HashSet::new();
    let mut posts = Vec::new();
    for (number, line) in (1..).zip(text.lines().filter(|line| !line.trim().is_empty())) {
        let at = || format!("{}:{number}", path.display());
        let value: Value = serde_json::from_str(line).with_context(at)?;
        let author = field(&value, author_field)
            .and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()))
            .with_context(|| format!("{}: no user id in `{author_field}`", at()))?;
        let text = field(&value, text_field)
            .and_then(Value::as_str)
            .with_context(|| format!("{}: no text in `{text_field}`", at()))?;
        let fate = if seen.insert((author, text.to_owned())) { Fate::Any } else { Fate::Duplicate };
        posts.push(Post::new(posts.len() as u64, author, text.to_owned(), fate));
    }
    Ok(posts)
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { value.pointer(name) } else { value.get(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_lists_and_posts_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let edges = folder.path().join("edges.txt");
        std::fs::write(&edges, "# who whom\n1 2\n2 3\n").unwrap();
        assert_eq!(follows(&edges, false).unwrap().follows, [(1, 2), (2, 3)]);
        assert_eq!(follows(&edges, true).unwrap().follows, [(1, 2), (2, 1), (2, 3), (3, 2)]);
        let ndjson = folder.path().join("posts.ndjson");
        let line = r#"{"user": {"id": "7"}, "text": "hi"}"#;
        std::fs::write(&ndjson, format!("{line}\n{line}\n")).unwrap();
        let fates: Vec<_> = posts(&ndjson, "/user/id", "text").unwrap().into_iter().map(|p| p.fate).collect();
        assert_eq!(fates, [Fate::Any, Fate::Duplicate]);
    }
}
