use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

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
    // Since the last answer: which renewal each try was, and when it was sent. It may have arrived all the same.
    let mut tries: Vec<(u64, Instant)> = Vec::new();
    loop {
        sleep(wait).await;
        if paused {
            continue;
        }
        let revision = lane.state.lock().revision;
        lease.beats += 1;
        let sent = Instant::now();
        tries.push((lease.beats, sent));
        // One that is never answered, as while leaders change, must leave time for others.
        match timeout(ttl / 6, leases.write(key, &lease, revision)).await {
            Ok(Ok(revision)) => {
                let mut state = lane.state.lock();
                state.revision = revision;
                state.until = sent + ttl - margin(ttl);
                tries.clear();
                wait = ttl / 3;
                continue;
            }
            Ok(Err(Error::Conflict { .. })) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::warn!(key, %error, "failed to renew the lease");
                wait = ttl / 12;
                continue;
            }
        }
        match timeout(ttl / 3, leases.mine(key, lease.epoch)).await {
            Ok(Ok(Some(mine))) => {
                let mut state = lane.state.lock();
                state.revision = mine.revision;
                if let Some((_, sent)) = tries.iter().find(|(beats, _)| *beats == mine.beats) {
                    state.until = state.until.max(*sent + ttl - margin(ttl));
                }
                tries.retain(|(beats, _)| *beats > mine.beats);
                wait = Duration::ZERO;
            }
            Ok(Ok(None)) => {
                tracing::warn!(key, "another process has taken over the lease");
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(key, %error, "failed to look at the lease");
                wait = ttl / 12;
            }
            Err(_) => {
                tracing::warn!(key, "nobody says in time how the lease stands");
                wait = Duration::ZERO;
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
