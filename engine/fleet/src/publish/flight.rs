//! One flight: the messages of one partition that are sent together, and everything it takes to know where each of
//! them stands. Messages of one key never overtake each other here: they are in one atomic batch, or each waits for the
//! answer to the one before.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use bus::Published;
use tokio::time::Instant;

use super::{
    FLIGHT_BYTES_MAX, FLIGHT_MESSAGES_MAX, Failure, Item, Job,
    wire::{Answer, Wire},
};
use crate::{
    Connection, Fault, metric,
    stream::{DEDUPE_WINDOW_MAX, Partition},
};

/// Below it, single messages are as fast as a batch on a single server.
const BATCH_MESSAGES_MIN: usize = 16;
/// Between two tries.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Ids that are read back at most, to find out what was stored.
const READ_BACK_MAX: usize = 20_000;

/// What became of the items of one job, in their order. Ends with the first failure.
pub(super) type Outcomes = Vec<Result<Published, Failure>>;

/// For each waiting job from the front: how many of its next items are on board.
pub(super) struct Flight(Vec<usize>);

impl Flight {
    pub(super) fn fill(waiting: &VecDeque<Job>) -> Self {
        let (mut counts, mut messages, mut bytes) = (Vec::new(), 0, 0);
        for job in waiting.iter().take_while(|job| job.after.is_none()) {
            let mut count = 0;
            for item in job.items.iter().skip(job.done.len()) {
                bytes += item.envelope.bytes;
                if messages == FLIGHT_MESSAGES_MAX || (messages > 0 && bytes > FLIGHT_BYTES_MAX) {
                    if count > 0 {
                        counts.push(count);
                    }
                    return Self(counts);
                }
                (messages, count) = (messages + 1, count + 1);
            }
            counts.push(count);
        }
        Self(counts)
    }

    /// Answers for every job on board what became of its items.
    pub(super) async fn fly(
        &self,
        connection: &Connection,
        partition: &Partition,
        waiting: &VecDeque<Job>,
    ) -> Vec<Outcomes> {
        let mut seats = Vec::new();
        let mut known = HashMap::new();
        for (job, (waits, count)) in waiting.iter().zip(&self.0).enumerate() {
            for item in waits.items.iter().skip(waits.done.len()).take(*count) {
                let at = seats.len();
                let first =
                    if item.id.is_empty() { at } else { *known.entry(item.id.as_str()).or_insert(at) };
                seats.push(Seat { item, job, first, unknown: false, outcome: None });
            }
        }
        let since = waiting.front().map_or_else(Instant::now, |job| job.since);
        let wire = Wire { connection, partition };
        let mut crew = Crew { wire, seats, before: None, singles: false, since, trouble: None };
        crew.fly().await;
        crew.outcomes(self.0.len())
    }
}

/// A message on board.
struct Seat<'a> {
    item: &'a Item,
    job: usize,
    /// The first on board with the same id: itself, mostly.
    first: usize,
    /// It was sent, and what became of it is not known.
    unknown: bool,
    outcome: Option<Result<Published, Failure>>,
}

struct Crew<'a> {
    wire: Wire<'a>,
    seats: Vec<Seat<'a>>,
    /// The last sequence before take-off.
    before: Option<u64>,
    /// Something on board is stored already: only single messages tell what.
    singles: bool,
    since: Instant,
    /// Since when nothing goes forward, and why.
    trouble: Option<(Instant, String)>,
}

impl Crew<'_> {
    async fn fly(&mut self) {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        while let Some(open) = self.open() {
            if !self.connected().await {
                break;
            }
            if self.before.is_none() && !self.look().await {
                continue;
            }
            if self.window_may_be_over(began) {
                self.read_back().await;
            }
            let before = self.seats.iter().filter(|seat| seat.outcome.is_some()).count();
            self.send(&open).await;
            let after = self.seats.iter().filter(|seat| seat.outcome.is_some()).count();
            if after > before {
                (self.trouble, pause) = (None, PAUSE_MIN);
            } else if self.trouble.is_some() {
                if self.given_up() {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        let why = self.trouble.take().map_or_else(|| "the servers are away".to_owned(), |(_, why)| why);
        for seat in self.seats.iter_mut().filter(|seat| seat.outcome.is_none()) {
            seat.outcome = Some(Err(Failure::Away(why.clone())));
        }
    }

    /// What is still to be sent. What follows a failure in the same job is not: it would overtake it.
    fn open(&mut self) -> Option<Vec<usize>> {
        let mut failed: HashMap<usize, Failure> = HashMap::new();
        let mut open = Vec::new();
        for (at, seat) in self.seats.iter_mut().enumerate() {
            match (&seat.outcome, failed.get(&seat.job)) {
                (Some(Err(failure)), _) => drop(failed.entry(seat.job).or_insert_with(|| failure.clone())),
                (Some(Ok(_)), _) => {}
                (None, Some(failure)) => seat.outcome = Some(Err(failure.clone())),
                (None, None) if seat.first == at => open.push(at),
                // Answered by the first one.
                (None, None) => {}
            }
        }
        (!open.is_empty()).then_some(open)
    }

    /// Waits for a server, as long as patience lasts.
    async fn connected(&mut self) -> bool {
        if self.wire.connection.connected() {
            return true;
        }
        let since = self.since;
        self.trouble.get_or_insert_with(|| (since, "the servers are away".to_owned()));
        let mut link = self.wire.connection.link();
        tokio::time::timeout_at(self.deadline(), link.wait_for(|link| link.connected))
            .await
            .is_ok_and(|link| link.is_ok())
    }

    fn deadline(&self) -> Instant {
        let since = self.trouble.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        since + self.wire.connection.options().patience
    }

    fn given_up(&self) -> bool {
        self.trouble.is_some() && Instant::now() >= self.deadline()
    }

    fn struggle(&mut self, why: String) {
        match &mut self.trouble {
            Some((_, last)) => *last = why,
            None => self.trouble = Some((Instant::now(), why)),
        }
    }

    /// Finds out where the partition ends, once; false when it could not.
    async fn look(&mut self) -> bool {
        if self.wire.partition.last() == 0
            && let Err(error) = self.wire.partition.info(self.wire.connection).await
        {
            if error.retryable() && !self.given_up() {
                self.struggle(error.to_string());
                tokio::time::sleep(PAUSE_MAX).await;
                return false;
            }
            let failure = Failure::Away(error.to_string());
            self.seats.iter_mut().for_each(|seat| seat.outcome = Some(Err(failure.clone())));
            return false;
        }
        self.before = Some(self.wire.partition.last());
        true
    }

    fn window_may_be_over(&self, began: Instant) -> bool {
        let window = self.wire.partition.spec.read().dedupe_window.min(DEDUPE_WINDOW_MAX);
        self.seats.iter().any(|seat| seat.unknown && seat.outcome.is_none()) && began.elapsed() * 2 > window
    }

    /// Looks up in the partition itself what of the unknown was stored.
    async fn read_back(&mut self) {
        let wire = &self.wire;
        let mut stored = HashMap::new();
        let mut from = self.before.map_or(1, |before| before + 1);
        loop {
            let read = wire.partition.read(wire.connection, from, 1000).await;
            let read = match read {
                Ok(read) => read,
                Err(error) => return self.struggle(error.to_string()),
            };
            let Some(last) = read.last().map(|stored| stored.sequence) else { break };
            from = last + 1;
            for one in read {
                stored.entry(one.message.id).or_insert(one.sequence);
            }
            if stored.len() > READ_BACK_MAX {
                break;
            }
        }
        for seat in self.seats.iter_mut().filter(|seat| seat.unknown && seat.outcome.is_none()) {
            if let Some(sequence) = stored.get(&seat.item.id) {
                seat.outcome = Some(Ok(Published { sequence: *sequence, duplicate: false }));
            }
        }
    }

    async fn send(&mut self, open: &[usize]) {
        let open: Vec<usize> = open
            .iter()
            .copied()
            .filter(|at| self.seats.get(*at).is_some_and(|s| s.outcome.is_none()))
            .collect();
        let fault = self.wire.connection.options().fault;
        let mut keys = HashSet::new();
        let mut first_of_key = open.clone();
        first_of_key.retain(|at| self.seats.get(*at).is_some_and(|seat| keys.insert(seat.item.key.as_str())));
        let repeats = first_of_key.len() < open.len();
        let alone = self.wire.connection.replicas() == 1;
        if fault == Some(Fault::PipelineOneKey) {
            self.send_singles(&open).await;
        } else if !self.singles && open.len() > 1 && (repeats || (alone && open.len() >= BATCH_MESSAGES_MIN))
        {
            self.send_batch(&open).await;
        } else {
            self.send_singles(&first_of_key).await;
        }
    }

    async fn send_batch(&mut self, open: &[usize]) {
        let items: Vec<&Item> = open.iter().filter_map(|at| Some(self.seats.get(*at)?.item)).collect();
        match self.wire.batch(&items, None).await {
            Answer::Stored { sequence: last, .. } => {
                let first = last + 1 - open.len() as u64;
                for (sequence, at) in (first..).zip(open) {
                    self.stored(*at, sequence, false);
                }
            }
            Answer::Duplicate | Answer::Moved => self.singles = true,
            Answer::Later(why) => open.iter().for_each(|at| self.later(*at, &why)),
            Answer::Refused(failure) => open.iter().for_each(|at| self.failed(*at, failure.clone())),
            Answer::Unknown(why) => open.iter().for_each(|at| self.unknown(*at, &why)),
        }
    }

    async fn send_singles(&mut self, wave: &[usize]) {
        let fault = self.wire.connection.options().fault;
        let items: Vec<(&Item, bool)> = wave
            .iter()
            .filter_map(|at| self.seats.get(*at))
            .map(|seat| (seat.item, !(seat.unknown && fault == Some(Fault::RetryWithoutIds))))
            .collect();
        let answers = self.wire.singles(&items).await;
        for (at, answer) in wave.iter().copied().zip(answers) {
            match answer {
                Answer::Stored { sequence, duplicate } => self.stored(at, sequence, duplicate),
                Answer::Later(why) => self.later(at, &why),
                Answer::Duplicate | Answer::Moved => self.struggle("it conflicts with another".to_owned()),
                Answer::Refused(failure) => self.failed(at, failure),
                Answer::Unknown(why) => self.unknown(at, &why),
            }
        }
    }

    fn stored(&mut self, at: usize, sequence: u64, duplicate: bool) {
        self.wire.partition.reached(sequence);
        if let Some(seat) = self.seats.get_mut(at) {
            // An earlier try of this very flight is no duplicate to whoever asked.
            let duplicate =
                duplicate && !(seat.unknown && self.before.is_some_and(|before| sequence > before));
            seat.outcome = Some(Ok(Published { sequence, duplicate }));
        }
    }

    fn failed(&mut self, at: usize, failure: Failure) {
        if let Some(seat) = self.seats.get_mut(at) {
            seat.outcome = Some(Err(failure));
        }
    }

    fn later(&mut self, at: usize, why: &str) {
        self.struggle(why.to_owned());
        if self.acknowledges_all() {
            self.stored(at, 0, false);
        }
    }

    fn acknowledges_all(&self) -> bool {
        self.wire.connection.options().fault == Some(Fault::AcknowledgeUnconfirmed)
    }

    fn unknown(&mut self, at: usize, why: &str) {
        let stream = self.wire.partition.stream.clone();
        metrics::counter!(metric::UNKNOWN, "stream" => stream).increment(1);
        self.struggle(why.to_owned());
        if self.acknowledges_all() {
            return self.stored(at, 0, false);
        }
        if let Some(seat) = self.seats.get_mut(at) {
            seat.unknown = true;
            // Without an id, sending again could store it twice.
            if seat.item.id.is_empty() {
                seat.outcome = Some(Err(Failure::Away(format!("{why}; it may have been stored"))));
            }
        }
    }

    /// By job. What repeats an id has the answer of the first. Where something of a job is stored, or may be, no failure of it may say
    /// that nothing was: whoever asked would not count it as sent.
    fn outcomes(mut self, jobs: usize) -> Vec<Outcomes> {
        for at in 0..self.seats.len() {
            let first = self.seats.get(at).map(|seat| seat.first).filter(|first| *first != at);
            let echo = first.and_then(|first| self.seats.get(first)?.outcome.clone());
            if let (Some(echo), Some(seat)) = (echo, self.seats.get_mut(at)) {
                seat.outcome = Some(echo.map(|first| Published { duplicate: true, ..first }));
            }
        }
        let sent = |seat: &Seat<'_>| seat.unknown || matches!(seat.outcome, Some(Ok(_)));
        let part_sent: HashSet<usize> =
            self.seats.iter().filter(|seat| sent(seat)).map(|seat| seat.job).collect();
        let mut outcomes = vec![Outcomes::new(); jobs];
        for seat in self.seats {
            if let (Some(job), Some(outcome)) = (outcomes.get_mut(seat.job), seat.outcome) {
                let part_sent = part_sent.contains(&seat.job);
                job.push(outcome.map_err(|failure| if part_sent { failure.of_a_part() } else { failure }));
            }
        }
        outcomes
    }
}

/// Stores a job's items directly behind the sequence it names, and answers the last one's.
pub(super) async fn append(
    connection: &Connection,
    partition: &Partition,
    job: &Job,
) -> Result<u64, Failure> {
    let after = job.after.unwrap_or(0);
    let items: Vec<&Item> = job.items.iter().collect();
    let deadline = Instant::now() + connection.options().patience;
    loop {
        let mut link = connection.link();
        let linked = tokio::time::timeout_at(deadline, link.wait_for(|link| link.connected)).await;
        if !linked.is_ok_and(|link| link.is_ok()) {
            return Err(Failure::Away("the servers are away".to_owned()));
        }
        match (Wire { connection, partition }).batch(&items, Some(after)).await {
            Answer::Stored { sequence, .. } => {
                partition.reached(sequence);
                return Ok(sequence);
            }
            Answer::Moved | Answer::Duplicate => {
                let (stream, partition) = (partition.stream.clone(), partition.number);
                return Err(Failure::Moved { stream, partition, after });
            }
            Answer::Refused(failure) => return Err(failure),
            Answer::Later(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE_MIN).await,
            Answer::Later(why) => return Err(Failure::Away(why)),
            Answer::Unknown(why) => return Err(Failure::Away(format!("{why}; it may have been stored"))),
        }
    }
}
