//! What a lane may have published though no commit says so.
//!
//! Between publishing what a batch leaves and committing it, a lane may die or lose its bus. Then the batch comes again, and
//! what it leaves is published again under the same ids: the bus drops what it has, for as long as it remembers ids. A bus
//! over JetStream does so for two minutes, and a partition may be without an owner for longer. So a lane keeps with its ledger
//! since when it may have published what was never committed, and until when. Where that has become older than the bus
//! remembers, what was published then is looked up, and not published again.
//!
//! Until when is written down ahead of time: a lane that commits often has nothing more to write, and one that publishes now
//! and then [announces](Trail::announce) it first. That bounds what has to be looked through, however long nobody looked.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bus::{Bounds, Bus};
use bytes::{Buf, Bytes};
use model::{Name, Sequences};
use store::Batch;

use super::{
    Place, keys,
    seen::{self, Hash, WINDOW},
};
use crate::{Error, Fault, Result, time::now_ms};

/// A stream and its partition.
pub(super) type Line = (Name, u32);

/// How far apart the clocks of two processes and of the bus may be, and how long a publish that was begun may still be under way.
const SLACK: Duration = Duration::from_secs(60);
/// Messages that are looked through at a time.
const READ_MAX: usize = 1000;

/// When something was published that no commit knows of, if ever. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    since_ms: u64,
    until_ms: u64,
}

/// The span of one lane, and what was found in it.
pub(super) struct Trail {
    key: Bytes,
    span: Span,
    /// What the bus remembers.
    remembers_ms: u64,
    /// Something was published since the last commit.
    publishing: bool,
    /// Up to this sequence, messages may have been published in an earlier life of the lane.
    doubtful: Option<u64>,
    found: HashMap<Line, HashSet<Hash>>,
}

impl Trail {
    /// The trail of a lane that opens; `None` where the bus remembers ids for long enough. Ahead of its ledger a lane has
    /// `credits` messages at most. Blocks on disk.
    pub(super) fn open(
        place: &Place,
        ledger: &Sequences,
        bounds: Bounds,
        credits: usize,
    ) -> Result<Option<Self>> {
        let remembers = place.parts.bus.remembers();
        if remembers >= WINDOW || place.options.fault == Some(Fault::TrustIds) {
            return Ok(None);
        }
        let key = keys::ledger(&place.stream, place.partition, &place.chain);
        let snapshot = place.parts.store.snapshot()?;
        let kept = snapshot.get("trail", &key)?;
        let kept = kept.map(|bytes| Span::decode(&bytes)).transpose()?;
        let left = (ledger.floor() < bounds.last).then(|| {
            let ahead = u64::try_from(credits).unwrap_or(u64::MAX);
            bounds.last.min(ledger.newest().saturating_add(ahead))
        });
        Ok(Some(Self {
            key,
            // A lane that never committed never published.
            span: kept.unwrap_or(Span { since_ms: now_ms(), until_ms: 0 }),
            remembers_ms: u64::try_from(remembers.as_millis()).unwrap_or(u64::MAX),
            publishing: false,
            doubtful: kept.and(left),
            found: HashMap::new(),
        }))
    }

    /// How long publishing may go on after an [announcement](Self::announce), and with an outcome that is not known.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.remembers_ms / 4)
    }

    /// Whether what was published in an earlier life may have been forgotten by the bus.
    pub(super) fn looks_up(&self) -> bool {
        self.doubtful.is_some() && now_ms().saturating_sub(self.span.since_ms) * 2 >= self.remembers_ms
    }

    /// Which messages were published on `line` in an earlier life, or by others then.
    pub(super) async fn published(&mut self, bus: &dyn Bus, line: &Line) -> Result<&HashSet<Hash>> {
        if !self.found.contains_key(line) {
            let found = stored_in(bus, line, self.span).await?;
            let ((stream, partition), messages) = (line, found.len());
            tracing::info!(%stream, partition, messages, "looked up what was published before the last commit failed");
            self.found.insert(line.clone(), found);
        }
        Ok(self.found.entry(line.clone()).or_default())
    }

    /// Something is to be published now; answers what has to be committed first, if anything.
    pub(super) fn announce(&mut self) -> Option<Batch> {
        let now = now_ms();
        if !std::mem::replace(&mut self.publishing, true) && self.doubtful.is_none() {
            // All that was published so far is committed.
            self.span.since_ms = now;
        }
        if now + self.remembers_ms / 8 < self.span.until_ms {
            return None;
        }
        self.span.until_ms = now + self.remembers_ms / 4;
        let mut batch = Batch::new();
        self.add_to(&mut batch);
        Some(batch)
    }

    /// What is committed with a batch of a lane that has taken in all messages up to `reached`.
    pub(super) fn commit(&mut self, reached: u64, batch: &mut Batch) {
        let now = now_ms();
        if self.doubtful.is_some_and(|doubtful| doubtful <= reached) {
            self.doubtful = None;
            self.found = HashMap::new();
        }
        if self.doubtful.is_none() {
            self.span.since_ms = now;
        }
        self.span.until_ms = now + self.remembers_ms / 4;
        self.publishing = false;
        self.add_to(batch);
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.put("trail", &self.key, &self.span.encode());
    }
}

impl Span {
    fn encode(self) -> [u8; 16] {
        let mut out = [0; 16];
        let (since, until) = out.split_at_mut(8);
        since.copy_from_slice(&self.since_ms.to_be_bytes());
        until.copy_from_slice(&self.until_ms.to_be_bytes());
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<Self> {
        if bytes.len() != 16 {
            let reason = format!("{} bytes, it has 16", bytes.len());
            return Err(Error::Malformed { what: "since when a lane publishes", reason });
        }
        Ok(Self { since_ms: bytes.get_u64(), until_ms: bytes.get_u64() })
    }
}

/// The ids of everything that was stored on `line` in the span, or near it.
async fn stored_in(bus: &dyn Bus, (stream, partition): &Line, span: Span) -> Result<HashSet<Hash>> {
    let slack = u64::try_from(SLACK.as_millis()).unwrap_or(u64::MAX);
    let (since, until) = (span.since_ms.saturating_sub(slack), span.until_ms.saturating_add(slack));
    let mut at = first_since(bus, stream, *partition, since).await?;
    let mut found = HashSet::new();
    loop {
        let read = bus.read(stream, *partition, at, READ_MAX).await?;
        let Some(last) = read.last().map(|stored| stored.sequence) else { return Ok(found) };
        at = last + 1;
        for stored in read {
            if stored.accepted_at_ms > until {
                return Ok(found);
            }
            found.insert(seen::hash(&stored.message.id));
        }
    }
}

/// The first message that was accepted at or after `since_ms`, by halving: later ones have later times.
async fn first_since(bus: &dyn Bus, stream: &str, partition: u32, since_ms: u64) -> Result<u64> {
    let Bounds { first, last } = bus.bounds(stream, partition).await?;
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match bus.read(stream, partition, middle, 1).await?.first() {
            Some(stored) if stored.accepted_at_ms < since_ms => low = stored.sequence + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bus::{Embedded, Options, StreamSpec};
    use model::Message;

    use super::*;

    fn trail(span: Span, doubtful: Option<u64>) -> Trail {
        let (key, found) = (Bytes::from_static(b"feed"), HashMap::new());
        Trail { key, span, remembers_ms: 120_000, publishing: false, doubtful, found }
    }

    #[test]
    fn a_lane_that_commits_often_announces_nothing_and_one_that_rests_announces_once() {
        let now = now_ms();
        let mut trail = trail(Span { since_ms: now - 3_600_000, until_ms: now - 3_500_000 }, None);
        assert!(trail.announce().is_some_and(|batch| !batch.is_empty()));
        assert!(trail.span.since_ms >= now, "nothing was published in the hour before");
        assert!(trail.announce().is_none());
        trail.commit(1, &mut Batch::new());
        assert!(trail.announce().is_none());
    }

    #[test]
    fn doubt_lasts_until_the_lane_is_past_what_the_one_before_had_in_hand() {
        let long_ago = Span { since_ms: now_ms() - 3_600_000, until_ms: now_ms() - 3_500_000 };
        let mut trail = trail(long_ago, Some(70));
        assert!(trail.looks_up() && trail.announce().is_some());
        trail.commit(69, &mut Batch::new());
        assert!(trail.looks_up() && trail.span.since_ms == long_ago.since_ms);
        trail.commit(70, &mut Batch::new());
        assert!(!trail.looks_up() && trail.span.since_ms > long_ago.since_ms);
    }

    #[test]
    fn a_span_is_kept_as_sixteen_bytes() {
        let span = Span { since_ms: 1, until_ms: 1 << 60 };
        assert_eq!(Span::decode(&span.encode()).unwrap(), span);
        assert!(Span::decode(b"short").is_err());
    }

    #[tokio::test]
    async fn the_first_message_of_a_time_is_found_by_halving() {
        let store = Arc::new(store::Memory::new(bus::TABLES));
        let bus = Embedded::open(store, Options::default()).unwrap();
        bus.provision(&StreamSpec::new(Name::new("out").unwrap(), 1)).await.unwrap();
        assert_eq!(first_since(&bus, "out", 0, 0).await.unwrap(), 1);
        for n in 0..40 {
            let message = Message { id: n.to_string(), ..Message::default() };
            bus.publish("out", 0, vec![message]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let stored = bus.read("out", 0, 1, 100).await.unwrap();
        for wanted in &stored {
            let first = stored.iter().find(|stored| stored.accepted_at_ms >= wanted.accepted_at_ms).unwrap();
            assert_eq!(first_since(&bus, "out", 0, wanted.accepted_at_ms).await.unwrap(), first.sequence);
        }
        assert_eq!(first_since(&bus, "out", 0, u64::MAX).await.unwrap(), 41);
        let span = Span { since_ms: stored[0].accepted_at_ms, until_ms: stored[39].accepted_at_ms };
        let found = stored_in(&bus, &(Name::new("out").unwrap(), 0), span).await.unwrap();
        assert!(found.len() == 40 && found.contains(&seen::hash("7")));
    }
}
