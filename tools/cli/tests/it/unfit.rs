//! Worlds that will not do: what `catena` says of each before it gives up, and what a running node says of a bad shard map.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use testkit::{
    bundles,
    fleet::{Fleet, Plan},
    nats::{Authorization, Server, Setup, Store, User, server_path, skip, tiers, tls::Authority},
    process::NodeProcess,
    wait,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpListener,
    process::Command,
    task::JoinSet,
    time::timeout,
};

use crate::support::{CATENA, alone, catena, command, install};

const SOON: Duration = Duration::from_secs(60);
const EVERYTHING: &str = "forwarder,distributor,inbox,gateway";
/// The server knows this nkey, and whoever has this seed is another.
const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const OTHER_SEED: &str = "SUAOWGW3KESLKEEIMF5QWIJLCNUBABEIFF4YFKDF65JJ3MXLJQSGVEK5F4";

/// Refusals, one after the other, with what differs from run to run taken out.
struct Gallery {
    folder: tempfile::TempDir,
    shown: String,
}

impl Gallery {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), shown: String::new() }
    }

    /// A file with this text, and its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// `catena up` as a gateway, told this beside.
    async fn up(&mut self, what: &str, url: &str, settings: &[(&str, &str)]) {
        let data = self.folder.path().join("data").display().to_string();
        let up =
            ["up", "--role", "gateway", "--name", "g1", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        self.show(what, &[&up[..], &["--data", &data, "--nats", url]].concat(), settings).await;
    }

    /// A call that has to end with exit code 1 and say why.
    async fn show(&mut self, what: &str, arguments: &[&str], settings: &[(&str, &str)]) {
        let mut called = Command::from(command());
        called.args(arguments).envs(settings.iter().copied()).env("CATENA_LOG_FILTER", "off");
        called.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let ended = timeout(SOON, called.spawn().unwrap().wait_with_output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{what}: it neither refuses nor ends")).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(1), &[][..]), "{what}: {ended:?}");
        let said = String::from_utf8(ended.stderr).unwrap();
        let said = said.replace(&self.folder.path().display().to_string(), "<folder>");
        self.shown.push_str(&format!("{what}\n  {}\n", without_ports(&said).trim_end()));
    }
}

/// Loopback ports differ from run to run.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "<server>" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn no_server(test: &str) -> bool {
    let none = server_path().is_none();
    if none {
        skip(test);
    }
    none
}

async fn started(setup: Setup) -> Server {
    Server::start(setup).await.unwrap()
}

/// Something that says it is a server of 2.9, as Debian has it.
async fn of_old() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            talks.spawn(async move {
                let mut stream = BufStream::new(stream);
                let info = r#"INFO {"server_id":"N","server_name":"old","version":"2.9.10","go":"","host":"","port":1,"headers":true,"max_payload":1048576,"proto":1,"jetstream":true}"#;
                stream.write_all(format!("{info}\r\n").as_bytes()).await?;
                stream.flush().await?;
                let mut line = String::new();
                while stream.read_line(&mut line).await? > 0 {
                    if line.starts_with("PING") {
                        stream.write_all(b"PONG\r\n").await?;
                        stream.flush().await?;
                    }
                    line.clear();
                }
                std::io::Result::Ok(())
            });
        }
    });
    (address, tasks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_will_not_do_are_named_with_what_to_change() {
    if no_server("servers_that_will_not_do_are_named_with_what_to_change") {
        return;
    }
    let mut gallery = Gallery::new();
    gallery.up("nobody is there", "nats://127.0.0.1:1", &[]).await;
    let (old, _talking) = of_old().await;
    gallery.up("a server of Debian", &format!("nats://{old}"), &[]).await;
    let small = started(Setup { max_payload: 1 << 20, ..Setup::default() }).await;
    gallery.up("small messages only", &small.url(), &[]).await;
    let plain = started(Setup::with_store(Store::None)).await;
    gallery.up("without JetStream", &plain.url(), &[]).await;
    let memory = started(Setup::with_store(Store::MemoryOnly)).await;
    gallery.up("JetStream in memory only", &memory.url(), &[]).await;
    for (what, limits) in [
        ("an account that may keep little", "max_file: 1048576"),
        ("an account that may have few streams", "max_streams: 2"),
        ("an account without JetStream", ""),
    ] {
        let jetstream = if limits.is_empty() { String::new() } else { format!("jetstream {{ {limits} }},") };
        let users = "users: [{ user: a, password: b }]";
        let accounts = format!("accounts {{ A: {{ {jetstream} {users} }} }}\n");
        let server = started(Setup::with_authorization(Authorization::Included(accounts))).await;
        let password = gallery.file("password", "b\n");
        // One partition, so that it is always the same stream that cannot be made.
        let settings = [
            ("CATENA_NATS_USER", "a"),
            ("CATENA_NATS_PASSWORD_FILE", password.as_str()),
            ("CATENA_POSTS_PARTITIONS", "1"),
        ];
        gallery.up(what, &server.url(), &settings).await;
    }
    let alone = started(Setup::default()).await;
    gallery.up("copies that nobody can keep", &alone.url(), &[("CATENA_NATS_REPLICAS", "3")]).await;
    insta::assert_snapshot!(gallery.shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_and_certificates_that_will_not_do_are_named() {
    if no_server("credentials_and_certificates_that_will_not_do_are_named") {
        return;
    }
    let mut gallery = Gallery::new();
    let named = started(Setup::with_authorization(Authorization::Users(vec![
        User::named("me", "secret"),
        User::nkey(NKEY),
    ])))
    .await;
    let wrong = gallery.file("wrong", "wrong\n");
    gallery.up("no credentials", &named.url(), &[]).await;
    let user = [("CATENA_NATS_USER", "me"), ("CATENA_NATS_PASSWORD_FILE", wrong.as_str())];
    gallery.up("a wrong password", &named.url(), &user).await;
    let user = [("CATENA_NATS_USER", "me"), ("CATENA_NATS_PASSWORD_FILE", "no-such-file")];
    gallery.up("no file of the password", &named.url(), &user).await;
    let seed = gallery.file("seed", OTHER_SEED);
    gallery.up("another's nkey", &named.url(), &[("CATENA_NATS_NKEY_FILE", &seed)]).await;
    gallery.up("no nkey at all", &named.url(), &[("CATENA_NATS_NKEY_FILE", &wrong)]).await;
    gallery.up("no file of the nkey", &named.url(), &[("CATENA_NATS_NKEY_FILE", "no-such-file")]).await;
    gallery.up("no credentials in the file", &named.url(), &[("CATENA_NATS_CREDENTIALS_FILE", &wrong)]).await;
    let missing = [("CATENA_NATS_CREDENTIALS_FILE", "no-such-file")];
    gallery.up("no file of credentials", &named.url(), &missing).await;
    let token = started(Setup::with_authorization(Authorization::Token("right".to_owned()))).await;
    gallery.up("a wrong token", &token.url(), &[("CATENA_NATS_TOKEN_FILE", &wrong)]).await;

    let tiers = started(tiers::setup(4, 1, &[]).unwrap()).await;
    let password = gallery.file("gateway", &tiers::password("gateway"));
    let user = [("CATENA_NATS_USER", "gateway"), ("CATENA_NATS_PASSWORD_FILE", password.as_str())];
    gallery.up("a user who may not make what is missing", &tiers.url(), &user).await;

    let setup = Setup { tls: Some(Authority::new().unwrap()), ..Setup::default() };
    let encrypted = started(setup).await;
    let stranger = gallery.file("stranger.pem", &Authority::new().unwrap().certificate);
    gallery
        .up("a certificate of somebody else", &encrypted.url(), &[("CATENA_NATS_TLS_CA_FILE", &stranger)])
        .await;
    gallery.up("a certificate nobody vouches for", &encrypted.url(), &[]).await;
    gallery.up("no certificate in the file", &encrypted.url(), &[("CATENA_NATS_TLS_CA_FILE", &wrong)]).await;
    gallery
        .up("no file of certificates", &encrypted.url(), &[("CATENA_NATS_TLS_CA_FILE", "no-such-file")])
        .await;
    gallery
        .up("a server that does not encrypt", &token.url(), &[("CATENA_NATS_TLS_CA_FILE", &stranger)])
        .await;
    insta::assert_snapshot!(gallery.shown);
}

/// The key-value bucket of the shard map, as anybody sees it.
async fn map_of(server: &Server) -> async_nats::jetstream::kv::Store {
    let client = async_nats::connect(server.url()).await.unwrap();
    async_nats::jetstream::new(client).get_key_value("catena-map").await.unwrap()
}

/// Shard maps by hand.
const MAPS: &[(&str, &str)] = &[
    (
        "users before the first range",
        r#"{"version":2,"shards":2,"ranges":[{"first_user":"5","shard":0}],"end":null}"#,
    ),
    (
        "ranges that overlap",
        r#"{"version":2,"shards":2,"ranges":[{"first_user":"0","shard":0},{"first_user":"100","shard":1},{"first_user":"50","shard":0}],"end":null}"#,
    ),
    (
        "a shard that does not exist",
        r#"{"version":2,"shards":2,"ranges":[{"first_user":"0","shard":0},{"first_user":"100","shard":7}],"end":null}"#,
    ),
    (
        "an end before the last range",
        r#"{"version":2,"shards":2,"ranges":[{"first_user":"0","shard":0},{"first_user":"100","shard":1}],"end":"50"}"#,
    ),
    ("no version", r#"{"version":0,"shards":2,"ranges":[{"first_user":"0","shard":0}],"end":null}"#),
    (
        "a map of a later release",
        r#"{"version":2,"shards":2,"ranges":[{"first_user":"0","shard":0}],"end":null,"weights":[1,2]}"#,
    ),
    ("no JSON", "{ shards"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployments_that_are_otherwise_are_named_and_a_second_of_one_name() {
    let _alone = alone().await;
    if no_server("deployments_that_are_otherwise_are_named_and_a_second_of_one_name") {
        return;
    }
    let mut gallery = Gallery::new();
    let server = started(Setup::default()).await;
    let url = server.url();
    let ours = [
        ("CATENA_POSTS_PARTITIONS", "2"),
        ("CATENA_INBOX_SHARDS", "[{ first_user = 0 }, { first_user = 100 }]"),
    ];
    let made = command().args(["fleet", "init", "--nats", &url]).envs(ours).output();
    assert!(made.unwrap().status.success());

    gallery.up("other partitions", &url, &[("CATENA_POSTS_PARTITIONS", "4"), ours[1]]).await;
    gallery
        .up(
            "other ranges",
            &url,
            &[ours[0], ("CATENA_INBOX_SHARDS", "[{ first_user = 0 }, { first_user = 9 }]")],
        )
        .await;
    gallery
        .up(
            "other shards",
            &url,
            &[
                ours[0],
                ("CATENA_INBOX_SHARDS", "[{ first_user = 0 }, { first_user = 100 }, { first_user = 200 }]"),
            ],
        )
        .await;
    let theirs = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    let foreign = async_nats::jetstream::stream::Config {
        name: "other-posts-0".to_owned(),
        subjects: vec!["other.s.posts.0".to_owned()],
        ..Default::default()
    };
    theirs.create_stream(foreign).await.unwrap();
    gallery.up("a stream of somebody else", &url, &[("CATENA_NATS_PREFIX", "other")]).await;
    let squatter = async_nats::jetstream::stream::Config {
        name: "squatter".to_owned(),
        // One of them: which of several is met first is chance.
        subjects: vec!["third.s.posts.1".to_owned()],
        ..Default::default()
    };
    theirs.create_stream(squatter).await.unwrap();
    gallery.up("a stream that takes our subjects", &url, &[("CATENA_NATS_PREFIX", "third")]).await;

    let map = map_of(&server).await;
    let good = map.get("shards").await.unwrap().unwrap();
    for (what, text) in MAPS {
        map.put("shards", (*text).into()).await.unwrap();
        gallery.up(what, &url, &ours).await;
    }
    gallery.show("looking at a map that is none", &["fleet", "show", "--nats", &url], &ours).await;
    map.put("shards", good).await.unwrap();
    gallery
        .show("a shard beyond the last", &["fleet", "extend", "--shard", "9", "--nats", &url], &ours)
        .await;

    let first = fleet(gallery.folder.path(), &server, EVERYTHING).await;
    let second =
        ["up", "--role", "inbox", "--name", "one", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let data = gallery.folder.path().join("second").display().to_string();
    let second = [&second[..], &["--data", &data, "--nats", &url]].concat();
    gallery.show("a second of one name", &second, &ours).await;
    first.shutdown().await.unwrap();
    insta::assert_snapshot!(gallery.shown);
}

/// One process called `one`, on the project's own chain.
async fn fleet(folder: &Path, server: &Server, roles: &str) -> Fleet {
    bundles::copy(&bundles::samples().unwrap(), &folder.join("bundles")).unwrap();
    install(&bundles::root().join("chains/feed.toml"), &folder.join("chains"));
    let plan = Plan {
        catena: CATENA.into(),
        folder: folder.to_owned(),
        nats: server.url(),
        partitions: 2,
        first_users: vec![0, 100],
        environment: vec![("CATENA_NATS_LEASE_MS".to_owned(), "1500".to_owned())],
    };
    Fleet::start(plan, &[("one", roles)]).await.unwrap()
}

/// Waits until the process has logged `times` lines with these words; answers the last one.
async fn logged(node: &NodeProcess, words: &str, times: usize) -> String {
    wait::until(&format!("`{words}` in the log"), SOON, async || {
        let log = std::fs::read_to_string(node.setup().log()).ok()?;
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(words)).collect();
        lines.get(times - 1).map(|line| (*line).to_owned())
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_shard_map_that_arrives_is_named_and_the_old_one_stays() {
    let _alone = alone().await;
    if no_server("a_bad_shard_map_that_arrives_is_named_and_the_old_one_stays") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = started(Setup::default()).await;
    let fleet = fleet(folder.path(), &server, EVERYTHING).await;
    let (node, client) = (fleet.node("one").unwrap(), fleet.client().unwrap());
    client.follow(107, 42).await.unwrap();
    let map = map_of(&server).await;
    let good = map.get("shards").await.unwrap().unwrap();
    for (number, (what, text)) in (1..).zip(MAPS) {
        map.put("shards", (*text).into()).await.unwrap();
        let line = logged(node, "a new shard map is not used; the old one stays", number).await;
        assert!(line.contains("ERROR"), "{what}: {line}");
    }
    let moved = r#"{"version":9,"shards":2,"ranges":[{"first_user":"0","shard":1}],"end":null}"#;
    map.put("shards", moved.into()).await.unwrap();
    let line = logged(node, "a new shard map is not used; the old one stays", MAPS.len() + 1).await;
    assert!(line.contains("user 0"), "{line}");
    map.delete("shards").await.unwrap();
    logged(node, "the shard map was removed; the old one stays", 1).await;

    let sent = catena([
        "send",
        "--actor",
        "42",
        "--text",
        "still here",
        "--to",
        &format!("http://{}", node.addresses().http),
    ]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    wait::until("the post arrives by the old map", SOON, async || {
        (client.whole_feed(107).await.ok()?.len() == 1).then_some(())
    })
    .await
    .unwrap();
    // What every node has in its log is put back as it stands there.
    let line = logged(node, "this is the shard map", 1).await;
    assert!(line.contains(std::str::from_utf8(&good).unwrap()), "{line}");
    map.put("shards", good).await.unwrap();
    let shown = catena(["fleet", "show", "--nats", &server.url()]);
    assert!(shown.stdout.contains("shard 1: users 100 to"), "{shown:?}");
    fleet.shutdown().await.unwrap();
}
