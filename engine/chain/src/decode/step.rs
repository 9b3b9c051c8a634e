use model::Name;
use semver::VersionReq;

use super::{
    table::Table,
    unnamed,
    value::{Decode, wrong_type},
};
use crate::{
    Spanned,
    definition::{Limits, Step, Uses},
    faults::Mistakes,
    node::{Node, Value},
};

const KEYS: &[&str] = &[
    "id",
    "uses",
    "digest",
    "settings",
    "limits",
    "jumps",
    "grants",
    "advisory",
    "fresh_instance",
    "visits_max",
    "only_by_jump",
];

/// A step, and whether its place and its jumps are all known.
pub(super) struct Decoded {
    pub(super) step: Step,
    pub(super) edges_known: bool,
}

/// Reads one step; `None` only when it is no table.
pub(super) fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Decoded> {
    if !matches!(node.value, Value::Table(_)) {
        wrong_type(node, "a step", "a table", mistakes);
        return None;
    }
    let before = mistakes.count();
    let table = Table::open(node, "a step", KEYS, mistakes);
    let id = table.required("id", mistakes).unwrap_or_else(unnamed);
    let uses = table
        .required("uses", mistakes)
        .unwrap_or_else(|| Spanned::absent(Uses { name: Name::unnamed(), range: VersionReq::STAR }));
    let before_edges = mistakes.count();
    let jumps = table.optional("jumps", mistakes).unwrap_or_default();
    let only_by_jump = table.optional("only_by_jump", mistakes).unwrap_or_default();
    let visits_max = table.optional("visits_max", mistakes);
    let edges_known = mistakes.count() == before_edges;
    let step = Step {
        id,
        uses,
        digest: table.optional("digest", mistakes),
        settings: table.optional("settings", mistakes),
        limits: table.optional("limits", mistakes).unwrap_or_default(),
        jumps,
        grants: table.optional("grants", mistakes).unwrap_or_else(|| Spanned::absent(Vec::new())),
        advisory: table.optional("advisory", mistakes).unwrap_or_default(),
        fresh_instance: table.optional("fresh_instance", mistakes).unwrap_or_default(),
        visits_max,
        only_by_jump,
        span: node.span,
        sound: mistakes.count() == before,
    };
    Some(Decoded { step, edges_known })
}

impl Decode for Limits {
    fn decode(node: &Node, _: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let table = Table::open(node, "`limits`", &["deadline_ms", "memory_mb"], mistakes);
        Some(Self {
            deadline_ms: table.optional("deadline_ms", mistakes),
            memory_mb: table.optional("memory_mb", mistakes),
        })
    }
}
