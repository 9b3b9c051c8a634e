use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Lane;
use crate::{
    Error, Fault,
    lease::{Lease, Leases},
};

/// The holder stops this much of the `ttl` before anybody could take over.
pub(super) fn margin(ttl: Duration) -> Duration {
    ttl / 6
}

/// Between two looks at the clock, at least.
const FENCE_LOOK_MIN: Duration = Duration::from_millis(5);

/// Renews the lease until it is lost. Never returns otherwise.
pub(super) async fn renew(lane: &Lane, leases: &Leases, key: &str, mut lease: Lease) {
    let ttl = leases.ttl();
    let fault = lane.connection.options().fault;
    let paused =
        matches!(fault, Some(Fault::NeverRenew | Fault::NeverRenewNorLook | Fault::TakeOverKeepsConsumer));
    let sent = lane.state.lock().until + margin(ttl) - ttl;
    let mut wait = (sent + ttl / 3).saturating_duration_since(Instant::now());
    // A try without an answer, which may have arrived all the same.
    let mut unanswered = None;
    loop {
        sleep(wait).await;
        if paused {
            continue;
        }
        let revision = lane.state.lock().revision;
        lease.beats += 1;
        let sent = Instant::now();
        // One that is never answered, as while leaders change, must leave time for others.
        let written = match tokio::time::timeout(ttl / 6, leases.write(key, &lease, revision)).await {
            Ok(written) => written,
            Err(_) => Err(Error::Away { reason: "no answer".to_owned() }),
        };
        match written {
            Ok(revision) => {
                let mut state = lane.state.lock();
                state.revision = revision;
                state.until = sent + ttl - margin(ttl);
                wait = ttl / 3;
                unanswered = None;
            }
            // An earlier write of ours may have arrived without our knowing: then it is ours, to be renewed at once.
            Err(Error::Conflict { .. }) => match leases.mine(key, lease.epoch).await {
                Ok(Some(mine)) => {
                    let mut state = lane.state.lock();
                    state.revision = mine.revision;
                    if let Some((beats, sent)) = unanswered
                        && beats == mine.beats
                    {
                        state.until = state.until.max(sent + ttl - margin(ttl));
                    }
                    wait = Duration::ZERO;
                }
                Ok(None) => {
                    tracing::warn!(key, "another process has taken over the lease");
                    return;
                }
                Err(error) => {
                    tracing::warn!(key, %error, "failed to look at the lease");
                    wait = ttl / 12;
                }
            },
            Err(error) => {
                tracing::warn!(key, %error, "failed to renew the lease");
                unanswered = Some((lease.beats, sent));
                wait = ttl / 12;
            }
        }
    }
}

/// Returns when the lease has run out, however the renewal fares.
pub(super) async fn lapsed(lane: &Lane) {
    loop {
        let until = lane.state.lock().until;
        if !lane.is_held(&lane.state.lock()) {
            tracing::warn!(
                group = lane.group,
                name = lane.partition.name,
                "the lease ran out before it could be renewed"
            );
            return;
        }
        // Never less, for those that work on all the same.
        tokio::time::sleep_until(until.max(Instant::now() + FENCE_LOOK_MIN)).await;
    }
}
