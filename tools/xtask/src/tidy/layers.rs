//! The layers of `engine/`, as data, against what Cargo says the crates depend on.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use crate::tool::{cargo, output};

/// Imports point from a row to rows below it, never sideways and never up.
const LAYERS: &[&[&str]] = &[
    &["catena-model", "catena-allocator"],
    &["catena-store", "catena-telemetry"],
    &["catena-chain", "catena-bundle", "catena-bus", "catena-relations", "catena-serve"],
    &["catena-mpc", "catena-fleet"],
    &["catena-feed", "catena-inbox"],
    &["catena-gateway", "catena-admin"],
    &["catena-node"],
    &["catena-cli"],
];

/// Beside the layers: what each may import from the house.
const BESIDE: &[(&str, &[&str])] = &[
    ("xtask", &[]),
    // Stands outside the blast radius: it drives a node from outside and shares no code with it.
    ("catena-testkit", &[]),
    (
        "catena-bench",
        &[
            "catena-allocator",
            "catena-model",
            "catena-store",
            "catena-bus",
            "catena-bundle",
            "catena-chain",
            "catena-mpc",
            "catena-relations",
            "catena-fleet",
            "catena-feed",
            "catena-inbox",
            "catena-node",
            "catena-testkit",
        ],
    ),
];

/// What tests of any crate may import beside what its layer allows. `inbox`: the feed's tests go all the way from
/// the forwarder to a page.
const FOR_TESTS: &[&str] = &["catena-testkit", "catena-inbox"];

/// The crates that link wasmtime: `bundle`, and what composes it.
const WITH_WASMTIME: &[&str] = &["catena-bundle", "catena-node", "catena-cli", "catena-bench"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    workspace_root: String,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

pub(super) fn check() -> Result<Vec<Finding>> {
    let json = output(&mut cargo(["metadata", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_str(&json).context("failed to read cargo metadata")?;
    let mut findings = imports(&metadata);
    findings.extend(wasmtime(&metadata));
    Ok(findings)
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&name))
}

fn members(metadata: &Metadata) -> impl Iterator<Item = (&Package, &str)> {
    metadata.packages.iter().filter(|p| metadata.workspace_members.contains(&p.id)).map(|p| {
        let path = p.manifest_path.strip_prefix(&metadata.workspace_root).unwrap_or(&p.manifest_path);
        (p, path.trim_start_matches(['/', '\\']))
    })
}

fn imports(metadata: &Metadata) -> Vec<Finding> {
    let house: BTreeSet<&str> = members(metadata).map(|(package, _)| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for (package, path) in members(metadata) {
        let beside = BESIDE.iter().find(|(name, _)| *name == package.name).map(|(_, allowed)| *allowed);
        let guest = path.starts_with("processors/") || path.starts_with("tools/testkit/guests/");
        let own = layer(&package.name);
        if own.is_none() && beside.is_none() && !guest {
            findings.push(Finding::new(path, None, "has no place in the table of layers (tidy/layers.rs)"));
            continue;
        }
        for dependency in package.dependencies.iter().filter(|d| house.contains(d.name.as_str())) {
            let name = dependency.name.as_str();
            let for_tests = dependency.kind.as_deref() == Some("dev") && FOR_TESTS.contains(&name);
            let allowed = match (own, beside) {
                _ if guest => matches!(name, "catena-sdk" | "catena-text"),
                (Some(own), _) => layer(name).is_some_and(|below| below < own),
                (None, beside) => beside.is_some_and(|allowed| allowed.contains(&name)),
            };
            if !allowed && !for_tests {
                let what = format!("imports `{name}`, which is not below it");
                findings.push(Finding::new(path, None, what));
            }
        }
    }
    findings
}

/// Follows ordinary dependencies: what tests link is theirs.
fn wasmtime(metadata: &Metadata) -> Vec<Finding> {
    let ordinary = |link: &&Link| link.dep_kinds.iter().any(|k| k.kind.is_none());
    let links: BTreeMap<&str, Vec<&str>> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| {
            (node.id.as_str(), node.deps.iter().filter(ordinary).map(|link| link.pkg.as_str()).collect())
        })
        .collect();
    let engine = metadata.packages.iter().find(|p| p.name == "wasmtime").map(|p| p.id.as_str());
    members(metadata)
        .filter(|(package, _)| !WITH_WASMTIME.contains(&package.name.as_str()))
        .filter(|(package, _)| engine.is_some_and(|engine| reaches(&links, &package.id, engine)))
        .map(|(_, path)| Finding::new(path, None, "links wasmtime: only `bundle` and what composes it may"))
        .collect()
}

fn reaches(links: &BTreeMap<&str, Vec<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(links.get(at).into_iter().flatten());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_length_reaches_and_a_cycle_ends() {
        let links = BTreeMap::from([("a", vec!["b"]), ("b", vec!["a", "c"]), ("c", vec![])]);
        assert!(reaches(&links, "a", "c"));
        assert!(!reaches(&links, "c", "a"));
        assert!(!reaches(&links, "a", "d"));
    }

    #[test]
    fn no_crate_stands_in_two_rows() {
        let all: Vec<_> = LAYERS.iter().flat_map(|row| row.iter()).collect();
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
    }
}
