//! The management plane: what runs, what changed, what failed, and the few things an operator does about it.
//!
//! On an address of its own. Everything under `/v1` takes the bearer token of the data folder, even on loopback,
//! and nothing is open to other origins (`access`). The page at `/` shows the same to people.

mod access;
mod dlq;
mod error;
mod headers;
mod health;
mod inject;
mod listing;
mod page;
mod param;
mod problem;
mod purge;
mod receipts;
mod status;
mod streams;
mod token;

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use bus::Bus;
use inbox::Inbox;
use mpc::Center;
use serde::Serialize;
use serve::{Problem, Ready};
use tokio_util::sync::CancellationToken;

pub use error::Error;
pub use token::Token;

/// What the management plane looks at.
#[derive(Clone)]
pub struct Parts {
    /// What this process is.
    pub about: About,
    /// Chains, generations, receipts, bundles, where this process runs chains.
    pub center: Option<Center>,
    /// Streams and dead letters.
    pub bus: Arc<dyn Bus>,
    /// Shards, where this process keeps any.
    pub inbox: Option<Inbox>,
    /// Whether the node is ready.
    pub ready: Ready,
    /// Where the data plane listens.
    pub http: SocketAddr,
    /// When the node started.
    pub started: Instant,
    /// Cancelled before the server stops: ends answers that would go on for ever.
    pub closing: CancellationToken,
}

/// What a process is in its deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name among the others; none where there are no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    pub roles: Vec<String>,
    /// Which bus it is on, and what that promises: `embedded`, `nats, durable` or `nats, relaxed (…)`.
    pub bus: String,
}

impl Parts {
    /// The center, or who has one.
    pub(crate) fn center(&self) -> Result<&Center, Problem> {
        let detail = "this process runs no chains: ask one with the role `distributor`";
        self.center.as_ref().ok_or_else(|| Problem::misdirected(detail))
    }

    /// How far the shards of this process are; none where it keeps none.
    pub(crate) async fn positions(&self) -> inbox::Result<Vec<inbox::Position>> {
        match &self.inbox {
            Some(inbox) => inbox.positions().await,
            None => Ok(Vec::new()),
        }
    }
}

/// Who may come in.
#[derive(Clone, Debug)]
pub struct Access {
    /// What they have to know.
    pub token: Token,
    /// Names the plane is reached under, beside `localhost` and addresses.
    pub hosts: Vec<String>,
}

/// The routes of the management plane, for a [`serve::Server`].
pub fn router(parts: Parts, access: Access) -> Router {
    let access = Arc::new(access);
    let guarded = Router::new()
        .route("/v1/status", get(status::node))
        .route("/v1/chains", get(status::chains))
        .route("/v1/chains/{id}", get(status::chain))
        .route("/v1/generations", get(status::generations))
        .route("/v1/bundles", get(status::bundles))
        .route("/v1/shards", get(status::shards))
        .route("/v1/receipts", get(receipts::list))
        .route("/v1/receipts/events", get(receipts::events))
        .route("/v1/dlq", get(dlq::list).delete(purge::many))
        .route("/v1/dlq/{number}", get(dlq::show).delete(purge::one))
        .route("/v1/dlq/{number}/replay", post(dlq::replay))
        .route("/v1/streams", get(streams::list))
        .route("/v1/streams/{stream}/messages", post(inject::messages))
        .route("/v1/streams/{stream}/{partition}/messages", get(streams::messages))
        .with_state(parts)
        .route_layer(from_fn_with_state(Arc::clone(&access), access::token));
    let open = Router::new()
        .route("/", get(page::index))
        .route("/console.js", get(page::script))
        .route("/console.css", get(page::style))
        .route("/favicon.svg", get(page::icon));
    serve::close(guarded.merge(open))
        .layer(from_fn_with_state(access, access::origin))
        .layer(from_fn(headers::add))
}
