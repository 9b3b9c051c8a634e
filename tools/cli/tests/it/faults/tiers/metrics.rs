//! What operators watch, as the page about tiers lists it.

use std::time::Duration;

use serde_json::json;
use testkit::{metrics, nats, wait};

use super::world::{DISTRIBUTORS, World, edit, flow, server};
use crate::support::alone;

const FORWARDERS: [&str; 2] = ["forwarder-1", "forwarder-2"];
const INBOXES: [&str; 2] = ["inbox-1", "inbox-2"];
/// Of `posts`, and of `inbox`.
const PARTITIONS: f64 = 4.0;
const SOON: Duration = Duration::from_secs(30);

/// A metric over the series of these processes that have these labels; none when one of them has no such series.
async fn sum(world: &World, nodes: &[&str], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut sum = 0.0;
    for node in nodes {
        let text = world.fleet.node(node).unwrap().client().unwrap().metrics().await.ok()?;
        let mut samples = metrics::parse(&text);
        samples.retain(|sample| {
            let has = |(label, value): &(&str, &str)| sample.labels.get(*label).is_some_and(|v| v == value);
            sample.name == name && labels.iter().all(has)
        });
        if samples.is_empty() {
            return None;
        }
        sum += samples.iter().map(|sample| sample.value).sum::<f64>();
    }
    Some(sum)
}

/// Waits until a metric `fits`.
async fn until(
    world: &World,
    nodes: &[&str],
    (name, labels): (&str, &[(&str, &str)]),
    fits: impl Fn(f64) -> bool,
) {
    let what = format!("{name}{labels:?} of {nodes:?} fits");
    wait::until(&what, SOON, async || {
        sum(world, nodes, name, labels).await.filter(|sum| fits(*sum)).map(drop)
    })
    .await
    .unwrap();
}

/// Waits until these processes have so many partitions of a stream, as their leases say.
async fn have(world: &World, nodes: &[&str], stream: &str, partitions: f64) {
    wait::until(&format!("{nodes:?} have {partitions} of `{stream}`"), SOON, async || {
        let changes = async |change: &str| {
            let labels = [("stream", stream), ("change", change)];
            sum(world, nodes, "catena_bus_lease_changes_total", &labels).await
        };
        let ended = changes("given back").await? + changes("lost").await?;
        (changes("taken").await? - ended == partitions).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_watch_is_on_the_metrics_of_the_tiers() {
    let _alone = alone().await;
    let Some(server) = server("what_operators_watch_is_on_the_metrics_of_the_tiers").await else { return };
    let mut world = World::new(server.url(), &[], None).await;
    let load = world.load();
    flow(&load).await;
    have(&world, &DISTRIBUTORS, "posts", PARTITIONS).await;
    have(&world, &INBOXES, "inbox", PARTITIONS).await;

    // Outputs find no room: the lag grows, and goes once they do.
    let posts: (_, &[_]) = ("catena_bus_lag_messages", &[("stream", "posts"), ("group", "feed")]);
    let inbox: (_, &[_]) = ("catena_bus_lag_messages", &[("stream", "inbox"), ("group", "inbox")]);
    let api = nats::Api::connect(&[server.url()]).await.unwrap();
    edit(&api, "catena-inbox-", &[("max_bytes", json!(1))]).await;
    until(&world, &DISTRIBUTORS, posts, |lag| lag > 20.0).await;
    edit(&api, "catena-inbox-", &[("max_bytes", json!(-1))]).await;
    load.stop().await;
    until(&world, &DISTRIBUTORS, posts, |lag| lag == 0.0).await;
    until(&world, &INBOXES, inbox, |lag| lag == 0.0).await;

    for (nodes, stream) in [(DISTRIBUTORS, "posts"), (INBOXES, "inbox")] {
        let labels = [("stream", stream)];
        for name in ["catena_bus_redelivered_messages_total", "catena_bus_rebuilt_lanes_total"] {
            assert!(sum(&world, &nodes, name, &labels).await.is_some(), "{name} of {nodes:?}");
        }
        assert_eq!(sum(&world, &nodes, "catena_bus_hole_messages_total", &labels).await, Some(0.0));
    }
    until(&world, &FORWARDERS, ("catena_bus_queue_bytes", &[]), |bytes| bytes == 0.0).await;
    until(&world, &FORWARDERS, ("catena_bus_connected", &[]), |connected| connected == 2.0).await;
    // How many depends on how long the server took.
    let unknown: (_, &[_]) = ("catena_bus_unknown_publishes_total", &[("stream", "posts")]);
    until(&world, &FORWARDERS, unknown, |unknown| unknown >= 0.0).await;

    world.fleet.kill("distributor-1").await.unwrap();
    have(&world, &["distributor-2"], "posts", PARTITIONS).await;
    world.fleet.shutdown().await.unwrap();
}
