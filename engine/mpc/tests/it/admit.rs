//! What the router keeps from a chain.

use std::sync::Arc;

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
