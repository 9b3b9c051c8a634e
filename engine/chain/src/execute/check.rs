//! What the engine checks of a step's answer, whatever the runtime below checked.

use bytes::Bytes;
use model::{Call, Draft, Fault, Message, Outcome, Verdict};

use super::{BODY_BYTES_MAX, HEADERS_BYTES_MAX};
use crate::Step;

/// An answer that breaks a rule of the chain is a fault of the step. With the outcome comes the step that it leads
/// to, `None` for an end.
pub(super) fn outcome(
    step: &Step,
    outcome: Outcome,
    draft: &mut Draft,
    call: &Call,
) -> Result<(Outcome, Option<usize>), Fault> {
    let to = target(step, &outcome.verdict)?;
    check_edits(&outcome, draft)?;
    check_sizes(&outcome, draft)?;
    check_emissions(step, call)?;
    Ok((outcome, to))
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

fn check_edits(outcome: &Outcome, draft: &mut Draft) -> Result<(), Fault> {
    if outcome.edits.is_empty() {
        return Ok(());
    }
    let is_object = match &outcome.body {
        // Seldom: who writes a whole body has written the fields too.
        Some(body) => Draft::from(Message { body: body.clone(), ..Message::default() }).is_object(),
        None => draft.is_object(),
    };
    if is_object {
        return Ok(());
    }
    Err(Fault::Reject { reason: "it set fields of a body that is no JSON object".to_owned() })
}

/// What is certainly small enough is not counted.
fn body_bytes(outcome: &Outcome, draft: &Draft) -> usize {
    let Outcome { body, edits, .. } = outcome;
    if body.is_none() && edits.is_empty() {
        return 0;
    }
    let whole = body.as_ref().map_or_else(|| draft.body_bytes(), Bytes::len);
    // Every byte of a name may be escaped to six.
    let edited = edits.iter().map(|e| e.field.len() * 6 + 4 + e.value.as_ref().map_or(0, Bytes::len));
    let at_most = whole + edited.sum::<usize>();
    if edits.is_empty() || at_most <= BODY_BYTES_MAX {
        return at_most;
    }
    outcome.applied_to(draft).body.len()
}

fn check_sizes(outcome: &Outcome, draft: &Draft) -> Result<(), Fault> {
    let body = body_bytes(outcome, draft);
    let headers = outcome.headers.as_ref();
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
