//! Three servers.

use std::time::Duration;

use testkit::{nats::Cluster, wait};

use crate::support::{count, jetstream_of, no_server, publish, stream};

#[tokio::test]
async fn a_cluster_survives_the_loss_of_its_leader() {
    if no_server("a_cluster_survives_the_loss_of_its_leader") {
        return;
    }
    let mut cluster = Cluster::start(3).await.unwrap();
    let leader = cluster.meta_leader().await.unwrap();
    let client = jetstream_of(&cluster).await;
    client.create_stream(stream("kept", 3)).await.unwrap();
    publish(&client, "kept.a", "one").await;

    cluster.named(&leader).unwrap().kill().await.unwrap();
    cluster.settled().await.unwrap();
    assert_ne!(cluster.meta_leader().await.unwrap(), leader);
    let client = wait::until("the stream has a leader again", Duration::from_secs(30), async || {
        let client = jetstream_of(&cluster).await;
        let sent = client.publish("kept.a", "two".into()).await.ok()?;
        sent.await.ok().map(|_| client)
    })
    .await
    .unwrap();

    cluster.named(&leader).unwrap().restart().await.unwrap();
    cluster.settled().await.unwrap();
    cluster.rolling_restart().await.unwrap();
    assert!(count(&client, "kept").await >= 2);
}

#[tokio::test]
async fn a_minority_does_not_settle() {
    if no_server("a_minority_does_not_settle") {
        return;
    }
    let mut cluster = Cluster::start(3).await.unwrap();
    cluster.node(0).unwrap().kill().await.unwrap();
    cluster.node(1).unwrap().kill().await.unwrap();
    assert!(cluster.settled().await.unwrap_err().to_string().contains("no majority"));
}
