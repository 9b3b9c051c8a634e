//! What is found out at the start, and what others put into the streams.

use bus::{Bus, Error, StreamSpec};
use fleet::{Connection, Durability, JetStream, Keys, Members, Options};
use model::{Headers, Message, Name};

use crate::{run, subject::options, support};
use testkit::nats::{Authorization, Server, Setup, Store};

async fn refusal(options: Options) -> String {
    let error = Connection::open(options).await.err().unwrap();
    assert!(matches!(error, Error::Unfit { .. }) && !error.retryable(), "{error:?}");
    error.to_string()
}

#[test]
fn servers_that_will_not_do_are_refused_with_what_to_change() {
    run(async {
        let nobody = options(vec!["nats://127.0.0.1:1".to_owned()]);
        assert!(refusal(nobody).await.contains("start a server there, or correct the address"));
        let secret = refusal(options(vec!["nats://me:secret@127.0.0.1:1".to_owned()])).await;
        assert!(secret.contains("at nats://127.0.0.1:1:") && !secret.contains("secret"), "{secret}");
        let small = Server::start(Setup { max_payload: 1 << 20, ..Setup::default() }).await.unwrap();
        assert!(refusal(options(vec![small.url()])).await.contains("set `max_payload: 2MB`"));
        let plain = Server::start(Setup::with_store(Store::None)).await.unwrap();
        assert!(
            refusal(options(vec![plain.url()]))
                .await
                .contains("set `jetstream` in the server's configuration")
        );
        let token = Authorization::Token("secret".to_owned());
        let guarded = Server::start(Setup::with_authorization(token)).await.unwrap();
        assert!(refusal(options(vec![guarded.url()])).await.contains("give this node credentials"));
        let alone = Options { replicas: Some(3), ..options(support::alone()) };
        assert!(refusal(alone).await.contains("ask for 1, or make it a cluster"));
        let node = Options { name: "a.b".to_owned(), ..options(support::alone()) };
        assert!(refusal(node).await.contains("is no name for a node"));
        let named = Options { prefix: "a.b".to_owned(), ..options(support::alone()) };
        assert!(refusal(named).await.contains("cannot begin names"));
    });
}

#[test]
fn a_server_that_syncs_is_durable_and_any_other_relaxed() {
    run(async {
        for (sync, told, word) in
            [(true, true, "durable"), (false, true, "relaxed (the server"), (true, false, "relaxed (unknown")]
        {
            let server = Server::start(if sync { Setup::default() } else { Setup::relaxed() }).await.unwrap();
            let monitoring = if told { vec![server.monitor_url()] } else { Vec::new() };
            let connection =
                Connection::open(Options { monitoring, ..options(vec![server.url()]) }).await.unwrap();
            assert!(connection.durability().to_string().starts_with(word), "{}", connection.durability());
            assert_eq!(*connection.durability() == Durability::Durable, sync && told);
        }
    });
}

#[test]
fn a_stream_made_otherwise_is_refused_with_what_differs() {
    run(async {
        let options = options(support::alone());
        let client = async_nats::connect(options.urls[0].as_str()).await.unwrap();
        let theirs = async_nats::jetstream::stream::Config {
            name: format!("{}-letters-0", options.prefix),
            subjects: vec![format!("{}.s.letters.0", options.prefix)],
            allow_direct: true,
            ..Default::default()
        };
        async_nats::jetstream::new(client).create_stream(theirs).await.unwrap();
        let bus = JetStream::open(&Connection::open(options).await.unwrap()).await.unwrap();
        let refused = bus.provision(&StreamSpec::new(Name::new("letters").unwrap(), 1)).await.unwrap_err();
        assert!(matches!(refused, Error::Unfit { .. }), "{refused:?}");
        let _ = bus.streams().await.unwrap_err();
        bus.close().await;
    });
}

#[test]
fn any_message_survives_and_one_put_in_by_hand_reads_sensibly() {
    run(async {
        let options = options(support::alone());
        let bus = JetStream::open(&Connection::open(options.clone()).await.unwrap()).await.unwrap();
        bus.provision(&StreamSpec::new(Name::new("letters").unwrap(), 1)).await.unwrap();
        let pairs =
            [("b", " blank "), ("a", "line\r\nbreak: %0D"), ("b", ""), ("ü: x", "Grüße\u{a0}"), ("", "%")];
        let tricky = Message {
            id: " 1\n%31".to_owned(),
            kind: String::new(),
            key: "\tKey:ß".to_owned(),
            headers: Headers(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            body: vec![0, 255, b'\r', b'\n'].into(),
        };
        let many = Headers((0..2000).map(|n| (format!("name-{n}"), "x".repeat(40))).collect());
        let large = Message { id: "2".to_owned(), headers: many, ..tricky.clone() };
        bus.publish("letters", 0, vec![tricky.clone(), large.clone()]).await.unwrap();
        let again = bus.publish("letters", 0, vec![tricky.clone()]).await.unwrap();
        assert!(again[0].duplicate);
        let client = async_nats::connect(options.urls[0].as_str()).await.unwrap();
        client.publish(format!("{}.s.letters.0", options.prefix), "{}".into()).await.unwrap();
        client.flush().await.unwrap();
        let by_hand = Message { kind: "note".to_owned(), body: "{}".into(), ..Message::default() };
        let mut subscription = bus.subscribe("letters", 0, "group", 10).await.unwrap();
        // Whole: what is dropped unsettled comes again.
        let mut deliveries = Vec::new();
        while deliveries.len() < 3 {
            deliveries.extend(subscription.fetch(3).await.unwrap());
        }
        let read = bus.read("letters", 0, 1, 9).await.unwrap();
        let delivered = deliveries.iter().map(|delivery| &delivery.stored);
        for ((delivered, read), sent) in delivered.zip(&read).zip([tricky, large, by_hand]) {
            assert!(delivered.message == sent, "{:?} was delivered", delivered.message.id);
            assert!(read == delivered, "{:?} was read", read.message.id);
        }
        let huge = Message { body: vec![0; 2 << 20].into(), ..Message::default() };
        assert!(matches!(bus.publish("letters", 0, vec![huge]).await, Err(Error::TooLarge { .. })));
        bus.close().await;
    });
}

#[test]
fn members_see_each_other_over_servers() {
    run(async {
        let options = options(support::alone());
        let ttl = std::time::Duration::from_secs(2);
        let join = async |name: &'static str| {
            let connection = Connection::open(options.clone()).await.unwrap();
            let keys = std::sync::Arc::new(Keys::open(&connection, "members").await.unwrap());
            Members::join(keys, "inbox", name, "here", ttl).await
        };
        let a = join("a").await.unwrap();
        let b = join("b").await.unwrap();
        let mut live = a.live();
        live.wait_for(|live| live.len() == 2).await.unwrap();
        assert!(join("a").await.err().unwrap().to_string().contains("another inbox node is alive"));
        b.leave().await;
        live.wait_for(|live| live.len() == 1).await.unwrap();
        a.leave().await;
    });
}
