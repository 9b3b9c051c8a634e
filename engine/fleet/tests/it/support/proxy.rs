//! A wire between a client and a server that can be made to fail. It knows enough of the protocol to lose single
//! messages.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::broadcast,
    task::JoinSet,
};

#[derive(Default)]
struct State {
    /// How often connections were cut.
    age: AtomicUsize,
    /// On connections of before this age what the server says is swallowed.
    mute: AtomicUsize,
    /// On connections of before this age what the client says is swallowed.
    deaf: AtomicUsize,
    /// Publishes to streams that are still to be lost.
    lose: AtomicUsize,
    /// Publishes to streams that went through or were lost.
    seen: AtomicUsize,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    cut: broadcast::Sender<()>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(target: &str) -> Self {
        let target = target.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, cut) = (Arc::new(State::default()), broadcast::Sender::new(1));
        let (shared, cuts) = (Arc::clone(&state), cut.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pipes = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (state, mut cut, target) = (Arc::clone(&shared), cuts.subscribe(), target.clone());
                pipes.spawn(async move {
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    let (client, server) = (client.into_split(), server.into_split());
                    let age = state.age.load(SeqCst);
                    tokio::select! {
                        () = down(server.0, client.1, &state, age) => {}
                        () = up(client.0, server.1, &state, age) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Self { address, state, cut, _tasks: tasks }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        vec![format!("nats://{}", self.address)]
    }

    /// Swallows what the server says from now on, until the connections are cut.
    pub(crate) fn mute(&self) {
        self.state.mute.store(self.state.age.load(SeqCst) + 1, SeqCst);
    }

    /// Swallows what the client says from now on, until the connections are cut.
    pub(crate) fn deafen(&self) {
        self.state.deaf.store(self.state.age.load(SeqCst) + 1, SeqCst);
    }

    pub(crate) fn lose_publishes(&self, count: usize) {
        self.state.lose.store(count, SeqCst);
    }

    pub(crate) fn publishes(&self) -> usize {
        self.state.seen.load(SeqCst)
    }

    /// Ends every connection; nothing that was swallowed or is still under way comes through any more. New ones are
    /// sound.
    pub(crate) fn cut(&self) {
        self.state.age.fetch_add(1, SeqCst);
        let _ = self.cut.send(());
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, age: usize) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if age >= state.mute.load(SeqCst) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Passes on whole messages of the protocol.
async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, age: usize) {
    let mut buffer = Vec::new();
    loop {
        while let Some(length) = frame(&buffer) {
            let frame: Vec<u8> = buffer.drain(..length).collect();
            let head = String::from_utf8_lossy(&frame[..frame.len().min(200)]).into_owned();
            let publish = head.contains("PUB ") && head.contains(".s.");
            let take = |left: usize| left.checked_sub(1);
            state.seen.fetch_add(usize::from(publish), SeqCst);
            let lost = publish && state.lose.fetch_update(SeqCst, SeqCst, take).is_ok();
            if !lost && age >= state.deaf.load(SeqCst) && to.write_all(&frame).await.is_err() {
                return;
            }
        }
        if !matches!(from.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
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
