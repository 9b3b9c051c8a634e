//! Chains feed one another through streams. What must not be is a ring: a message in it would never end, since the
//! hop budget counts the steps of one chain.

use std::collections::{BTreeMap, BTreeSet};

use model::Name;

use super::prepare::{Proposal, What};
use crate::{DEAD_LETTERS, receipt::Refusal, table::Chains};

/// The refusal of a chain that closes a ring; passes when another chain of the ring goes.
pub(super) const RING: &str = "mpc::loop";
/// The refusal of a chain that writes where only the center does.
const RESERVED_STREAM: &str = "mpc::reserved-stream";

/// What a chain reads, and the streams it leads to.
struct Flow {
    input: Name,
    outputs: Vec<Name>,
}

impl Flow {
    fn of(plan: &chain::Plan) -> Self {
        let outputs = plan.outputs.iter().map(|output| output.stream.clone()).collect();
        Self { input: plan.input.clone(), outputs }
    }
}

/// Refuses, of the plans that are ready, those that would close a ring over what is live and what is ready before
/// them, and those that would write dead letters.
pub(super) fn refuse(mut proposals: Vec<Proposal>, live: &Chains) -> Vec<Proposal> {
    let mut flows: BTreeMap<Name, Flow> =
        live.iter().map(|(chain, live)| (chain.clone(), Flow::of(&live.plan))).collect();
    for proposal in &mut proposals {
        let Some(ready) = proposal.ready() else { continue };
        let (id, flow) = (ready.plan.id.clone(), Flow::of(&ready.plan));
        // What it replaces is in nobody's way; it stays only if this one does not come.
        let replaced = flows.remove(&id);
        let file = proposal.path.display().to_string();
        if let Some((code, message, hint)) = problem(&flows, &flow) {
            proposal.what = What::Refused(Refusal::whole(&file, code, message, Some(hint)));
            flows.extend(replaced.map(|flow| (id, flow)));
        } else {
            flows.insert(id, flow);
        }
    }
    proposals
}

fn problem(flows: &BTreeMap<Name, Flow>, flow: &Flow) -> Option<(&'static str, String, String)> {
    if flow.outputs.iter().any(|stream| stream.as_str() == DEAD_LETTERS) {
        let message = format!("the stream `{DEAD_LETTERS}` is for dead letters alone");
        return Some((RESERVED_STREAM, message, "lead the output to another stream".to_owned()));
    }
    let ring = ring(flows, flow)?;
    let names: Vec<_> = ring.iter().map(|stream| format!("`{stream}`")).collect();
    let message = format!("messages would go round for ever: {}", names.join(" → "));
    Some((RING, message, "lead one of these chains' outputs elsewhere".to_owned()))
}

/// The streams from `flow`'s input round to it again, if its outputs lead back there.
fn ring(flows: &BTreeMap<Name, Flow>, flow: &Flow) -> Option<Vec<Name>> {
    let mut seen = BTreeSet::new();
    let mut ways: Vec<Vec<&Name>> = flow.outputs.iter().map(|output| vec![&flow.input, output]).collect();
    while let Some(way) = ways.pop() {
        let Some(&stream) = way.last() else { continue };
        if *stream == flow.input {
            return Some(way.into_iter().cloned().collect());
        }
        if seen.insert(stream) {
            let onward = flows.values().filter(|next| next.input == *stream).flat_map(|next| &next.outputs);
            ways.extend(onward.map(|output| way.iter().copied().chain([output]).collect()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(input: &str, outputs: &[&str]) -> Flow {
        let name = |text: &str| Name::new(text).unwrap();
        Flow { input: name(input), outputs: outputs.iter().map(|output| name(output)).collect() }
    }

    fn round(others: &[(&str, &[&str])], candidate: &Flow) -> Option<String> {
        let flows = others.iter().zip(["a", "b", "c", "d"]);
        let flows =
            flows.map(|((input, outputs), id)| (Name::new(id).unwrap(), flow(input, outputs))).collect();
        ring(&flows, candidate).map(|way| way.iter().map(Name::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn rings_are_found_however_long_and_nothing_else_is() {
        assert_eq!(round(&[], &flow("s1", &["s2"])), None);
        assert_eq!(round(&[], &flow("s1", &["s1"])), Some("s1 s1".to_owned()));
        assert_eq!(round(&[("s2", &["s1"])], &flow("s1", &["s2"])), Some("s1 s2 s1".to_owned()));
        let long: &[(&str, &[&str])] = &[("s2", &["x", "s3"]), ("s3", &["s4"]), ("s4", &["s1"])];
        assert_eq!(round(long, &flow("s1", &["s2"])), Some("s1 s2 s3 s4 s1".to_owned()));
        // A diamond, and a ring that the candidate only leads into.
        assert_eq!(round(&[("l", &["z"]), ("r", &["z"])], &flow("s1", &["l", "r"])), None);
        assert_eq!(round(&[("p", &["q"]), ("q", &["p"])], &flow("s1", &["p"])), None);
    }

    #[test]
    fn nobody_writes_dead_letters() {
        let (code, ..) = problem(&BTreeMap::new(), &flow("s1", &[DEAD_LETTERS])).unwrap();
        assert_eq!(code, RESERVED_STREAM);
    }
}
