//! One connection through the proxy.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    Sieve,
    weather::{Link, Way, Weather},
};

/// Bytes read at once, and how many such pieces wait for their time: together the 1 MiB per direction.
const PIECE: usize = 16 * 1024;
const PIECES_MAX: usize = 64;

type Changes = watch::Receiver<Weather>;

/// Carries bytes both ways until an end closes, the network is cut or the proxy is gone. Whichever it is, both ends learn it
/// from their connection; there is nobody else to tell.
pub(super) async fn serve(client: TcpStream, server: SocketAddr, changes: Changes, sieve: Option<Sieve>) {
    let cuts = changes.borrow().cuts;
    let mut cut = changes.clone();
    tokio::select! {
        // Before anything that was held up could pass because it was healed at once.
        biased;
        _ = cut.wait_for(|weather| weather.cuts != cuts || weather.link == Link::Cut) => {}
        _ = carry(client, server, changes, sieve) => {}
    }
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    mut changes: Changes,
    sieve: Option<Sieve>,
) -> std::io::Result<()> {
    passing(&mut changes, Way::ToServer).await;
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(
        one_way((from_client, to_server), Way::ToServer, changes.clone(), sieve),
        one_way((from_server, to_client), Way::ToClient, changes, None)
    )?;
    Ok(())
}

/// Reading and writing side by side, so that latency delays without throttling.
async fn one_way(
    (from, to): (OwnedReadHalf, OwnedWriteHalf),
    way: Way,
    changes: Changes,
    sieve: Option<Sieve>,
) -> std::io::Result<()> {
    let (send, receive) = mpsc::channel(PIECES_MAX);
    tokio::try_join!(read(from, send, way, changes.clone(), sieve), write(to, receive, way, changes))?;
    Ok(())
}

async fn read(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<(Instant, Vec<u8>)>,
    way: Way,
    mut changes: Changes,
    mut sieve: Option<Sieve>,
) -> std::io::Result<()> {
    loop {
        passing(&mut changes, way).await;
        let mut piece = Vec::with_capacity(PIECE);
        if from.read_buf(&mut piece).await? == 0 {
            return Ok(());
        }
        if let Some(sieve) = &mut sieve {
            piece = sieve(piece);
        }
        let due = Instant::now() + changes.borrow().latency;
        if pieces.send((due, piece)).await.is_err() {
            return Ok(());
        }
    }
}

async fn write(
    mut to: OwnedWriteHalf,
    mut pieces: mpsc::Receiver<(Instant, Vec<u8>)>,
    way: Way,
    mut changes: Changes,
) -> std::io::Result<()> {
    while let Some((due, piece)) = pieces.recv().await {
        sleep_until(due).await;
        passing(&mut changes, way).await;
        to.write_all(&piece).await?;
    }
    // What was read before a stall may end in it.
    passing(&mut changes, way).await;
    to.shutdown().await
}

/// Waits while the network is stalled. An error means that the proxy is gone, and then this task is too.
async fn passing(changes: &mut Changes, way: Way) {
    let _ = changes.wait_for(|weather| weather.passes(way)).await;
}
