//! What an operator asks of JetStream: one request, one answer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::wait;

/// How long an answer may take. Electing a leader takes seconds.
const ANSWER_AT_MOST: Duration = Duration::from_secs(20);
/// How long one request of several waits: who comes to lead a moment later has not seen it, and never answers it.
const ONE_AT_MOST: Duration = Duration::from_secs(2);
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection for requests to the JetStream API, to servers that ask nobody for a password.
pub struct Api(async_nats::Client);

impl Api {
    /// Connects to any of the servers at `urls`.
    ///
    /// # Errors
    /// None of them answers.
    pub async fn connect(urls: &[String]) -> Result<Self> {
        let connect = async_nats::ConnectOptions::new().request_timeout(Some(ONE_AT_MOST)).connect(urls);
        Ok(Self(connect.await.with_context(|| format!("failed to connect to {}", urls.join(", ")))?))
    }

    /// The names of all streams that begin with `prefix`.
    ///
    /// # Errors
    /// The servers do not answer.
    pub async fn streams(&self, prefix: &str) -> Result<Vec<String>> {
        let answer = self.ask("STREAM.NAMES", &json!({})).await?;
        let names = answer.get("streams").and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(Value::as_str).filter(|name| name.starts_with(prefix));
        Ok(names.map(str::to_owned).collect())
    }

    /// The names of all consumers of `stream`.
    ///
    /// # Errors
    /// There is no such stream, or the servers do not answer.
    pub async fn consumers(&self, stream: &str) -> Result<Vec<String>> {
        let answer = self.ask(&format!("CONSUMER.NAMES.{stream}"), &json!({})).await?;
        let names = answer.get("consumers").and_then(Value::as_array).into_iter().flatten();
        Ok(names.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The name of the server that leads `stream`.
    ///
    /// # Errors
    /// There is no such stream, or nobody leads it for long.
    pub async fn leader(&self, stream: &str) -> Result<String> {
        let what = format!("STREAM.INFO.{stream}");
        wait::until(&format!("`{stream}` has a leader"), ANSWER_AT_MOST, async || {
            let info = self.ask(&what, &json!({})).await.ok()?;
            info.pointer("/cluster/leader").and_then(Value::as_str).map(str::to_owned)
        })
        .await
    }

    /// Makes the leaders of `stream` and of all its consumers step down for others.
    ///
    /// # Errors
    /// There is no such stream, or nobody who could lead it.
    pub async fn step_down(&self, stream: &str) -> Result<()> {
        for consumer in self.consumers(stream).await? {
            let request = format!("CONSUMER.LEADER.STEPDOWN.{stream}.{consumer}");
            wait::until(&format!("{request} is done"), ANSWER_AT_MOST, async || {
                let done = self.ask(&request, &json!({})).await.is_ok();
                // Readers come and go.
                (done || !self.consumers(stream).await.ok()?.contains(&consumer)).then_some(())
            })
            .await?;
        }
        self.ask(&format!("STREAM.LEADER.STEPDOWN.{stream}"), &json!({})).await.map(drop)
    }

    /// Changes settings of `stream`, by their names in its configuration.
    ///
    /// # Errors
    /// There is no such stream, or it cannot be so.
    pub async fn edit(&self, stream: &str, settings: &[(&str, Value)]) -> Result<()> {
        let mut info = self.ask(&format!("STREAM.INFO.{stream}"), &json!({})).await?;
        let mut config =
            info.get_mut("config").map(Value::take).context("a stream without a configuration")?;
        for (name, value) in settings {
            let config = config.as_object_mut().context("a configuration that is no object")?;
            config.insert((*name).to_owned(), value.clone());
        }
        self.ask(&format!("STREAM.UPDATE.{stream}"), &config).await.map(drop)
    }

    /// Asks until there is an answer that holds for more than a moment: nothing here does harm when it is done twice.
    async fn ask(&self, what: &str, request: &Value) -> Result<Value> {
        let body = serde_json::to_vec(request)?;
        let began = Instant::now();
        loop {
            let why = match self.0.request(format!("$JS.API.{what}"), body.clone().into()).await {
                Ok(answer) => {
                    let answer: Value = serde_json::from_slice(&answer.payload)?;
                    match answer.get("error") {
                        None => return Ok(answer),
                        // Nobody leads just now.
                        Some(error) if error.get("code") == Some(&json!(503)) => error.to_string(),
                        Some(error) => bail!("{what}: {error}"),
                    }
                }
                Err(error) => error.to_string(),
            };
            if began.elapsed() >= ANSWER_AT_MOST {
                bail!("{what}: {why}");
            }
            sleep(PAUSE).await;
        }
    }
}
