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
        let mut refused = 0;
        while let Some(line) = lines.next()? {
            // Said here, where the line is known; everything else the node says better.
            serde_json::from_str::<Value>(&line.text)
                .with_context(|| format!("{}: not JSON", lines.at(line.number)))?;
            match post(&client, line.text, None).await {
                Ok(accepted) => output.print(&accepted, |accepted| accepted.id.clone())?,
                Err(error) if error.is::<Problem>() => {
                    refused += 1;
                    talk(&format!("{}: {error:#}", lines.at(line.number)));
                }
                Err(error) => return Err(error.context(lines.at(line.number))),
            }
        }
        if refused > 0 { Err(Failed.into()) } else { Ok(()) }
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
