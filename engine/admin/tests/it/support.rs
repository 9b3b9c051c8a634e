use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use bus::{Bus, Embedded, StreamSpec};
use catena_admin::{About, Access, Parts, Token};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use inbox::Inbox;
use model::{BundleRef, Call, Catalog, Fault, Message, Name, Outcome, Processor, Refusal, Resolved, Wanted};
use mpc::{BundleFile, Bundles, Center, Loaded, RefusedFile, ToStreams};
use relations::{LiveMap, ShardMap, stream::INBOX};
use serde_json::Value;
use store::{Memory, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const CHAIN: &str = "[chain]\nid = \"feed\"\ninput = \"posts\"\noutput = \"out\"\n\n\
                     [[step]]\nid = \"check\"\nuses = \"checker@1\"\n";

/// A management plane over a center whose one step rejects bodies with the word `poison`.
pub(crate) struct Plane {
    pub(crate) bus: Arc<Embedded>,
    pub(crate) center: Center,
    pub(crate) closing: CancellationToken,
    /// Once set, the step takes what it rejected before.
    pub(crate) mended: Arc<AtomicBool>,
    router: Router,
    folder: TempDir,
}

/// What the plane answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Plane {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (chains, bundles) = (folder.path().join("chains"), folder.path().join("bundles"));
        fs::create_dir(&chains).unwrap();
        fs::create_dir(&bundles).unwrap();
        fs::write(chains.join("feed.toml"), CHAIN).unwrap();
        fs::write(bundles.join("checker.wasm"), "checker").unwrap();
        fs::write(bundles.join("broken.wasm"), "nonsense").unwrap();

        let bus = Embedded::open(Arc::new(Memory::new(bus::TABLES)), bus::Options::default()).unwrap();
        for (name, partitions) in [("posts", 2), (INBOX, 1)] {
            bus.provision(&StreamSpec::new(Name::new(name).unwrap(), partitions)).await.unwrap();
        }
        let bus = Arc::new(bus);
        let mended = Arc::new(AtomicBool::new(false));
        let parts = mpc::Parts {
            bus: bus.clone(),
            store: Arc::new(Memory::new(mpc::TABLES)),
            bundles: Arc::new(Checkers(Arc::clone(&mended))),
            router: Arc::new(ToStreams),
            placement: Arc::new(bus::Everything::default()),
        };
        let center = Center::start(mpc::Options::new(chains, bundles), parts).await.unwrap();
        let stores: Vec<Arc<dyn Store>> = vec![Arc::new(Memory::new(inbox::TABLES))];
        let map = LiveMap::new(ShardMap::single());
        let inbox = Inbox::alone(inbox::Options::default(), bus.clone(), Arc::new(stores), map);
        let inbox = inbox.await.unwrap();
        let closing = CancellationToken::new();
        let says = bus.clone();
        let parts = Parts {
            about: About { bus: "embedded".to_owned(), ..About::default() },
            center: Some(center.clone()),
            bus: bus.clone(),
            inbox: Some(inbox),
            ready: Arc::new(move || says.check().map_err(|error| error.to_string())),
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            started: Instant::now(),
            closing: closing.clone(),
        };
        let access = Access { token: Token::new(TOKEN), hosts: vec!["ops.example".to_owned()] };
        Self { bus, center, closing, mended, router: catena_admin::router(parts, access), folder }
    }

    /// Sends a request as it is, but for a host where it names none.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.open(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8(body.into()).unwrap() }
    }

    async fn open(&self, mut request: Request<Body>) -> Response<Body> {
        request.headers_mut().entry("host").or_insert("localhost:8081".parse().unwrap());
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The answer's body as it arrives.
    pub(crate) async fn stream(&self, path: &str) -> Body {
        let request = Request::builder().uri(path).header("authorization", format!("Bearer {TOKEN}"));
        let answer = self.open(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        answer.into_body()
    }

    /// Asks with the token.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let request = request.header("content-type", "application/x-ndjson");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Reads something that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    /// Puts one message into `posts`.
    pub(crate) async fn put(&self, message: &str) {
        let answer = self.ask("POST", "/v1/streams/posts/messages", message).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }

    /// Waits for the first message of `stream`, whichever partition it is in.
    pub(crate) async fn arrived(&self, stream: &str) -> Message {
        let spec = self.bus.streams().await.unwrap().into_iter().find(|spec| &*spec.name == stream).unwrap();
        let mut readers = Vec::new();
        for partition in 0..spec.partitions {
            readers.push(self.bus.subscribe(stream, partition, "test", 1).await.unwrap());
        }
        let first = readers.iter_mut().map(|reader| reader.fetch(1));
        let (deliveries, ..) = futures::future::select_all(first).await;
        deliveries.unwrap().remove(0).stored.message
    }

    /// Waits until there are so many dead letters.
    pub(crate) async fn dead_letters(&self, count: u64) {
        let wait = async {
            while self.get("/v1/status").await["dead_letters"] != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("no such number of dead letters");
    }

    /// Replaces the chain's file and looks at it; answers once there is a receipt.
    pub(crate) async fn save_chain(&self, text: &str) {
        let mut receipts = self.center.subscribe_receipts();
        let beside = self.folder.path().join("chains/.new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.folder.path().join("chains/feed.toml")).unwrap();
        receipts.recv().await.unwrap();
    }
}

/// Takes a file that says `checker` as the bundle of that name, and refuses others.
struct Checkers(Arc<AtomicBool>);

impl Bundles for Checkers {
    fn load(&self, files: &[BundleFile]) -> Loaded {
        let (good, bad): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.bytes == "checker");
        let bundle = |file: &&BundleFile| BundleRef {
            name: Name::new("checker").unwrap(),
            version: "1.0.0".parse().unwrap(),
            digest: file.digest,
        };
        let present: Vec<_> = good.iter().map(bundle).collect();
        let refused = |file: &BundleFile| RefusedFile {
            path: file.path.clone(),
            reason: "no bundle".into(),
            kept: None,
        };
        Loaded {
            catalog: Arc::new(Shelf(present.clone(), Arc::clone(&self.0))),
            refused: bad.into_iter().map(refused).collect(),
            present,
        }
    }
}

struct Shelf(Vec<BundleRef>, Arc<AtomicBool>);

impl Catalog for Shelf {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let bundle = self.0.iter().find(|bundle| bundle.name == wanted.name);
        let unknown = || vec![Refusal::UnknownBundle { name: wanted.name.to_string(), near: None }];
        let bundle = bundle.cloned().ok_or_else(unknown)?;
        Ok(Resolved { bundle, processor: Arc::new(Checker(Arc::clone(&self.1))) })
    }
}

struct Checker(Arc<AtomicBool>);

impl Processor for Checker {
    fn process(&self, message: &Message, _: &mut Call) -> Result<Outcome, Fault> {
        if !self.0.load(Relaxed) && message.body.windows(6).any(|word| word == b"poison") {
            return Err(Fault::Reject { reason: "poison".into() });
        }
        Ok(Outcome::default())
    }
}
