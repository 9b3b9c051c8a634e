use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use bus::{Bus, Embedded, Placement, Stored, StreamSpec, partition_of};
use model::{Message, Name};
use mpc::{Center, Options, Parts, Quiet, Receipt, Router, ToStreams, Watch, receipt::Verdict};
use store::{Memory, Store};
use tempfile::TempDir;
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
    time::timeout,
};

use super::ScriptedBundles;

/// How long anything may take before a test gives up; nothing waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What `look` finds, once it finds something; a test that would wait for ever fails and says for what.
pub(crate) async fn found<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                break found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not so: {what}"))
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    found(what, async || is_so().await.then_some(())).await;
}
const PARTITIONS: u32 = 4;

/// A center over everything in memory but its folders.
pub(crate) struct Node {
    pub(crate) center: Center,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) bundles: Arc<ScriptedBundles>,
    pub(crate) receipts: broadcast::Receiver<Receipt>,
    folder: Arc<TempDir>,
}

/// What a center starts with; survives it.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) router: Arc<dyn Router>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) options: Options,
    pub(crate) folder: Arc<TempDir>,
}

impl Setup {
    /// Empty folders, an empty bus but for the stream `posts`, short pauses.
    pub(crate) async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (chains, bundles) = (folder.path().join("chains"), folder.path().join("bundles"));
        fs::create_dir(&chains).unwrap();
        fs::create_dir(&bundles).unwrap();
        let mut options = Options::new(chains, bundles);
        // Events have to do; tests of lost ones say so.
        options.watch = Watch::Events(Duration::from_secs(3_600));
        options.retry = mpc::Backoff { first: Duration::from_millis(1), max: Duration::from_millis(5) };
        options.restart = mpc::Backoff { first: Duration::from_millis(1), max: Duration::from_millis(20) };
        options.quiet = Quiet {
            doubtful: Duration::from_millis(300),
            open: Duration::from_millis(900),
            absent: Duration::from_millis(200),
            ..Quiet::default()
        };
        let bus = new_bus().await;
        let store = Arc::new(Memory::new(mpc::TABLES));
        let placement = Arc::new(bus::Everything::default());
        Self { bus, store, router: Arc::new(ToStreams), placement, options, folder }
    }

    /// Writes `files` (paths below the folder) before anything runs.
    pub(crate) fn with(self, files: &[(&str, &str)]) -> Self {
        for (path, text) in files {
            fs::write(self.folder.path().join(path), text).unwrap();
        }
        self
    }

    pub(crate) async fn start(&self) -> Node {
        let bundles = Arc::new(ScriptedBundles::default());
        let parts = Parts {
            bus: Arc::clone(&self.bus),
            store: Arc::clone(&self.store),
            bundles: Arc::clone(&bundles) as _,
            router: Arc::clone(&self.router),
            placement: Arc::clone(&self.placement),
        };
        let center = Center::start(self.options.clone(), parts).await.unwrap();
        let receipts = center.subscribe_receipts();
        Node { center, bus: Arc::clone(&self.bus), bundles, receipts, folder: Arc::clone(&self.folder) }
    }
}

/// A bus in memory with the stream `posts`.
pub(crate) async fn new_bus() -> Arc<dyn Bus> {
    bus_over(&Arc::new(Memory::new(bus::TABLES)), bus::Options::default()).await
}

/// A bus with the stream `posts` that keeps nothing of its messages but in `store`.
pub(crate) async fn forgetful_bus(store: &Arc<Memory>) -> Arc<dyn Bus> {
    bus_over(store, bus::Options { tail_bytes_max: 0, ..bus::Options::default() }).await
}

async fn bus_over(store: &Arc<Memory>, options: bus::Options) -> Arc<dyn Bus> {
    let bus = Embedded::open(Arc::clone(store) as _, options).unwrap();
    bus.provision(&StreamSpec::new(name("posts"), PARTITIONS)).await.unwrap();
    Arc::new(bus)
}

impl Node {
    /// Why the first chain's lane of the partition fails, while it does.
    pub(crate) fn failing(&self, partition: u32) -> Option<String> {
        self.center.chains()[0].lanes[partition as usize].failing.clone()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Puts a file in place as a careful deploy tool does: whole, by a rename.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        let beside = path.with_file_name(".on-its-way");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    /// Publishes to `posts`, each message in the partition of its key.
    pub(crate) async fn post(&self, messages: Vec<Message>) {
        post(&*self.bus, messages).await;
    }

    /// The next receipt with this verdict.
    pub(crate) async fn receipt(&mut self, verdict: Verdict) -> Receipt {
        self.receipt_where(|receipt| receipt.verdict == verdict).await
    }

    pub(crate) async fn receipt_where(&mut self, wanted: impl Fn(&Receipt) -> bool) -> Receipt {
        let next = async {
            loop {
                let receipt = self.receipts.recv().await.unwrap();
                if wanted(&receipt) {
                    return receipt;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("no such receipt")
    }

    /// Everything that arrives in `stream` from now on, and what is there already.
    pub(crate) async fn sink(&self, stream: &str) -> Sink {
        Sink::new(&self.bus, stream).await
    }
}

pub(crate) async fn post(bus: &dyn Bus, messages: Vec<Message>) {
    let mut partitions: BTreeMap<u32, Vec<Message>> = BTreeMap::new();
    for message in messages {
        partitions.entry(partition_of(&message.key, PARTITIONS)).or_default().push(message);
    }
    for (partition, messages) in partitions {
        bus.publish("posts", partition, messages).await.unwrap();
    }
}

/// Collects a stream. Order is kept within each partition.
pub(crate) struct Sink {
    arrived: mpsc::UnboundedReceiver<Stored>,
    _readers: JoinSet<()>,
}

impl Sink {
    async fn new(bus: &Arc<dyn Bus>, stream: &str) -> Self {
        let specs = bus.streams().await.unwrap();
        let partitions = specs.iter().find(|spec| &*spec.name == stream).unwrap().partitions;
        let (sender, arrived) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        for partition in 0..partitions {
            let mut subscription = bus.subscribe(stream, partition, "sink", 10_000).await.unwrap();
            let sender = sender.clone();
            readers.spawn(async move {
                while let Ok(deliveries) = subscription.fetch(1_000).await {
                    for delivery in deliveries {
                        delivery.settle.ack();
                        let _ = sender.send(delivery.stored);
                    }
                }
            });
        }
        Self { arrived, _readers: readers }
    }

    /// The next `count` messages.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let next = timeout(PATIENCE, self.arrived.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("{} of {count} arrived: {taken:?}", taken.len()));
            taken.push(next.unwrap().message);
        }
        taken
    }

    /// What is there and was not taken.
    pub(crate) fn rest(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).map(|stored| stored.message).collect()
    }
}

/// Flips a bit of the message that was stored last with this text in it.
pub(crate) fn damage(store: &Memory, text: &str) {
    let mut found = None;
    let mut visit = |key: &[u8], record: &[u8]| {
        if record.windows(text.len()).any(|window| window == text.as_bytes()) {
            found = Some((key.to_vec(), record.to_vec()));
        }
        std::ops::ControlFlow::Continue(())
    };
    store.snapshot().unwrap().scan("bus_log", &[], &[], &mut visit).unwrap();
    let (key, mut record) = found.expect("no such message");
    *record.last_mut().unwrap() ^= 1;
    let mut batch = store::Batch::new();
    batch.put("bus_log", &key, &record);
    store.write(&batch).unwrap();
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn message(id: usize, key: &str, body: &str) -> Message {
    Message {
        id: format!("m-{id}"),
        kind: "note".into(),
        key: key.into(),
        body: body.to_owned().into(),
        ..Message::default()
    }
}

/// The text of a scripted bundle.
pub(crate) fn bundle(name: &str, version: &str, words: &str) -> String {
    format!("fake {name} {version}\n{words}\n")
}

/// The text of chain `feed`, from `posts` to `out`; `head` goes into its `[chain]` table.
pub(crate) fn chain(head: &str, steps: &[String]) -> String {
    format!("[chain]\nid = \"feed\"\ninput = \"posts\"\noutput = \"out\"\n{head}\n{}", steps.concat())
}

/// A step; `more` are further lines of its table.
pub(crate) fn step(id: &str, uses: &str, more: &str) -> String {
    format!("\n[[step]]\nid = \"{id}\"\nuses = \"{uses}\"\n{more}\n")
}

/// The digest of a file that holds `text`.
pub(crate) fn digest(text: &str) -> model::Digest {
    use sha2::{Digest as _, Sha256};
    model::Digest(Sha256::digest(text).into())
}
