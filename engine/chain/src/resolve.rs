//! Asks the catalog for each step's processor, and says of a refusal which field is to blame.

use model::{Catalog, Refusal, Resolved, Wanted};

use crate::{
    Code, Definition, Span,
    definition::{Grant, Step},
    faults::Mistakes,
};

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
    }
}

fn depends_on_step(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotGranted { .. } | Refusal::SettingsRefused { .. })
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
        Refusal::SettingsRefused { .. } => {
            (Code::SettingsRefused, written(step.settings.as_ref().map(|s| s.span)), None)
        }
        Refusal::Exhausted { .. } => {
            let hint = "raise `runtime.instances_max`, or let fewer steps run; it is tried again by itself";
            (Code::NoInstance, uses, Some(hint.to_owned()))
        }
        _ => (Code::BrokenBundle, uses, None),
    };
    mistakes.add_with_hint(code, span, refusal.to_string(), hint);
}
