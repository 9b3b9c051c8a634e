//! The data plane over HTTP: posts in, feeds out, the graph both ways.
//!
//! Thin on purpose: a handler checks what it was given, calls the feed or an inbox, and answers with bytes
//! that are mostly there already. A 2xx to a post or a change of the graph means that it is durable.
//!
//! What bounds it: a body of 1 MiB (of a stream of lines, each line, and one batch of lines in memory for each
//! connection), pages of 200, and below it the bus, whose refusal becomes a 429.

mod bulk;
mod graph;
mod health;
mod metered;
mod openapi;
mod pages;
mod param;
mod posts;
mod problem;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post, put},
};
use feed::Forwarder;
use inbox::Reads;
use serve::{Problem, Ready};
use telemetry::Metrics;

use metered::metered;

/// What the data plane stands on. What a process does not do, others of its fleet do: those routes answer 421.
#[derive(Clone)]
pub struct Parts {
    /// Takes posts and changes of the graph.
    pub forwarder: Option<Forwarder>,
    /// Answers reads.
    pub reads: Option<Arc<dyn Reads>>,
    /// Whether the node is ready.
    pub ready: Ready,
    /// What the process has measured.
    pub metrics: Metrics,
}

impl Parts {
    fn forwarder(&self) -> Result<&Forwarder, Problem> {
        let detail = "this process takes no posts and no follows; send them to one with the role `forwarder`";
        self.forwarder.as_ref().ok_or_else(|| Problem::misdirected(detail))
    }

    fn reads(&self) -> Result<&dyn Reads, Problem> {
        let detail = "this process answers no reads; ask one with the role `gateway`";
        self.reads.as_deref().ok_or_else(|| Problem::misdirected(detail))
    }
}

/// The paths of the data plane, and what each takes.
mod path {
    pub(crate) const POSTS: &str = "/v1/posts";
    pub(crate) const POST: &str = "/v1/posts/{id}";
    pub(crate) const FEED: &str = "/v1/users/{uid}/feed";
    pub(crate) const POSTS_OF: &str = "/v1/users/{uid}/posts";
    pub(crate) const FOLLOWING: &str = "/v1/users/{uid}/following";
    pub(crate) const EDGE: &str = "/v1/users/{uid}/following/{author}";
    pub(crate) const FOLLOWERS: &str = "/v1/users/{uid}/followers";
    pub(crate) const OPENAPI: &str = "/openapi.json";
    pub(crate) const HEALTHZ: &str = "/healthz";
    pub(crate) const READYZ: &str = "/readyz";
    pub(crate) const METRICS: &str = "/metrics";
}

/// The routes of the data plane, for a [`serve::Server`].
pub fn router(parts: Parts) -> Router {
    let routes = [
        (path::POSTS, post(posts::create)),
        (path::POST, delete(posts::remove)),
        (path::FEED, get(pages::feed)),
        (path::POSTS_OF, get(pages::posts)),
        (path::FOLLOWING, get(graph::following)),
        (path::EDGE, put(graph::follow).delete(graph::unfollow)),
        (path::FOLLOWERS, get(graph::followers)),
        (path::OPENAPI, get(openapi::document)),
        (path::HEALTHZ, get(health::alive)),
        (path::READYZ, get(health::ready)),
        (path::METRICS, get(health::metrics)),
    ];
    let router = routes
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, metered(path, methods)));
    serve::close(router.with_state(parts))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_route_is_described_and_nothing_else() {
        super::openapi::tests::describes(&[
            (super::path::POSTS, &["post"]),
            (super::path::POST, &["delete"]),
            (super::path::FEED, &["get"]),
            (super::path::POSTS_OF, &["get"]),
            (super::path::FOLLOWING, &["get"]),
            (super::path::EDGE, &["put", "delete"]),
            (super::path::FOLLOWERS, &["get"]),
            (super::path::OPENAPI, &["get"]),
            (super::path::HEALTHZ, &["get"]),
            (super::path::READYZ, &["get"]),
            (super::path::METRICS, &["get"]),
        ]);
    }
}
