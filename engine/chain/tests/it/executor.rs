//! A plan at work: rules one by one, then random plans against a naive interpreter.

mod naive;
mod scripts;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use chain::{End, Observe, Plan, Visit, compile};
use model::{Call, Edit, Fault, Headers, Message, NoState, Outcome, Scope, Verdict};
use serde_json::json;

use crate::support::{Fakes, Work, json};

fn message() -> Message {
    Message {
        id: "m".into(),
        kind: "note".into(),
        key: "42".into(),
        body: "start".into(),
        ..Message::default()
    }
}

fn call() -> Call {
    Call::new(1_000, 7, Scope::new(Arc::new(NoState)))
}

/// A chain of steps `a`, `b`, `c`, each as `step` adds to it, working as `work` says for its bundle.
fn plan(on_failure: &str, steps: &[serde_json::Value], work: impl Fn(&str) -> Work) -> Plan {
    let names = ["a", "b", "c"];
    let steps: Vec<_> = names
        .iter()
        .zip(steps)
        .map(|(name, extra)| {
            let mut step = json!({ "id": name, "uses": format!("{name}@*") });
            step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            step
        })
        .collect();
    let chain = json!({
        "chain": { "id": "x", "input": "in", "output": "out", "on_failure": on_failure, "attempts_max": 2 },
        "outputs": { "side": {} },
        "step": steps,
    });
    compile(&json(&chain.to_string()), &Fakes::working(&names, work)).unwrap()
}

fn answer(outcome: Outcome) -> Work {
    Arc::new(move |_, _| Ok(outcome.clone()))
}

fn verdict(verdict: Verdict) -> Work {
    answer(Outcome { verdict, ..Outcome::default() })
}

#[test]
fn what_is_too_large_or_not_granted_is_refused_and_leaves_nothing() {
    let large = Outcome { body: Some(vec![b'x'; (1 << 20) + 1].into()), ..Outcome::default() };
    let wide = Headers(vec![("n".into(), "v".repeat(64 << 10))]);
    let wide = Outcome { headers: Some(wide), ..Outcome::default() };
    let emit: Work = Arc::new(|message, call| {
        call.state.set("p", "k", "n", Some("v".into())).unwrap();
        call.emissions.push(scripts::emission(message, "side"));
        Ok(Outcome::default())
    });
    for (work, part) in [
        (answer(large), "1048577 bytes"),
        (answer(wide), "65537 bytes"),
        (emit, "output `side`, which its step is not granted"),
    ] {
        let plan = plan("dead-letter", &[json!({})], |_| work.clone());
        let mut call = call();
        let stopped = plan.execute(&message(), &mut call, &mut ()).unwrap_err();
        assert!(matches!(stopped.fault, Fault::Reject { .. }), "{:?}", stopped.fault);
        assert!(stopped.fault.to_string().contains(part), "{}", stopped.fault);
        assert!(call.emissions.is_empty() && call.state.take_writes().is_empty());
        assert_eq!(stopped.path.names(&plan).len(), 1);
    }
}

#[test]
fn edits_are_bounded_by_what_they_make_of_the_body() {
    let set = |length: usize| {
        let value = Some(format!("\"{}\"", "x".repeat(length)).into());
        let edits = vec![Edit { field: "a".into(), value }; 2];
        let plan = plan("dead-letter", &[json!({})], |_| {
            answer(Outcome { edits: edits.clone(), ..Outcome::default() })
        });
        let message = Message { body: "{}".into(), ..message() };
        plan.execute(&message, &mut call(), &mut ()).map(|finished| finished.message.body.len())
    };
    // `{"a":""}` is 8 bytes; the same field twice is there once.
    assert_eq!(set((1 << 20) - 8).unwrap(), 1 << 20);
    let told = set((1 << 20) - 7).unwrap_err().fault.to_string();
    assert!(told.contains("the new body is 1048577 bytes"), "{told}");
}

#[test]
fn edits_hold_for_the_new_body_and_need_an_object() {
    let edits = vec![Edit { field: "a".into(), value: Some("1".into()) }];
    let run = |body: Option<&'static str>| {
        let outcome = Outcome { body: body.map(Into::into), edits: edits.clone(), ..Outcome::default() };
        let plan = plan("dead-letter", &[json!({})], |_| answer(outcome.clone()));
        plan.execute(&message(), &mut call(), &mut ()).map(|finished| finished.message.body)
    };
    assert_eq!(run(Some(r#"{"b":2}"#)).unwrap(), r#"{"b":2,"a":1}"#);
    for body in [None, Some("[]")] {
        let fault = run(body).unwrap_err().fault;
        assert_eq!(fault, Fault::Reject { reason: "it set fields of a body that is no JSON object".into() });
    }
}

#[test]
fn an_advisory_step_is_passed_over_once_its_failure_is_final() {
    let retry: Work = Arc::new(|_, _| Err(Fault::Retry { reason: "later".into() }));
    let steps = [json!({ "advisory": true }), json!({})];
    let skipping = |failing: &'static str| {
        let retry = retry.clone();
        plan("skip", &steps, move |name| if name == failing { retry.clone() } else { verdict(Verdict::Next) })
    };
    let plan = skipping("a");
    let mut call = call();
    let stopped = plan.execute(&message(), &mut call, &mut ()).unwrap_err();
    assert!(stopped.fault.retryable() && call.attempt < plan.attempts_max, "it is not final yet");
    call.attempt = 2;
    let finished = plan.execute(&message(), &mut call, &mut ()).unwrap();
    assert_eq!((finished.end, finished.skipped[0].step, finished.path.len()), (End::Output, 0, 2));
    // A step that is not advisory still stops the message.
    let stopped = skipping("b").execute(&message(), &mut call, &mut ()).unwrap_err();
    assert_eq!(stopped.path.last(), Some(1));
}

#[test]
fn budgets_end_a_message_that_goes_round() {
    let steps = [json!({}), json!({ "jumps": ["a"], "visits_max": 3 })];
    let plan = plan("dead-letter", &steps, |name| {
        verdict(if name == "b" { Verdict::Jump("a".into()) } else { Verdict::Next })
    });
    let stopped = plan.execute(&message(), &mut call(), &mut ()).unwrap_err();
    assert_eq!(stopped.fault.code(), "hop_budget");
    assert!(stopped.fault.to_string().contains("3 visits of `b`"), "{}", stopped.fault);
    let path: Vec<_> = stopped.path.iter().collect();
    assert_eq!(path, [0, 1, 0, 1, 0, 1, 0]);
}

#[test]
fn a_step_draws_the_same_seed_on_every_attempt_and_another_than_its_neighbour() {
    let seeds = Arc::new(Mutex::new(Vec::new()));
    let log = seeds.clone();
    let work: Work = Arc::new(move |_, call| {
        log.lock().unwrap().push(call.seed);
        Ok(Outcome::default())
    });
    let plan = plan("dead-letter", &[json!({}), json!({})], |_| work.clone());
    let mut call = call();
    for _ in 0..2 {
        plan.execute(&message(), &mut call, &mut ()).unwrap();
        call.attempt += 1;
    }
    call.seed = 8;
    plan.execute(&message(), &mut call, &mut ()).unwrap();
    let seeds = seeds.lock().unwrap();
    assert_eq!(seeds[..2], seeds[2..4]);
    assert_ne!(seeds[0], seeds[1]);
    assert_ne!(seeds[0], seeds[4]);
    assert_eq!(call.seed, 8);
}

#[test]
fn an_observer_sees_each_visit_before_and_after() {
    #[derive(Default)]
    struct Log(Vec<String>);
    impl Observe for Log {
        fn step(&mut self, visit: Visit<'_>) {
            let before = visit.before.to_message();
            let after = visit
                .result
                .map_or_else(|_| before.clone(), |outcome| outcome.applied_to(visit.before).unwrap());
            let [before, after] = [before, after].map(|m| String::from_utf8_lossy(&m.body).into_owned());
            let code = visit.result.map_or_else(Fault::code, |_| "ok");
            self.0.push(format!("{} {before}→{after} {code} {}", visit.step, visit.skipped));
        }
    }
    let steps = [json!({}), json!({ "advisory": true })];
    let plan = plan("skip", &steps, |name| match name {
        "a" => answer(Outcome { body: Some("new".into()), ..Outcome::default() }),
        _ => Arc::new(|_, _| Err(Fault::Reject { reason: "no".into() })),
    });
    let mut log = Log::default();
    plan.execute(&message(), &mut call(), &mut log).unwrap();
    assert_eq!(log.0, ["0 start→new ok false", "1 new→new reject true"]);
}

#[test]
fn a_plan_serves_many_threads() {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let work: Work = Arc::new(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome::default())
    });
    let plan = Arc::new(plan("dead-letter", &[json!({}), json!({}), json!({})], |_| work.clone()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..100).for_each(|_| assert!(plan.execute(&message(), &mut call(), &mut ()).is_ok()))
            });
        }
    });
    assert_eq!(count.load(Ordering::Relaxed), 4 * 100 * 3);
}
