use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    exit::{Failed, Result, Usage},
    messages::Lines,
    output::{Output, talk},
    remote::{Node, NodeClient, Problem, answer, block_on},
};

/// Sends posts to a running node, one after the other, and prints their ids.
#[derive(Args)]
pub(crate) struct Send {
    /// Posts as NDJSON: {actor, verb?, text?, …}; standard input where it is absent or `-`.
    #[arg(conflicts_with_all = ["actor", "text"])]
    posts: Option<PathBuf>,
    /// The author of a single post.
    #[arg(long, requires = "text")]
    actor: Option<u64>,
    /// The text of a single post.
    #[arg(long, requires = "actor")]
    text: Option<String>,
    /// The idempotency key of a single post: sent twice under one key, it is stored once.
    #[arg(long, requires = "actor")]
    key: Option<String>,
    #[command(flatten)]
    node: Node,
}

#[derive(Deserialize, Serialize)]
struct Accepted {
    id: String,
}

impl Send {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        block_on(async {
            let client = self.node.connect()?;
            match (self.actor, &self.text) {
                (Some(actor), Some(text)) => {
                    let body = json!({"actor": actor.to_string(), "text": text}).to_string();
                    output.print(&post(&client, body, self.key.as_deref()).await?, |accepted| {
                        accepted.id.clone()
                    })
                }
                _ => self.lines(&client, output).await,
            }
        })
    }

    async fn lines(&self, client: &NodeClient, output: Output) -> Result<()> {
        let mut lines = Lines::open(self.posts.as_ref())?;
        let mut refused = 0;
        while let Some(line) = lines.next()? {
            // Said here, where the line is known; everything else the node says better.
            serde_json::from_str::<Value>(&line.text)
                .map_err(|error| Usage(format!("{}: not JSON: {error}", lines.at(line.number))))?;
            match post(client, line.text, None).await {
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
    let mut request =
        client.request(Method::POST, "/v1/posts").header("content-type", "application/json").body(body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    answer(request).await?.json().await.context("the node's answer is not understood")
}
