//! Whose turn a partition is: dealt out among the members of a role by rendezvous hashing with bounded loads.
//!
//! Every member ranks alike for every partition, by a hash of (stream, partition, member); partitions are gone through in
//! order, and each goes to the best-ranked member that still has room. Of P partitions over N members, P mod N members
//! have room for one more than ⌊P/N⌋, the others for ⌊P/N⌋: so loads differ by one at most, per stream. When a member comes
//! or goes, mostly its own partitions move (Mirrokni, Thorup, Zadimoghaddam, "Consistent hashing with bounded loads",
//! 2016, with rendezvous ranks for the ring). A partition that its member declines then goes to the best-ranked one that does not,
//! whatever that one has: nothing else moves for it.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bus::Placement;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    Members,
    members::{Declined, Live},
};

/// Deals out the partitions of `stream`: the member of each. Empty without members. What all of them decline is dealt as if none did.
pub fn deal<'a>(
    stream: &str,
    partitions: u32,
    members: impl IntoIterator<Item = &'a str>,
    declines: impl Fn(&str, u32) -> bool,
) -> Vec<&'a str> {
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
        let best = |fits: &dyn Fn(&str) -> bool| {
            let fitting = members.iter().copied().filter(|member| fits(member));
            fitting.max_by_key(|member| (rank(stream, partition, member), *member))
        };
        let Some(meant) = best(&|member| room(member, larger)) else { break };
        let load = loads.entry(meant).or_default();
        *load += 1;
        if *load > floor {
            larger = larger.saturating_sub(1);
        }
        let able = || best(&|member| !declines(member, partition));
        dealt.push(if declines(meant, partition) { able().unwrap_or(meant) } else { meant });
    }
    dealt
}

fn rank(stream: &str, partition: u32, member: &str) -> [u8; 8] {
    // No name holds a slash.
    let hash = blake3::hash(format!("{stream}/{partition}/{member}").as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Who is meant for which partition, by stream and number of partitions, among those who were there.
#[derive(Default)]
struct Dealt {
    live: Live,
    tables: HashMap<(String, u32), Vec<String>>,
}

/// The placement of a fleet: the partitions of whatever stream, dealt out among the members of a role.
pub struct Turns {
    me: Option<String>,
    declined: watch::Sender<Declined>,
    live: watch::Receiver<Live>,
    changes: watch::Receiver<u64>,
    dealt: Mutex<Dealt>,
}

impl Turns {
    /// Deals out among `members`, for as long as they live.
    #[must_use]
    pub fn new(members: &Members) -> Self {
        let mut live = members.live();
        let (count, changes) = watch::channel(0);
        let (tasks, stop) = members.tasks();
        let (stop, dealt_among) = (stop.clone(), live.clone());
        live.mark_unchanged();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    changed = live.changed() => if changed.is_err() { return },
                    () = stop.cancelled() => return,
                }
                count.send_modify(|count| *count += 1);
            }
        });
        let (me, declined) = (members.me().map(str::to_owned), members.declined().clone());
        Self { me, declined, live: dealt_among, changes, dealt: Mutex::default() }
    }

    /// The member whose turn `partition` of `stream`, which has `partitions`, is; none when nobody is there.
    #[must_use]
    pub fn owner(&self, stream: &str, partition: u32, partitions: u32) -> Option<String> {
        let live = Arc::clone(&self.live.borrow());
        let mut dealt = self.dealt.lock();
        if !Arc::ptr_eq(&dealt.live, &live) {
            *dealt = Dealt { live: Arc::clone(&live), tables: HashMap::new() };
        }
        let table = dealt.tables.entry((stream.to_owned(), partitions)).or_insert_with(|| {
            let names = live.keys().map(String::as_str);
            let declines = |name: &str, partition| {
                let member = live.get(name);
                member.is_some_and(|member| member.declined().any(|one| one == (stream, partition)))
            };
            deal(stream, partitions, names, declines).into_iter().map(str::to_owned).collect()
        });
        table.get(usize::try_from(partition).ok()?).cloned()
    }
}

impl Placement for Turns {
    fn is_mine(&self, stream: &str, partition: u32, partitions: u32) -> bool {
        self.me.is_some() && self.owner(stream, partition, partitions) == self.me
    }

    fn decline(&self, stream: &str, partition: u32) {
        self.declined.send_if_modified(|declined| declined.insert((stream.to_owned(), partition)));
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}
