use std::path::Path;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Error, config};

/// A node's three folders, with nothing in them.
fn folders() -> (TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let [data, chains, bundles] = ["data", "chains", "bundles"].map(|name| folder.path().join(name));
    std::fs::create_dir(&chains).unwrap();
    std::fs::create_dir(&bundles).unwrap();
    let free = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        data,
        chains,
        bundles,
        http: config::Http { address: free, ..config::Http::default() },
        admin: config::Admin { address: free, ..config::Admin::default() },
        inbox: config::Inbox {
            shards: [0, 100].map(|first_user| config::Shard { first_user }).into(),
            ..config::Inbox::default()
        },
        log: config::Log { filter: "warn".to_owned(), ..config::Log::default() },
        ..Config::default()
    };
    (folder, config)
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn status(address: SocketAddr, path: &str) -> StatusCode {
    client().get(url(address, path)).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_chain_a_node_runs_but_is_not_ready() {
    let (_folder, config) = folders();
    let node = Node::start(config).await.unwrap();
    assert_eq!(status(node.addresses().http, "/healthz").await, StatusCode::OK);
    assert_eq!(status(node.addresses().http, "/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(node.unready().is_some());
    assert_eq!(status(node.addresses().admin, "/v1/status").await, StatusCode::UNAUTHORIZED);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_bus_has_ended_is_not_ready_and_says_what_to_do() {
    let (_folder, config) = folders();
    let node = Node::start(config.clone()).await.unwrap();
    node.parts.stop_bus().await;
    let answer = client().get(url(node.addresses().http, "/readyz")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = answer.json::<Value>().await.unwrap()["detail"].as_str().unwrap().to_owned();
    assert!(said.starts_with("the bus is unavailable: it is closed; free space"), "{said}");
    assert!(said.contains(config.data.canonicalize().unwrap().to_str().unwrap()), "{said}");
    assert_eq!(node.unready().as_ref(), Some(&said));
    let token = std::fs::read_to_string(config.data.join("admin.token")).unwrap();
    let status = client().get(url(node.addresses().admin, "/v1/status")).bearer_auth(token.trim());
    let status = status.send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&status["ready"], &status["reason"]), (&json!(false), &json!(said)), "both planes agree");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_data_folder_was_deleted_takes_nothing_more() {
    let (_folder, config) = folders();
    let node = Node::start(config.clone()).await.unwrap();
    std::fs::remove_dir_all(&config.data).unwrap();
    let said = node.unready().unwrap();
    assert!(said.contains("is no longer the one this node works on"), "{said}");
    let post = client().post(url(node.addresses().http, "/v1/posts")).json(&json!({"actor": "7"}));
    let refused = async {
        while post.try_clone().unwrap().send().await.unwrap().status() != StatusCode::SERVICE_UNAVAILABLE {}
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.unwrap();
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_has_one_node_at_a_time() {
    let (_folder, config) = folders();
    let node = Node::start(config.clone()).await.unwrap();
    let Err(error) = Node::start(config.clone()).await else { panic!("two nodes on one folder") };
    assert!(matches!(error, Error::InUse { holder: Some(_), .. }), "{error}");
    node.shutdown().await;
    Node::start(config).await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_late_leaves_nothing_running() {
    let (_folder, config) = folders();
    Node::start(config.clone()).await.unwrap().shutdown().await;
    let shards = [0, 200].map(|first_user| config::Shard { first_user }).into();
    let moved = Config { inbox: config::Inbox { shards, ..config::Inbox::default() }, ..config.clone() };
    let Err(error) = Node::start(moved).await else { panic!("users of another shard") };
    assert!(matches!(error, Error::Inbox(_)), "{error}");
    // A file that cannot be replaced: the last step of starting.
    let announced = config.data.join("addresses.json");
    std::fs::create_dir(&announced).unwrap();
    let Err(error) = Node::start(config.clone()).await else {
        panic!("a node that cannot say where it listens")
    };
    assert!(matches!(error, Error::Folder { .. }), "{error}");
    std::fs::remove_dir(&announced).unwrap();
    Node::start(config).await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_before_anything_is_made() {
    let (_folder, mut config) = folders();
    config.inbox.shards.clear();
    let Err(error) = Node::start(config.clone()).await else { panic!("a node without shards") };
    assert!(error.to_string().contains("`inbox.shards`"), "{error}");
    assert!(!config.data.exists());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    for (key, option) in [("http.address", "--http"), ("admin.address", "--admin")] {
        let (_folder, mut config) = folders();
        match key {
            "http.address" => config.http.address = taken,
            _ => config.admin.address = taken,
        }
        let Err(error) = Node::start(config.clone()).await else { panic!("two servers on one address") };
        assert!(matches!(error, Error::Listen { key: named, .. } if named == key), "{error}");
        assert!(error.to_string().contains(&format!("with `{option}`, or as `{key}`")), "{error}");
        assert!(!config.data.join("bus").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_go_through_the_samples_into_feeds_and_are_there_after_a_restart() {
    let (_folder, config) = folders();
    let Ok(samples) = testkit::bundles::samples() else { panic!("run `cargo xtask bundles` first") };
    testkit::bundles::copy(&samples, &config.bundles).unwrap();
    std::fs::copy(testkit::bundles::root().join("chains/feed.toml"), config.chains.join("feed.toml"))
        .unwrap();

    let node = Node::start(config.clone()).await.unwrap();
    assert_eq!(node.unready(), None);
    let http = node.addresses().http;
    for follower in [1, 150] {
        let follow =
            client().put(url(http, &format!("/v1/users/{follower}/following/7"))).send().await.unwrap();
        assert_eq!(follow.status(), StatusCode::ACCEPTED);
    }
    let post = json!({"actor": "7", "text": "Morning walk along the river #praha"});
    let posted = client().post(url(http, "/v1/posts")).json(&post).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::ACCEPTED);
    let id = posted.json::<Value>().await.unwrap()["id"].clone();
    for follower in [1, 150] {
        let item = first_item(http, follower).await;
        assert_eq!(item["id"], id);
        assert_eq!(item["text"], post["text"]);
    }
    told_where_it_listens(&node, &config.data);
    node.shutdown().await;
    assert!(!config.data.join("addresses.json").exists());

    let node = Node::start(config).await.unwrap();
    assert_eq!(first_item(node.addresses().http, 150).await["id"], id);
    node.shutdown().await;
}

fn told_where_it_listens(node: &Node, data: &Path) {
    let told = std::fs::read(data.join("addresses.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Addresses>(&told).unwrap(), *node.addresses());
    assert!(data.join("admin.token").exists());
}

/// The newest item of a feed, once there is one.
async fn first_item(http: SocketAddr, user: u64) -> Value {
    let (client, feed) = (client(), url(http, &format!("/v1/users/{user}/feed")));
    let asking = async {
        loop {
            let page: Value = client.get(&feed).send().await.unwrap().json().await.unwrap();
            if let Some(item) = page["items"].get(0) {
                return item.clone();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap()
}
