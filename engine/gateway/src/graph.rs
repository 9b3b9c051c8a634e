use axum::{
    Json,
    extract::{RawQuery, State},
};
use http::StatusCode;
use relations::UserId;
use serde::Serialize;
use serve::{Problem, Query};

use crate::{
    Parts,
    param::{Edge, Range, User},
    problem::{refused, unread},
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
    parts.forwarder()?.follow(user, author).await.map_err(|error| refused(&error))?;
    Ok(StatusCode::ACCEPTED)
}

/// `DELETE /v1/users/{uid}/following/{author}?history=keep|purge`.
pub(crate) async fn unfollow(
    State(parts): State<Parts>,
    Edge { user, author }: Edge,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    let history = Query::parse(query.as_deref(), &["history"])?.get("history")?.unwrap_or_default();
    parts.forwarder()?.unfollow(user, author, history).await.map_err(|error| refused(&error))?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /v1/users/{uid}/following`.
pub(crate) async fn following(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Json<Users>, Problem> {
    let reads = parts.reads()?;
    let Range { limit, cursor } = Range::parse(query.as_deref())?;
    let users = reads.following(user, cursor, limit + 1).await;
    Ok(Json(Users::of(users.map_err(|error| unread(&error))?, limit)))
}

/// `GET /v1/users/{uid}/followers`.
pub(crate) async fn followers(
    State(parts): State<Parts>,
    User(user): User,
    RawQuery(query): RawQuery,
) -> Result<Json<Users>, Problem> {
    let reads = parts.reads()?;
    let Range { limit, cursor } = Range::parse(query.as_deref())?;
    let users = reads.followers(user, cursor, limit + 1).await;
    Ok(Json(Users::of(users.map_err(|error| unread(&error))?, limit)))
}

impl Users {
    /// The first `limit` of `items`; that there is one more tells that there are more.
    fn of(mut items: Vec<UserId>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().copied().filter(|_| more);
        Self { items, next }
    }
}
