//! What paths, queries and headers hold, checked.

use std::{fmt::Display, str::FromStr};

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use relations::{PostId, UserId};
use serve::{Problem, Query};

/// The `{uid}` of a path.
pub(crate) struct User(pub(crate) UserId);

/// The `{uid}` and `{author}` of a path.
pub(crate) struct Edge {
    pub(crate) user: UserId,
    pub(crate) author: UserId,
}

/// The `{id}` of a path.
pub(crate) struct Post(pub(crate) PostId);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(one(&params(parts).await?, "uid")?))
    }
}

impl<S: Sync> FromRequestParts<S> for Edge {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let params = params(parts).await?;
        Ok(Self { user: one(&params, "uid")?, author: one(&params, "author")? })
    }
}

impl<S: Sync> FromRequestParts<S> for Post {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(one(&params(parts).await?, "id")?))
    }
}

async fn params(parts: &mut Parts) -> Result<RawPathParams, Problem> {
    RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|rejection| Problem::parameter("path", rejection.body_text()))
}

fn one<T: FromStr<Err: Display>>(params: &RawPathParams, name: &str) -> Result<T, Problem> {
    let text = params.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| text);
    text.parse().map_err(|error: T::Err| Problem::parameter(name, error.to_string()))
}

/// `limit` and `cursor` of a query.
pub(crate) struct Range<C> {
    pub(crate) limit: usize,
    pub(crate) cursor: Option<C>,
}

impl<C: FromStr<Err: Display>> Range<C> {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let query = Query::parse(query, &["limit", "cursor"])?;
        Ok(Self { limit: query.limit()?, cursor: query.get("cursor")? })
    }
}
