//! Runs batches of one lane through their plans. Blocking, and off the async workers.
//!
//! What it decides: which messages run now, which wait, which are dead. What it leaves: everything that settling
//! needs, and nothing outside the lane's own memory has changed.

mod attempt;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bus::Delivery;
use chain::OnFailure;
use model::{Sequences, StateRead};

use super::{
    Place,
    failure::{Failure, sentence},
    keys,
    lot::Lot,
    outputs::{Origin, Sent},
    overlay::{Overlay, Writes},
    seen::Seen,
    wave::Wave,
    work::{Ended, Way, Work},
};
use crate::{
    Admit, DeadLetter, Fault, Publication, dead,
    generation::{Ending, Live, Pin},
    metric, time,
};

pub(super) struct Runner {
    place: Arc<Place>,
    overlay: Arc<Overlay>,
    state: Arc<dyn StateRead>,
    /// What has had its effects, those of the batch that runs included.
    ledger: Sequences,
    /// Where the bus does not remember ids for long enough.
    seen: Option<Seen>,
    lot: Lot<Work>,
}

/// What one batch came to.
pub(super) struct Ran {
    /// In the order of the messages they come from.
    pub(super) publications: Vec<Publication>,
    /// The oldest message that they come from.
    pub(super) oldest: u64,
    pub(super) writes: Arc<Writes>,
    /// The ledger with these messages in it.
    pub(super) ledger: Vec<u8>,
    pub(super) ended: Vec<Ended>,
    /// How many messages of the batch were new to the lane.
    pub(super) taken: usize,
    /// All messages up to this one have had their effects then.
    pub(super) floor: u64,
    pub(super) stop: Option<Stop>,
}

impl Default for Ran {
    fn default() -> Self {
        Self {
            publications: Vec::new(),
            oldest: u64::MAX,
            writes: Arc::default(),
            ledger: Vec::new(),
            ended: Vec::new(),
            taken: 0,
            floor: 0,
            stop: None,
        }
    }
}

impl Ran {
    /// A message has come to its end.
    fn ends(&mut self, work: Work, ending: Ending) {
        self.oldest = self.oldest.min(work.stored.sequence);
        self.ended.push(work.end(ending));
    }

    fn halted(&self) -> bool {
        matches!(self.stop, Some(Stop::Halted { .. }))
    }
}

/// Why a lane takes no more.
pub(super) enum Stop {
    /// A message failed for good, and the chain says that nothing may pass it.
    Halted { generation: u64, why: String },
    /// The chain is gone.
    Gone,
}

impl Runner {
    pub(super) fn new(place: Arc<Place>, overlay: Arc<Overlay>, ledger: Sequences) -> Self {
        let state = Arc::new(attempt::State {
            overlay: Arc::clone(&overlay),
            stream: place.stream.clone(),
            partition: place.partition,
            chain: place.chain.clone(),
        });
        let remembers = match place.options.fault {
            Some(Fault::ForgetIds) => Duration::MAX,
            _ => place.parts.bus.remembers(),
        };
        let seen = Seen::needed(remembers, &place.stream, place.partition, &place.chain);
        Self { place, overlay, state, ledger, seen, lot: Lot::default() }
    }

    /// Runs what is due again, then what is new.
    pub(super) fn run(&mut self, fresh: Vec<Delivery>, now: Instant) -> Ran {
        let mut ran = Ran::default();
        let mut works = self.lot.take_due(now);
        if !fresh.is_empty() {
            match self.place.live() {
                Some(live) => {
                    works.extend(fresh.into_iter().filter_map(|d| self.take_in(d, &live, &mut ran)))
                }
                None => ran.stop = Some(Stop::Gone),
            }
        }
        let mut wave = Wave::default();
        for work in works {
            self.join(work, &mut wave, &mut ran);
        }
        self.run_wave(wave, &mut ran);
        if let Some(seen) = &self.seen
            && let Err(error) = seen.forget(ran.ended.len(), &self.overlay)
        {
            // They are forgotten with a later batch.
            tracing::warn!(chain = %self.place.chain, error = sentence(&error), "old message ids stay for now");
        }
        ran.floor = self.ledger.floor();
        ran.writes = self.overlay.seal();
        self.ledger.encode_into(&mut ran.ledger);
        ran
    }

    /// When a parked message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.lot.next_due()
    }

    /// How many messages wait.
    pub(super) fn held(&self) -> usize {
        self.lot.len()
    }

    /// How much those take, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.lot.bytes()
    }

    /// Pins a message to the live plan, unless it has had its effects already or is none of the chain's.
    fn take_in(&mut self, delivery: Delivery, live: &Arc<Live>, ran: &mut Ran) -> Option<Work> {
        let Delivery { mut stored, settle, .. } = delivery;
        ran.taken += 1;
        if self.ledger.contains(stored.sequence) {
            ran.ended.push(Ended { settle, counted: None });
            return None;
        }
        let mark = self.seen.as_ref().and_then(|_| Seen::mark(&stored));
        dead::restore_id(&mut stored.message);
        let way = match self.place.parts.router.admit(&live.plan, &stored.message) {
            Admit::Chain => Way::Chain(Pin::new(Arc::clone(live))),
            Admit::Direct => Way::Direct(Arc::clone(live)),
            Admit::Ignore => {
                let chain = self.place.chain.to_string();
                metrics::counter!(metric::IGNORED_MESSAGES, "chain" => chain).increment(1);
                self.ledger.insert(stored.sequence);
                ran.ended.push(Ended { settle, counted: None });
                return None;
            }
        };
        Some(Work { stored, settle, mark, way, failures: 0, failing: None })
    }

    fn unless_held(&mut self, work: Work) -> Option<Work> {
        if self.lot.len() == 0 {
            return Some(work);
        }
        let key = work.stored.message.key.clone();
        self.lot.follow(&key, work).err()
    }

    /// Lets a message go with the next wave, unless it waits for another or has had its effects.
    fn join(&mut self, work: Work, wave: &mut Wave, ran: &mut Ran) {
        if ran.halted() {
            return;
        }
        let Some(work) = self.unless_held(work) else { return };
        match self.came_before(&work) {
            Ok(true) => self.pass_over(work, ran),
            Ok(false) if wave.admits(&work) => wave.add(work),
            Err(error) if wave.is_empty() => {
                let failure = Failure::routing(&error, &chain::Path::default(), &work.live().plan);
                self.fail(work, failure, ran);
            }
            // What becomes of it depends on those before it.
            Ok(false) | Err(_) => {
                self.run_wave(std::mem::take(wave), ran);
                self.join(work, wave, ran);
            }
        }
    }

    fn run_wave(&mut self, wave: Wave, ran: &mut Ran) {
        if ran.halted() {
            return;
        }
        let works = wave.into_works();
        let walked = self.walk(&works);
        for (work, walked) in works.into_iter().zip(walked) {
            // One of its key that failed just now goes first: this one will walk again behind it.
            let Some(work) = self.unless_held(work) else { continue };
            match self.conclude(&work, walked) {
                Ok((ending, sent)) => self.finish(work, ending, sent, ran),
                Err(failure) => self.fail(work, failure, ran),
            }
            if ran.halted() {
                return;
            }
        }
    }

    fn came_before(&self, work: &Work) -> crate::Result<bool> {
        match (&self.seen, work.mark) {
            (Some(seen), Some(mark)) => seen.came_before(mark, &self.overlay),
            _ => Ok(false),
        }
    }

    /// Ends a message that was published twice: the first one had the effects of both.
    fn pass_over(&mut self, work: Work, ran: &mut Ran) {
        let chain = self.place.chain.to_string();
        metrics::counter!(metric::REPEATED_MESSAGES, "chain" => chain).increment(1);
        self.ledger.insert(work.stored.sequence);
        ran.ended.push(Ended { settle: work.settle, counted: None });
    }

    /// Notes that a message has had its effects.
    fn note(&mut self, work: &Work) {
        self.ledger.insert(work.stored.sequence);
        if let (Some(seen), Some(mark)) = (&mut self.seen, work.mark) {
            seen.keep(mark, &self.overlay);
        }
    }

    /// Takes over everything a message leaves, at once.
    fn finish(&mut self, work: Work, ending: Ending, sent: Sent, ran: &mut Ran) {
        for (key, value) in sent.lane {
            self.overlay.put("lane", keys::lane(&self.place.stream, self.place.partition, &key), value);
        }
        ran.publications.extend(sent.publications);
        self.note(&work);
        ran.ends(work, ending);
    }

    fn fail(&mut self, mut work: Work, failure: Failure, ran: &mut Ran) {
        work.failures += 1;
        work.failing.get_or_insert_with(Instant::now);
        let live = Arc::clone(work.live());
        let again = failure.retryable
            && (work.failures < live.plan.attempts_max || self.may_be_routed_soon(&work, &failure));
        let pause = self.place.options.retry.pause(work.failures);
        match live.plan.on_failure {
            _ if again => self.park(work, pause),
            OnFailure::Retry if failure.retryable => {
                drop(live);
                work.begin_again(self.place.live());
                self.park(work, pause);
            }
            OnFailure::Halt => {
                let why = format!("message {}: {}", work.stored.sequence, failure.problem.sentence);
                ran.stop = Some(Stop::Halted { generation: live.generation, why });
            }
            OnFailure::DeadLetter | OnFailure::Skip | OnFailure::Retry => self.bury(work, failure, ran),
        }
    }

    /// Where a message has to go others know first: the map by which a forwarder took it gets here too, if not as fast as
    /// attempts follow on each other.
    fn may_be_routed_soon(&self, work: &Work, failure: &Failure) -> bool {
        let patience = self.place.options.routing_patience;
        failure.routing && work.failing.is_some_and(|since| since.elapsed() < patience)
    }

    fn park(&mut self, work: Work, pause: Duration) {
        let key = work.stored.message.key.clone();
        self.lot.park(&key, work, Instant::now() + pause);
    }

    /// Puts a message aside for good.
    fn bury(&mut self, work: Work, failure: Failure, ran: &mut Ran) {
        let live = work.live();
        let step = failure.step.and_then(|at| live.plan.steps.get(at));
        let labels = [
            ("chain", self.place.chain.to_string()),
            ("step", step.map(|s| s.id.to_string()).unwrap_or_default()),
        ];
        metrics::counter!(metric::DEAD_LETTERS, &labels).increment(1);
        let letter = DeadLetter {
            original: (&work.stored.message).into(),
            stream: self.place.stream.clone(),
            partition: self.place.partition,
            sequence: work.stored.sequence,
            accepted_at_ms: work.stored.accepted_at_ms,
            chain: self.place.chain.clone(),
            step: step.map(|step| step.id.clone()),
            path: failure.path,
            generation: live.generation,
            bundle: step.map(|step| step.bundle.clone()),
            attempts: work.failures,
            error: failure.problem,
            at_ms: time::now_ms(),
        };
        let message =
            letter.to_message(self.origin(&work).dead_letter_id()).map_err(|error| error.to_string());
        let message = message.and_then(|message| match self.place.parts.bus.fits(&message) {
            Ok(()) => Ok(message),
            Err(error) => Err(format!("its dead letter would be {error}")),
        });
        let message = match message {
            Ok(message) => message,
            Err(why) => {
                // Nothing is let go of that is not kept elsewhere.
                ran.stop = Some(Stop::Halted { generation: live.generation, why });
                return;
            }
        };
        let stream = self.place.dead_letters.clone();
        ran.publications.push(Publication { stream, partition: dead::PARTITION, message });
        self.note(&work);
        ran.ends(work, Ending::Dead);
    }

    fn origin<'a>(&'a self, work: &'a Work) -> Origin<'a> {
        let Place { stream, partition, .. } = &*self.place;
        let bus = &*self.place.parts.bus;
        Origin { live: work.live(), stream, partition: *partition, stored: &work.stored, bus }
    }
}
