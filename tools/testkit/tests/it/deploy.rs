//! What docs/deploy hands to operators, on a real server.

use std::{path::PathBuf, process::Command, time::Duration};

use futures::StreamExt as _;
use testkit::{
    bundles,
    nats::{Server, server_path, tiers},
    wait,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::support::{no_server, options};

const SOON: Duration = Duration::from_secs(10);

fn folder() -> PathBuf {
    bundles::root().join("docs/deploy")
}

/// For two partitions, one shard and an output.
async fn server() -> Server {
    Server::start(tiers::setup(2, 1, &["audit"]).unwrap()).await.unwrap()
}

async fn client(server: &Server, tier: &str) -> async_nats::Client {
    let options = options().user_and_password(tier.into(), tiers::password(tier));
    // A refused request gets no answer at all.
    let options = options.request_timeout(Some(Duration::from_millis(500)));
    options.custom_inbox_prefix(format!("_INBOX_{tier}")).connect(server.url()).await.unwrap()
}

/// What may be published, and who may: forwarder, distributor, inbox, gateway, manager. Everything else is refused.
const MAY_PUBLISH: &[(&str, &str)] = &[
    // What there is, and how full.
    ("$JS.API.INFO", "FDIGM"),
    ("$JS.API.STREAM.LIST", "FDIGM"),
    ("$JS.API.STREAM.INFO.catena-posts-0", "FDIGM"),
    ("$JS.API.STREAM.INFO.KV_catena-leases", "FDIGM"),
    ("$JS.API.STREAM.NAMES", "M"),
    // The messages themselves.
    ("catena.s.posts.0", "FDM"),
    ("catena.s.posts.1", "FDM"),
    ("catena.s.inbox.0", "DM"),
    ("catena.s.dead-letters.0", "DM"),
    ("catena.s.changelog-posts.1", "DM"),
    ("catena.s.audit.1", "DM"),
    ("catena.s.changelog-audit.0", "DM"),
    ("catena.s.other.0", "M"),
    ("catena.s.posts.0.more", "M"),
    ("other.s.posts.0", ""),
    // Reading them.
    ("$JS.API.STREAM.MSG.GET.catena-posts-0", "DM"),
    ("$JS.API.STREAM.MSG.GET.catena-inbox-0", "IM"),
    ("$JS.API.STREAM.MSG.GET.catena-dead-letters-0", "DM"),
    ("$JS.API.DIRECT.GET.catena-posts-0", "M"),
    ("$JS.API.CONSUMER.CREATE.catena-posts-1.feed-1", "DM"),
    ("$JS.API.CONSUMER.CREATE.catena-inbox-0.inbox-1", "IM"),
    ("$JS.API.CONSUMER.CREATE.catena-other-0.feed-1", "M"),
    ("$JS.API.CONSUMER.MSG.NEXT.catena-posts-1.feed-1", "DM"),
    ("$JS.API.CONSUMER.MSG.NEXT.catena-inbox-0.inbox-1", "IM"),
    ("$JS.API.CONSUMER.DELETE.catena-posts-0.feed-1", "DM"),
    ("$JS.ACK.catena-posts-0.feed-1.1.1.1.1.0", "DM"),
    ("$JS.ACK.catena-inbox-0.inbox-1.1.1.1.1.0", "IM"),
    // Making, cutting and removing what they lie in.
    ("$JS.API.STREAM.CREATE.catena-posts-1", "M"),
    ("$JS.API.STREAM.CREATE.catena-audit-1", "DM"),
    ("$JS.API.STREAM.UPDATE.catena-posts-0", "M"),
    ("$JS.API.STREAM.PURGE.catena-posts-0", "DM"),
    ("$JS.API.STREAM.PURGE.catena-inbox-0", "IM"),
    ("$JS.API.STREAM.DELETE.catena-audit-0", "M"),
    ("$JS.API.STREAM.MSG.DELETE.catena-posts-0", "M"),
    // What is agreed.
    ("$JS.API.STREAM.MSG.GET.KV_catena-map", "FDIGM"),
    ("$JS.API.CONSUMER.CREATE.KV_catena-map.w1.$KV.catena-map.>", "FDIGM"),
    ("$KV.catena-map.shards", "M"),
    ("$KV.catena-members.inbox/i1", "DIM"),
    ("$KV.catena-leases.posts.0.feed", "DIM"),
    // Questions, and answers where nobody asked.
    ("catena.r.inbox.0", "GM"),
    ("_INBOX_gateway.stolen", ""),
    ("$SYS.REQ.SERVER.PING", ""),
];

/// The same of listening.
const MAY_SUBSCRIBE: &[(&str, &str)] = &[
    ("_INBOX_forwarder.a.*", "F"),
    ("_INBOX_distributor.a.*", "D"),
    ("_INBOX_inbox.a.*", "I"),
    ("_INBOX_gateway.a.*", "G"),
    ("_INBOX_manager.a.*", "M"),
    ("_INBOX.>", ""),
    (">", ""),
    ("catena.r.inbox.0", "I"),
    ("catena.s.posts.0", "M"),
    ("catena.s.quarantine.>", "M"),
    ("$KV.catena-map.>", ""),
    ("$JS.API.>", ""),
    ("$SYS.>", ""),
];

/// A connection that asks after every word whether the server minds.
struct Plain(BufStream<TcpStream>);

impl Plain {
    async fn sign_in(server: &Server, tier: &str) -> Self {
        let mut plain = Self(BufStream::new(TcpStream::connect(server.address()).await.unwrap()));
        let greeting = plain.line().await;
        assert!(greeting.starts_with("INFO "), "{greeting}");
        let password = tiers::password(tier);
        let connect =
            serde_json::json!({ "user": tier, "pass": password, "verbose": false, "pedantic": false });
        assert!(plain.allowed(&format!("CONNECT {connect}")).await, "{tier} was not let in");
        plain
    }

    /// Whether the server takes this; it answers in order.
    async fn allowed(&mut self, said: &str) -> bool {
        self.0.write_all(format!("{said}\r\nPING\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let mut allowed = true;
        loop {
            let line = self.line().await;
            match line.split_whitespace().next() {
                Some("PONG") => return allowed,
                Some("-ERR") => {
                    assert!(line.contains("Permissions Violation"), "{said}: {line}");
                    allowed = false;
                }
                _ => {}
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read =
            timeout(SOON, self.0.read_line(&mut line)).await.expect("the server says nothing").unwrap();
        assert!(read > 0, "the server closed the connection");
        line
    }
}

#[tokio::test]
async fn each_tier_may_do_its_work_and_nothing_else() {
    if no_server("each_tier_may_do_its_work_and_nothing_else") {
        return;
    }
    assert!(MAY_PUBLISH.len() >= 40);
    let server = server().await;
    assert!(options().connect(server.url()).await.is_err(), "somebody without a name got in");
    let mut wrong = Vec::new();
    for tier in ["forwarder", "distributor", "inbox", "gateway", "manager"] {
        let letter = tier[..1].to_uppercase();
        let mut plain = Plain::sign_in(&server, tier).await;
        for (subject, who) in MAY_PUBLISH {
            if plain.allowed(&format!("PUB {subject} 0\r\n")).await != who.contains(&letter) {
                wrong.push(format!("{tier} publishes to {subject}"));
            }
        }
        for (number, (subject, who)) in MAY_SUBSCRIBE.iter().enumerate() {
            if plain.allowed(&format!("SUB {subject} {number}")).await != who.contains(&letter) {
                wrong.push(format!("{tier} subscribes to {subject}"));
            }
        }
    }
    assert!(wrong.is_empty(), "otherwise than meant: {wrong:#?}");
}

#[tokio::test]
async fn the_gateway_asks_and_only_the_inbox_answers() {
    if no_server("the_gateway_asks_and_only_the_inbox_answers") {
        return;
    }
    let server = server().await;
    let (gateway, inbox) = (client(&server, "gateway").await, client(&server, "inbox").await);
    let mut asked = inbox.subscribe("catena.r.inbox.0").await.unwrap();
    // Refused: or anybody could answer in its place, or listen to what others are told.
    let mut refused = Vec::new();
    for subject in ["catena.r.inbox.0", "_INBOX_inbox.>", "_INBOX.>"] {
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
        gateway.request("catena.r.inbox.0", "question".into()).await.ok()
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
    std::fs::write(copy.path().join("nats-accounts.conf"), tiers::accounts(2, 1, &["audit"]).unwrap())
        .unwrap();
    let mut check = Command::new(nats);
    check.arg("-t").arg("-c").arg(copy.path().join("nats-node.conf")).envs(tiers::environment());
    let ran = check.env("NATS_NODE", "nats-1").env("NATS_ROUTE_PASSWORD", "change-me").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
