use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use inbox::{Cursor, Inbox, Page};
use relations::UserId;
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
    page(parts.inbox, user, query.as_deref(), Inbox::feed).await
}

/// `GET /v1/users/{uid}/posts`.
pub(crate) async fn posts(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    page(parts.inbox, user, query.as_deref(), Inbox::posts).await
}

type Read = fn(&Inbox, UserId, Option<Cursor>, usize) -> inbox::Result<Page>;

async fn page(inbox: Inbox, user: UserId, query: Option<&str>, read: Read) -> Result<Response, Problem> {
    let Range { limit, cursor } = Range::parse(query)?;
    let json = blocking(move || Ok(read(&inbox, user, cursor, limit)?.to_json())).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response())
}

/// Runs a read, which may wait for the disk, where waiting harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> inbox::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(|error| unread(&error)),
        Err(error) => {
            tracing::error!(%error, "a read panicked");
            Err(Problem::internal("the read failed"))
        }
    }
}
