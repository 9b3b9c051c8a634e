use axum::extract::{FromRequestParts, Path as Params};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serve::Problem;

/// The parameters of a path; what they cannot be is a problem like every other.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Params::from_request_parts(parts, state).await {
            Ok(Params(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::parameter("path", rejection.body_text())),
        }
    }
}
