//! A running node over HTTP: its data plane and its management plane.

mod management;
mod node;
mod problem;

use std::{future::Future, time::Duration};

use anyhow::Context;

pub(crate) use management::{Client as ManagementClient, Management};
pub(crate) use node::{Client as NodeClient, Node};
pub(crate) use problem::{Problem, answer};

use crate::exit::Result;

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
fn url(given: &str) -> String {
    let url = given.trim_end_matches('/');
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}
