//! Feed pages of 20 from a warm shard over HTTP, beside `/healthz`.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use hyper::StatusCode;
use testkit::{
    client::Client,
    load::Load,
    oracle::Oracle,
    posts::{Mix, Posts},
};

use crate::{
    feed::posts::request,
    load::{self, Pace},
    node::Node,
    report::Row,
};

const CONNECTIONS: u64 = 64;
const USERS: u64 = 500;
const FOLLOWS: u64 = 10;
const POSTS: usize = 5_000;

/// Runs the benchmark.
pub(crate) async fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let node = Node::start().await?;
    let client = node.process.client()?;
    fill(&client).await?;
    let address = node.process.addresses().http.clone();
    let health = request("GET", "/healthz", String::new())?;
    let floor = load::drive(
        &address,
        CONNECTIONS,
        Pace::Fastest,
        time,
        StatusCode::OK,
        Arc::new(move |_| health.clone()),
    )
    .await?;
    let page = Arc::new(|n: u64| {
        let user = n.wrapping_mul(2_654_435_761) % USERS + 1;
        request("GET", &format!("/v1/users/{user}/feed?limit=20"), String::new()).unwrap_or_default()
    });
    let pages = load::drive(&address, CONNECTIONS, Pace::Fastest, time, StatusCode::OK, page).await?;
    Ok(vec![
        Row::new("HTTP requests, nothing done (`/healthz`)", floor.rate(), "/s").note(format!(
            "p50 {:.2} ms, p99 {:.2} ms",
            floor.quantile_ms(0.5),
            floor.quantile_ms(0.99)
        )),
        Row::new("feed pages of 20 posts, warm", pages.rate(), "/s").beside("HTTP floor", floor.rate()).note(
            format!(
                "{CONNECTIONS} connections, p50 {:.2} ms, p99 {:.2} ms",
                pages.quantile_ms(0.5),
                pages.quantile_ms(0.99)
            ),
        ),
    ])
}

/// Users who follow their neighbours, and posts by all of them; returns when the last is in a feed.
async fn fill(client: &Client) -> anyhow::Result<()> {
    for user in 1..=USERS {
        for step in 0..FOLLOWS {
            client.follow(user, (user + step) % USERS + 1).await?;
        }
    }
    let posts = Posts::new(7, USERS, Mix::CLEAN).take(POSTS).collect();
    let went = Load::start(client.clone(), Arc::new(Oracle::new()), posts, 32, None).finish().await;
    anyhow::ensure!(went.answered == POSTS as u64, "only {} of {POSTS} posts were answered", went.answered);
    for _ in 0..600 {
        let page = client.feed(1, None, 20).await?;
        if page.items.len() == 20 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the feeds did not fill up in a minute")
}
