//! What docs/deploy hands to operators, on a real server.

use std::{path::PathBuf, process::Command, time::Duration};

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, pull},
    kv, stream,
};
use futures::StreamExt as _;
use testkit::{
    bundles,
    nats::{Authorization, Server, Setup, server_path},
    wait,
};
use tokio::{task::JoinSet, time::timeout};

use crate::support::{no_server, options};

const SOON: Duration = Duration::from_secs(10);
const TIERS: [&str; 6] = ["FORWARDER", "DISTRIBUTOR", "INBOX", "GATEWAY", "MANAGER", "ADMIN"];

fn folder() -> PathBuf {
    bundles::root().join("docs/deploy")
}

/// What the script prints for two partitions, one shard and an output.
fn accounts() -> String {
    let ran = Command::new("sh").arg(folder().join("nats-accounts.sh")).args(["2", "1", "audit"]).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// Everybody's password is their name with a `p-` before it.
fn passwords() -> Vec<(String, String)> {
    let password = |tier: &&str| (format!("NATS_{tier}_PASSWORD"), format!("p-{}", tier.to_lowercase()));
    TIERS.iter().map(password).collect()
}

async fn server() -> Server {
    let mut setup = Setup::with_authorization(Authorization::Included(accounts()));
    setup.environment = passwords();
    Server::start(setup).await.unwrap()
}

async fn client(server: &Server, tier: &str) -> async_nats::Client {
    let options = options().user_and_password(tier.into(), format!("p-{tier}"));
    // A refused request gets no answer at all.
    let options = options.request_timeout(Some(Duration::from_millis(500)));
    options.custom_inbox_prefix(format!("_INBOX_{tier}")).connect(server.url()).await.unwrap()
}

async fn tier(server: &Server, tier: &str) -> Context {
    let mut context = jetstream::new(client(server, tier).await);
    context.set_timeout(Duration::from_millis(500));
    context
}

fn log(name: &str, partition: u32) -> stream::Config {
    stream::Config {
        name: format!("catena-{name}-{partition}"),
        subjects: vec![format!("catena.s.{name}.{partition}")],
        ..Default::default()
    }
}

/// As the manager sets it up.
async fn provisioned(server: &Server) -> Context {
    let manager = tier(server, "manager").await;
    for name in ["posts", "inbox", "audit"] {
        manager.create_stream(log(name, 0)).await.unwrap();
    }
    for bucket in ["catena-map", "catena-members", "catena-leases"] {
        let bucket = kv::Config { bucket: bucket.into(), history: 1, ..Default::default() };
        manager.create_key_value(bucket).await.unwrap();
    }
    manager
}

async fn publishes(context: &Context, subject: &str) -> bool {
    let Ok(sent) = context.publish(subject.to_owned(), "x".into()).await else { return false };
    sent.await.is_ok()
}

/// Creates a durable consumer, takes a message and confirms it.
async fn consumes(context: &Context, name: &str, stream: &str) -> bool {
    let Ok(stream) = context.get_stream(stream).await else { return false };
    let config = pull::Config {
        durable_name: Some(name.into()),
        ack_policy: AckPolicy::Explicit,
        ..Default::default()
    };
    let Ok(consumer) = stream.create_consumer(config).await else { return false };
    let mut messages = consumer.fetch().max_messages(1).expires(SOON).messages().await.unwrap();
    match messages.next().await {
        Some(Ok(message)) => message.double_ack().await.is_ok(),
        _ => false,
    }
}

async fn writes(context: &Context, bucket: &str) -> bool {
    let Ok(bucket) = context.get_key_value(bucket).await else { return false };
    bucket.put("key", "value".into()).await.is_ok()
}

#[tokio::test]
async fn each_tier_may_do_its_work_and_nothing_else() {
    if no_server("each_tier_may_do_its_work_and_nothing_else") {
        return;
    }
    let server = server().await;
    let manager = provisioned(&server).await;
    assert!(writes(&manager, "catena-map").await);
    assert!(options().connect(server.url()).await.is_err(), "somebody without a name got in");

    let forwarder = tier(&server, "forwarder").await;
    assert!(publishes(&forwarder, "catena.s.posts.0").await);
    assert!(!publishes(&forwarder, "catena.s.inbox.0").await);
    assert!(!consumes(&forwarder, "thief", "catena-posts-0").await);
    assert!(forwarder.create_stream(log("posts", 1)).await.is_err());

    let distributor = tier(&server, "distributor").await;
    assert!(consumes(&distributor, "distributor", "catena-posts-0").await);
    assert!(publishes(&distributor, "catena.s.inbox.0").await);
    assert!(publishes(&distributor, "catena.s.audit.0").await);
    assert!(!publishes(&distributor, "catena.s.posts.0").await);
    assert!(!consumes(&distributor, "thief", "catena-inbox-0").await);

    let inbox = tier(&server, "inbox").await;
    assert!(consumes(&inbox, "inbox", "catena-inbox-0").await);
    assert!(!publishes(&inbox, "catena.s.inbox.0").await);

    let gateway = tier(&server, "gateway").await;
    assert!(!publishes(&gateway, "catena.s.posts.0").await);
    for (context, leases) in [(&forwarder, false), (&distributor, true), (&inbox, true), (&gateway, false)] {
        let map = context.get_key_value("catena-map").await.unwrap();
        assert_eq!(map.get("key").await.unwrap().unwrap(), "value");
        let mut watch = map.watch_with_history(">").await.unwrap();
        assert_eq!(timeout(SOON, watch.next()).await.unwrap().unwrap().unwrap().key, "key");
        assert!(!writes(context, "catena-map").await);
        assert_eq!(writes(context, "catena-leases").await, leases);
        assert_eq!(writes(context, "catena-members").await, leases);
    }
}

#[tokio::test]
async fn the_gateway_asks_and_only_the_inbox_answers() {
    if no_server("the_gateway_asks_and_only_the_inbox_answers") {
        return;
    }
    let server = server().await;
    let (gateway, inbox) = (client(&server, "gateway").await, client(&server, "inbox").await);
    let mut asked = inbox.subscribe("catena.r.0").await.unwrap();
    // Refused: or anybody could answer in its place, or listen to what others are told.
    let mut refused = Vec::new();
    for subject in ["catena.r.0", "_INBOX_inbox.>", "_INBOX.>"] {
        refused.push(gateway.subscribe(subject).await.unwrap());
    }
    let mut answers = JoinSet::new();
    answers.spawn(async move {
        while let Some(question) = asked.next().await {
            inbox.publish(question.reply.unwrap(), "answer".into()).await.unwrap();
        }
    });
    // Until the server knows who answers, it says that nobody does.
    let answered = wait::until("the question is answered", SOON, async || {
        gateway.request("catena.r.0", "question".into()).await.ok()
    })
    .await;
    assert_eq!(answered.unwrap().payload, "answer");
    for mut subscriber in refused {
        assert!(!matches!(timeout(Duration::from_millis(50), subscriber.next()).await, Ok(Some(_))));
    }
}

#[test]
fn the_template_of_a_node_is_read_by_the_server() {
    let Some(nats) = server_path() else {
        return testkit::nats::skip("the_template_of_a_node_is_read_by_the_server");
    };
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder().join("nats-node.conf"), copy.path().join("nats-node.conf")).unwrap();
    std::fs::write(copy.path().join("nats-accounts.conf"), accounts()).unwrap();
    let mut check = Command::new(nats);
    check.arg("-t").arg("-c").arg(copy.path().join("nats-node.conf")).envs(passwords());
    let ran = check.env("NATS_NODE", "nats-1").env("NATS_ROUTE_PASSWORD", "change-me").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
