//! What leaves a lane: ids that a redelivery repeats, and headers that say what made it.

use bus::{Bus, Stored};
use bytes::Bytes;
use chain::{End, Finished, Path};
use model::{Emission, Headers, Message, Name, derived_id};

use crate::{
    Fault, GENERATION_HEADER, LaneState, Publication, Result, Routed, Router, TRACE_HEADER, generation::Live,
    pin_fault,
};

/// The word that stands for the step in the id of a chain's own output.
const OUTPUT: &str = "output";
/// … of a message that passes the chain by …
const DIRECT: &str = "direct";
/// … and of a dead letter.
const DEAD: &str = "dead-letter";
/// Headers that begin like this are the engine's: what guests write there is dropped.
const RESERVED: &str = "catena-";

/// A message that came in, and the plan it is on.
pub(super) struct Origin<'a> {
    pub(super) live: &'a Live,
    pub(super) stream: &'a Name,
    pub(super) partition: u32,
    pub(super) stored: &'a Stored,
    pub(super) bus: &'a dyn Bus,
}

/// Smaller messages fit whatever the bus.
const FITS_BYTES: usize = 256 << 10;

/// What one message makes of the world besides state.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) publications: Vec<Publication>,
    /// What the router keeps.
    pub(super) lane: Vec<(Bytes, Option<Bytes>)>,
}

impl Origin<'_> {
    /// The chain is part of it: two chains may read one stream and feed another.
    fn id(&self, step: &str, ordinal: usize) -> String {
        if self.live.fault == Some(Fault::RandomIds) {
            return derived_id(&[format!("{:?}", std::time::SystemTime::now()).as_bytes(), step.as_bytes()]);
        }
        derived_id(&[
            self.live.plan.id.as_bytes(),
            self.stream.as_bytes(),
            &self.partition.to_be_bytes(),
            &self.stored.sequence.to_be_bytes(),
            step.as_bytes(),
            &(ordinal as u64).to_be_bytes(),
        ])
    }

    pub(super) fn dead_letter_id(&self) -> String {
        self.id(DEAD, 0)
    }

    /// Routes the emissions of a message that came to its end, and its output.
    pub(super) fn finished(
        &self,
        finished: Finished,
        router: &dyn Router,
        mut lane: LaneState<'_>,
    ) -> Result<Sent> {
        let Finished { end, message, path, emitted, .. } = finished;
        let trace = match self.live.fault {
            Some(Fault::NoGenerationPin) => pin_fault::observed(&message.headers),
            _ => self.trace(&path),
        };
        let mut publications = Vec::with_capacity(emitted.len() + 1);
        for (ordinal, (step, emission)) in emitted.into_iter().enumerate() {
            let (output, emission) = self.emitted(step, ordinal, emission)?;
            publications.extend(self.route(
                Some(&output),
                self.stamped(emission, &trace),
                router,
                &mut lane,
            )?);
        }
        if end == End::Output {
            let message = Message { id: self.id(OUTPUT, 0), ..self.stamped(message, &trace) };
            publications.extend(self.route(Some(&self.live.plan.output), message, router, &mut lane)?);
        }
        Ok(Sent { publications, lane: lane.into_writes() })
    }

    /// Routes a message that passes the chain by, as it is.
    pub(super) fn direct(&self, router: &dyn Router, mut lane: LaneState<'_>) -> Result<Sent> {
        let message = Message { id: self.id(DIRECT, 0), ..self.stored.message.clone() };
        let publications = self.route(None, message, router, &mut lane)?;
        Ok(Sent { publications, lane: lane.into_writes() })
    }

    fn route(
        &self,
        output: Option<&Name>,
        message: Message,
        router: &dyn Router,
        lane: &mut LaneState<'_>,
    ) -> Result<Vec<Publication>> {
        let Live { plan, streams, .. } = self.live;
        let routed =
            Routed { plan, origin: self.stored, partition: self.partition, output, message, streams };
        let publications = router.route(routed, lane)?;
        // What the bus could never take would stop the lane; here it costs this message.
        let leads_nowhere =
            |p: &&Publication| streams.partitions(&p.stream).is_none_or(|count| p.partition >= count);
        if let Some(Publication { stream, partition, .. }) = publications.iter().find(leads_nowhere) {
            return Err(crate::Error::Route {
                reason: format!("there is no stream `{stream}` with partition {partition}"),
                retryable: false,
            });
        }
        for Publication { stream, message, .. } in &publications {
            if message.size_bytes() > FITS_BYTES {
                self.bus.fits(message).map_err(|error| crate::Error::Route {
                    reason: format!("for `{stream}` it left {error}"),
                    retryable: false,
                })?;
            }
        }
        Ok(publications)
    }

    /// An emission as a message. The ordinal counts within the whole message, so the id is unique without the step;
    /// with it, people can see where it came from when they search for one.
    fn emitted(&self, step: usize, ordinal: usize, emission: Emission) -> Result<(Name, Message)> {
        let Emission { output, kind, key, body } = emission;
        let output = Name::new(&output)
            .map_err(|invalid| crate::Error::Route { reason: invalid.to_string(), retryable: false })?;
        let step = self.live.plan.steps.get(step).map_or("", |step| step.id.as_str());
        let id = self.id(step, ordinal);
        Ok((output, Message { id, kind, key, headers: Headers::default(), body }))
    }

    /// Puts the engine's own headers in place of any that guests wrote.
    fn stamped(&self, mut message: Message, trace: &str) -> Message {
        let headers = &mut message.headers.0;
        headers.retain(|(name, _)| !name.starts_with(RESERVED));
        headers.push((GENERATION_HEADER.to_owned(), self.live.generation.to_string()));
        headers.push((TRACE_HEADER.to_owned(), trace.to_owned()));
        message
    }

    fn trace(&self, path: &Path) -> String {
        let mut trace = String::with_capacity(path.len() * 24);
        for label in path.iter().filter_map(|step| self.live.labels.get(step)) {
            if !trace.is_empty() {
                trace.push(',');
            }
            trace.push_str(label);
        }
        trace
    }
}
