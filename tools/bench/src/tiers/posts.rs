//! Posts accepted durably by one forwarder, one a request and in bulk, beside HTTP with nothing done.

use std::{sync::Arc, time::Duration};

use hyper::StatusCode;
use testkit::nats::Sync;

use super::{
    server,
    stage::{AUTHORS, Stage, post},
};
use crate::{
    feed::posts::request,
    load::{self, Pace},
    report::Row,
};

/// Few, to show how long one waits; and as many as it takes to fill the server's batches.
const CONNECTIONS: [u64; 3] = [64, 256, 512];
const PARTITIONS: u32 = 2;

/// Runs the benchmark.
pub(super) async fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let server = server(Sync::Always).await?;
    let stage = Stage::start(server, PARTITIONS, vec![0], &[("forwarder", "forwarder")]).await?;
    let address = stage.address()?;
    let health = request("GET", "/healthz", String::new())?;
    let floor =
        load::drive(&address, 64, Pace::Fastest, time, StatusCode::OK, Arc::new(move |_| health.clone()))
            .await?
            .rate();
    let mut rows = vec![Row::new("HTTP requests, nothing done (`/healthz`)", floor, "/s")];
    for connections in CONNECTIONS {
        let one = Arc::new(|n: u64| {
            // A request made of checked parts; an empty one would be refused and counted.
            request("POST", "/v1/posts", post(n % AUTHORS + 1, n)).unwrap_or_default()
        });
        let before = stage.usage();
        let load = load::drive(&address, connections, Pace::Fastest, time, StatusCode::ACCEPTED, one).await?;
        let used = stage.usage().since(&before);
        let row = Row::new(format!("posts, one a request, {connections} connections"), load.rate(), "/s");
        rows.push(row.beside("HTTP floor", floor).note(format!(
            "p50 {:.1} ms, p99 {:.1} ms; µs a post: {}; {:.1} cores busy",
            load.quantile_ms(0.5),
            load.quantile_ms(0.99),
            used.per_message(load.answered as f64),
            used.cores(load.elapsed)
        )));
    }
    let (accepted, before) = (stage.accepted().await?, stage.usage());
    let load = stage.fill(time).await?;
    let posts = stage.accepted().await? - accepted;
    let used = stage.usage().since(&before);
    let rate = posts / load.elapsed.as_secs_f64();
    rows.push(Row::new("posts, 500 lines a request", rate, "/s").beside("HTTP floor", floor).note(format!(
        "µs a post: {}; {:.1} cores busy",
        used.per_message(posts),
        used.cores(load.elapsed)
    )));
    stage.end().await?;
    Ok(rows)
}
