use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bus::{Bus, Embedded, Stored, partition_of};
use bytes::Bytes;
use catena_feed::FanOut;
use chain::{Format, Plan, Source};
use model::{
    BundleRef, Call, Catalog, Digest, Fault, Message, Name, Outcome, Processor, Refusal, Resolved, Wanted,
    derived_id,
};
use mpc::{Admit, LaneState, Publication, Routed, Router, Streams};
use relations::{
    PostId,
    stream::{INBOX, POSTS},
};

use super::PARTITIONS;

/// What the center does with the feed's router, without the rest of the center: one lane per partition.
pub(crate) struct Lanes {
    bus: Arc<Embedded>,
    router: FanOut,
    plan: Plan,
    streams: Streams,
    done: Vec<u64>,
    /// What the router kept, by partition and key, with the sequence that kept it.
    state: HashMap<(u32, Bytes), Vec<(u64, Bytes)>>,
    /// How many messages are routed and published a second time, before anything new: as after a crash between
    /// publishing and committing, so each sees the state from before it.
    pub(crate) redeliver: u64,
    /// How often the chain got another name.
    renamed: u32,
    /// Posts that the chain puts aside.
    pub(crate) dead: BTreeMap<PostId, Dead>,
}

/// A post that the chain puts aside.
#[derive(Default)]
pub(crate) struct Dead {
    /// Its message, once it came.
    message: Option<Message>,
    replayed: bool,
}

impl Lanes {
    pub(crate) fn new(bus: Arc<Embedded>, router: FanOut) -> Self {
        let text = "[chain]\nid = \"feed\"\ninput = \"posts\"\noutput = \"inbox\"\n\
                    [[step]]\nid = \"pass\"\nuses = \"pass@^1\"\n";
        let source = Source { name: "feed.toml".into(), format: Format::Toml, text: text.into() };
        let plan = chain::compile(&source, &Pass).unwrap();
        let streams = [(Name::new(INBOX).unwrap(), 99)].into_iter().collect();
        let done = vec![0; PARTITIONS as usize];
        Self {
            bus,
            router,
            plan,
            streams,
            done,
            state: HashMap::new(),
            redeliver: 0,
            renamed: 0,
            dead: BTreeMap::new(),
        }
    }

    pub(crate) async fn run(&mut self) {
        for partition in 0..PARTITIONS {
            let done = self.done[partition as usize];
            let from = (done + 1).saturating_sub(self.redeliver).max(1);
            for stored in self.bus.read(POSTS, partition, from, 100_000).await.unwrap() {
                self.done[partition as usize] = done.max(stored.sequence);
                for Publication { stream, partition, message } in self.route(partition, stored) {
                    self.bus.publish(&stream, partition, vec![message]).await.unwrap();
                }
            }
        }
    }

    /// The chain under another name: it begins at the oldest message, its ids are others, and what the router kept is all there.
    pub(crate) fn rename(&mut self) {
        self.renamed += 1;
        self.done.fill(0);
        for kept in self.state.values_mut() {
            *kept = kept.pop().map(|(_, value)| (0, value)).into_iter().collect();
        }
    }

    /// Replays a post that was put aside, at the end of its partition, under another id; false when there is nothing to
    /// replay, or it was done before.
    pub(crate) async fn replay(&mut self, post: PostId) -> bool {
        let Some(dead) = self.dead.get_mut(&post).filter(|dead| !dead.replayed) else { return false };
        let Some(mut message) = dead.message.clone() else { return false };
        dead.replayed = true;
        message.headers.set(mpc::REPLAY_HEADER, std::mem::take(&mut message.id));
        let partition = partition_of(&message.key, PARTITIONS);
        self.bus.publish(POSTS, partition, vec![message]).await.unwrap();
        true
    }

    fn route(&mut self, partition: u32, mut origin: Stored) -> Vec<Publication> {
        match origin.message.headers.get(mpc::REPLAY_HEADER) {
            Some(id) => {
                let id = id.to_owned();
                origin.message.headers.0.clear();
                origin.message.id = id;
            }
            None => {
                let post = origin.message.id.parse().ok();
                if let Some(dead) = post.and_then(|post| self.dead.get_mut(&post)) {
                    dead.message = Some(origin.message);
                    return Vec::new();
                }
            }
        }
        let output = match self.router.admit(&self.plan, &origin.message) {
            Admit::Chain => Some(&self.plan.output),
            Admit::Direct => None,
            Admit::Ignore => return Vec::new(),
        };
        let name = self.renamed.to_be_bytes();
        let id = derived_id(&[&name, &partition.to_be_bytes(), &origin.sequence.to_be_bytes()]);
        let message = Message { id, ..origin.message.clone() };
        let read = |key: &[u8]| {
            let kept = self.state.get(&(partition, Bytes::copy_from_slice(key))).into_iter().flatten();
            Ok(kept.filter(|(at, _)| *at < origin.sequence).last().map(|(_, value)| value.clone()))
        };
        let mut lane = LaneState::new(&read);
        let (plan, streams) = (&self.plan, &self.streams);
        let routed = Routed { plan, origin: &origin, partition, output, message, streams };
        let publications = self.router.route(routed, &mut lane).unwrap();
        for (key, value) in lane.into_writes() {
            self.state.entry((partition, key)).or_default().push((origin.sequence, value.unwrap()));
        }
        publications
    }
}

struct Pass;

impl Processor for Pass {
    fn process(&self, _: &Message, _: &mut Call) -> Result<Outcome, Fault> {
        Ok(Outcome::default())
    }
}

impl Catalog for Pass {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let bundle = BundleRef {
            name: wanted.name.clone(),
            version: "1.0.0".parse().unwrap(),
            digest: Digest([0; 32]),
        };
        Ok(Resolved { bundle, processor: Arc::new(Pass) })
    }
}
