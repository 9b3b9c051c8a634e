use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use serve::Problem;

use crate::Parts;

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: posts are taken and the chains are live.
pub(crate) async fn ready(State(parts): State<Parts>) -> Result<&'static str, Problem> {
    (parts.ready)().map_err(Problem::unavailable)?;
    Ok("ready\n")
}

/// `GET /metrics`: what the process has measured, in Prometheus' text form.
pub(crate) async fn metrics(State(parts): State<Parts>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], parts.metrics.render())
        .into_response()
}
