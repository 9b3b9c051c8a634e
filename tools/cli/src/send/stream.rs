use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{
    exit::{Failed, Result},
    messages::{Lines, Numbered},
    output::{Output, talk},
    remote::{ManagementClient, Problem},
};

/// Lines sent together.
const LINES_MAX: usize = 1_000;
/// Bytes sent together, about: the node takes 4 MiB.
const BYTES_MAX: usize = 1 << 20;

/// What the node says to one line.
#[derive(Deserialize)]
struct Answer {
    line: usize,
    #[serde(flatten)]
    stored: Option<Stored>,
    problem: Option<Problem>,
}

#[derive(Deserialize, Serialize)]
struct Stored {
    id: String,
    partition: u32,
    sequence: u64,
    duplicate: bool,
}

/// Puts the lines into `stream`, some at a time.
///
/// # Errors
/// The node does not answer, or took not all of them.
pub(super) async fn send(
    client: &ManagementClient,
    stream: &str,
    file: Option<&PathBuf>,
    output: Output,
) -> Result<()> {
    let path = format!("/v1/streams/{stream}/messages");
    let mut lines = Lines::open(file)?;
    let mut refused = 0;
    loop {
        let batch = batch(&mut lines)?;
        if batch.is_empty() {
            break;
        }
        let body = batch.iter().map(|line| format!("{}\n", line.text)).collect();
        for answer in client.send_lines(&path, body).await?.lines() {
            let answer: Answer =
                serde_json::from_str(answer).context("the node's answer is not understood")?;
            if let Some(stored) = &answer.stored {
                output.print(stored, text)?;
            }
            if let Some(problem) = &answer.problem {
                refused += 1;
                // The node counts the lines of the batch.
                let number = batch.get(answer.line.saturating_sub(1)).map_or(0, |line| line.number);
                talk(&format!("{}: {problem}", lines.at(number)));
            }
        }
    }
    if refused > 0 { Err(Failed.into()) } else { Ok(()) }
}

fn batch(lines: &mut Lines) -> Result<Vec<Numbered>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < LINES_MAX && bytes < BYTES_MAX {
        let Some(line) = lines.next()? else { break };
        bytes += line.text.len();
        batch.push(line);
    }
    Ok(batch)
}

fn text(stored: &Stored) -> String {
    let again = if stored.duplicate { ", there already" } else { "" };
    format!("{} in partition {} as {}{again}", stored.id, stored.partition, stored.sequence)
}
