//! What `docs/tiers.md` says of the `nats` command: done with the command itself where it is at hand (`NATS_CLI`, or on the
//! path), and by a client that knows nothing of Catena where it is not.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use futures::StreamExt as _;
use testkit::{
    client::Client,
    nats::{Server, tiers},
    wait,
};
use tokio::{process::Command, time::timeout};

use crate::{
    permissions::{Deployed, arrives},
    support::alone,
};

const SOON: Duration = Duration::from_secs(30);
const INBOX: &str = "_INBOX_manager";

/// Somebody who is no part of the deployment, signed in as the manager.
enum Hand {
    Command { nats: PathBuf, url: String },
    Client(async_nats::Client),
}

/// Who waits for one message.
enum Tail {
    Command(tokio::process::Child),
    Client(async_nats::Subscriber),
}

impl Hand {
    async fn over(server: &Server) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let given = std::env::var_os("NATS_CLI").map(PathBuf::from);
        let found = given.or_else(|| {
            std::env::split_paths(&path).map(|folder| folder.join("nats")).find(|file| file.is_file())
        });
        if let Some(nats) = found {
            return Self::Command { nats, url: server.url() };
        }
        let options = async_nats::ConnectOptions::new()
            .user_and_password("manager".to_owned(), tiers::password("manager"))
            .custom_inbox_prefix(INBOX);
        Self::Client(options.connect(server.url()).await.unwrap())
    }

    /// Puts a message into a stream, and waits until it is stored.
    async fn inject(&self, subject: &str, headers: &[(&str, &str)], body: &str) {
        match self {
            Self::Command { nats, url } => {
                let mut command = signed_in(nats, url);
                command.args(["pub", "--jetstream", subject, body]);
                command.args(
                    headers.iter().flat_map(|(name, value)| ["-H".to_owned(), format!("{name}:{value}")]),
                );
                let ran = timeout(SOON, command.output()).await.expect("`nats pub` does not end").unwrap();
                assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            }
            Self::Client(client) => {
                let headers: async_nats::HeaderMap = headers
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect();
                let jetstream = async_nats::jetstream::new(client.clone());
                let sent =
                    jetstream.publish_with_headers(subject.to_owned(), headers, body.to_owned().into());
                sent.await.unwrap().await.unwrap();
            }
        }
    }

    /// Listens to subjects until one message has come. Returns once the server knows.
    async fn tail(&self, server: &Server, subjects: &str) -> Tail {
        let tail = match self {
            Self::Command { nats, url } => {
                let mut command = signed_in(nats, url);
                command.args(["sub", subjects, "--count", "1"]).stdout(Stdio::piped());
                Tail::Command(command.spawn().unwrap())
            }
            Self::Client(client) => Tail::Client(client.subscribe(subjects.to_owned()).await.unwrap()),
        };
        wait::until("the server knows who tails", SOON, async || {
            let connections = server.monitoring("/connz?subs=1").await.ok()?;
            connections.to_string().contains(&format!("{subjects:?}")).then_some(())
        })
        .await
        .unwrap();
        tail
    }
}

impl Tail {
    /// The message that came, as the command shows it: a line per header, and the body.
    async fn message(self) -> String {
        match self {
            Self::Command(child) => {
                let ran =
                    timeout(SOON, child.wait_with_output()).await.expect("`nats sub` saw nothing").unwrap();
                String::from_utf8(ran.stdout).unwrap()
            }
            Self::Client(mut messages) => {
                let message = timeout(SOON, messages.next()).await.expect("nothing was seen").unwrap();
                let headers = message.headers.unwrap_or_default();
                let pairs =
                    headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
                let lines: String = pairs.map(|(name, value)| format!("{name}: {value}\n")).collect();
                lines + &String::from_utf8_lossy(&message.payload)
            }
        }
    }
}

fn signed_in(nats: &Path, url: &str) -> Command {
    let mut command = Command::new(nats);
    // Nobody's own context counts, only what stands here.
    command.env_remove("NATS_CONTEXT").args(["--no-context", "--server", url, "--user", "manager"]);
    command.args(["--password", &tiers::password("manager"), "--inbox-prefix", INBOX]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The partition of `posts` that something is in.
async fn used_partition(client: &Client) -> usize {
    wait::until("something is in `posts`", SOON, async || {
        for partition in 0..2 {
            let path = format!("/v1/streams/posts/{partition}/messages?from=1&limit=1");
            let page = client.manage(&path).await.ok()?;
            if page["items"].as_array().is_some_and(|items| !items.is_empty()) {
                return Some(partition);
            }
        }
        None
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_put_in_by_hand_goes_the_way_of_all_and_outputs_can_be_tailed() {
    let _alone = alone().await;
    let test = "a_message_put_in_by_hand_goes_the_way_of_all_and_outputs_can_be_tailed";
    let Some(deployed) = Deployed::start(test).await else { return };
    let client = deployed.fleet.client().unwrap();
    deployed.follow(&client).await;
    let hand = Hand::over(&deployed.server).await;
    let posts = format!("catena.s.posts.{}", used_partition(&client).await);
    let envelope = |id| [("Nats-Msg-Id", id), ("Catena-Kind", "note"), ("Catena-Key", "42")];

    let by_hand = r#"{"actor":"42","verb":"note","text":"by hand"}"#;
    // Twice: the second is known by its id.
    for _ in 0..2 {
        hand.inject(&posts, &envelope("42-00000000000000aa"), by_hand).await;
    }
    arrives(&client, "42-00000000000000aa").await;
    assert_eq!(client.whole_feed(7).await.unwrap().len(), 1);

    let tail = hand.tail(&deployed.server, "catena.s.quarantine.>").await;
    let spam = "BUY NOW http://a.example http://b.example http://c.example click here";
    let spam = format!(r#"{{"actor":"42","verb":"note","text":"{spam}"}}"#);
    hand.inject(&posts, &envelope("42-00000000000000bb"), &spam).await;
    let seen = tail.message().await;
    for part in
        ["Catena-Kind: note", "Catena-Key: 42", "Catena-H-catena-generation: 1", "BUY NOW", "spam-score"]
    {
        assert!(seen.contains(part), "`{part}` is not in {seen}");
    }

    // What is no post says so.
    let other = r#"{"actor":"42","verb":"note","text":"under no post's id"}"#;
    hand.inject(&posts, &envelope("hello"), other).await;
    wait::until("a dead letter names what is wrong", SOON, async || {
        let letters = client.stream("dead-letters").await.ok()?;
        letters.iter().any(|letter| letter.to_string().contains("`hello` is not a post id")).then_some(())
    })
    .await
    .unwrap();
    deployed.shut_down().await;
}
