//! The fault proxy, in front of an echo and in front of a real server.

use std::time::{Duration, Instant};

use testkit::{
    nats::{Server, Setup},
    proxy::Proxy,
    wait,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::support::{jetstream, no_server, publish, stream};

const SOON: Duration = Duration::from_secs(10);
const NOT_YET: Duration = Duration::from_millis(200);

/// A proxy before a server that sends back what it gets.
async fn echo() -> (Proxy, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::before(listener.local_addr().unwrap()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    (proxy, tasks)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends and reads back.
async fn there_and_back(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    back(stream, bytes.len()).await
}

async fn back(stream: &mut TcpStream, length: usize) -> std::io::Result<Vec<u8>> {
    let mut read = vec![0; length];
    stream.read_exact(&mut read).await?;
    Ok(read)
}

#[tokio::test]
async fn it_passes_what_it_gets_and_the_end_of_it() {
    let (proxy, _echo) = echo().await;
    let mut stream = connect(&proxy).await;
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let (mut from, mut to) = stream.split();
    let mut read = Vec::new();
    let (sent, got) = tokio::join!(
        async {
            to.write_all(&bytes).await?;
            to.shutdown().await
        },
        timeout(SOON, from.read_to_end(&mut read))
    );
    sent.unwrap();
    got.unwrap().unwrap();
    assert!(read == bytes);
}

#[tokio::test]
async fn a_cut_closes_and_refuses_until_it_is_healed() {
    let (proxy, _echo) = echo().await;
    let mut stream = connect(&proxy).await;
    there_and_back(&mut stream, b"a").await.unwrap();
    proxy.cut();
    assert!(timeout(SOON, there_and_back(&mut stream, b"b")).await.unwrap().is_err());
    let mut refused = connect(&proxy).await;
    assert!(timeout(SOON, there_and_back(&mut refused, b"c")).await.unwrap().is_err());
    proxy.heal();
    assert_eq!(there_and_back(&mut connect(&proxy).await, b"d").await.unwrap(), b"d");
}

#[tokio::test]
async fn a_cut_that_is_healed_at_once_was_a_cut() {
    let (proxy, _echo) = echo().await;
    let mut stream = connect(&proxy).await;
    there_and_back(&mut stream, b"a").await.unwrap();
    proxy.cut();
    proxy.heal();
    assert_eq!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().unwrap_or(0), 0);
}

#[tokio::test]
async fn a_stall_loses_nothing_and_new_connections_wait_with_it() {
    let (proxy, _echo) = echo().await;
    let mut old = connect(&proxy).await;
    there_and_back(&mut old, b"a").await.unwrap();
    proxy.stall();
    let mut new = connect(&proxy).await;
    new.write_all(b"new").await.unwrap();
    assert!(timeout(NOT_YET, there_and_back(&mut old, b"old")).await.is_err());
    assert!(timeout(NOT_YET, back(&mut new, 3)).await.is_err());
    proxy.heal();
    assert_eq!(timeout(SOON, back(&mut old, 3)).await.unwrap().unwrap(), b"old");
    assert_eq!(timeout(SOON, back(&mut new, 3)).await.unwrap().unwrap(), b"new");
}

#[tokio::test]
async fn latency_holds_back_in_both_directions() {
    let (proxy, _echo) = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.delay(Duration::from_millis(100));
    let began = Instant::now();
    there_and_back(&mut stream, b"a").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn flapping_cuts_again_and_again_until_it_is_healed() {
    let (proxy, _echo) = echo().await;
    proxy.flap(Duration::from_millis(60));
    for _ in 0..3 {
        let mut stream = wait::until("a connection gets through", SOON, async || {
            let mut stream = connect(&proxy).await;
            there_and_back(&mut stream, b"a").await.ok().map(|_| stream)
        })
        .await
        .unwrap();
        assert_eq!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().unwrap_or(0), 0);
    }
    proxy.heal();
    let mut stream = connect(&proxy).await;
    there_and_back(&mut stream, b"a").await.unwrap();
    assert!(timeout(NOT_YET, stream.read(&mut [0; 8])).await.is_err());
}

#[tokio::test]
async fn a_dropped_proxy_closes_its_connections() {
    let (proxy, _echo) = echo().await;
    let mut stream = connect(&proxy).await;
    there_and_back(&mut stream, b"a").await.unwrap();
    let address = proxy.address();
    drop(proxy);
    assert_eq!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().unwrap_or(0), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_client_of_a_real_server_rides_out_a_cut_and_a_stall() {
    if no_server("a_client_of_a_real_server_rides_out_a_cut_and_a_stall") {
        return;
    }
    let server = Server::start(Setup::default()).await.unwrap();
    let proxy = Proxy::before(server.address()).await.unwrap();
    let client = jetstream(proxy.url()).await;
    client.create_stream(stream("kept", 1)).await.unwrap();
    publish(&client, "kept.a", "before").await;
    for harm in [Proxy::cut, Proxy::stall] {
        harm(&proxy);
        let sent = client.publish("kept.a", "in between".into()).await.unwrap();
        assert!(!timeout(NOT_YET, sent.into_future()).await.is_ok_and(|acked| acked.is_ok()));
        proxy.heal();
        wait::until("a publish is acknowledged again", SOON, async || {
            client.publish("kept.a", "after".into()).await.ok()?.await.ok()
        })
        .await
        .unwrap();
    }
}
