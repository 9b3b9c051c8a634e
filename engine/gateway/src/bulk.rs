//! Many posts as NDJSON: a line in, a line out.
//!
//! The answer is produced while the request is read, a batch at a time (one is stored while the next one
//! arrives), so memory does not depend on how much is sent; a client has to read while it writes.
//! `{"line":3,"id":"…"}` means that line 3 is durable, `{"line":4,"problem":{…}}` that line 4 was not taken (or, where
//! the problem says so, that this is not known), and a problem without a line that reading ended early.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use feed::{Forwarder, NewPost};
use http::{HeaderValue, header};
use model::derived_id;
use relations::PostId;
use serde::Serialize;
use serve::{Ahead, BODY_BYTES_MAX, Line, Lines, Problem};

use crate::problem::{invalid, refused};

/// Lines taken together at most: they share one wait for the disk.
const BATCH_LINES_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// One line of the answer.
#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<PostId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

impl Answer {
    fn new(line: u64, outcome: Result<PostId, Problem>) -> Self {
        let (id, problem) = match outcome {
            Ok(id) => (Some(id), None),
            Err(problem) => (None, Some(problem)),
        };
        Self { line: Some(line), id, problem }
    }
}

/// Posts the `lines` of a body. With an idempotency key each line has its own, made of it and the line's number:
/// sending the same lines again under the same key stores nothing twice.
pub(crate) fn answer(forwarder: Forwarder, lines: Lines, key: Option<&str>) -> Response {
    let bulk = Bulk { forwarder, lines, key: key.map(str::to_owned), ahead: Ahead::default() };
    let answers = futures::stream::try_unfold(Some(bulk), async |bulk| {
        let Some(mut bulk) = bulk else { return Ok::<_, std::convert::Infallible>(None) };
        Ok(match bulk.next().await {
            Ok(answers) if answers.is_empty() => None,
            Ok(answers) => Some((written(&answers), Some(bulk))),
            Err(problem) => Some((written(&[Answer { line: None, id: None, problem: Some(problem) }]), None)),
        })
    });
    let ndjson = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    (ndjson, Body::from_stream(answers)).into_response()
}

struct Bulk {
    forwarder: Forwarder,
    lines: Lines,
    key: Option<String>,
    /// What arrived while the last batch was stored.
    ahead: Ahead,
}

impl Bulk {
    /// Posts the next batch; empty at the end.
    async fn next(&mut self) -> Result<Vec<Answer>, Problem> {
        let Ahead { mut lines, failed } = std::mem::take(&mut self.ahead);
        match &failed {
            Some(problem) if lines.is_empty() => return Err(problem.clone()),
            None if lines.is_empty() => lines = self.lines.batch(BATCH_LINES_MAX, BATCH_BYTES_MAX).await?,
            _ => {}
        }
        let mut answers = Vec::with_capacity(lines.len());
        let mut posts = Vec::with_capacity(lines.len());
        let mut places = Vec::with_capacity(lines.len());
        for Line { number, text } in lines {
            let post = text.ok_or_else(|| Problem::too_large(BODY_BYTES_MAX));
            match post.and_then(|text| NewPost::from_json(&text).map_err(|why| invalid(&why))) {
                Ok(post) => {
                    posts.push((post, self.key.as_ref().map(|key| line_key(key, number))));
                    places.push(number);
                }
                Err(problem) => answers.push(Answer::new(number, Err(problem))),
            }
        }
        let stored = self.forwarder.post_all(posts);
        let outcomes = match failed {
            None => {
                let (outcomes, ahead) = self.lines.beside(stored, BATCH_LINES_MAX, BATCH_BYTES_MAX).await;
                self.ahead = ahead;
                outcomes
            }
            // Nothing comes behind these.
            Some(_) => {
                self.ahead.failed = failed;
                stored.await
            }
        };
        answers.extend(
            places
                .into_iter()
                .zip(outcomes)
                .map(|(number, outcome)| Answer::new(number, outcome.map_err(|error| refused(&error)))),
        );
        answers.sort_unstable_by_key(|answer| answer.line);
        Ok(answers)
    }
}

/// The idempotency key of one line. Hashed, so that no key of a single post or of another line is like it.
fn line_key(key: &str, number: u64) -> String {
    derived_id(&[b"bulk line", key.as_bytes(), &number.to_be_bytes()])
}

fn written(answers: &[Answer]) -> Bytes {
    let mut text = Vec::with_capacity(answers.len() * 64);
    for answer in answers {
        // Numbers and texts into memory: there is nothing to fail.
        let _ = serde_json::to_writer(&mut text, answer);
        text.push(b'\n');
    }
    text.into()
}
