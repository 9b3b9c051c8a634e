//! Random chains whose steps do what a script says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use model::{Edit, Emission, Fault, Message, Outcome, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Fakes, Work};

pub(super) const IDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// What a step does on one call.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) verdict: Verdict,
    /// Writes the body anew, with this behind its field `log`.
    pub(super) append: Option<u8>,
    /// Sets this field, or removes it, and leaves the rest of the body as it is.
    pub(super) edit: Option<(&'static str, Option<u8>)>,
    pub(super) header: bool,
    pub(super) emit: Option<&'static str>,
    /// Reads this entry into the body, then writes it.
    pub(super) state: Option<u8>,
    pub(super) fault: Option<Fault>,
}

/// A chain as JSON, and what its steps do: on their n-th call for message m the (m + n)-th act, over and over.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) chain: Value,
    pub(super) acts: HashMap<&'static str, Vec<Act>>,
    pub(super) attempt: u32,
    /// How many messages go through it.
    pub(super) messages: usize,
}

pub(super) fn emission(message: &Message, output: &str) -> Emission {
    let Message { kind, key, body, .. } = message.clone();
    Emission { output: output.to_owned(), kind, key, body }
}

impl Script {
    pub(super) fn fakes(&self) -> Fakes {
        let acts = self.acts.clone();
        Fakes::working(&IDS, move |id| {
            let acts = acts.get(id).cloned().unwrap_or_default();
            let calls = Mutex::new(HashMap::new());
            let id = id.to_owned();
            let work: Work = Arc::new(move |message, call| {
                let number: usize = message.id.parse().unwrap();
                let mut calls = calls.lock().unwrap();
                let visits = calls.entry(number).or_insert(0);
                let act = &acts[(number + *visits) % acts.len()];
                *visits += 1;
                let before: Value = serde_json::from_slice(&message.body).unwrap();
                let mut log = before["log"].as_str().unwrap_or_default().to_owned();
                log.extend(act.append.map(char::from));
                if let Some(name) = act.state.map(|n| n.to_string()) {
                    let held = call.state.get("shared", "k", &name).unwrap();
                    log.push_str(std::str::from_utf8(&held.unwrap_or_default()).unwrap());
                    call.state.set("shared", "k", &name, Some(id.clone().into())).unwrap();
                }
                if let Some(output) = act.emit {
                    call.emissions.push(emission(message, output));
                }
                if let Some(fault) = &act.fault {
                    return Err(fault.clone());
                }
                let headers = act.header.then(|| {
                    let mut headers = message.headers.clone();
                    headers.set(&id, "seen");
                    headers
                });
                let mut after = before.clone();
                after["log"] = log.into();
                let writes = act.append.is_some() || act.state.is_some();
                let body = writes.then(|| after.to_string().into());
                let edit = |(field, digit): (&str, Option<u8>)| Edit {
                    field: field.to_owned(),
                    value: digit.map(|digit| char::from(digit).to_string().into()),
                };
                let edits = act.edit.map(edit).into_iter().collect();
                Ok(Outcome { verdict: act.verdict.clone(), body, headers, edits })
            });
            work
        })
    }
}

fn act() -> impl Strategy<Value = Act> {
    let to = prop::sample::select(IDS.to_vec());
    let verdict = prop_oneof![
        6 => Just(Verdict::Next),
        1 => "[a-z]{0,3}".prop_map(Verdict::Term),
        4 => to.prop_map(|id| Verdict::Jump(id.to_owned())),
    ];
    let fault = prop_oneof![
        Just(Fault::Retry { reason: "later".into() }),
        Just(Fault::Reject { reason: "never".into() }),
        Just(Fault::Host { reason: "store".into() }),
    ];
    (
        verdict,
        prop::option::of(b'0'..=b'9'),
        prop::option::weighted(0.4, (prop::sample::select(vec!["x", "log"]), prop::option::of(b'0'..=b'9'))),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.3, prop::sample::select(vec!["left", "right"])),
        prop::option::weighted(0.4, 0u8..3),
        prop::option::weighted(0.08, fault),
    )
        .prop_map(|(verdict, append, edit, header, emit, state, fault)| Act {
            verdict,
            append,
            edit,
            header,
            emit,
            state,
            fault,
        })
}

/// Places of a step: only by jump, jumps, advisory, visits, may emit to `right` too.
type Place = (bool, Vec<usize>, bool, u32, bool);

fn place() -> impl Strategy<Value = Place> {
    let jumps = prop::collection::vec(0..IDS.len(), 0..4);
    (prop::bool::weighted(0.3), jumps, any::<bool>(), 1u32..4, prop::bool::weighted(0.8))
}

/// Chains that compile: the first step may jump to every step that waits for a jump, and every step
/// with jumps has a bound.
pub(super) fn script() -> impl Strategy<Value = Script> {
    let acts = prop::collection::vec(prop::collection::vec(act(), 1..4), IDS.len());
    let places = prop::collection::vec(place(), 1..=IDS.len());
    let numbers = (7u32..14, 1u32..3, 1usize..6);
    (places, acts, any::<bool>(), numbers).prop_map(|(places, acts, skip, (hops_max, attempt, messages))| {
        let count = places.len();
        let aside = |i: usize| i > 0 && places[i].0;
        let steps: Vec<_> = places
            .iter()
            .enumerate()
            .map(|(i, (_, jumps, advisory, visits_max, right))| {
                let mut jumps: Vec<_> = jumps.iter().copied().filter(|to| *to < count).collect();
                if i == 0 {
                    jumps.extend((0..count).filter(|to| aside(*to)));
                }
                let jumps: Vec<_> = jumps.into_iter().map(|to| IDS[to]).collect();
                let grants = if *right { vec!["output:left", "output:right"] } else { vec!["output:left"] };
                let mut step = json!({
                    "id": IDS[i], "uses": format!("{}@*", IDS[i]), "only_by_jump": aside(i), "jumps": jumps,
                    "advisory": *advisory || i == 0, "grants": grants,
                });
                if !jumps.is_empty() {
                    step["visits_max"] = json!(visits_max);
                }
                step
            })
            .collect();
        let on_failure = if skip { "skip" } else { "dead-letter" };
        let chain = json!({
            "chain": {
                "id": "x", "input": "in", "output": "out", "on_failure": on_failure,
                "hops_max": hops_max, "attempts_max": 2,
            },
            "outputs": { "left": {}, "right": {} },
            "step": steps,
        });
        Script { chain, acts: IDS.into_iter().zip(acts).collect(), attempt, messages }
    })
}
