//! A running node over HTTP: its data plane and its management plane.

mod management;
mod node;
mod problem;

use std::{future::Future, time::Duration};

use anyhow::Context;

pub(crate) use management::{Client as ManagementClient, Items, Management};
pub(crate) use node::{Client as NodeClient, Node};
pub(crate) use problem::{Problem, answer};

use crate::exit::{Result, Usage};

/// A request that takes longer has failed. Durable work answers in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs `work` on a runtime of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("failed to start the runtime")?.block_on(work)
}

fn client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(Duration::from_secs(5));
    client.build().context("failed to set up HTTP")
}

/// A URL without the slash at its end, from `host:port` too.
///
/// # Errors
/// It is the address of no node.
fn url(given: &str) -> Result<String> {
    let url = given.trim_end_matches('/');
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    if reqwest::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Ok(url);
    }
    Err(Usage(format!("`{given}` is not the address of a node: write `host:port` or `http://host:port`"))
        .into())
}
