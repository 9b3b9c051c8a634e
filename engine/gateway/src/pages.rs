use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use serve::Problem;

use crate::{
    Parts,
    param::{Range, User},
    problem::unread,
};

/// `GET /v1/users/{uid}/feed`.
pub(crate) async fn feed(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let reads = parts.reads()?;
    let Range { limit, cursor } = Range::parse(query.as_deref())?;
    page(reads.feed(user, cursor, limit).await)
}

/// `GET /v1/users/{uid}/posts`.
pub(crate) async fn posts(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let reads = parts.reads()?;
    let Range { limit, cursor } = Range::parse(query.as_deref())?;
    page(reads.posts(user, cursor, limit).await)
}

/// A page is JSON already, wherever it was made.
fn page(json: inbox::Result<Bytes>) -> Result<Response, Problem> {
    let json = json.map_err(|error| unread(&error))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response())
}
