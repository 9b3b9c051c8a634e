//! What the engine checks of a step's answer, whatever the runtime below checked.

use bytes::Bytes;
use model::{Call, Draft, Edit, Fault, HEADERS_MAX, NotAnObject, Outcome, Verdict};

use super::{BODY_BYTES_MAX, HEADERS_BYTES_MAX};
use crate::Step;

/// The step that an answer leads to, `None` for an end. One that breaks a rule of the chain is a fault of the step.
pub(super) fn outcome(
    step: &Step,
    outcome: &Outcome,
    draft: &mut Draft,
    call: &Call,
) -> Result<Option<usize>, Fault> {
    let to = target(step, &outcome.verdict)?;
    check_sizes(outcome, draft)?;
    check_emissions(step, call)?;
    Ok(to)
}

fn target(step: &Step, verdict: &Verdict) -> Result<Option<usize>, Fault> {
    match verdict {
        Verdict::Next => Ok(step.next),
        Verdict::Term(_) => Ok(None),
        Verdict::Jump(to) => match step.jumps.iter().find(|(id, _)| &**id == to.as_str()) {
            Some((_, index)) => Ok(Some(*index)),
            None => Err(Fault::ForbiddenJump { to: to.clone() }),
        },
    }
}

/// Bytes of the body where it changed, or more than those where that is small enough anyway.
fn body_bytes(outcome: &Outcome, draft: &mut Draft) -> Result<usize, NotAnObject> {
    let Outcome { body, edits, .. } = outcome;
    match (body, &edits[..]) {
        (None, []) => Ok(0),
        (None, edits) if draft.is_object() => {
            // Every byte of a name may be escaped to six.
            let grows = |edit: &Edit| edit.field.len() * 6 + 4 + edit.value.as_ref().map_or(0, Bytes::len);
            let at_most = draft.body_bytes() + edits.iter().map(grows).sum::<usize>();
            if at_most <= BODY_BYTES_MAX { Ok(at_most) } else { draft.body_bytes_after(outcome) }
        }
        _ => draft.body_bytes_after(outcome),
    }
}

fn check_sizes(outcome: &Outcome, draft: &mut Draft) -> Result<(), Fault> {
    let body = body_bytes(outcome, draft).map_err(|error| Fault::Reject { reason: error.to_string() })?;
    let headers = outcome.headers.as_ref();
    if let Some(count) = headers.map(|headers| headers.0.len()).filter(|count| *count > HEADERS_MAX) {
        let reason = format!("the message would have {count} headers, at most {HEADERS_MAX} are allowed");
        return Err(Fault::Reject { reason });
    }
    let headers = headers.map_or(0, |h| h.0.iter().map(|(n, v)| n.len() + v.len()).sum());
    for (what, bytes, bytes_max) in [("body", body, BODY_BYTES_MAX), ("headers", headers, HEADERS_BYTES_MAX)]
    {
        if bytes > bytes_max {
            let reason = format!("the new {what} is {bytes} bytes, at most {bytes_max} are allowed");
            return Err(Fault::Reject { reason });
        }
    }
    Ok(())
}

fn check_emissions(step: &Step, call: &Call) -> Result<(), Fault> {
    for emission in &call.emissions {
        let refused = if !step.outputs.iter().any(|name| **name == *emission.output) {
            format!("it emitted to output `{}`, which its step is not granted", emission.output)
        } else if emission.body.len() > BODY_BYTES_MAX {
            format!("it emitted {} bytes, at most {BODY_BYTES_MAX} are allowed", emission.body.len())
        } else {
            continue;
        };
        return Err(Fault::Reject { reason: refused });
    }
    Ok(())
}
