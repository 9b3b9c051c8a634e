//! What a lane may have published though no commit says so.
//!
//! Between publishing what a batch leaves and committing it, a lane may die or lose its bus. Then the batch comes again, and
//! what it leaves is published again under the same ids: the bus drops what it has, for as long as it remembers ids. A bus
//! over JetStream does so for two minutes, and a partition may be without an owner for longer. So a lane keeps beside its ledger
//! when it may have published what was never committed, as spans of time. A lane that opens and finds spans older than the bus
//! can be relied on looks up what was stored in them, and does not publish that again.
//!
//! A span is written down before anything is published in it, and is short: a lane that commits often has nothing more to write for
//! it, and one that publishes now and then [announces](Trail::announce) it with a commit of its own. So what has to
//! be looked through is bounded by how long lanes were publishing, not by how long nobody looked.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bus::{Bounds, Bus};
use bytes::{Buf, Bytes};
use model::{Name, Sequences};
use store::Batch;
use tokio::time::Instant;

use super::{
    Place, keys,
    seen::{self, Hash, WINDOW},
};
use crate::{Error, Fault, Result, time::now_ms};

/// A stream and its partition.
pub(super) type Line = (Name, u32);

/// How far apart the clocks of two processes and of the bus may be, and how long a call that was begun may be under way, together.
const SLACK: Duration = Duration::from_secs(60);
/// A span and the bus's memory are cut into so many parts: one of them a lane publishes without saying so, in one it does so again
/// without looking, and what is left is for calls under way and for clocks that differ.
const PARTS: u64 = 4;
/// Spans that are kept apart at most.
const SPANS_MAX: usize = 16;
/// Messages that are looked through at a time.
const READ_MAX: usize = 1000;

/// Ids that one look keeps at most. Where more were stored it is looked again for every batch.
const KEPT_MAX: usize = 500_000;

/// When something was published that no commit knows of, if ever. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    since_ms: u64,
    until_ms: u64,
}

/// The spans of one lane.
pub(super) struct Trail {
    key: Bytes,
    /// What the bus remembers.
    remembers_ms: u64,
    earlier: Option<Earlier>,
    /// Of this life since its last commit, oldest first. The last one is open.
    own: Vec<Span>,
    /// Something may have been stored since that one was opened.
    sent: bool,
}

/// What earlier lives of the lane left.
struct Earlier {
    spans: Vec<Span>,
    /// They had no messages in hand behind this sequence.
    below: u64,
    looks: HashMap<Line, Look>,
}

/// What was stored on a line in the spans of earlier lives, as of a moment. To look takes as long as it takes to read all of that, and a
/// lane that has much to catch up with cannot do so for every batch.
struct Look {
    at: Instant,
    ids: HashSet<Hash>,
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
        let key = keys::trail(&place.stream, place.partition, &place.chain);
        let snapshot = place.parts.store.snapshot()?;
        // None: it never published, or was one of a release that kept no trail.
        let spans = snapshot.get("ledger", &key)?.map(|bytes| decode(&bytes)).transpose()?;
        let unsettled = ledger.floor() < bounds.last;
        let earlier = spans.filter(|_| unsettled).map(|spans| {
            let ahead = u64::try_from(credits).unwrap_or(u64::MAX);
            let below = bounds.last.min(ledger.newest().saturating_add(ahead));
            Earlier { spans: merged(spans), below, looks: HashMap::new() }
        });
        let remembers_ms = u64::try_from(remembers.as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Self { key, remembers_ms, earlier, own: Vec::new(), sent: false }))
    }

    /// How long the outcome of a publish may be unknown.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.remembers_ms / PARTS)
    }

    /// Until when publishing may begin, as announced.
    pub(super) fn deadline(&self) -> Instant {
        let until_ms = self.own.last().map_or(0, |open| open.until_ms);
        Instant::now() + Duration::from_millis(until_ms.saturating_sub(now_ms()))
    }

    /// Something may have been stored.
    pub(super) fn sent(&mut self) {
        self.sent = true;
    }

    /// Whether something that messages from sequence `oldest` on leave was published in an earlier life, and the bus may have
    /// forgotten it.
    pub(super) fn doubts(&self, oldest: u64) -> bool {
        let may_be_forgotten =
            |span: &Span| now_ms().saturating_sub(span.since_ms) >= self.remembers_ms / PARTS;
        let in_hand = self.earlier.as_ref().filter(|earlier| oldest <= earlier.below);
        in_hand.is_some_and(|earlier| earlier.spans.iter().any(may_be_forgotten))
    }

    /// Which of the ids were stored on `line` in earlier lives, by this lane or by others. A look serves for a while: what arrives behind
    /// it, of a call that was under way, the bus remembers for longer than that.
    pub(super) async fn published(
        &mut self,
        bus: &dyn Bus,
        line: &Line,
        ids: &HashSet<Hash>,
    ) -> Result<HashSet<Hash>> {
        let fresh = Duration::from_millis(self.remembers_ms / PARTS / 2);
        let Some(earlier) = &mut self.earlier else { return Ok(HashSet::new()) };
        if let Some(look) = earlier.looks.get(line).filter(|look| look.at.elapsed() < fresh) {
            return Ok(ids.intersection(&look.ids).copied().collect());
        }
        let (at, mut found) = (Instant::now(), HashSet::new());
        let mut all = Some(HashSet::new());
        for span in &earlier.spans {
            stored_in(bus, line, *span, SLACK, |id| {
                if ids.contains(&id) {
                    found.insert(id);
                }
                all = all.take().filter(|all| all.len() < KEPT_MAX);
                if let Some(all) = &mut all {
                    all.insert(id);
                }
            })
            .await?;
        }
        let ((stream, partition), known) = (line, found.len());
        tracing::info!(%stream, partition, known, of = ids.len(), took = ?at.elapsed(), "looked up what was published without a commit");
        match all {
            Some(ids) => drop(earlier.looks.insert(line.clone(), Look { at, ids })),
            None => drop(earlier.looks.remove(line)),
        }
        Ok(found)
    }

    /// Something is to be published now; answers what has to be committed first, if anything.
    pub(super) fn announce(&mut self) -> Option<Batch> {
        let now = now_ms();
        let part = self.remembers_ms / PARTS;
        if self.own.last().is_some_and(|open| now + part / 2 < open.until_ms) {
            return None;
        }
        if !std::mem::take(&mut self.sent) {
            self.own.pop();
        }
        self.own.push(Span { since_ms: now, until_ms: now + part });
        let mut batch = Batch::new();
        self.add_to(&mut batch);
        Some(batch)
    }

    /// What is committed with a batch of a lane that has settled all messages up to `floor`.
    pub(super) fn commit(&mut self, floor: u64, batch: &mut Batch) {
        if self.earlier.as_ref().is_some_and(|earlier| earlier.below <= floor) {
            self.earlier = None;
        }
        let now = now_ms();
        self.own = vec![Span { since_ms: now, until_ms: now + self.remembers_ms / PARTS }];
        self.sent = false;
        self.add_to(batch);
    }

    fn add_to(&self, batch: &mut Batch) {
        let earlier = self.earlier.iter().flat_map(|earlier| &earlier.spans);
        let spans = earlier.chain(&self.own).copied().collect();
        batch.put("ledger", &self.key, &encode(&merged(spans)));
    }
}

/// Spans in order, those as one that are looked through as one anyway, and no more than are kept apart.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    let near_ms = 2 * u64::try_from(SLACK.as_millis()).unwrap_or(u64::MAX);
    let gap = |pair: &[Span]| match pair {
        [one, next] => next.since_ms.saturating_sub(one.until_ms),
        _ => u64::MAX,
    };
    spans.sort_by_key(|span| span.since_ms);
    loop {
        let closest = spans.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair));
        let Some((at, pair)) = closest else { return spans };
        if gap(pair) > near_ms && spans.len() <= SPANS_MAX {
            return spans;
        }
        let next = spans.remove(at + 1);
        if let Some(span) = spans.get_mut(at) {
            span.until_ms = span.until_ms.max(next.until_ms);
        }
    }
}

/// First and last of each, big-endian.
fn encode(spans: &[Span]) -> Vec<u8> {
    spans
        .iter()
        .flat_map(|span| [span.since_ms.to_be_bytes(), span.until_ms.to_be_bytes()])
        .flatten()
        .collect()
}

fn decode(mut bytes: &[u8]) -> Result<Vec<Span>> {
    if !bytes.len().is_multiple_of(16) {
        let reason = format!("{} bytes, which are no pairs of times", bytes.len());
        return Err(Error::Malformed { what: "when a lane published", reason });
    }
    let mut spans = Vec::with_capacity(bytes.len() / 16);
    while bytes.has_remaining() {
        spans.push(Span { since_ms: bytes.get_u64(), until_ms: bytes.get_u64() });
    }
    Ok(spans)
}

/// Tells every id that was stored on `line` in the span, or up to `slack` before and behind it.
async fn stored_in(
    bus: &dyn Bus,
    (stream, partition): &Line,
    span: Span,
    slack: Duration,
    mut tell: impl FnMut(Hash),
) -> Result<()> {
    let slack_ms = u64::try_from(slack.as_millis()).unwrap_or(u64::MAX);
    let since_ms = span.since_ms.saturating_sub(slack_ms);
    let until_ms = span.until_ms.saturating_add(slack_ms);
    let bounds = bus.bounds(stream, *partition).await?;
    let first = bounds.first;
    let mut at = first_since(bus, stream, *partition, bounds, since_ms).await?;
    if at == first && first > 1 {
        tracing::warn!(%stream, partition, first, "what was published without a commit may be trimmed already, and come again");
    }
    loop {
        let read = bus.read(stream, *partition, at, READ_MAX).await?;
        let Some(last) = read.last().map(|stored| stored.sequence) else { return Ok(()) };
        at = last + 1;
        for stored in read {
            if stored.accepted_at_ms > until_ms {
                return Ok(());
            }
            tell(seen::hash(&stored.message.id));
        }
    }
}

/// The first message that was accepted at or after `since_ms`, by halving: later ones have later times.
async fn first_since(
    bus: &dyn Bus,
    stream: &str,
    partition: u32,
    Bounds { first, last }: Bounds,
    since_ms: u64,
) -> Result<u64> {
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

    fn trail(earlier: Option<Earlier>) -> Trail {
        let (key, own) = (Bytes::from_static(b"feed"), Vec::new());
        Trail { key, remembers_ms: 120_000, earlier, own, sent: false }
    }

    fn span(since_ms: u64, until_ms: u64) -> Span {
        Span { since_ms, until_ms }
    }

    fn earlier(spans: Vec<Span>) -> Earlier {
        Earlier { spans, below: 70, looks: HashMap::new() }
    }

    fn kept(trail: &Trail) -> Vec<Span> {
        let mut batch = Batch::new();
        trail.add_to(&mut batch);
        match batch.ops().next() {
            Some(store::Op::Put { value, .. }) => decode(value).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lane_that_commits_often_announces_nothing_and_one_that_rests_does_first() {
        let mut trail = trail(None);
        assert!(trail.announce().is_some() && trail.announce().is_none());
        trail.commit(1, &mut Batch::new());
        assert!(trail.announce().is_none());
        // An hour of rest.
        let open = trail.own.last_mut().unwrap();
        *open = span(open.since_ms - 3_600_000, open.until_ms - 3_600_000);
        assert!(trail.announce().is_some());
        let [only] = kept(&trail)[..] else { panic!("{:?}", kept(&trail)) };
        assert!(only.until_ms - only.since_ms == 30_000, "nothing was published in the hour");
    }

    #[test]
    fn what_waits_for_room_for_hours_makes_no_span_of_hours() {
        let mut trail = trail(None);
        trail.announce().unwrap();
        trail.sent();
        for _ in 0..100 {
            // Refused for ten minutes each.
            trail.own.iter_mut().for_each(|own| *own = span(own.since_ms - 600_000, own.until_ms - 600_000));
            trail.announce().unwrap();
        }
        let spans = kept(&trail);
        assert_eq!(spans.len(), 2, "when it sent something, and now: {spans:?}");
        assert!(spans.iter().all(|span| span.until_ms - span.since_ms == 30_000), "{spans:?}");
    }

    #[test]
    fn what_was_sent_is_kept_though_nothing_was_sent_soon_after() {
        let mut trail = trail(None);
        trail.announce().unwrap();
        trail.sent();
        let first = trail.own[0].since_ms - 120_000;
        for _ in 0..4 {
            // Half a minute each.
            trail.own.iter_mut().for_each(|own| *own = span(own.since_ms - 30_000, own.until_ms - 30_000));
            trail.announce().unwrap();
        }
        assert_eq!(kept(&trail)[0].since_ms, first);
    }

    #[test]
    fn what_the_bus_still_knows_is_not_looked_up() {
        let now = now_ms();
        let doubts = |since_ms| {
            let spans = vec![span(since_ms, since_ms + 30_000)];
            trail(Some(earlier(spans))).doubts(1)
        };
        assert!(!doubts(now - 20_000) && doubts(now - 30_000));
    }

    #[test]
    fn what_earlier_lives_left_stays_as_it_is_until_their_messages_are_settled() {
        let long_ago = span(1_000, 2_000);
        let mut trail = trail(Some(earlier(vec![long_ago])));
        trail.announce().unwrap();
        assert!(trail.doubts(70) && !trail.doubts(71), "those behind were in nobody's hand");
        trail.commit(69, &mut Batch::new());
        assert_eq!((kept(&trail)[0], kept(&trail).len()), (long_ago, 2), "hours lie between them");
        trail.commit(70, &mut Batch::new());
        assert!(kept(&trail).len() == 1 && trail.earlier.is_none());
    }

    #[test]
    fn spans_near_each_other_are_one_and_there_are_never_many() {
        let minutes = |since: u64, until: u64| span(since * 60_000, until * 60_000);
        assert_eq!(
            merged(vec![minutes(9, 10), minutes(0, 1), minutes(3, 4)]),
            [minutes(0, 4), minutes(9, 10)]
        );
        let many = (0..40).map(|n| minutes(n * 10, n * 10 + 1)).collect();
        let merged = merged(many);
        assert!(merged.len() == SPANS_MAX && merged[0].since_ms == 0, "{merged:?}");
        assert_eq!(decode(&encode(&merged)).unwrap(), merged);
        assert!(decode(b"short").is_err());
    }

    #[tokio::test]
    async fn a_span_holds_what_was_stored_in_it_and_no_more() {
        let store = Arc::new(store::Memory::new(bus::TABLES));
        let bus = Embedded::open(store, Options::default()).unwrap();
        let line = (Name::new("out").unwrap(), 0);
        bus.provision(&StreamSpec::new(line.0.clone(), 1)).await.unwrap();
        let nothing = bus.bounds("out", 0).await.unwrap();
        assert_eq!(first_since(&bus, "out", 0, nothing, 0).await.unwrap(), 1);
        let mut stored = Vec::new();
        while stored.last().is_none_or(|(_, at)| *at < stored[0].1 + 20) {
            let id = stored.len().to_string();
            bus.publish("out", 0, vec![Message { id: id.clone(), ..Message::default() }]).await.unwrap();
            let message = bus.read("out", 0, stored.len() as u64 + 1, 1).await.unwrap().remove(0);
            stored.push((id, message.accepted_at_ms));
        }
        let began = stored[0].1;
        for (since, until, slack) in [(5, 9, 0), (8, 9, 3), (0, 100, 0), (100, 200, 0)] {
            let (from, to) = (began + since, began + until);
            let (slack_ms, mut found) = (Duration::from_millis(slack), HashSet::new());
            stored_in(&bus, &line, span(from, to), slack_ms, |id| {
                found.insert(id);
            })
            .await
            .unwrap();
            let within = |at: u64| (from - slack..=to + slack).contains(&at);
            let expected = stored.iter().filter(|(_, at)| within(*at)).map(|(id, _)| seen::hash(id));
            assert_eq!(found, expected.collect(), "{since} to {until}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_serves_for_a_while_and_is_taken_again() {
        let store = Arc::new(store::Memory::new(bus::TABLES));
        let bus = Embedded::open(store, Options::default()).unwrap();
        let line = (Name::new("out").unwrap(), 0);
        bus.provision(&StreamSpec::new(line.0.clone(), 1)).await.unwrap();
        let publish = async |id: &str| {
            bus.publish("out", 0, vec![Message { id: id.to_owned(), ..Message::default() }]).await.unwrap();
        };
        let mut trail = trail(Some(earlier(vec![span(now_ms(), now_ms() + 60_000)])));
        let ids: HashSet<_> = ["a", "b"].map(seen::hash).into();
        let mut known = async || trail.published(&bus, &line, &ids).await.unwrap().len();
        publish("a").await;
        assert_eq!(known().await, 1);
        // That it was stored after the look the bus remembers.
        publish("b").await;
        assert_eq!(known().await, 1);
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(known().await, 2);
    }
}
