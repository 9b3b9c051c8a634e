use std::fmt;

use anyhow::Context as _;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use crate::exit::Result;

/// What a node says when it refuses (RFC 9457).
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    field: Option<String>,
    pointer: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, title, detail, field, pointer } = self;
        write!(f, "{title} ({status})")?;
        if let Some(field) = field.as_ref().or(pointer.as_ref()).filter(|field| !field.is_empty()) {
            write!(f, ": `{field}`")?;
        }
        if detail.is_empty() { Ok(()) } else { write!(f, ": {detail}") }
    }
}

impl std::error::Error for Problem {}

/// Sends a request and takes an answer that is no refusal.
///
/// # Errors
/// Nobody listens there, or the node refused: the [`Problem`] is among the causes.
pub(crate) async fn answer(request: RequestBuilder) -> Result<Response> {
    let (client, request) = request.build_split();
    let request = request.context("failed to make the request")?;
    let shown = format!("{} {}", request.method(), request.url());
    let response = client.execute(request).await;
    // The address is in `shown` already.
    let response = response.map_err(reqwest::Error::without_url).map_err(|error| {
        let hint = if error.is_connect() { " (is a node running there?)" } else { "" };
        anyhow::Error::new(error).context(format!("no answer to {shown}{hint}"))
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(anyhow::Error::new(problem(status, &response.text().await.unwrap_or_default())).context(shown))
}

fn problem(status: StatusCode, body: &str) -> Problem {
    serde_json::from_str(body).unwrap_or_else(|_| Problem {
        status: status.as_u16(),
        title: status.canonical_reason().unwrap_or("refused").to_owned(),
        detail: body.chars().take(200).collect(),
        ..Problem::default()
    })
}
