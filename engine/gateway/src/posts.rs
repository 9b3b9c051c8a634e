use axum::{
    body::Body,
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Response},
};
use feed::{BODY_BYTES_MAX, NewPost};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serve::{Lines, Problem, Query, collect, content_type_is};

use crate::{
    Parts, bulk,
    param::Post,
    problem::{invalid, refused},
};

pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 200;

/// `POST /v1/posts`: one post as JSON, or many as NDJSON.
pub(crate) async fn create(State(parts): State<Parts>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    Query::parse(head.uri.query(), &[])?;
    let key = idempotency_key(&head.headers)?;
    if content_type_is(&head.headers, "application/json") {
        one(&parts, body, key).await
    } else if content_type_is(&head.headers, "application/x-ndjson") {
        Ok(bulk::answer(parts.forwarder, Lines::new(&head.extensions, body), key))
    } else {
        let detail = "send one post as `application/json`, or one per line as `application/x-ndjson`";
        Err(Problem::unsupported("Content-Type", detail))
    }
}

async fn one(parts: &Parts, body: Body, key: Option<&str>) -> Result<Response, Problem> {
    let json = collect(body, BODY_BYTES_MAX).await?;
    let post = NewPost::from_json(&json).map_err(|why| invalid(&why))?;
    let id = parts.forwarder.post(post, key).await.map_err(|error| refused(&error))?;
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::ACCEPTED, json, format!("{{\"id\":\"{id}\"}}")).into_response())
}

/// `DELETE /v1/posts/{id}`.
pub(crate) async fn remove(
    State(parts): State<Parts>,
    Post(id): Post,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::parse(query.as_deref(), &[])?;
    parts.forwarder.retract(id).await.map_err(|error| refused(&error))?;
    Ok(StatusCode::ACCEPTED)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(Problem::parameter(IDEMPOTENCY_KEY, "given more than once"));
    }
    let fits = |key: &&str| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len());
    let problem = format!("must be 1 to {IDEMPOTENCY_KEY_BYTES_MAX} printable ASCII characters");
    let key = key.to_str().ok().filter(fits);
    key.map(Some).ok_or_else(|| Problem::parameter(IDEMPOTENCY_KEY, problem))
}
