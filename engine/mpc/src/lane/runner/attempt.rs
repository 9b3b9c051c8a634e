//! One attempt at messages: their steps, those of a wave together, then where what each left goes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
};

use bus::Stored;
use bytes::Bytes;
use chain::{End, Finished, Path};
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

/// What the steps made of a message: its end, and the state it wrote. `None` where it goes past the chain.
pub(super) type Walked = Option<Result<(Finished, Vec<StateWrite>), Failure>>;

impl Runner {
    /// Lets the messages of one wave walk through their plan. Nothing is left behind.
    pub(super) fn walk(&self, works: &[Work]) -> Vec<Walked> {
        let Some(live) = works.first().map(Work::live) else { return Vec::new() };
        // A panic is a bug of the engine; it costs the message that caused it, not the lane.
        catch_unwind(AssertUnwindSafe(|| self.walk_together(works, live))).unwrap_or_else(|panic| match works
        {
            [_] => vec![Some(Err(Failure::panicked(&*panic)))],
            works => works.iter().flat_map(|work| self.walk(slice::from_ref(work))).collect(),
        })
    }

    fn walk_together(&self, works: &[Work], live: &Live) -> Vec<Walked> {
        let mut calls: Vec<_> = works.iter().map(|work| self.call(work)).collect();
        let chained = works.iter().zip(&mut calls).filter(|(work, _)| matches!(work.way, Way::Chain(_)));
        let messages = chained.map(|(work, call)| (&work.stored.message, call));
        let mut results = live.plan.execute_batch(messages, &mut &live.meters).into_iter();
        let walked = works.iter().zip(calls).map(|(work, mut call)| match &work.way {
            Way::Direct(_) => None,
            Way::Chain(_) => Some(match results.next() {
                Some(Ok(finished)) => Ok((finished, call.state.take_writes())),
                Some(Err(stopped)) => Err(Failure::stopped(stopped, &live.plan)),
                None => Err(Failure::panicked(&"the plan gave fewer answers than there are messages")),
            }),
        });
        walked.collect()
    }

    fn call(&self, work: &Work) -> Call {
        let Stored { message, accepted_at_ms, .. } = &work.stored;
        let mut call = Call::new(*accepted_at_ms, seed(&message.id), Scope::new(Arc::clone(&self.state)));
        call.attempt = work.failures + 1;
        call
    }

    /// Where what the steps left goes. Nothing is left behind unless it is `Ok`.
    pub(super) fn conclude(&self, work: &Work, walked: Walked) -> Result<(Ending, Sent), Failure> {
        let conclude = AssertUnwindSafe(|| match (walked, &work.way) {
            (Some(walked), Way::Chain(pin)) => self.through_chain(work, pin, walked?),
            (_, way) => self.past_chain(work, way.live()),
        });
        catch_unwind(conclude).unwrap_or_else(|panic| Err(Failure::panicked(&*panic)))
    }

    fn through_chain(
        &self,
        work: &Work,
        pin: &Pin,
        (finished, writes): (Finished, Vec<StateWrite>),
    ) -> Result<(Ending, Sent), Failure> {
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
            .map_err(|error| Failure::routing(&error, &path, &pin.plan))?;
        self.keep(writes);
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
