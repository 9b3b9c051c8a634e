use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
};

use serde_json::Value;

use super::{Answer, Arrival, Arrivals, Entry, Place};
use crate::{network::Network, posts::Fate};

/// What the oracle found. Empty lists are what one hopes for.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Posts the node said it has.
    pub accepted: u64,
    /// Of those, among their author's posts.
    pub delivered: u64,
    /// Of those, ended by a rule: in quarantine, or dropped as a repetition.
    pub terminated: u64,
    /// Of those, dead letters.
    pub dead: u64,
    /// Accepted, and nowhere.
    pub lost: Vec<String>,
    /// Delivered, and missing from a follower's feed.
    pub holes: Vec<String>,
    /// More than once in one place, or with two ends.
    pub duplicates: Vec<String>,
    /// Where it does not belong, or never sent.
    pub misrouted: Vec<String>,
    /// Worked on by two generations.
    pub mixed: Vec<String>,
    /// Later than a post its author sent after it.
    pub reordered: Vec<String>,
    /// Out of the count of a step that numbers each author's posts: a number twice, or one left out.
    pub miscounted: Vec<String>,
    /// Not what was sent.
    pub altered: Vec<String>,
    /// Refused although well formed.
    pub refused: Vec<String>,
}

impl Report {
    /// Whether the promise held.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.faults().iter().all(|(_, found)| found.is_empty())
    }

    /// Every list of faults under its name.
    #[must_use]
    pub fn faults(&self) -> [(&'static str, &[String]); 9] {
        [
            ("lost", &self.lost),
            ("holes in feeds", &self.holes),
            ("duplicate effects", &self.duplicates),
            ("misrouted", &self.misrouted),
            ("mixed generations", &self.mixed),
            ("reordered", &self.reordered),
            ("miscounted", &self.miscounted),
            ("altered", &self.altered),
            ("refused", &self.refused),
        ]
    }
}

/// The last line of the demonstration.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, delivered, terminated, dead, lost, .. } = self;
        write!(
            f,
            "accepted={accepted} delivered={delivered} terminated={terminated} dead={dead} lost={}",
            lost.len()
        )
    }
}

/// Where a post was seen, and how often.
#[derive(Default)]
struct Seen {
    outbox: u32,
    outputs: u32,
    dead: u32,
    feeds: BTreeMap<u64, u32>,
}

pub(super) fn judge(book: &HashMap<u64, Entry>, arrivals: &Arrivals, network: &Network) -> Report {
    let mut report = Report::default();
    let follows: HashSet<(u64, u64)> = network.follows.iter().copied().collect();
    let seen = see(book, arrivals, &follows, &mut report);
    order(book, arrivals, &mut report);
    count(arrivals, &mut report);
    let followers = network.followers();
    for entry in book.values() {
        let nowhere = Seen::default();
        let seen = seen.get(&entry.post.ordinal).unwrap_or(&nowhere);
        end(entry, seen, followers.get(&entry.post.author), &mut report);
    }
    for list in [&mut report.lost, &mut report.holes, &mut report.duplicates, &mut report.misrouted] {
        list.sort();
    }
    report
}

fn see(
    book: &HashMap<u64, Entry>,
    arrivals: &Arrivals,
    follows: &HashSet<(u64, u64)>,
    report: &mut Report,
) -> HashMap<u64, Seen> {
    let mut all: HashMap<u64, Seen> = HashMap::new();
    let ids: HashMap<&str, u64> =
        book.iter().filter_map(|(ordinal, entry)| Some((entry.id()?, *ordinal))).collect();
    for arrival in &arrivals.0 {
        let by_id = || ids.get(arrival.body.get("id")?.as_str()?).copied();
        let Some(entry) = arrival.ordinal.or_else(by_id).and_then(|ordinal| book.get(&ordinal)) else {
            report.misrouted.push(format!("{:?} holds what nobody sent: {}", arrival.place, arrival.body));
            continue;
        };
        let post = &entry.post;
        let seen = all.entry(post.ordinal).or_default();
        match &arrival.place {
            Place::Outbox(author) => {
                seen.outbox += 1;
                if *author != post.author {
                    report.misrouted.push(format!("post {} among the posts of {author}", post.ordinal));
                }
            }
            Place::Feed(user) => {
                *seen.feeds.entry(*user).or_default() += 1;
                if !follows.contains(&(*user, post.author)) {
                    report.misrouted.push(format!("post {} in the feed of {user}", post.ordinal));
                }
            }
            Place::Output(_) => seen.outputs += 1,
            Place::Dead => seen.dead += 1,
        }
        look(arrival, entry, report);
    }
    all
}

/// What one arrival says by itself.
fn look(arrival: &Arrival, entry: &Entry, report: &mut Report) {
    let post = &entry.post;
    let actor = arrival.body.get("actor").map(|a| a.as_str().map_or_else(|| a.to_string(), str::to_owned));
    if actor.as_deref() != Some(&post.author.to_string()) {
        report
            .altered
            .push(format!("post {} arrived as of {actor:?}, sent by {}", post.ordinal, post.author));
    }
    if let (Answer::Accepted { id }, Some(arrived)) =
        (&entry.answer, arrival.body.get("id").and_then(|v| v.as_str()))
        && id != arrived
    {
        report
            .altered
            .push(format!("post {} was accepted as `{id}` and arrived as `{arrived}`", post.ordinal));
    }
    // Steps of a test chain leave a stamp each; a message belongs to one generation, so all are the same.
    let stamps = arrival.body.get("stamps").and_then(|s| s.as_array()).map(Vec::as_slice).unwrap_or_default();
    let kinds: BTreeSet<String> = stamps.iter().map(ToString::to_string).collect();
    if kinds.len() > 1 {
        report.mixed.push(format!("post {}: {kinds:?}", post.ordinal));
    }
}

/// How one post ended.
fn end(entry: &Entry, seen: &Seen, followers: Option<&Vec<u64>>, report: &mut Report) {
    let post = &entry.post;
    let name = || format!("post {} of {} ({:?})", post.ordinal, post.author, post.fate);
    let Seen { outbox, outputs, dead, feeds } = seen;
    let ends = [*outbox, *outputs, *dead];
    if ends.iter().any(|n| *n > 1) || feeds.values().any(|n| *n > 1) {
        report.duplicates.push(format!("{}: {outbox} delivered, {outputs} on outputs, {dead} dead", name()));
    } else if ends.iter().filter(|n| **n > 0).count() > 1 {
        report.duplicates.push(format!("{} has two ends: {ends:?} (delivered, outputs, dead)", name()));
    }
    if *outbox > 0 && matches!(post.fate, Fate::Duplicate | Fate::Quarantined | Fate::Rejected)
        || *outputs > 0 && matches!(post.fate, Fate::Delivered | Fate::Rejected)
    {
        report.misrouted.push(format!("{}: {outbox} delivered, {outputs} on outputs", name()));
    }
    if *outbox > 0 {
        let without = followers.into_iter().flatten().filter(|user| !feeds.contains_key(user));
        report.holes.extend(without.map(|user| format!("{} is not in the feed of {user}", name())));
    }
    match &entry.answer {
        Answer::Unknown => return,
        Answer::Refused { status, why } => {
            report.refused.push(format!("{}: {status}: {why}", name()));
            return;
        }
        Answer::Accepted { .. } => report.accepted += 1,
    }
    if *dead > 0 {
        report.dead += 1;
    } else if *outbox > 0 {
        report.delivered += 1;
    } else if *outputs > 0 || post.fate == Fate::Duplicate {
        report.terminated += 1;
    } else {
        report.lost.push(format!("{}, after {} attempts", name(), entry.attempts));
    }
}

/// In every place, an author's posts stand in the order they were sent in.
fn order(book: &HashMap<u64, Entry>, arrivals: &Arrivals, report: &mut Report) {
    let mut newest: HashMap<(&Place, u64), u64> = HashMap::new();
    for arrival in arrivals.0.iter().filter(|a| matches!(a.place, Place::Outbox(_) | Place::Feed(_))) {
        let Some(entry) = arrival.ordinal.and_then(|ordinal| book.get(&ordinal)) else { continue };
        let newest = newest.entry((&arrival.place, entry.post.author)).or_default();
        if entry.post.ordinal < *newest {
            report.reordered.push(format!("{:?}: post {} after {newest}", arrival.place, entry.post.ordinal));
        }
        *newest = entry.post.ordinal.max(*newest);
    }
}

/// Where a step has numbered an author's posts, they go 1, 2, 3, …: its state is one, and each post changed it once.
fn count(arrivals: &Arrivals, report: &mut Report) {
    let mut last: HashMap<&Place, u64> = HashMap::new();
    for arrival in arrivals.0.iter().filter(|a| matches!(a.place, Place::Outbox(_))) {
        let Some(count) = arrival.body.get("count").and_then(Value::as_u64) else { continue };
        let last = last.entry(&arrival.place).or_default();
        if count != *last + 1 {
            let id = arrival.body.get("id").and_then(Value::as_str).unwrap_or_default();
            let place = &arrival.place;
            report.miscounted.push(format!("{place:?}: number {count} after {last}, of post {id}"));
        }
        *last = count;
    }
}

#[cfg(test)]
mod tests;
