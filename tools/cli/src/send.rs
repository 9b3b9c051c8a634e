//! `catena send`: posts through the data plane, or messages straight into a stream.

mod stream;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    exit::{Failed, Result},
    messages::Lines,
    number::whole,
    output::{Output, talk},
    remote::{Management, Node, NodeClient, Problem, answer, block_on},
};

/// Sends posts to a running node and prints their ids, or messages into one of its streams.
#[derive(Args)]
pub(crate) struct Send {
    /// Posts as NDJSON: {actor, verb?, text?, …}; standard input where it is absent or `-`.
    #[arg(conflicts_with_all = ["actor", "text"])]
    posts: Option<PathBuf>,
    /// The author of a single post.
    #[arg(long, requires = "text", value_parser = whole::<u64>, allow_negative_numbers = true)]
    actor: Option<u64>,
    /// The text of a single post.
    #[arg(long, requires = "actor")]
    text: Option<String>,
    /// The idempotency key of a single post: sent twice under one key, it is stored once.
    #[arg(long, requires = "actor")]
    key: Option<String>,
    #[command(flatten)]
    node: Node,
    /// A stream of the node: the lines are messages, {id?, kind, key, headers?, body or body_base64}, put into it as they are.
    #[arg(long, conflicts_with_all = ["actor", "text"])]
    stream: Option<String>,
    #[command(flatten)]
    management: Management,
}

#[derive(Deserialize, Serialize)]
struct Accepted {
    id: String,
}

impl Send {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        block_on(async {
            match (self.actor, &self.text, &self.stream) {
                (Some(actor), Some(text), _) => {
                    let body = json!({"actor": actor.to_string(), "text": text}).to_string();
                    let accepted = post(&self.node.connect()?, body, self.key.as_deref()).await?;
                    output.print(&accepted, |accepted| accepted.id.clone())
                }
                (_, _, Some(stream)) => {
                    stream::send(&self.management.connect()?, stream, self.posts.as_ref(), output).await
                }
                _ => self.lines(output).await,
            }
        })
    }

    async fn lines(&self, output: Output) -> Result<()> {
        let client = self.node.connect()?;
        let mut lines = Lines::open(self.posts.as_ref())?;
        let mut sent = Sent::default();
        while let Some(line) = lines.next().map_err(|error| sent.stopped(error))? {
            // Said here, where the line is known; everything else the node says better.
            if let Err(error) = serde_json::from_str::<Value>(&line.text) {
                sent.refuse(&lines.at(line.number), &format!("not JSON: {error}"));
                continue;
            }
            match post(&client, line.text, None).await {
                Ok(accepted) => {
                    sent.accepted += 1;
                    output.print(&accepted, |accepted| accepted.id.clone())?;
                }
                Err(error) if error.is::<Problem>() => {
                    sent.refuse(&lines.at(line.number), &format!("{error:#}"));
                }
                Err(error) => return Err(sent.unanswered(error, &lines.at(line.number))),
            }
        }
        sent.end()
    }
}

/// What became of lines so far. Sending the whole file once more would store the accepted ones twice, so whoever has to
/// act is told which are not.
#[derive(Default)]
struct Sent {
    accepted: usize,
    refused: usize,
}

impl Sent {
    /// The line at `place` is not taken; those behind it are sent all the same.
    fn refuse(&mut self, place: &str, why: &str) {
        self.refused += 1;
        talk(&format!("{place}: {why}"));
    }

    /// Every line had its turn.
    ///
    /// # Errors
    /// [`Failed`], once it is said what to do, where lines were refused.
    fn end(&self) -> Result<()> {
        let Self { accepted, refused } = self;
        if *refused == 0 {
            return Ok(());
        }
        talk(&format!(
            "{accepted} accepted, {refused} refused: mend the lines named above and send them alone"
        ));
        Err(Failed.into())
    }

    /// The next line, which `error` names, was not sent, nor any behind it.
    fn stopped(&self, error: anyhow::Error) -> anyhow::Error {
        let Self { accepted, refused } = self;
        error.context(format!(
            "stopped after {accepted} accepted and {refused} refused; mend the next line and send the file from it on"
        ))
    }

    /// As [`stopped`](Self::stopped), where the node did not answer to what stands at `place`: unless it was never reached, nobody
    /// here knows what became of that.
    fn unanswered(&self, error: anyhow::Error, place: &str) -> anyhow::Error {
        let Self { accepted, refused } = self;
        let unreached = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
        };
        let advice = match error.chain().any(unreached) {
            true => format!("send the file from {place} on"),
            false => format!("look whether {place} was stored, and send the file from there on"),
        };
        error.context(format!("stopped after {accepted} accepted and {refused} refused; {advice}"))
    }
}

async fn post(client: &NodeClient, body: String, key: Option<&str>) -> Result<Accepted> {
    let request = client.request(Method::POST, "/v1/posts").header("content-type", "application/json");
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    answer(request.body(body)).await?.json().await.context("the node's answer is not understood")
}
