//! A client of a node: posts, feeds, and the management plane.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::{posts::Post, process::Addresses};

/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Talks to one node, or to the processes of a fleet; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// Any of them accepts posts and changes of the graph; asked in turn.
    forwarders: Vec<String>,
    turn: Arc<AtomicUsize>,
    /// Answers reads.
    gateway: String,
    management: String,
    data: PathBuf,
}

/// What became of sending a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Durable, under this id.
    Accepted(String),
    /// Not now: try again.
    Busy,
    /// Nobody knows: the connection broke.
    Unknown,
    /// Never: status and what the node said.
    Refused(u16, String),
}

/// One page of a feed or of an author's posts.
#[derive(Clone, Debug, Deserialize)]
pub struct Page {
    /// Newest first.
    pub items: Vec<Value>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Client {
    /// A client of the node at `addresses` whose data lies in `data`, where it keeps its token.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(addresses: &Addresses, data: &Path) -> Result<Self> {
        Self::of_fleet(&[addresses], addresses, (addresses, data))
    }

    /// A client of a fleet: posts go to the `forwarders` in turn, reads to `gateway`, and what is managed is managed at
    /// the process that `manager` names with its data folder.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn of_fleet(
        forwarders: &[&Addresses],
        gateway: &Addresses,
        manager: (&Addresses, &Path),
    ) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        let (management, data) = manager;
        Ok(Self {
            http,
            forwarders: forwarders.iter().map(|addresses| format!("http://{}", addresses.http)).collect(),
            turn: Arc::default(),
            gateway: format!("http://{}", gateway.http),
            management: format!("http://{}", management.admin),
            data: data.to_owned(),
        })
    }

    /// The URL that reads are sent to; of a single node, the data plane's.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.gateway
    }

    /// Whose turn it is to take a post.
    fn forwarder(&self) -> &str {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.forwarders.get(turn % self.forwarders.len().max(1)).map_or("", String::as_str)
    }

    /// Whether posts are accepted and chains live.
    pub async fn ready(&self) -> bool {
        let asked = self.http.get(format!("{}/readyz", self.gateway)).send().await;
        asked.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// Sends a post, once.
    pub async fn post(&self, post: &Post) -> Sent {
        let url = format!("{}/v1/posts", self.forwarder());
        let request = self.http.post(url).header("idempotency-key", post.key()).json(&post.body());
        let Ok(answer) = request.send().await else { return Sent::Unknown };
        let status = answer.status();
        let Ok(text) = answer.text().await else { return Sent::Unknown };
        match status {
            StatusCode::ACCEPTED => {
                let id = serde_json::from_str::<Value>(&text).ok();
                match id.as_ref().and_then(|v| v.get("id")?.as_str()) {
                    Some(id) => Sent::Accepted(id.to_owned()),
                    None => Sent::Refused(status.as_u16(), text),
                }
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Sent::Busy,
            _ => Sent::Refused(status.as_u16(), text),
        }
    }

    /// `user` follows `author`.
    ///
    /// # Errors
    /// The node did not accept it.
    pub async fn follow(&self, user: u64, author: u64) -> Result<()> {
        self.change(Method::PUT, &format!("/v1/users/{user}/following/{author}")).await
    }

    /// `user` follows `author` no longer.
    ///
    /// # Errors
    /// The node did not accept it.
    pub async fn unfollow(&self, user: u64, author: u64) -> Result<()> {
        self.change(Method::DELETE, &format!("/v1/users/{user}/following/{author}")).await
    }

    /// Takes a post back.
    ///
    /// # Errors
    /// The node did not accept it.
    pub async fn delete(&self, id: &str) -> Result<()> {
        self.change(Method::DELETE, &format!("/v1/posts/{id}")).await
    }

    async fn change(&self, method: Method, path: &str) -> Result<()> {
        // Said again while the node is busy: both following and deleting are idempotent.
        for _ in 0..200 {
            let request = self.http.request(method.clone(), format!("{}{path}", self.forwarder()));
            // One forwarder of several may be away; a single node may not.
            let answer = match request.send().await {
                Err(_) if self.forwarders.len() > 1 => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                answer => answer?,
            };
            match answer.status() {
                StatusCode::ACCEPTED => return Ok(()),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                status => bail!("{method} {path}: {status}: {}", answer.text().await?),
            }
        }
        bail!("{method} {path}: the node stayed busy")
    }

    /// One page of `user`'s feed.
    ///
    /// # Errors
    /// The node did not answer with a page.
    pub async fn feed(&self, user: u64, cursor: Option<&str>, limit: u32) -> Result<Page> {
        self.page(&format!("/v1/users/{user}/feed"), cursor, limit).await
    }

    /// One page of `author`'s posts.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub async fn outbox(&self, author: u64, cursor: Option<&str>, limit: u32) -> Result<Page> {
        self.page(&format!("/v1/users/{author}/posts"), cursor, limit).await
    }

    /// All of `user`'s feed, newest first.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub async fn whole_feed(&self, user: u64) -> Result<Vec<Value>> {
        self.pages(&format!("/v1/users/{user}/feed")).await
    }

    /// All posts of `author`, newest first.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub async fn whole_outbox(&self, author: u64) -> Result<Vec<Value>> {
        self.pages(&format!("/v1/users/{author}/posts")).await
    }

    /// Whom `user` follows, ascending.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub async fn following(&self, user: u64) -> Result<Vec<u64>> {
        let ids = self.pages(&format!("/v1/users/{user}/following")).await?;
        // Ids are strings in JSON.
        ids.iter().map(|id| Ok(id.as_str().context("an id is no text")?.parse()?)).collect()
    }

    async fn pages(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut page = self.page(path, cursor.as_deref(), 200).await?;
            items.append(&mut page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(items),
            }
        }
    }

    async fn page(&self, path: &str, cursor: Option<&str>, limit: u32) -> Result<Page> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(cursor.map(|c| ("cursor", c.to_owned())));
        let request = self.http.get(format!("{}{path}", self.gateway)).query(&query);
        Ok(answer(request, path).await?.json().await?)
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// The node did not answer.
    pub async fn metrics(&self) -> Result<String> {
        Ok(answer(self.http.get(format!("{}/metrics", self.gateway)), "/metrics").await?.text().await?)
    }

    /// The bodies of everything in a stream, partition by partition, oldest first.
    ///
    /// # Errors
    /// As [`manage`](Self::manage).
    pub async fn stream(&self, stream: &str) -> Result<Vec<Value>> {
        let stored = self.stored(stream).await?;
        Ok(stored.into_iter().filter_map(|item| item.pointer("/message/body").cloned()).collect())
    }

    /// Everything in a stream as it is stored: `{sequence, accepted_at_ms, message}`, partition by partition,
    /// oldest first.
    ///
    /// # Errors
    /// As [`manage`](Self::manage).
    pub async fn stored(&self, stream: &str) -> Result<Vec<Value>> {
        let mut stored = Vec::new();
        for partition in 0..self.partitions(stream).await? {
            let mut from = 1;
            loop {
                let path = format!("/v1/streams/{stream}/{partition}/messages?from={from}&limit=1000");
                let page = self.manage(&path).await?;
                let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
                let Some(last) = items.last().and_then(|item| item.get("sequence")?.as_u64()) else { break };
                from = last + 1;
                stored.extend(items);
            }
        }
        Ok(stored)
    }

    /// Partitions of a stream; none of a stream that nothing was ever written to.
    async fn partitions(&self, stream: &str) -> Result<usize> {
        let streams = self.manage("/v1/streams").await?;
        let mut streams = streams.get("items").and_then(Value::as_array).into_iter().flatten();
        let found = streams.find(|found| found.get("name").and_then(Value::as_str) == Some(stream));
        Ok(found.and_then(|found| found.get("partitions")?.as_array()).map_or(0, Vec::len))
    }

    /// The bodies of all dead letters, oldest first.
    ///
    /// # Errors
    /// As [`manage`](Self::manage).
    pub async fn dead_letters(&self) -> Result<Vec<Value>> {
        self.stream("dead-letters").await.map(|letters| {
            letters
                .into_iter()
                .map(|letter| letter.pointer("/message/body").cloned().unwrap_or(letter))
                .collect()
        })
    }

    /// Reads from the management plane.
    ///
    /// # Errors
    /// No token, or the node did not answer with JSON.
    pub async fn manage(&self, path: &str) -> Result<Value> {
        self.managed(Method::GET, path).await
    }

    /// Changes something through the management plane.
    ///
    /// # Errors
    /// As [`manage`](Self::manage).
    pub async fn managed(&self, method: Method, path: &str) -> Result<Value> {
        Ok(answer(self.authorised(method, path)?, path).await?.json().await?)
    }

    fn authorised(&self, method: Method, path: &str) -> Result<reqwest::RequestBuilder> {
        let file = self.data.join("admin.token");
        let token =
            std::fs::read_to_string(&file).with_context(|| format!("no token in `{}`", file.display()))?;
        Ok(self.http.request(method, format!("{}{path}", self.management)).bearer_auth(token.trim()))
    }
}

async fn answer(request: reqwest::RequestBuilder, path: &str) -> Result<reqwest::Response> {
    let answer = request.send().await?;
    if !answer.status().is_success() {
        bail!("{path}: {}: {}", answer.status(), answer.text().await?);
    }
    Ok(answer)
}
