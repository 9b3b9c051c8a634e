//! What the engine checks of a step's answer, whatever the runtime below checked.

use model::{Call, Fault, Outcome, Verdict};

use super::{BODY_BYTES_MAX, HEADERS_BYTES_MAX};
use crate::Step;

/// An answer that breaks a rule of the chain is a fault of the step. With the outcome comes the step that it leads
/// to, `None` for an end.
pub(super) fn outcome(step: &Step, outcome: Outcome, call: &Call) -> Result<(Outcome, Option<usize>), Fault> {
    let to = target(step, &outcome.verdict)?;
    check_sizes(&outcome)?;
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

fn check_sizes(outcome: &Outcome) -> Result<(), Fault> {
    let body = outcome.body.as_ref().map_or(0, |b| b.len());
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
