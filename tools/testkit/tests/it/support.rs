//! What these tests share.

use std::time::Duration;

use async_nats::{
    ServerAddr, ToServerAddrs,
    jetstream::{self, Context, stream},
};
use testkit::nats;

/// Whether there is a server; where there is none the test is noted as skipped.
pub(crate) fn no_server(test: &str) -> bool {
    let none = nats::server_path().is_none();
    if none {
        nats::skip(test);
    }
    none
}

/// How clients of these tests connect: quickly, and again and again.
pub(crate) fn options() -> async_nats::ConnectOptions {
    async_nats::ConnectOptions::new()
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(5)))
        .reconnect_delay_callback(|_| Duration::from_millis(50))
}

pub(crate) async fn connect(url: impl ToServerAddrs) -> async_nats::Client {
    options().connect(url).await.unwrap()
}

/// A JetStream context on a new connection.
pub(crate) async fn jetstream(url: impl ToServerAddrs) -> Context {
    jetstream::new(connect(url).await)
}

/// A JetStream context on a connection to whichever server of a cluster is up.
pub(crate) async fn jetstream_of(cluster: &nats::Cluster) -> Context {
    jetstream(cluster.urls().iter().map(|url| url.parse().unwrap()).collect::<Vec<ServerAddr>>()).await
}

/// A stream in files with so many replicas.
pub(crate) fn stream(name: &str, replicas: usize) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        num_replicas: replicas,
        ..Default::default()
    }
}

/// Publishes one message and waits until it is acknowledged.
pub(crate) async fn publish(jetstream: &Context, subject: &str, body: &str) {
    let sent = jetstream.publish(subject.to_owned(), body.to_owned().into()).await.unwrap();
    sent.await.unwrap();
}

/// How many messages a stream holds.
pub(crate) async fn count(jetstream: &Context, name: &str) -> u64 {
    jetstream.get_stream(name).await.unwrap().get_info().await.unwrap().state.messages
}
