use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Sent;
use crate::{
    exit::Result,
    messages::{Lines, Numbered},
    output::Output,
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
    let mut sent = Sent::default();
    loop {
        let (batch, unreadable) = batch(&mut lines);
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return unreadable.map_or_else(|| sent.end(), |error| Err(sent.stopped(error)));
        };
        let body = batch.iter().map(|line| format!("{}\n", line.text)).collect();
        let answers = client.send_lines(&path, body).await.map_err(|error| {
            // Whoever refuses them together has looked at none of them.
            match error.is::<Problem>() {
                true => error,
                false => sent.unanswered(error, &format!("{}-{}", lines.at(first.number), last.number)),
            }
        })?;
        for answer in answers.lines() {
            let answer: Answer =
                serde_json::from_str(answer).context("the node's answer is not understood")?;
            if let Some(stored) = &answer.stored {
                sent.accepted += 1;
                output.print(stored, text)?;
            }
            if let Some(problem) = &answer.problem {
                // The node counts the lines of the batch.
                let number = batch.get(answer.line.saturating_sub(1)).map_or(0, |line| line.number);
                sent.refuse(&lines.at(number), &problem.to_string());
            }
        }
        if let Some(error) = unreadable {
            return Err(sent.stopped(error));
        }
    }
}

/// The next lines, and why there are no more of them where one cannot be read.
fn batch(lines: &mut Lines) -> (Vec<Numbered>, Option<anyhow::Error>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < LINES_MAX && bytes < BYTES_MAX {
        match lines.next() {
            Ok(Some(line)) => {
                bytes += line.text.len();
                batch.push(line);
            }
            Ok(None) => break,
            Err(error) => return (batch, Some(error)),
        }
    }
    (batch, None)
}

fn text(stored: &Stored) -> String {
    let again = if stored.duplicate { ", there already" } else { "" };
    format!("{} in partition {} as {}{again}", stored.id, stored.partition, stored.sequence)
}
