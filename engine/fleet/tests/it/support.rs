//! Servers that all tests share, and a wire that loses single messages.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use testkit::{
    nats::{Cluster, Server, Setup},
    proxy::{Proxy, Sieve},
};

/// One server that all tests share.
pub(crate) fn alone() -> Vec<String> {
    static SERVER: LazyLock<Server> = LazyLock::new(|| outliving(Server::start(Setup::relaxed())));
    vec![SERVER.url()]
}

/// Three that all tests share.
pub(crate) fn together() -> Vec<String> {
    static SERVERS: LazyLock<Cluster> =
        LazyLock::new(|| outliving(async { Cluster::of(&Setup::relaxed(), 3).await }));
    SERVERS.urls()
}

/// What is started here is there for longer than the runtime of the test that asked first.
fn outliving<T: Send>(starting: impl Future<Output = anyhow::Result<T>> + Send) -> T {
    let start = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(starting).unwrap()
    };
    thread::scope(|scope| scope.spawn(start).join().unwrap())
}

/// A proxy in front of the server at `url`.
pub(crate) async fn proxy(url: &str) -> Proxy {
    Proxy::before(address(url)).await.unwrap()
}

/// Ends every connection; nothing that was held up or is under way comes through any more. New ones are sound.
pub(crate) fn reconnect(proxy: &Proxy) {
    proxy.cut();
    proxy.heal();
}

fn address(url: &str) -> std::net::SocketAddr {
    url.trim_start_matches("nats://").parse().unwrap()
}

/// A proxy that knows enough of NATS's protocol to lose publishes to streams.
pub(crate) struct Lossy {
    pub(crate) proxy: Proxy,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Publishes that are still to be lost.
    lose: AtomicUsize,
    /// Publishes that went through or were lost.
    seen: AtomicUsize,
}

impl Lossy {
    pub(crate) async fn before(url: &str) -> Self {
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let proxy = Proxy::sifting(address(url), move || sieve(Arc::clone(&shared))).await.unwrap();
        Self { proxy, counts }
    }

    /// Loses the next so many publishes.
    pub(crate) fn lose(&self, publishes: usize) {
        self.counts.lose.store(publishes, SeqCst);
    }

    /// Publishes so far, lost ones too.
    pub(crate) fn publishes(&self) -> usize {
        self.counts.seen.load(SeqCst)
    }
}

/// Passes on whole messages of the protocol, but for those that are to be lost.
fn sieve(counts: Arc<Counts>) -> Sieve {
    let mut held = Vec::new();
    Box::new(move |mut piece| {
        held.append(&mut piece);
        let mut passed = Vec::new();
        while let Some(length) = frame(&held) {
            let frame: Vec<u8> = held.drain(..length).collect();
            let head = String::from_utf8_lossy(&frame[..frame.len().min(200)]).into_owned();
            let publish = head.contains("PUB ") && head.contains(".s.");
            let take = |left: usize| left.checked_sub(1);
            counts.seen.fetch_add(usize::from(publish), SeqCst);
            if !publish || counts.lose.fetch_update(SeqCst, SeqCst, take).is_err() {
                passed.extend(frame);
            }
        }
        passed
    })
}

/// The length of the first whole message in `buffer`.
fn frame(buffer: &[u8]) -> Option<usize> {
    let line = buffer.windows(2).position(|two| two == b"\r\n")? + 2;
    let head = std::str::from_utf8(&buffer[..line]).unwrap();
    let payload = match head.split(' ').next().unwrap() {
        "PUB" | "HPUB" => head.split_whitespace().last().unwrap().parse::<usize>().unwrap() + 2,
        _ => 0,
    };
    (buffer.len() >= line + payload).then_some(line + payload)
}
