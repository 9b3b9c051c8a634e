//! Where messages go: the seam between the center, which knows chains, and the applications, which know what
//! their messages mean.

use bus::{Stored, partition_of};
use bytes::Bytes;
use chain::Plan;
use model::{Message, Name};

use crate::{Error, Result, Streams};

/// What becomes of a message at intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// It runs through the chain.
    Chain,
    /// It passes the chain by and goes straight to [`Router::route`], in order with its key.
    Direct,
    /// It is none of this chain's business: acknowledged and forgotten.
    Ignore,
}

/// A message on its way out.
pub struct Routed<'a> {
    /// The plan it began under.
    pub plan: &'a Plan,
    /// The message that came in, as the bus holds it, untouched by guests.
    pub origin: &'a Stored,
    /// The partition it came from.
    pub partition: u32,
    /// The output it leaves by; `None` for a direct message.
    pub output: Option<&'a Name>,
    /// What to send. Its id is derived from the origin, the step and an ordinal, so a redelivery repeats it; a
    /// router that sends it to several places derives one id for each from this one.
    pub message: Message,
    /// The streams there are.
    pub streams: &'a Streams,
}

/// One message for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The stream.
    pub stream: Name,
    /// The partition.
    pub partition: u32,
    /// The message.
    pub message: Message,
}

/// Says where messages go. Called on blocking threads, in the order of the lane.
///
/// Both calls must be functions of their arguments and the lane's state: after a crash they are made again.
pub trait Router: Send + Sync + 'static {
    /// Says what becomes of a message at intake.
    fn admit(&self, plan: &Plan, message: &Message) -> Admit;

    /// Expands an output, an emission or a direct message into publications. What is put into `lane` is committed
    /// with the message's position, and seen by the messages behind it.
    ///
    /// # Errors
    /// A retryable error is treated as a passing failure of the message; any other makes it a dead letter.
    fn route(&self, routed: Routed<'_>, lane: &mut LaneState<'_>) -> Result<Vec<Publication>>;

    /// Whether whoever reads `stream` recognises what comes twice, a day later too. Of other streams a lane looks up what it may
    /// have published before, once the bus may have forgotten that.
    fn recognises(&self, stream: &str) -> bool {
        let _ = stream;
        false
    }
}

type Read<'a> = dyn Fn(&[u8]) -> Result<Option<Bytes>> + 'a;

/// What a router keeps: durable, and scoped to one partition of the input stream, so that it outlives the chain's name. At
/// most one of the chains that read a stream should have its router write here.
pub struct LaneState<'a> {
    read: &'a Read<'a>,
    writes: Vec<(Bytes, Option<Bytes>)>,
}

impl<'a> LaneState<'a> {
    /// State over what `read` answers.
    pub fn new(read: &'a Read<'a>) -> Self {
        Self { read, writes: Vec::new() }
    }

    /// The newest value under `key`.
    ///
    /// # Errors
    /// [`Error::Store`] when the store below fails.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        match self.writes.iter().rev().find(|(k, _)| k == key) {
            Some((_, value)) => Ok(value.clone()),
            None => (self.read)(key),
        }
    }

    /// Sets `key`, of at most 400 bytes.
    pub fn put(&mut self, key: &[u8], value: impl Into<Bytes>) {
        self.writes.push((Bytes::copy_from_slice(key), Some(value.into())));
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &[u8]) {
        self.writes.push((Bytes::copy_from_slice(key), None));
    }

    /// What was put and removed, oldest first.
    #[must_use]
    pub fn into_writes(self) -> Vec<(Bytes, Option<Bytes>)> {
        self.writes
    }
}

/// The plain router: everything runs through the chain, and an output goes to the partition of its message's key.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToStreams;

impl Router for ToStreams {
    fn admit(&self, _: &Plan, _: &Message) -> Admit {
        Admit::Chain
    }

    fn route(&self, routed: Routed<'_>, _: &mut LaneState<'_>) -> Result<Vec<Publication>> {
        let unknown = |reason| Error::Route { reason, retryable: false };
        let Some(output) = routed.output else {
            return Err(unknown("a direct message has no output to go to".to_owned()));
        };
        let stream = routed.plan.output(output).map_or(output, |declared| &declared.stream);
        let Some(partitions) = routed.streams.partitions(stream) else {
            return Err(unknown(format!(
                "output `{output}` leads to stream `{stream}`, which does not exist"
            )));
        };
        let partition = partition_of(&routed.message.key, partitions);
        Ok(vec![Publication { stream: stream.clone(), partition, message: routed.message }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_state_reads_its_own_writes_before_the_committed_ones() {
        let committed = |key: &[u8]| Ok((key == b"a").then(|| Bytes::from_static(b"old")));
        let mut state = LaneState::new(&committed);
        assert_eq!(state.get(b"a").unwrap().as_deref(), Some(&b"old"[..]));
        state.put(b"a", "new");
        assert_eq!(state.get(b"a").unwrap().as_deref(), Some(&b"new"[..]));
        state.remove(b"a");
        assert_eq!(state.get(b"a").unwrap(), None);
        assert_eq!(state.into_writes().len(), 2);
    }
}
