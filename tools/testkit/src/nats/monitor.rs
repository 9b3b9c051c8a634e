//! What a server says of itself over HTTP.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A server that is paused answers nothing, and is asked again.
const ANSWER_AT_MOST: Duration = Duration::from_secs(2);

/// A client of one monitoring port.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    http: reqwest::Client,
    url: String,
}

impl Monitor {
    pub(super) fn new(port: u16) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_AT_MOST).build()?;
        Ok(Self { http, url: format!("http://127.0.0.1:{port}") })
    }

    /// The JSON at a path such as `/varz`, unless the status is one of failure.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        let url = format!("{}{path}", self.url);
        let response = self.http.get(&url).send().await?;
        let status = response.status();
        if !status.is_success() {
            bail!("`{url}` answered {status}: {}", response.text().await?);
        }
        response.json().await.with_context(|| format!("`{url}` answered no JSON"))
    }

    /// Whether the server takes connections and all it has recovered is in order; `member` of a cluster: takes connections,
    /// since the rest takes others.
    pub(super) async fn healthy(&self, member: bool) -> bool {
        let path = if member { "/healthz?js-server-only=true" } else { "/healthz" };
        self.get(path).await.is_ok()
    }
}
