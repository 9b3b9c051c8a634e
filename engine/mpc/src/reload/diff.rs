//! What a new plan changes, in lines for people.

use std::collections::BTreeMap;

use chain::{
    Definition, Plan,
    definition::{Grant, Step},
};
use model::Name;

/// One plan with the text it comes from.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) definition: &'a Definition,
    pub(super) plan: &'a Plan,
}

/// What somebody can set about a chain or a step, by name, as text.
type Facets = BTreeMap<String, String>;

/// What `new` changes. Of a chain that did not run before: what it is.
pub(super) fn describe(old: Option<Side<'_>>, new: Side<'_>) -> Vec<String> {
    let Some(old) = old else {
        let steps: Vec<_> = new.plan.steps.iter().map(|s| format!("{} ({})", s.id, s.bundle)).collect();
        return vec![format!("new chain: {}", steps.join(" → "))];
    };
    let mut lines = Vec::new();
    compare("", &head(old), &head(new), &mut lines);
    let (before, after) = (ids(old), ids(new));
    for id in before.iter().filter(|id| !after.contains(id)) {
        lines.push(format!("step {id} removed"));
    }
    for step in new.plan.steps.iter().filter(|step| !before.contains(&&step.id)) {
        lines.push(format!("step {} added, {}", step.id, step.bundle));
    }
    for id in moved(&before, &after) {
        let at = after.iter().position(|other| *other == id).unwrap_or_default();
        let place = match at.checked_sub(1).and_then(|before| after.get(before)) {
            Some(previous) => format!("behind {previous}"),
            None => "to the beginning".to_owned(),
        };
        lines.push(format!("step {id} moved {place}"));
    }
    for id in after.iter().filter(|id| before.contains(id)) {
        bundle(id, old, new, &mut lines);
        if let (Some(was), Some(is)) = (step(old, id), step(new, id)) {
            compare(&format!("{id}: "), &facets(was), &facets(is), &mut lines);
        }
    }
    if lines.is_empty() {
        lines.push("nothing that runs: only text or tests".to_owned());
    }
    lines
}

fn ids<'a>(side: Side<'a>) -> Vec<&'a Name> {
    side.plan.steps.iter().map(|step| &step.id).collect()
}

fn step<'a>(side: Side<'a>, id: &str) -> Option<&'a Step> {
    side.definition.steps.iter().find(|step| step.id.as_str() == id)
}

/// Says which bundle took the place of which.
fn bundle(id: &Name, old: Side<'_>, new: Side<'_>, lines: &mut Vec<String>) {
    let find =
        |side: Side<'_>| side.plan.steps.iter().find(|step| step.id == *id).map(|step| step.bundle.clone());
    let (Some(was), Some(is)) = (find(old), find(new)) else { return };
    if was.name != is.name {
        lines.push(format!("{id}: {was} → {is}"));
    } else if was.version != is.version {
        lines.push(format!("{id}: {} {} → {}", is.name, was.version, is.version));
    } else if was.digest != is.digest {
        lines.push(format!("{id}: {is}, another build: {} → {}", was.digest.short(), is.digest.short()));
    }
}

/// Steps of both that stand in another order: all but a longest common run.
fn moved<'a>(before: &[&'a Name], after: &[&'a Name]) -> Vec<&'a Name> {
    let before: Vec<_> = before.iter().filter(|id| after.contains(id)).copied().collect();
    let after: Vec<_> = after.iter().filter(|id| before.contains(id)).copied().collect();
    // For each place of `after`, the longest run of steps that ends there and stood in this order before.
    let rank = |id: &Name| before.iter().position(|other| *other == id);
    let mut runs: Vec<Vec<&Name>> = Vec::with_capacity(after.len());
    for (i, id) in after.iter().enumerate() {
        let behind = |run: &&Vec<&Name>| run.last().is_some_and(|last| rank(last) < rank(id));
        let mut run =
            runs.iter().take(i).filter(behind).max_by_key(|run| run.len()).cloned().unwrap_or_default();
        run.push(id);
        runs.push(run);
    }
    let stays = runs.into_iter().max_by_key(Vec::len).unwrap_or_default();
    after.into_iter().filter(|id| !stays.contains(id)).collect()
}

fn head(side: Side<'_>) -> Facets {
    let Plan { input, output, on_failure, attempts_max, hops_max, outputs, .. } = side.plan;
    let on_failure = serde_json::to_value(on_failure).unwrap_or_default();
    let mut facets = Facets::from([
        ("input".to_owned(), input.to_string()),
        ("output".to_owned(), output.to_string()),
        ("on_failure".to_owned(), on_failure.as_str().unwrap_or_default().to_owned()),
        ("attempts_max".to_owned(), attempts_max.to_string()),
        ("hops_max".to_owned(), hops_max.to_string()),
    ]);
    facets
        .extend(outputs.iter().map(|output| (format!("outputs.{}", output.name), output.stream.to_string())));
    facets
}

fn facets(step: &Step) -> Facets {
    let mut facets = Facets::new();
    let mut set = |name: &str, value: String| facets.insert(name.to_owned(), value);
    set("uses", format!("{}@{}", step.uses.name, step.uses.range));
    if let Some(digest) = &step.digest {
        set("digest", digest.value.to_string());
    }
    for (key, value) in step.settings.iter().flat_map(|settings| settings.value.iter()) {
        set(&format!("settings.{key}"), value.to_string());
    }
    if let Some(deadline_ms) = &step.limits.deadline_ms {
        set("limits.deadline_ms", deadline_ms.get().to_string());
    }
    if let Some(memory_mb) = &step.limits.memory_mb {
        set("limits.memory_mb", memory_mb.get().to_string());
    }
    if !step.jumps.is_empty() {
        set("jumps", list(step.jumps.iter().map(|jump| jump.to_string())));
    }
    if !step.grants.is_empty() {
        set("grants", list(step.grants.iter().map(|grant| grant_text(&grant.value))));
    }
    if let Some(visits_max) = &step.visits_max {
        set("visits_max", visits_max.get().to_string());
    }
    let flags = [
        ("advisory", step.advisory),
        ("fresh_instance", step.fresh_instance),
        ("only_by_jump", step.only_by_jump),
    ];
    for (name, value) in flags {
        if value {
            set(name, "true".to_owned());
        }
    }
    facets
}

fn grant_text(grant: &Grant) -> String {
    match grant {
        Grant::State => "state".to_owned(),
        Grant::Output(name) => format!("output:{name}"),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn compare(place: &str, old: &Facets, new: &Facets, lines: &mut Vec<String>) {
    for (name, was) in old {
        match new.get(name) {
            Some(is) if is == was => {}
            Some(is) => lines.push(format!("{place}{name}: {was} → {is}")),
            None => lines.push(format!("{place}{name}: {was} → not set")),
        }
    }
    for (name, is) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        lines.push(format!("{place}{name}: not set → {is}"));
    }
}

#[cfg(test)]
mod tests;
