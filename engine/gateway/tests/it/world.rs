use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bus::Embedded;
use feed::{FanOut, Forwarder};
use inbox::Inbox;
use model::{
    BundleRef, Call, Catalog, Digest, Fault, Message, Outcome, Processor, Refusal, Resolved, Wanted,
};
use mpc::{BundleFile, Bundles, Center, Loaded};
use relations::{LiveMap, ShardMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use serve::{Server, Serving};
use store::{Memory, Store};
use tempfile::TempDir;

const PARTITIONS: u32 = 3;
const CHAIN: &str = "[chain]\nid = \"feed\"\ninput = \"posts\"\noutput = \"inbox\"\n\
                     [[step]]\nid = \"pass\"\nuses = \"pass@^1\"\n";

/// A node's data plane and all that is below it.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    pub(crate) bus: Arc<Embedded>,
    pub(crate) map: LiveMap,
    pub(crate) ready: Arc<AtomicBool>,
    _center: Center,
    _serving: Serving,
    _folders: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(Arc::new(Memory::new(bus::TABLES)), bus::Options::default()).await
    }

    /// With this store below the bus.
    pub(crate) async fn over(store: Arc<dyn Store>, options: bus::Options) -> Self {
        Self::with(store, options, ShardMap::new(vec![0, 1000]).unwrap(), |parts| parts).await
    }

    /// With these shards, and what `change` leaves of the parts.
    pub(crate) async fn with(
        store: Arc<dyn Store>,
        options: bus::Options,
        map: ShardMap,
        change: impl FnOnce(catena_gateway::Parts) -> catena_gateway::Parts,
    ) -> Self {
        let memory = |tables| -> Arc<dyn Store> { Arc::new(Memory::new(tables)) };
        let bus = Arc::new(Embedded::open(store, options).unwrap());
        feed::provision(&*bus, PARTITIONS, map.shards()).await.unwrap();
        let stores: Vec<_> = (0..map.shards()).map(|_| memory(inbox::TABLES)).collect();
        let map = LiveMap::new(map);
        let folders = tempfile::tempdir().unwrap();
        let (chains, bundles) = (folders.path().join("chains"), folders.path().join("bundles"));
        std::fs::create_dir(&chains).unwrap();
        std::fs::create_dir(&bundles).unwrap();
        std::fs::write(chains.join("feed.toml"), CHAIN).unwrap();
        let parts = mpc::Parts {
            bus: bus.clone(),
            store: memory(mpc::TABLES),
            bundles: Arc::new(Passing),
            router: Arc::new(FanOut::new(map.clone())),
            placement: Arc::new(bus::Everything::default()),
        };
        let center = Center::start(mpc::Options::new(chains, bundles), parts).await.unwrap();
        let inbox = Inbox::alone(inbox::Options::default(), bus.clone(), Arc::new(stores), map.clone());
        let inbox = inbox.await.unwrap();
        let ready = Arc::new(AtomicBool::new(true));
        let says = Arc::clone(&ready);
        let parts = change(catena_gateway::Parts {
            forwarder: Some(Forwarder::new(bus.clone(), PARTITIONS, map.clone())),
            reads: Some(Arc::new(inbox)),
            ready: Arc::new(move || {
                says.load(Relaxed).then_some(()).ok_or_else(|| "no chain is live".to_owned())
            }),
            metrics: telemetry::Metrics::install().unwrap(),
        });
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), serve::Options::default()).await.unwrap();
        let url = format!("http://{}", server.address());
        let serving = server.start("test", catena_gateway::router(parts));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, http, bus, map, ready, _center: center, _serving: serving, _folders: folders }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        answer.json().await.unwrap()
    }

    pub(crate) async fn post(&self, body: &Value) -> Response {
        self.request("POST", "/v1/posts").json(body).send().await.unwrap()
    }

    /// Posts and answers the id.
    pub(crate) async fn posted(&self, actor: u64, text: &str) -> String {
        let answer = self.post(&serde_json::json!({"actor": actor.to_string(), "text": text})).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let answer: Value = answer.json().await.unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// A change of the graph or of a post.
    pub(crate) async fn change(&self, method: &str, path: &str) {
        let answer = self.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{method} {path}");
    }

    /// Asks until the answer is as it will be once everything accepted so far has gone its way.
    pub(crate) async fn json_when(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let asking = async {
            loop {
                last = self.json(path).await;
                if is(&last) {
                    return;
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), asking).await.is_err() {
            panic!("{path} never came to be as expected, and says {last}");
        }
        last
    }
}

/// The ids on a page, in its order.
pub(crate) fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Bundles that hold one processor, which passes everything.
struct Passing;

impl Bundles for Passing {
    fn load(&self, _: &[BundleFile]) -> Loaded {
        Loaded { catalog: Arc::new(Self), refused: Vec::new(), present: Vec::new() }
    }
}

impl Catalog for Passing {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let version = semver::Version::new(1, 0, 0);
        let bundle = BundleRef { name: wanted.name.clone(), version, digest: Digest([7; 32]) };
        Ok(Resolved { bundle, processor: Arc::new(Self) })
    }
}

impl Processor for Passing {
    fn process(&self, _: &Message, _: &mut Call) -> Result<Outcome, Fault> {
        Ok(Outcome::default())
    }
}
