//! Asks the catalog for each step's processor, and says of a refusal which field is to blame.

use std::collections::HashSet;

use model::{Catalog, Refusal, Resolved, Wanted, near};

use crate::{
    Code, Definition, Span,
    definition::{Grant, Step},
    faults::Mistakes,
};

type Settings = serde_json::Map<String, serde_json::Value>;

/// One processor per step; fewer when there were mistakes.
pub(crate) fn steps(
    definition: &Definition,
    catalog: &dyn Catalog,
    mistakes: &mut Mistakes,
) -> Vec<Resolved> {
    let mut resolved = Vec::with_capacity(definition.steps.len());
    for step in definition.steps.iter().filter(|step| step.uses.is_written()) {
        match catalog.resolve(&wanted(step)) {
            Ok(processor) => resolved.push(processor),
            Err(refusals) => {
                // Of a step that could not be read whole, only what the bundle itself lacks is certain:
                // its settings and grants may be among what was not read.
                let certain = |r: &&Refusal| step.sound || !depends_on_step(r);
                refusals.iter().filter(certain).for_each(|r| refuse(step, r, mistakes));
            }
        }
    }
    resolved
}

fn wanted(step: &Step) -> Wanted {
    let mut grants = Vec::new();
    if step.grants.iter().any(|g| g.value == Grant::State) {
        grants.push("state".to_owned());
    }
    let outputs: Vec<_> = step.granted_outputs().map(ToString::to_string).collect();
    if !outputs.is_empty() {
        grants.push("outputs".to_owned());
    }
    Wanted {
        step: step.id.value.clone(),
        name: step.uses.name.clone(),
        range: step.uses.range.clone(),
        digest: step.digest.as_ref().map(|d| d.value),
        settings: step.settings.as_ref().map(|s| s.value.clone()).unwrap_or_default().into(),
        grants,
        outputs,
        limits: (&step.limits).into(),
        fresh_instance: step.fresh_instance,
    }
}

fn depends_on_step(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotGranted { .. } | Refusal::SettingsRefused { .. })
}

/// The setting that was meant by one that the bundle names, of those it says there are. Its words are its own, in whatever
/// language it is written; that it puts names between backticks is all that is asked of them.
fn meant<'r>(settings: &Settings, reason: &'r str) -> Option<&'r str> {
    let mut given = HashSet::new();
    keys(settings, &mut given);
    let quoted: Vec<_> = reason.split('`').skip(1).step_by(2).collect();
    let (wrong, known): (Vec<_>, Vec<_>) = quoted.into_iter().partition(|word| given.contains(word));
    wrong.into_iter().find_map(|word| near(word, known.iter().copied()))
}

/// Every key of `settings`, those of tables in tables too.
fn keys<'s>(settings: &'s Settings, found: &mut HashSet<&'s str>) {
    for (key, value) in settings {
        found.insert(key);
        if let serde_json::Value::Object(inner) = value {
            keys(inner, found);
        }
    }
}

fn refuse(step: &Step, refusal: &Refusal, mistakes: &mut Mistakes) {
    let uses = step.uses.span;
    let written = |span: Option<Span>| span.filter(|s| *s != Span::NOWHERE).unwrap_or(uses);
    let digest = step.digest.as_ref().map(|d| d.span);
    let (code, span, hint) = match refusal {
        Refusal::UnknownBundle { near, .. } => {
            let hint = near.as_ref().map(|near| format!("did you mean `{near}`?"));
            (Code::UnknownBundle, uses, hint)
        }
        Refusal::NoMatchingVersion { range, .. } => {
            let pinned = range.starts_with("sha256:");
            (Code::NoMatchingVersion, if pinned { written(digest) } else { uses }, None)
        }
        Refusal::NotGranted { grant, .. } => {
            let hint = format!("add `{grant}` to `grants`, if this step may have it");
            (Code::NotGranted, written(Some(step.grants.span)), Some(hint))
        }
        Refusal::UnknownInterface { .. } => {
            let hint = "use a bundle built for this host, or a newer host".to_owned();
            (Code::UnknownInterface, uses, Some(hint))
        }
        Refusal::SettingsRefused { reason, .. } => {
            let hint = step.settings.as_ref().and_then(|settings| meant(&settings.value, reason));
            let hint = hint.map(|meant| format!("did you mean `{meant}`?"));
            (Code::SettingsRefused, written(step.settings.as_ref().map(|s| s.span)), hint)
        }
        Refusal::Exhausted { .. } => {
            let hint = "raise `runtime.instances_max`, or let fewer steps run; it is tried again by itself";
            (Code::NoInstance, uses, Some(hint.to_owned()))
        }
        _ => (Code::BrokenBundle, uses, None),
    };
    mistakes.add_with_hint(code, span, refusal.to_string(), hint);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_setting_is_told_from_the_words_of_whoever_refused_it() {
        let settings = json!({ "text_mx": 5, "verbs": [], "limits": { "byte": 1 } });
        let meant = |reason| meant(settings.as_object().unwrap(), reason);
        assert_eq!(
            meant("settings: unknown field `text_mx`, expected one of `text_max`, `body_bytes_max`"),
            Some("text_max")
        );
        assert_eq!(meant("setting `limits`: unknown field `byte`, expected `bytes`"), Some("bytes"));
        // Of a value that is wrong, nothing is misspelt.
        assert_eq!(meant("setting `verbs`: must be at least one of `note` and `like`"), None);
        assert_eq!(meant("`text_max` must be at least 1"), None);
        assert_eq!(meant("no"), None);
    }
}
