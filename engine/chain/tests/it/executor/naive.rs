//! The rules of execution written again as plainly as possible, over the chain's JSON and step ids.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chain::{End, Finished, Observe, Plan, Stopped, Told, Visit, compile};
use model::{Call, Fault, Headers, Message, NoState, Scope, Verdict};
use proptest::prelude::*;
use serde_json::Value;

use super::{
    message,
    scripts::{Act, Script, script},
};
use crate::support::json;

/// Everything observable of one execution, in plain words.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    end: String,
    body: Value,
    headers: Vec<(String, String)>,
    path: Vec<String>,
    emitted: Vec<(String, String, Value)>,
    skipped: Vec<String>,
    state: BTreeMap<String, String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn follower(steps: &[Value], i: usize) -> Option<usize> {
    let aside = |j: usize| steps[j]["only_by_jump"].as_bool().unwrap();
    if aside(i) {
        (i + 1 < steps.len() && aside(i + 1)).then_some(i + 1)
    } else {
        (i + 1..steps.len()).find(|j| !aside(*j))
    }
}

/// What one act makes of the outcome so far, and where it leads, or its fault.
fn perform(act: &Act, step: &Value, out: &mut Outcome) -> Result<Verdict, Fault> {
    let id = text(&step["id"]);
    let before = out.body.clone();
    let mut log = before["log"].as_str().unwrap_or_default().to_owned();
    log.extend(act.append.map(char::from));
    if let Some(name) = act.state {
        let held = out.state.insert(name.to_string(), id.clone());
        log.push_str(&held.unwrap_or_default());
    }
    if act.append.is_some() || act.state.is_some() {
        out.body["log"] = log.into();
    }
    match act.edit {
        Some((field, Some(digit))) => out.body[field] = Value::from(digit - b'0'),
        Some((field, None)) => drop(out.body.as_object_mut().unwrap().remove(field)),
        None => {}
    }
    if let Some(fault) = &act.fault {
        return Err(fault.clone());
    }
    let strings = |value: &Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    if let Verdict::Jump(to) = &act.verdict
        && !strings(&step["jumps"]).contains(to)
    {
        return Err(Fault::ForbiddenJump { to: to.clone() });
    }
    if let Some(output) = act.emit {
        if !strings(&step["grants"]).contains(&format!("output:{output}")) {
            return Err(Fault::Reject { reason: String::new() });
        }
        out.emitted.push((id.clone(), output.to_owned(), before));
    }
    if act.header {
        let mut headers = Headers(out.headers.clone());
        headers.set(&id, "seen");
        out.headers = headers.0;
    }
    Ok(act.verdict.clone())
}

fn interpret(script: &Script, number: usize) -> Outcome {
    let steps = script.chain["step"].as_array().unwrap();
    let skip = script.chain["chain"]["on_failure"] == "skip";
    let hops_max = script.chain["chain"]["hops_max"].as_u64().unwrap() as usize;
    let mut out = Outcome { body: serde_json::json!({ "log": "start" }), ..Outcome::default() };
    let mut at = Some(0);
    while let Some(i) = at {
        let (step, id) = (&steps[i], text(&steps[i]["id"]));
        let visits = out.path.iter().filter(|visited| **visited == id).count();
        if out.path.len() == hops_max || step["visits_max"].as_u64().is_some_and(|max| visits as u64 == max) {
            return Outcome { end: "hop_budget".to_owned(), path: out.path, ..Outcome::default() };
        }
        out.path.push(id.clone());
        let acts = &script.acts[id.as_str()];
        let before = out.clone();
        match perform(&acts[(number + visits) % acts.len()], step, &mut out) {
            Ok(Verdict::Next) => at = follower(steps, i),
            Ok(Verdict::Jump(to)) => at = steps.iter().position(|s| s["id"] == to.as_str()),
            Ok(Verdict::Term(reason)) => {
                out.end = format!("term {reason}");
                return out;
            }
            Err(fault) => {
                let last = !fault.retryable() || script.attempt >= 2;
                if !(skip && last && step["advisory"] == true) {
                    return Outcome { end: fault.code().to_owned(), path: out.path, ..Outcome::default() };
                }
                out = before;
                out.skipped.push(id);
                at = follower(steps, i);
            }
        }
    }
    out.end = "output".to_owned();
    out
}

fn numbered(number: usize) -> Message {
    Message { id: number.to_string(), body: r#"{"log":"start"}"#.into(), ..message() }
}

fn call(script: &Script) -> Call {
    let mut call = Call::new(0, 0, Scope::new(Arc::new(NoState)));
    call.attempt = script.attempt;
    call
}

fn observed(plan: &Plan, mut call: Call, result: Result<Finished, Stopped>) -> Outcome {
    let id = |step: usize| plan.steps[step].id.to_string();
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let writes = call.state.take_writes().into_iter();
    let state = writes.map(|w| (w.name, string(&w.value.unwrap()))).collect();
    assert!(call.emissions.is_empty());
    match result {
        Ok(finished) => Outcome {
            end: match finished.end {
                End::Output => "output".to_owned(),
                End::Term { reason } => format!("term {reason}"),
            },
            body: value(&finished.message.body),
            headers: finished.message.headers.0,
            path: finished.path.iter().map(id).collect(),
            emitted: finished.emitted.into_iter().map(|(s, e)| (id(s), e.output, value(&e.body))).collect(),
            skipped: finished.skipped.iter().map(|s| id(s.step)).collect(),
            state,
        },
        Err(stopped) => Outcome {
            end: stopped.fault.code().to_owned(),
            path: stopped.path.iter().map(id).collect(),
            state,
            ..Outcome::default()
        },
    }
}

fn compiled(script: &Script) -> Plan {
    compile(&json(&script.chain.to_string()), &script.fakes()).unwrap_or_else(|f| panic!("{f}"))
}

fn one_by_one(script: &Script) -> Vec<Outcome> {
    let plan = compiled(script);
    let run = |number| {
        let mut call = call(script);
        let result = plan.execute(&numbered(number), &mut call, &mut ());
        observed(&plan, call, result)
    };
    (0..script.messages).map(run).collect()
}

fn together(script: &Script, observer: &mut impl Observe) -> Vec<Outcome> {
    let plan = compiled(script);
    let messages: Vec<_> = (0..script.messages).map(numbered).collect();
    let mut calls: Vec<_> = messages.iter().map(|_| call(script)).collect();
    let results = plan.execute_batch(messages.iter().zip(&mut calls), observer);
    calls.into_iter().zip(results).map(|(call, result)| observed(&plan, call, result)).collect()
}

/// How many visits each step had, by what came of them.
type Tally = BTreeMap<(usize, String), usize>;

fn count(tally: &mut Tally, visit: Visit<'_>) {
    let what = visit.result.map_or_else(|fault| fault.code().to_owned(), |o| format!("{:?}", o.verdict));
    *tally.entry((visit.step, what)).or_default() += 1;
}

/// Is told each visit.
#[derive(Default)]
struct Each(Tally);

impl Observe for Each {
    fn step(&mut self, visit: Visit<'_>) {
        count(&mut self.0, visit);
    }
}

/// Is told how many passed.
#[derive(Default)]
struct Counted(Tally);

impl Observe for Counted {
    const TOLD: Told = Told::Counts;

    fn step(&mut self, visit: Visit<'_>) {
        count(&mut self.0, visit);
    }

    fn passed(&mut self, step: usize, messages: usize, _: Duration) {
        *self.0.entry((step, "Next".to_owned())).or_default() += messages;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn one_by_one_and_together_agree_with_a_naive_interpreter(script in script()) {
        let expected: Vec<_> = (0..script.messages).map(|number| interpret(&script, number)).collect();
        prop_assert_eq!(one_by_one(&script), expected.clone());
        prop_assert_eq!(together(&script, &mut ()), expected.clone());
        let (mut each, mut counted) = (Each::default(), Counted::default());
        prop_assert_eq!(together(&script, &mut each), expected.clone());
        prop_assert_eq!(together(&script, &mut counted), expected);
        prop_assert_eq!(each.0, counted.0);
    }
}
