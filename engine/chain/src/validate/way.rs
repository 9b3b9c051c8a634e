//! Whether every step can be reached, every circle ends, and the budget covers the plain way.

use super::{
    Wiring,
    graph::{Edge, Graph},
};
use crate::{Code, Definition, faults::Mistakes};

/// Steps of a circle that are named; a long one needs no full list to be understood.
const NAMES_SHOWN_MAX: usize = 8;

pub(super) fn check(definition: &Definition, wiring: &Wiring, mistakes: &mut Mistakes) {
    let steps = &definition.steps;
    let Some(first) = steps.first() else {
        return;
    };
    if steps.iter().all(|s| s.only_by_jump) {
        let message = "every step is `only_by_jump`, so no message ever enters the chain";
        mistakes.add(Code::NoEntry, first.id.span, message);
        return;
    }
    let graph = Graph::new(edges(wiring));
    unreachable(definition, &graph.reachable(wiring.entry), mistakes);
    cycles(definition, &graph, mistakes);
    let length = steps.iter().filter(|s| !s.only_by_jump).count();
    if let Some(hops_max) = definition.chain.hops_max.as_ref().filter(|h| (h.get() as usize) < length) {
        let message = format!("the chain has {length} steps in a row, `hops_max` allows {}", hops_max.get());
        mistakes.add(Code::HopsTooFew, hops_max.span, message);
    }
}

fn edges(wiring: &Wiring) -> Vec<Vec<Edge>> {
    let next = |to: &Option<usize>| to.map(|to| Edge { to, jump: None });
    let steps = wiring.next.iter().zip(&wiring.jumps);
    steps
        .map(|(to, jumps)| {
            let jumps = jumps.iter().map(|jump| Edge { to: jump.to, jump: Some(jump.span) });
            next(to).into_iter().chain(jumps).collect()
        })
        .collect()
}

fn unreachable(definition: &Definition, reached: &[bool], mistakes: &mut Mistakes) {
    for (step, _) in
        definition.steps.iter().zip(reached).filter(|(s, reached)| !*reached && s.id.is_written())
    {
        mistakes.add_with_hint(
            Code::UnreachableStep,
            step.id.span,
            format!("no message can reach step `{}`", *step.id),
            format!("list `{}` in the `jumps` of a step that is reached", *step.id),
        );
    }
}

fn cycles(definition: &Definition, graph: &Graph, mistakes: &mut Mistakes) {
    let steps = &definition.steps;
    let bounded: Vec<_> = steps.iter().map(|s| s.visits_max.is_some()).collect();
    let name = |i: &usize| steps.get(*i).map(|s| format!("`{}`", *s.id)).unwrap_or_default();
    for cycle in graph.cycles_without(&bounded) {
        let mut names: Vec<_> = cycle.steps.iter().take(NAMES_SHOWN_MAX).map(name).collect();
        if cycle.steps.len() > names.len() {
            names.push("…".to_owned());
        }
        names.extend(cycle.steps.first().map(name));
        mistakes.add_with_hint(
            Code::UnboundedCycle,
            cycle.jump,
            format!("a message can go round without end: {}", names.join(" → ")),
            "give one of these steps a `visits_max`".to_owned(),
        );
    }
}
