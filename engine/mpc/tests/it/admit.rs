//! What the router keeps from a chain, and where it sends what a chain leaves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusBuilder;
use model::Message;
use mpc::{Admit, LaneState, Publication, Routed, Router, ToStreams};

use crate::support::{Setup, bundle, chain, message, step};

/// Ignores what is of kind `noise`.
struct Picky;

impl Router for Picky {
    fn admit(&self, _: &::chain::Plan, message: &Message) -> Admit {
        if message.kind == "noise" { Admit::Ignore } else { Admit::Chain }
    }

    fn route(&self, routed: Routed<'_>, lane: &mut LaneState<'_>) -> mpc::Result<Vec<Publication>> {
        ToStreams.route(routed, lane)
    }
}

/// Hears late where things go: not before it was asked twenty times.
#[derive(Default)]
struct Late(AtomicU32);

impl Router for Late {
    fn admit(&self, _: &::chain::Plan, _: &Message) -> Admit {
        Admit::Chain
    }

    fn route(&self, routed: Routed<'_>, lane: &mut LaneState<'_>) -> mpc::Result<Vec<Publication>> {
        if self.0.fetch_add(1, SeqCst) < 20 {
            return Err(mpc::Error::Route { reason: "no map says where yet".into(), retryable: true });
        }
        ToStreams.route(routed, lane)
    }
}

#[tokio::test]
async fn a_message_outlasts_its_attempts_while_it_is_not_known_where_it_goes() {
    let mut setup = Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "")),
        ("chains/feed.toml", &chain("attempts_max = 2", &[step("a", "a@^1", "")])),
    ]);
    setup.router = Arc::new(Late::default());
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x");
    node.center.drain().await;
    // But not for ever.
    setup.options.routing_patience = Duration::ZERO;
    setup.router = Arc::new(Late::default());
    let node = setup.start().await;
    node.post(vec![message(2, "k", "x")]).await;
    assert_eq!(node.sink("dead-letters").await.take(1).await.len(), 1);
}

#[tokio::test]
async fn ignored_messages_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // The only test that does; no other ignores anything.
    metrics::set_global_recorder(recorder).unwrap();
    let mut setup = Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "")),
        ("chains/feed.toml", &chain("", &[step("a", "a@^1", "")])),
    ]);
    setup.router = Arc::new(Picky);
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    let noise = |id| Message { kind: "noise".into(), ..message(id, "k", "x") };
    node.post(vec![noise(1), noise(2), message(3, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x");
    let shown = metrics.render();
    assert!(shown.contains("catena_ignored_messages_total{chain=\"feed\"} 2\n"), "{shown}");
}
