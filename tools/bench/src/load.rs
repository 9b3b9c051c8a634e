//! Load over HTTP: so many keep-alive connections for so long. Latencies go into one histogram.
//!
//! As fast as it goes, a connection sends its next request when the last was answered (a closed loop, which finds out what a
//! server can take). At a rate, each request has a moment at which it is meant to be sent, and its latency counts from there:
//! a server that pauses is charged for everyone who would have come meanwhile.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::sleep_until};

/// What a run of load came to.
#[derive(Debug)]
pub(crate) struct Load {
    /// Answers with the wanted status.
    pub(crate) answered: u64,
    /// Answers with another one (refusals under overload).
    pub(crate) refused: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Microseconds from the moment a request was to be sent to the end of its answer.
    pub(crate) micros: Histogram<u64>,
}

impl Load {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// A latency quantile in milliseconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        self.micros.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each connection's next when its last was answered.
    Fastest,
    /// So many a second, all connections together, answered or not.
    Rate(f64),
}

impl Pace {
    /// When the `n`th request is meant to be sent, after the first; `None` as soon as it can be.
    fn moment(self, n: u64) -> Option<Duration> {
        match self {
            Self::Fastest => None,
            Self::Rate(rate) => Some(Duration::from_secs_f64(n as f64 / rate)),
        }
    }
}

/// Makes the `n`th request of the run.
pub(crate) type Make = Arc<dyn Fn(u64) -> Request<Full<Bytes>> + Send + Sync>;

/// Drives `connections` for `time`; answers of `wanted` count.
pub(crate) async fn drive(
    address: &str,
    connections: u64,
    pace: Pace,
    time: Duration,
    wanted: StatusCode,
    make: Make,
) -> anyhow::Result<Load> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in 0..connections {
        let (address, make) = (address.to_owned(), Arc::clone(&make));
        tasks.spawn(async move { one(&address, connection, connections, pace, time, wanted, make).await });
    }
    let mut load = Load {
        answered: 0,
        refused: 0,
        elapsed: Duration::ZERO,
        micros: Histogram::new_with_max(60_000_000, 3)?,
    };
    while let Some(done) = tasks.join_next().await {
        let (answered, refused, micros) = done??;
        load.answered += answered;
        load.refused += refused;
        load.micros.add(micros)?;
    }
    load.elapsed = began.elapsed();
    Ok(load)
}

async fn one(
    address: &str,
    connection: u64,
    connections: u64,
    pace: Pace,
    time: Duration,
    wanted: StatusCode,
    make: Make,
) -> anyhow::Result<(u64, u64, Histogram<u64>)> {
    let stream =
        TcpStream::connect(address).await.with_context(|| format!("failed to connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(driver);
    let (mut answered, mut refused) = (0, 0);
    let mut micros = Histogram::new_with_max(60_000_000, 3)?;
    let began = Instant::now();
    let mut n = connection;
    loop {
        let moment = pace.moment(n);
        let sent = began + moment.unwrap_or_else(|| began.elapsed());
        if sent >= began + time {
            break;
        }
        if moment.is_some() {
            sleep_until(sent.into()).await;
        }
        sender.ready().await?;
        let mut answer = sender.send_request(make(n)).await?;
        while let Some(frame) = answer.frame().await {
            frame?;
        }
        micros.saturating_record(u64::try_from(sent.elapsed().as_micros())?);
        match answer.status() {
            status if status == wanted => answered += 1,
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            status => bail!("request {n} was answered {status}"),
        }
        n += connections;
    }
    drop(sender);
    driver.await??;
    Ok((answered, refused, micros))
}
