//! One server.

use std::time::Duration;

use async_nats::jetstream;
use futures::StreamExt as _;
use testkit::nats::{Authorization, Server, Setup, Store, Sync, User, tls::Authority};
use tokio::time::timeout;

use crate::support::{connect, count, jetstream, no_server, options, publish, stream};

const SOON: Duration = Duration::from_secs(10);

/// The pair of the NATS documentation; a secret of nobody's.
const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const NKEY_SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

#[tokio::test]
async fn a_killed_server_comes_back_with_its_stream_on_the_same_port() {
    if no_server("a_killed_server_comes_back_with_its_stream_on_the_same_port") {
        return;
    }
    let mut server = Server::start(Setup::default()).await.unwrap();
    let client = jetstream(server.url()).await;
    client.create_stream(stream("kept", 1)).await.unwrap();
    publish(&client, "kept.a", "one").await;
    let url = server.url();

    assert!(!server.kill().await.unwrap().success());
    assert!(!server.is_running());
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    let client = jetstream(url.as_str()).await;
    assert_eq!(count(&client, "kept").await, 1);
    publish(&client, "kept.a", "two").await;

    server.stop().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(count(&jetstream(url.as_str()).await, "kept").await, 2);
}

#[tokio::test]
async fn it_says_its_version_and_how_it_syncs() {
    if no_server("it_says_its_version_and_how_it_syncs") {
        return;
    }
    let mut server = Server::start(Setup::default()).await.unwrap();
    assert!(server.version().await.unwrap().starts_with("2."));
    let always = async |server: &Server| {
        let varz = server.monitoring("/varz").await.unwrap();
        assert_eq!(varz["max_payload"], 2_000_000);
        varz["jetstream"]["config"]["sync_always"] == true
    };
    assert!(always(&server).await);
    server.setup.sync = Sync::Relaxed;
    server.restart().await.unwrap();
    assert!(!always(&server).await);
}

#[tokio::test]
async fn a_paused_server_answers_once_it_is_resumed() {
    if no_server("a_paused_server_answers_once_it_is_resumed") {
        return;
    }
    let server = Server::start(Setup::default()).await.unwrap();
    let client = connect(server.url()).await;
    client.flush().await.unwrap();
    server.pause().await.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", "b".into()).await.unwrap();
    let next = subscriber.next();
    tokio::pin!(next);
    assert!(timeout(Duration::from_millis(300), &mut next).await.is_err());
    server.resume().unwrap();
    let message = timeout(SOON, next).await.unwrap().unwrap();
    assert_eq!(message.payload, "b");
}

#[tokio::test]
async fn nothing_of_a_dropped_server_is_left() {
    if no_server("nothing_of_a_dropped_server_is_left") {
        return;
    }
    let server = Server::start(Setup::default()).await.unwrap();
    let (address, folder) = (server.address(), server.folder().to_owned());
    drop(server);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(!folder.exists());
}

#[tokio::test]
async fn stores_that_catena_cannot_use_can_be_had() {
    if no_server("stores_that_catena_cannot_use_can_be_had") {
        return;
    }
    let mut server = Server::start(Setup::with_store(Store::None)).await.unwrap();
    assert!(jetstream(server.url()).await.create_stream(stream("s", 1)).await.is_err());

    server.setup.store = Store::MemoryOnly;
    server.restart().await.unwrap();
    let client = jetstream(server.url()).await;
    assert!(client.create_stream(stream("s", 1)).await.is_err());
    let memory =
        jetstream::stream::Config { storage: jetstream::stream::StorageType::Memory, ..stream("s", 1) };
    client.create_stream(memory).await.unwrap();

    server.setup.store = Store::FileAtMost(1_000_000);
    server.restart().await.unwrap();
    let client = jetstream(server.url()).await;
    let large = jetstream::stream::Config { max_bytes: 2_000_000, ..stream("t", 1) };
    assert!(client.create_stream(large).await.is_err());
}

#[tokio::test]
async fn it_lets_in_who_may_and_they_do_what_they_may() {
    if no_server("it_lets_in_who_may_and_they_do_what_they_may") {
        return;
    }
    let users = vec![User::named("a", "secret").may(&["in"], &["out"]), User::nkey(NKEY)];
    let mut server = Server::start(Setup::with_authorization(Authorization::Users(users))).await.unwrap();
    let url = server.url();
    assert!(options().connect(&url).await.is_err());
    let a = options().user_and_password("a".into(), "secret".into()).connect(&url).await.unwrap();
    let other = options().nkey(NKEY_SEED.into()).connect(&url).await.unwrap();
    let mut seen = other.subscribe(">").await.unwrap();
    // Until the server knows who listens, it passes nothing on.
    let first = async {
        loop {
            a.publish("forbidden", "".into()).await.unwrap();
            a.publish("in", "".into()).await.unwrap();
            if let Ok(Some(message)) = timeout(Duration::from_millis(100), seen.next()).await {
                return message;
            }
        }
    };
    assert_eq!(timeout(SOON, first).await.unwrap().subject.as_str(), "in");

    for (authorization, token) in [
        (Authorization::Token("t".into()), "t"),
        (Authorization::Included("authorization { token: $TOKEN }\n".into()), "from-environment"),
    ] {
        server.setup.authorization = authorization;
        server.setup.environment = vec![("TOKEN".into(), "from-environment".into())];
        server.restart().await.unwrap();
        assert!(options().connect(&url).await.is_err());
        options().token(token.into()).connect(&url).await.unwrap();
    }
}

#[tokio::test]
async fn with_tls_only_who_trusts_the_authority_gets_in() {
    if no_server("with_tls_only_who_trusts_the_authority_gets_in") {
        return;
    }
    let setup = Setup { tls: Some(Authority::new().unwrap()), ..Setup::default() };
    let server = Server::start(setup).await.unwrap();
    assert!(options().connect(server.url()).await.is_err());
    let trusting = options().add_root_certificates(server.authority()).require_tls(true);
    trusting.connect(server.url()).await.unwrap().flush().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    if no_server("a_server_that_cannot_start_says_why") {
        return;
    }
    let setup = Setup { further: "no_such_setting: 1\n".into(), ..Setup::default() };
    let error = Server::start(setup).await.err().unwrap();
    assert!(format!("{error:#}").contains("no_such_setting"), "{error:#}");
}
