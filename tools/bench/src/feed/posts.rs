//! Posts accepted durably over HTTP, beside the same connections asking for `/healthz`: what HTTP alone
//! costs on this machine with the load generator on the same cores. As many as it takes, and at half that rate.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};

use crate::{
    load::{self, Pace},
    node::Node,
    report::Row,
};

const CONNECTIONS: u64 = 64;
const AUTHORS: u64 = 5_000;

/// Runs the benchmark.
pub(crate) async fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let node = Node::start().await?;
    let address = node.process.addresses().http.clone();
    let health = request("GET", "/healthz", String::new())?;
    let get = Arc::new(move |_: u64| health.clone());
    let floor =
        load::drive(&address, CONNECTIONS, Pace::Fastest, time, StatusCode::OK, Arc::clone(&get) as _)
            .await?;
    let filler = "rain over the harbour, and the ferries late again ".repeat(18);
    let post = Arc::new(move |n: u64| {
        let body = format!(r#"{{"actor":"{}","verb":"note","text":"{n} {filler}"}}"#, n % AUTHORS);
        // A request made of checked parts; an empty one would be refused and counted.
        request("POST", "/v1/posts", body).unwrap_or_default()
    });
    let posts =
        load::drive(&address, CONNECTIONS, Pace::Fastest, time, StatusCode::ACCEPTED, Arc::clone(&post) as _)
            .await?;
    let rate = posts.rate() / 2.0;
    let asked = load::drive(&address, CONNECTIONS, Pace::Rate(rate), time, StatusCode::OK, get).await?;
    let half = load::drive(&address, CONNECTIONS, Pace::Rate(rate), time, StatusCode::ACCEPTED, post).await?;
    Ok(vec![
        Row::new("HTTP requests, nothing done (`/healthz`)", floor.rate(), "/s").note(format!(
            "p50 {:.2} ms, p99 {:.2} ms",
            floor.quantile_ms(0.5),
            floor.quantile_ms(0.99)
        )),
        Row::new("posts accepted, fsynced, chain running", posts.rate(), "/s")
            .beside("HTTP floor", floor.rate())
            .note(format!(
                "{CONNECTIONS} connections, 1 KB, p50 {:.2} ms, p99 {:.2} ms, {} refused with 429",
                posts.quantile_ms(0.5),
                posts.quantile_ms(0.99),
                posts.refused
            )),
        Row::new(format!("a post at half that rate ({rate:.0}/s): p99"), half.quantile_ms(0.99), "ms")
            .beside("`/healthz` at that rate", asked.quantile_ms(0.99))
            .note(format!("from the moment it was to be sent; p50 {:.2} ms", half.quantile_ms(0.5))),
    ])
}

/// A request on the data plane.
pub(crate) fn request(method: &str, path: &str, body: String) -> anyhow::Result<Request<Full<Bytes>>> {
    Ok(Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?)
}
