//! What each step did, from `/metrics`.

use std::collections::BTreeMap;

use testkit::metrics::{Sample, parse, quantile};

const MESSAGES: &str = "catena_messages_total";
const SECONDS: &str = "catena_step_seconds";

/// A line per step: how many messages by what came of them, and the time of a call.
pub(crate) fn table(metrics: &str) -> String {
    let samples = parse(metrics);
    let mut steps: BTreeMap<(String, String), BTreeMap<String, f64>> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s.name == MESSAGES) {
        let label = |name: &str| sample.labels.get(name).cloned().unwrap_or_default();
        *steps.entry((label("chain"), label("step"))).or_default().entry(label("verdict")).or_default() +=
            sample.value;
    }
    let mut text =
        format!("{:<28} {:>9} {:>10} {:>10}  what came of them\n", "step", "messages", "p50", "p99");
    for ((chain, step), verdicts) in &steps {
        let own = |s: &Sample| s.labels.get("chain") == Some(chain) && s.labels.get("step") == Some(step);
        let time = |share| quantile(&samples, SECONDS, own, share).map_or("-".to_owned(), micros);
        let total: f64 = verdicts.values().sum();
        let kinds: Vec<_> =
            verdicts.iter().filter(|(_, n)| **n > 0.0).map(|(verdict, n)| format!("{n} {verdict}")).collect();
        let name = format!("{chain}/{step}");
        text.push_str(&format!(
            "{name:<28} {total:>9} {:>10} {:>10}  {}\n",
            time(0.5),
            time(0.99),
            kinds.join(", ")
        ));
    }
    text
}

fn micros(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1e6)
}
