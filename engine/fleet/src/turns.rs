//! Whose turn a partition is: dealt out among the members of a role by rendezvous hashing with bounded loads.
//!
//! Every member ranks alike for every partition, by a hash of (stream, partition, member); partitions are gone through in
//! order, and each goes to the best-ranked member that still has room. Of P partitions over N members, P mod N members
//! have room for one more than ⌊P/N⌋, the others for ⌊P/N⌋: so loads differ by one at most, per stream. When a member comes
//! or goes, mostly its own partitions move (Mirrokni, Thorup, Zadimoghaddam, "Consistent hashing with bounded loads",
//! 2016, with rendezvous ranks for the ring).

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use bus::Placement;
use tokio::sync::watch;

use crate::{Members, members::Live};

/// Deals out the partitions of `stream`: the member of each. Empty without members.
pub fn deal<'a>(stream: &str, partitions: u32, members: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut members: Vec<&str> = members.into_iter().collect();
    members.sort_unstable();
    members.dedup();
    let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
    if count == 0 {
        return Vec::new();
    }
    let (floor, mut larger) = (partitions / count, partitions % count);
    let mut loads: BTreeMap<&str, u32> = BTreeMap::new();
    let mut dealt = Vec::new();
    for partition in 0..partitions {
        let room = |member: &str, larger: u32| {
            let load = loads.get(member).copied().unwrap_or(0);
            load < floor || (load == floor && larger > 0)
        };
        let best = members
            .iter()
            .copied()
            .filter(|member| room(member, larger))
            .max_by_key(|member| (rank(stream, partition, member), *member));
        let Some(best) = best else { break };
        let load = loads.entry(best).or_default();
        *load += 1;
        if *load > floor {
            larger = larger.saturating_sub(1);
        }
        dealt.push(best);
    }
    dealt
}

fn rank(stream: &str, partition: u32, member: &str) -> [u8; 8] {
    // No name holds a slash.
    let hash = blake3::hash(format!("{stream}/{partition}/{member}").as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Who is meant for which partition, by stream.
type Table = BTreeMap<String, Vec<String>>;

/// The placement of a fleet: the partitions of some streams, dealt out among the members of a role.
pub struct Turns {
    me: Option<String>,
    table: watch::Receiver<Arc<Table>>,
    changes: watch::Receiver<u64>,
}

impl Turns {
    /// Deals out `streams`, with their numbers of partitions, for as long as `members` lives.
    pub fn new(members: &Members, streams: impl IntoIterator<Item = (String, u32)>) -> Self {
        let streams: Vec<(String, u32)> = streams.into_iter().collect();
        let mut live = members.live();
        let (table, dealt) = watch::channel(Arc::new(table(&streams, &live.borrow_and_update())));
        let (count, changes) = watch::channel(0);
        let (tasks, stop) = members.tasks();
        let stop = stop.clone();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    changed = live.changed() => if changed.is_err() { return },
                    () = stop.cancelled() => return,
                }
                let new = Arc::new(self::table(&streams, &live.borrow_and_update()));
                if **table.borrow() != *new {
                    table.send_replace(new);
                    count.send_modify(|count| *count += 1);
                }
            }
        });
        Self { me: members.me().map(str::to_owned), table: dealt, changes }
    }

    /// The member whose turn `partition` of `stream` is; none when nobody is there, or the stream is not dealt out.
    #[must_use]
    pub fn owner(&self, stream: &str, partition: u32) -> Option<String> {
        let at = usize::try_from(partition).ok()?;
        self.table.borrow().get(stream)?.get(at).cloned()
    }
}

impl Placement for Turns {
    fn is_mine(&self, stream: &str, partition: u32) -> bool {
        self.me.is_some() && self.owner(stream, partition) == self.me
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

fn table(streams: &[(String, u32)], live: &Live) -> Table {
    let dealt = |(stream, partitions): &(String, u32)| {
        let dealt = deal(stream, *partitions, live.keys().map(String::as_str));
        (stream.clone(), dealt.into_iter().map(str::to_owned).collect())
    };
    streams.iter().map(dealt).collect()
}
