//! From a tree of values to a [`Definition`]. Every mistake of shape is noted and worked around: a
//! value that cannot be read is left out or stood in for, so that the rest is still looked at and one
//! mistake is told once.

mod step;
mod table;
mod test;
mod value;

use model::Name;

use crate::{
    Code, Definition, OnFailure, Spanned,
    definition::{ATTEMPTS_MAX, Chain, Output, STEPS_MAX, Within},
    faults::Mistakes,
    node::{Entry, Node, Value},
};
use table::Table;

const ROOT_KEYS: &[&str] = &["$schema", "chain", "outputs", "step", "test"];
const CHAIN_KEYS: &[&str] = &["id", "input", "output", "on_failure", "attempts_max", "hops_max"];

/// Decodes a whole file.
pub(crate) fn definition(root: &Node, mistakes: &mut Mistakes) -> Definition {
    let table = Table::open(root, "a chain file", ROOT_KEYS, mistakes);
    let (steps, edges_known) = steps(&table, mistakes);
    let (outputs, outputs_known) = outputs(&table, mistakes);
    Definition {
        schema: table.optional("$schema", mistakes),
        chain: chain(&table, mistakes),
        outputs,
        outputs_known,
        steps,
        tests: table.optional("test", mistakes).unwrap_or_default(),
        edges_known,
    }
}

fn chain(root: &Table<'_>, mistakes: &mut Mistakes) -> Chain {
    let table = match root.need("chain", mistakes) {
        Some(node) => Table::open(node, "`[chain]`", CHAIN_KEYS, mistakes),
        None => Table::absent(),
    };
    let mut name = |key| table.required(key, mistakes).unwrap_or_else(unnamed);
    let [id, input, output] = ["id", "input", "output"].map(&mut name);
    let attempts_max: Option<Within<1, ATTEMPTS_MAX>> = table.optional("attempts_max", mistakes);
    Chain {
        id,
        input,
        output,
        on_failure: table
            .optional("on_failure", mistakes)
            .unwrap_or_else(|| Spanned::absent(OnFailure::default())),
        attempts_max: attempts_max.map_or(5, Within::get),
        hops_max: table.optional("hops_max", mistakes),
    }
}

/// The outputs, and whether all their names are known.
fn outputs(root: &Table<'_>, mistakes: &mut Mistakes) -> (Vec<Output>, bool) {
    let Some(node) = root.get("outputs") else {
        return (Vec::new(), true);
    };
    let Value::Table(entries) = &node.value else {
        value::wrong_type(node, "`outputs`", "a table", mistakes);
        return (Vec::new(), false);
    };
    let outputs: Vec<_> = entries.iter().filter_map(|entry| output(entry, mistakes)).collect();
    let known = outputs.len() == entries.len();
    (outputs, known)
}

fn output(entry: &Entry, mistakes: &mut Mistakes) -> Option<Output> {
    let table = Table::open(&entry.node, "an output", &["stream"], mistakes);
    let stream: Option<Spanned<Name>> = table.optional("stream", mistakes);
    let name = value::name(&entry.key, entry.key_span, "the output", mistakes)?;
    let name = Spanned::new(name, entry.key_span);
    Some(Output { stream: stream.unwrap_or_else(|| Spanned::absent(name.value.clone())), name })
}

/// The steps, and whether all their places and jumps are known.
fn steps(root: &Table<'_>, mistakes: &mut Mistakes) -> (Vec<crate::definition::Step>, bool) {
    let Some(node) = root.need("step", mistakes) else {
        return (Vec::new(), false);
    };
    let Value::List(items) = &node.value else {
        value::wrong_type(node, "`step`", "a list of tables", mistakes);
        return (Vec::new(), false);
    };
    if items.is_empty() {
        mistakes.add(Code::MissingKey, node.span, "a chain has at least one step");
    }
    if let Some(first_over) = items.get(STEPS_MAX) {
        let message = format!("{} steps, a chain has at most {STEPS_MAX}", items.len());
        mistakes.add(Code::TooManySteps, first_over.span, message);
    }
    let mut edges_known = true;
    let steps = items
        .iter()
        .take(STEPS_MAX)
        .filter_map(|item| {
            let step = step::decode(item, mistakes);
            edges_known &= step.as_ref().is_some_and(|s| s.edges_known);
            step.map(|s| s.step)
        })
        .collect();
    (steps, edges_known)
}

/// Stands in for a name that could not be read.
fn unnamed() -> Spanned<Name> {
    Spanned::absent(Name::unnamed())
}
