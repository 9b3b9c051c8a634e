use axum::{
    Json,
    extract::{RawQuery, State},
};
use http::StatusCode;
use inbox::Inbox;
use relations::UserId;
use serde::Serialize;
use serve::{Problem, Query};

use crate::{
    Parts,
    pages::blocking,
    param::{Edge, Range, User},
    problem::refused,
};

/// Some users, ascending.
#[derive(Serialize)]
pub(crate) struct Users {
    items: Vec<UserId>,
    /// The cursor of those above; `None` when there are none.
    next: Option<UserId>,
}

/// `PUT /v1/users/{uid}/following/{author}`.
pub(crate) async fn follow(
    State(parts): State<Parts>,
    Edge { user, author }: Edge,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::parse(query.as_deref(), &[])?;
    parts.forwarder.follow(user, author).await.map_err(|error| refused(&error))?;
    Ok(StatusCode::ACCEPTED)
}

/// `DELETE /v1/users/{uid}/following/{author}?history=keep|purge`.
pub(crate) async fn unfollow(
    State(parts): State<Parts>,
    Edge { user, author }: Edge,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    let history = Query::parse(query.as_deref(), &["history"])?.get("history")?.unwrap_or_default();
    parts.forwarder.unfollow(user, author, history).await.map_err(|error| refused(&error))?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /v1/users/{uid}/following`.
pub(crate) async fn following(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Json<Users>, Problem> {
    list(parts.inbox, user, query.as_deref(), Inbox::following).await
}

/// `GET /v1/users/{uid}/followers`.
pub(crate) async fn followers(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Json<Users>, Problem> {
    list(parts.inbox, user, query.as_deref(), Inbox::followers).await
}

type Read = fn(&Inbox, UserId, Option<UserId>, usize) -> inbox::Result<Vec<UserId>>;

async fn list(inbox: Inbox, user: UserId, query: Option<&str>, read: Read) -> Result<Json<Users>, Problem> {
    let Range { limit, cursor } = Range::parse(query)?;
    // One more than asked for tells whether there are more.
    let mut items = blocking(move || read(&inbox, user, cursor, limit + 1)).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().copied().filter(|_| more);
    Ok(Json(Users { items, next }))
}
