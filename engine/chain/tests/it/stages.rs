//! From text to plan.

use chain::{Code, Format, OnFailure, Source, compile, parse};
use model::{BundleRef, Limits};
use serde_json::json;

use crate::support::{DIGEST, Fakes, json, name, to_json, told, toml};

const WHOLE: &str = include_str!("corpus/whole.toml");

#[test]
fn a_plan_holds_what_the_file_says() {
    let plan = compile(&toml(WHOLE), &Fakes::samples()).unwrap();
    assert_eq!((plan.id.as_str(), plan.input.as_str(), plan.output.as_str()), ("feed", "posts", "inbox"));
    assert_eq!((plan.on_failure, plan.attempts_max, plan.hops_max), (OnFailure::Skip, 3, 16));
    assert_eq!(plan.source_digest, toml(WHOLE).digest());
    let outputs: Vec<_> = plan.outputs.iter().map(|o| (o.name.as_str(), o.stream.as_str())).collect();
    assert_eq!(outputs, [("audit", "audit-log"), ("quarantine", "quarantine"), ("inbox", "inbox")]);
    let next: Vec<_> = plan.steps.iter().map(|s| s.next).collect();
    assert_eq!(next, [Some(1), Some(2), Some(4), None, None]);

    let [validate, dedupe, spam, _, enrich] = plan.steps.as_slice() else { panic!("{plan:?}") };
    let newest = "1.4.1".parse().unwrap();
    assert_eq!(validate.bundle, BundleRef { name: name("validate"), version: newest, digest: DIGEST });
    assert_eq!(validate.limits.deadline.as_millis(), 20);
    assert_eq!(dedupe.limits, Limits::default());
    assert!(validate.advisory && !dedupe.advisory);
    assert!(enrich.fresh_instance && !dedupe.fresh_instance);
    assert_eq!(dedupe.outputs, [name("audit")]);
    assert_eq!(spam.jumps, [(name("quarantine"), 3)]);
    assert_eq!((spam.visits_max, dedupe.visits_max), (Some(2), None));
}

#[test]
fn toml_and_json_say_the_same() {
    let text = to_json(WHOLE).to_string();
    let [from_toml, from_json] =
        [toml(WHOLE), json(&text)].map(|source| compile(&source, &Fakes::samples()).unwrap());
    assert_eq!(format!("{:?}", from_toml.steps), format!("{:?}", from_json.steps));
    // All but where they stand.
    let reports = |plan: &chain::Plan| serde_json::to_value(plan.run_tests()).unwrap();
    assert_eq!(reports(&from_toml), reports(&from_json));
}

#[test]
fn stages_can_be_taken_one_by_one() {
    let source = toml(WHOLE);
    let validated = parse(&source).unwrap().validate(&source).unwrap();
    assert_eq!(validated.definition().chain.id.as_str(), "feed");
    assert_eq!(validated.plan(&source, &Fakes::samples()).unwrap().steps.len(), 5);

    let cyclic = toml(
        &WHOLE.replace(r#""quarantine"]"#, r#""validate", "quarantine"]"#).replace("visits_max = 2", ""),
    );
    let faults = parse(&cyclic).unwrap().validate(&cyclic).unwrap_err();
    assert_eq!(told(&faults), ["chain::unbounded-cycle 30:10"]);
    let faults =
        parse(&source).unwrap().validate(&source).unwrap().plan(&source, &Fakes(vec![])).unwrap_err();
    assert!(faults.mistakes().iter().all(|m| m.code == Code::UnknownBundle));
    assert_eq!(faults.mistakes().len(), 5);
}

#[test]
fn a_large_chain_compiles_and_a_larger_one_is_refused() {
    let chain = |steps: usize| {
        let step = |i| json!({ "id": format!("s{i}"), "uses": "enrich@*" });
        let steps: Vec<_> = (0..steps).map(step).collect();
        json(&json!({ "chain": { "id": "a", "input": "b", "output": "c" }, "step": steps }).to_string())
    };
    let plan = compile(&chain(1000), &Fakes::samples()).unwrap();
    assert_eq!((plan.steps.len(), plan.hops_max), (1000, 2000));
    let faults = compile(&chain(1001), &Fakes::samples()).unwrap_err();
    assert_eq!(faults.mistakes()[0].code, Code::TooManySteps);
}

#[test]
fn a_text_over_a_mebibyte_is_refused() {
    let source =
        Source { name: "x.toml".into(), format: Format::Toml, text: "#".repeat((1 << 20) + 1).into() };
    assert_eq!(told(&parse(&source).unwrap_err()), ["chain::too-large 1:1048577"]);
}

#[test]
fn a_tangle_of_jumps_is_checked_quickly_and_told_briefly() {
    let ids: Vec<_> = (0..120).map(|i| format!("s{i}")).collect();
    let step = |id: &String| json!({ "id": id, "uses": "enrich@*", "jumps": ids });
    let steps: Vec<_> = ids.iter().map(step).collect();
    let chain = json!({ "chain": { "id": "a", "input": "b", "output": "c" }, "step": steps });
    let faults = compile(&json(&chain.to_string()), &Fakes::samples()).unwrap_err();
    assert_eq!(faults.mistakes().len(), 20);
    assert!(faults.to_string().len() < 10_000);
}
