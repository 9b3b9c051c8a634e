use std::sync::Arc;

use chain::{Format, Source};
use model::{
    BundleRef, Call, Catalog, Digest, Fault, Message, Outcome, Processor, Refusal, Resolved, Wanted,
};

use super::*;

struct Nothing;

impl Processor for Nothing {
    fn process(&self, _: &Message, _: &mut Call) -> Result<Outcome, Fault> {
        Ok(Outcome::default())
    }
}

/// Has every bundle in the lowest version of its range.
struct Everything;

impl Catalog for Everything {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let lowest = wanted.range.comparators.first().unwrap();
        let version =
            semver::Version::new(lowest.major, lowest.minor.unwrap_or(0), lowest.patch.unwrap_or(0));
        let bundle = BundleRef { name: wanted.name.clone(), version, digest: Digest([1; 32]) };
        Ok(Resolved { bundle, processor: Arc::new(Nothing) })
    }
}

const HEAD: &str = "[chain]\nid = 'feed'\ninput = 'posts'\noutput = 'inbox'\n";

fn step(id: &str, uses: &str, more: &str) -> String {
    format!("[[step]]\nid = '{id}'\nuses = '{uses}'\n{more}\n")
}

fn lines(old: &str, new: &str) -> Vec<String> {
    let compile = |text: &str| {
        let source = Source { name: "feed.toml".into(), format: Format::Toml, text: text.into() };
        let plan = chain::compile(&source, &Everything).unwrap_or_else(|faults| panic!("{faults}"));
        (chain::parse(&source).unwrap(), plan)
    };
    let (old, new) = (compile(old), compile(new));
    let side = |(definition, plan)| Side { definition, plan };
    describe(Some(side((&old.0, &old.1))), side((&new.0, &new.1)))
}

#[test]
fn steps_versions_and_settings_are_told_apart() {
    let old = [
        HEAD,
        &step("validate", "validate@^1", "settings = { text_max = 2000, strict = true }"),
        &step("spam", "spam-filter@^1", "grants = ['state']"),
        &step("enrich", "enrich@^1", ""),
    ]
    .concat();
    let new = [
        HEAD,
        "on_failure = 'halt'\n",
        &step("validate", "validate@^1", "settings = { text_max = 20 }"),
        &step("dedupe", "dedupe@^2", ""),
        &step("spam", "spam-filter@1.1.0", "limits = { deadline_ms = 5 }\nfresh_instance = true"),
    ]
    .concat();
    assert_eq!(
        lines(&old, &new),
        [
            "on_failure: dead-letter → halt",
            "step enrich removed",
            "step dedupe added, dedupe@2.0.0",
            "validate: settings.strict: true → not set",
            "validate: settings.text_max: 2000 → 20",
            "spam: spam-filter 1.0.0 → 1.1.0",
            "spam: grants: state → not set",
            "spam: uses: spam-filter@^1 → spam-filter@^1.1.0",
            "spam: fresh_instance: not set → true",
            "spam: limits.deadline_ms: not set → 5",
        ]
    );
}

#[test]
fn only_steps_that_changed_their_order_are_said_to_have_moved() {
    let chain = |order: &[&str]| {
        let steps: Vec<_> = order.iter().map(|id| step(id, "p@^1", "")).collect();
        format!("{HEAD}{}", steps.concat())
    };
    let old = chain(&["a", "b", "c", "d"]);
    assert_eq!(lines(&old, &chain(&["d", "a", "b", "c"])), ["step d moved to the beginning"]);
    assert_eq!(lines(&old, &chain(&["a", "c", "b", "d"])), ["step c moved behind a"]);
    assert_eq!(lines(&old, &chain(&["a", "c", "d"])), ["step b removed"]);
    assert_eq!(lines(&old, &format!("# hello\n{old}")), ["nothing that runs: only text or tests"]);
}
