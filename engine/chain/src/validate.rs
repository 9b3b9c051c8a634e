//! What a definition means: whether its steps, jumps, outputs and tests fit together.

mod expectations;
mod graph;
mod way;

use std::collections::HashMap;

use model::{Name, near};

use crate::{
    Code, Definition, OnFailure, Span, Spanned,
    definition::{Grant, Step},
    faults::Mistakes,
    flow,
};

/// A definition without a mistake; what is left is to find its processors.
#[derive(Debug)]
pub struct Validated {
    pub(crate) definition: Definition,
    pub(crate) wiring: Wiring,
}

impl Validated {
    /// What was checked.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }
}

/// The steps' ids resolved to indices.
#[derive(Debug)]
pub(crate) struct Wiring {
    /// Where messages begin.
    pub(crate) entry: usize,
    /// For each step where its `next` leads; `None` is the output.
    pub(crate) next: Vec<Option<usize>>,
    /// For each step where it may jump to.
    pub(crate) jumps: Vec<Vec<Jump>>,
}

/// One entry of a step's `jumps`.
#[derive(Debug)]
pub(crate) struct Jump {
    /// The id as written.
    pub(crate) name: Name,
    /// The step it is.
    pub(crate) to: usize,
    /// Where it is written.
    pub(crate) span: Span,
}

/// Checks everything. With mistakes in the definition the wiring is a best guess, good for finding more.
pub(crate) fn check(definition: &Definition, mistakes: &mut Mistakes) -> Wiring {
    let ids = ids(definition, mistakes);
    let aside: Vec<_> = definition.steps.iter().map(|s| s.only_by_jump).collect();
    let wiring = Wiring {
        entry: flow::entry(&aside).unwrap_or_default(),
        next: flow::successors(&aside),
        jumps: jumps(definition, &ids, mistakes),
    };
    if definition.edges_known {
        way::check(definition, &wiring, mistakes);
    }
    outputs(definition, mistakes);
    let certainly_not_advisory = |step: &Step| !step.advisory && step.sound;
    if definition.chain.on_failure.value == OnFailure::Skip
        && definition.steps.iter().all(certainly_not_advisory)
    {
        mistakes.add_with_hint(
            Code::NothingToSkip,
            definition.chain.on_failure.span,
            "`skip` passes over advisory steps, and no step is advisory",
            "set `advisory = true` on the steps that a message may go on without".to_owned(),
        );
    }
    expectations::check(definition, &ids, mistakes);
    wiring
}

/// Steps by id; of two with the same id the first.
fn ids<'d>(definition: &'d Definition, mistakes: &mut Mistakes) -> HashMap<&'d str, usize> {
    let mut ids = HashMap::new();
    for (i, step) in definition.steps.iter().enumerate().filter(|(_, s)| s.id.is_written()) {
        if *ids.entry(step.id.as_str()).or_insert(i) != i {
            let message = format!("there is another step `{}` above", *step.id);
            mistakes.add(Code::DuplicateStep, step.id.span, message);
        }
    }
    ids
}

/// The step called `name`, or the one that was probably meant.
fn find(name: &Spanned<Name>, ids: &HashMap<&str, usize>, mistakes: &mut Mistakes) -> Option<usize> {
    if let Some(index) = ids.get(name.as_str()) {
        return Some(*index);
    }
    let meant = near(name, ids.keys().copied());
    let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
    mistakes.add_with_hint(Code::UnknownStep, name.span, format!("there is no step `{}`", **name), hint);
    meant.and_then(|meant| ids.get(meant)).copied()
}

fn jumps(definition: &Definition, ids: &HashMap<&str, usize>, mistakes: &mut Mistakes) -> Vec<Vec<Jump>> {
    let mut jump = |name: &Spanned<Name>| {
        let to = find(name, ids, mistakes)?;
        Some(Jump { name: name.value.clone(), to, span: name.span })
    };
    definition.steps.iter().map(|step| step.jumps.iter().filter_map(&mut jump).collect()).collect()
}

fn outputs(definition: &Definition, mistakes: &mut Mistakes) {
    let chain = &definition.chain;
    for output in &definition.outputs {
        feeds_itself(definition, &output.name, &output.stream, mistakes);
    }
    if !definition.outputs.iter().any(|o| *o.name == *chain.output) {
        feeds_itself(definition, &chain.output, &chain.output, mistakes);
    }
    for grant in definition.steps.iter().flat_map(|step| &step.grants.value) {
        if let Grant::Output(name) = &grant.value {
            known_output(definition, name, grant.span, mistakes);
        }
    }
}

/// An output into the stream that the chain reads makes messages without end.
fn feeds_itself(
    definition: &Definition,
    name: &Spanned<Name>,
    stream: &Spanned<Name>,
    mistakes: &mut Mistakes,
) {
    let input = &definition.chain.input;
    let place = if stream.is_written() { stream.span } else { name.span };
    if input.is_written() && name.is_written() && stream.value == input.value {
        let message = format!("output `{}` leads back into `{}`, which this chain reads", **name, **input);
        mistakes.add(Code::OutputIsInput, place, message);
    }
}

/// Notes when no output is called `name`.
fn known_output(definition: &Definition, name: &Name, span: Span, mistakes: &mut Mistakes) {
    if !definition.outputs_known {
        return;
    }
    let own = std::iter::once(&definition.chain.output);
    let known = || definition.outputs.iter().map(|o| &o.name).chain(own.clone()).filter(|n| n.is_written());
    if known().all(|output| output.value != *name) {
        let hint = match near(name, known().map(|n| n.as_str())) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("declare it: `[outputs.{name}]`"),
        };
        mistakes.add_with_hint(Code::UnknownOutput, span, format!("there is no output `{name}`"), hint);
    }
}
