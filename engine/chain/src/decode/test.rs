use std::collections::BTreeMap;

use super::{table::Table, unnamed, value::Decode};
use crate::{
    definition::{Emitted, Expect, Test, TestMessage},
    faults::Mistakes,
    node::Node,
};

const MESSAGE_KEYS: &[&str] = &["id", "kind", "key", "headers", "body", "body_text", "accepted_at_ms"];
const EXPECT_KEYS: &[&str] = &["path", "verdict", "reason", "body", "headers", "emitted"];

impl Decode for Test {
    fn decode(node: &Node, _: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let table = Table::open(node, "a test", &["name", "before", "input", "expect"], mistakes);
        let name = table.required("name", mistakes);
        let before = table.optional("before", mistakes).unwrap_or_default();
        let input = table.required("input", mistakes);
        let expect = table.required("expect", mistakes);
        Some(Self { name: name?, before, input: input?, expect: expect? })
    }
}

impl Decode for TestMessage {
    fn decode(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let what = if what == "`input`" { "`input`" } else { "a message of a test" };
        let table = Table::open(node, what, MESSAGE_KEYS, mistakes);
        let headers: Option<BTreeMap<_, _>> = table.optional("headers", mistakes);
        Some(Self {
            id: table.optional("id", mistakes),
            kind: table.optional("kind", mistakes),
            key: table.optional("key", mistakes),
            headers: headers.into_iter().flatten().collect(),
            body: table.optional("body", mistakes),
            body_text: table.optional("body_text", mistakes),
            accepted_at_ms: table.optional("accepted_at_ms", mistakes),
        })
    }
}

impl Decode for Expect {
    fn decode(node: &Node, _: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let table = Table::open(node, "`expect`", EXPECT_KEYS, mistakes);
        Some(Self {
            path: table.optional("path", mistakes),
            verdict: table.optional("verdict", mistakes),
            reason: table.optional("reason", mistakes),
            body: table.optional("body", mistakes),
            headers: table.optional("headers", mistakes),
            emitted: table.optional("emitted", mistakes),
        })
    }
}

impl Decode for Emitted {
    fn decode(node: &Node, _: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let table = Table::open(node, "an expected emission", &["output", "kind", "key", "body"], mistakes);
        Some(Self {
            output: table.required("output", mistakes).unwrap_or_else(unnamed),
            kind: table.optional("kind", mistakes),
            key: table.optional("key", mistakes),
            body: table.optional("body", mistakes),
        })
    }
}
