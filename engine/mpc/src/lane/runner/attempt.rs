//! One attempt at one message: its steps, then where what they left goes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use chain::{End, Path};
use model::{Call, Name, Scope, StateError, StateRead, StateWrite};

use super::Runner;
use crate::{
    Error, LaneState,
    generation::{Ending, Live, Pin},
    lane::{
        Place,
        failure::{Failure, sentence},
        keys,
        outputs::Sent,
        overlay::Overlay,
        work::{Way, Work},
    },
};

/// Committed state, and behind it nothing: what processors of a lane read.
pub(super) struct State {
    pub(super) overlay: Arc<Overlay>,
    pub(super) stream: Name,
    pub(super) partition: u32,
    pub(super) chain: Name,
}

impl StateRead for State {
    fn read(&self, processor: &str, key: &str, name: &str) -> Result<Option<Bytes>, StateError> {
        let key = keys::state((&self.stream, self.partition), &self.chain, processor, key, name);
        self.overlay.get("state", &key).map_err(|error| StateError::Unavailable { reason: sentence(&error) })
    }
}

impl Runner {
    /// Nothing is left behind unless it is `Ok`.
    pub(super) fn attempt(&self, work: &Work) -> Result<(Ending, Sent), Failure> {
        // A panic is a bug of the engine; it costs this message, not the lane.
        let attempt = AssertUnwindSafe(|| match &work.way {
            Way::Chain(pin) => self.through_chain(work, pin),
            Way::Direct(live) => self.past_chain(work, live),
        });
        catch_unwind(attempt).unwrap_or_else(|panic| Err(Failure::panicked(&*panic)))
    }

    fn through_chain(&self, work: &Work, pin: &Pin) -> Result<(Ending, Sent), Failure> {
        let Live { plan, meters, .. } = &***pin;
        let message = &work.stored.message;
        let mut call =
            Call::new(work.stored.accepted_at_ms, seed(&message.id), Scope::new(Arc::clone(&self.state)));
        call.attempt = work.failures + 1;
        let finished = plan
            .execute(message, &mut call, &mut &*meters)
            .map_err(|stopped| Failure::stopped(stopped, plan))?;
        pin.count_skipped(finished.skipped.len());
        let ending = match finished.end {
            End::Output => Ending::Out,
            End::Term { .. } => Ending::Term,
        };
        let path = finished.path.clone();
        let read = |key: &[u8]| self.read_lane(key);
        let sent = self
            .origin(work)
            .finished(finished, &*self.place.parts.router, LaneState::new(&read))
            .map_err(|error| Failure::routing(&error, &path, plan))?;
        self.keep(call.state.take_writes());
        Ok((ending, sent))
    }

    fn past_chain(&self, work: &Work, live: &Live) -> Result<(Ending, Sent), Failure> {
        let read = |key: &[u8]| self.read_lane(key);
        let sent = self.origin(work).direct(&*self.place.parts.router, LaneState::new(&read));
        let sent = sent.map_err(|error| Failure::routing(&error, &Path::default(), &live.plan))?;
        Ok((Ending::Out, sent))
    }

    fn keep(&self, writes: Vec<StateWrite>) {
        let Place { stream, partition, chain, .. } = &*self.place;
        for StateWrite { processor, key, name, value } in writes {
            let key = keys::state((stream, *partition), chain, &processor, &key, &name);
            self.overlay.put("state", key, value);
        }
    }

    fn read_lane(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.overlay.get("lane", &keys::lane(&self.place.stream, self.place.partition, key))?)
    }
}

/// From the message's own id, so that a redelivery, and a replay, draw the same numbers.
fn seed(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}
