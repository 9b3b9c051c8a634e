//! Messages put into a stream by hand, as NDJSON: a line in, a line out. Meant for trying things and for
//! streams that no client feeds; at most as much as fits into one body.

use std::collections::BTreeMap;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bus::{Bus, Published, partition_of};
use http::{HeaderValue, header};
use model::Message;
use mpc::{DEAD_LETTERS, dead::JsonMessage};
use relations::stream::INBOX;
use serde::Serialize;
use serve::{BODY_BYTES_MAX, Line, Lines, Problem, Query, content_type_is};

use crate::{Parts, param::Path, problem::of_bus};

/// Lines taken at most in one request.
const LINES_MAX: usize = 10_000;

#[derive(Serialize)]
struct Answer {
    line: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Stored { id: String, partition: u32, sequence: u64, duplicate: bool },
    Refused { problem: Problem },
}

/// `POST /v1/streams/{stream}/messages`.
pub(crate) async fn messages(
    State(parts): State<Parts>,
    Path(stream): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    Query::parse(head.uri.query(), &[])?;
    if !content_type_is(&head.headers, "application/x-ndjson") {
        return Err(Problem::unsupported("Content-Type", "send messages as `application/x-ndjson`"));
    }
    if [INBOX, DEAD_LETTERS].contains(&&*stream) {
        let detail = format!("`{stream}` is written by the engine alone");
        return Err(Problem::parameter("stream", detail));
    }
    let streams = parts.bus.streams().await.map_err(|error| of_bus(&error))?;
    let known = streams.into_iter().find(|spec| *spec.name == *stream);
    let spec = known.ok_or_else(|| Problem::not_found(format!("no stream is called `{stream}`")))?;
    let mut answers = Vec::new();
    let mut batches: BTreeMap<u32, Vec<(u64, Message)>> = BTreeMap::new();
    for Line { number, text } in read(Lines::new(&head.extensions, body)).await? {
        match message(text) {
            Ok(message) => {
                let partition = partition_of(&message.key, spec.partitions);
                batches.entry(partition).or_default().push((number, message));
            }
            Err(problem) => answers.push(Answer { line: number, outcome: Outcome::Refused { problem } }),
        }
    }
    for (partition, batch) in batches {
        answers.extend(publish(&*parts.bus, &stream, partition, batch).await);
    }
    answers.sort_unstable_by_key(|answer| answer.line);
    let ndjson = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    Ok((ndjson, written(&answers)).into_response())
}

async fn read(mut lines: Lines) -> Result<Vec<Line>, Problem> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    loop {
        let batch = lines.batch(LINES_MAX, BODY_BYTES_MAX).await?;
        if batch.is_empty() {
            return Ok(all);
        }
        bytes += batch.iter().filter_map(|line| line.text.as_ref()).map(|text| text.len()).sum::<usize>();
        all.extend(batch);
        if all.len() > LINES_MAX || bytes > 4 * BODY_BYTES_MAX {
            let detail =
                format!("at most {LINES_MAX} lines and {} bytes are taken at once", 4 * BODY_BYTES_MAX);
            return Err(Problem::body("", detail));
        }
    }
}

fn message(text: Option<bytes::Bytes>) -> Result<Message, Problem> {
    let text = text.ok_or_else(|| Problem::too_large(BODY_BYTES_MAX))?;
    let mut given: JsonMessage = serde_json::from_slice(&text).map_err(|error| {
        Problem::body("", format!("not `{{id?, kind, key, headers?, body or body_base64}}`: {error}"))
    })?;
    if given.id.is_none() {
        given.id = Some(made_id()?);
    }
    let message = given.into_message().map_err(|error| Problem::body("", error.to_string()))?;
    for (pointer, text) in [("/id", &message.id), ("/kind", &message.kind), ("/key", &message.key)] {
        if text.is_empty() || text.len() > 128 {
            return Err(Problem::body(pointer, "must have 1 to 128 bytes"));
        }
    }
    Ok(message)
}

fn made_id() -> Result<String, Problem> {
    let id = getrandom::u64().map(|random| format!("sent-{random:016x}"));
    id.map_err(|error| Problem::internal(format!("no random number for an id: {error}")))
}

async fn publish(bus: &dyn Bus, stream: &str, partition: u32, batch: Vec<(u64, Message)>) -> Vec<Answer> {
    let (places, messages): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|(line, message)| ((line, message.id.clone()), message)).unzip();
    match bus.publish(stream, partition, messages).await {
        Ok(published) => {
            let answer = |((line, id), Published { sequence, duplicate }): ((u64, String), Published)| {
                Answer { line, outcome: Outcome::Stored { id, partition, sequence, duplicate } }
            };
            places.into_iter().zip(published).map(answer).collect()
        }
        Err(error) => {
            let problem = of_bus(&error);
            let answer = |(line, _)| Answer { line, outcome: Outcome::Refused { problem: problem.clone() } };
            places.into_iter().map(answer).collect()
        }
    }
}

fn written(answers: &[Answer]) -> Vec<u8> {
    let mut text = Vec::new();
    for answer in answers {
        // Numbers and texts into memory: there is nothing to fail.
        let _ = serde_json::to_writer(&mut text, answer);
        text.push(b'\n');
    }
    text
}
