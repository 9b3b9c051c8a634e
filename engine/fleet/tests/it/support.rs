//! NATS servers for tests: on loopback, in folders of their own, gone with the test process.

mod proxy;

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

pub(crate) use proxy::Proxy;
use tempfile::TempDir;

/// The server to run: `NATS_SERVER`, or the first in PATH, or one in `target/tools`.
pub(crate) fn nats_server() -> Option<&'static Path> {
    static FOUND: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let given = std::env::var_os("NATS_SERVER").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
        let folders = std::env::split_paths(&path).chain([tools]);
        given.into_iter().chain(folders.map(|folder| folder.join("nats-server"))).find(|file| file.is_file())
    });
    FOUND.as_deref()
}

/// One process. Killed when it is dropped.
pub(crate) struct Server {
    child: Option<Child>,
    config: PathBuf,
    port: u16,
}

impl Server {
    fn start(&mut self) {
        // A shell between holds the server to the life of this process: its input ends with it, however it ends.
        let script = r#""$1" -c "$2" >"$2.log" 2>&1 & server=$!; read -r _; kill -9 $server; wait $server"#;
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(nats_server().unwrap())
            .arg(&self.config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start();
        self.wait();
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "{}", std::fs::read_to_string(self.log()).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> PathBuf {
        self.config.with_extension("conf.log")
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Some that belong together.
pub(crate) struct Servers {
    pub(crate) all: Vec<Server>,
    pub(crate) monitoring: Vec<String>,
    _folder: TempDir,
}

impl Servers {
    /// `sync`: whether they sync before they acknowledge.
    pub(crate) fn start(count: usize, sync: bool) -> Self {
        Self::start_with(count, if sync { "sync_interval: always" } else { "" }, "max_payload: 2MB")
    }

    pub(crate) fn start_with(count: usize, jetstream: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<[u16; 3]> = (0..count).map(|_| free_ports()).collect();
        let routes: Vec<String> =
            ports.iter().map(|[_, _, port]| format!("nats://127.0.0.1:{port}")).collect();
        let mut all: Vec<Server> = Vec::new();
        for (at, [port, monitor, route]) in ports.iter().copied().enumerate() {
            let store = folder.path().join(format!("store-{at}"));
            let jetstream = match jetstream {
                "off" => String::new(),
                more => format!("jetstream {{ store_dir: \"{}\"\n {more} }}", store.display()),
            };
            let cluster = match count {
                1 => String::new(),
                _ => format!("cluster {{ name: test\n listen: \"127.0.0.1:{route}\"\n routes: {routes:?} }}"),
            };
            let text = format!(
                "listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\nserver_name: n{at}\n{more}\n{jetstream}\n{cluster}\n"
            );
            let config = folder.path().join(format!("{at}.conf"));
            std::fs::write(&config, text).unwrap();
            all.push(Server { child: None, config, port });
        }
        all.iter_mut().for_each(Server::start);
        all.iter().for_each(Server::wait);
        let monitoring = ports.iter().map(|[_, monitor, _]| format!("http://127.0.0.1:{monitor}")).collect();
        Self { all, monitoring, _folder: folder }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.all.iter().map(Server::url).collect()
    }
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// One server that all tests share.
pub(crate) fn alone() -> Vec<String> {
    static SERVERS: LazyLock<Servers> = LazyLock::new(|| Servers::start(1, false));
    SERVERS.urls()
}

/// Three that all tests share.
pub(crate) fn together() -> Vec<String> {
    static SERVERS: LazyLock<Servers> = LazyLock::new(|| {
        let servers = Servers::start(3, false);
        wait_for_leader(servers.urls());
        servers
    });
    SERVERS.urls()
}

/// Waits until three have found each other and can keep a stream.
pub(crate) fn wait_for_leader(urls: Vec<String>) {
    let options = crate::subject::options(urls);
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let until = Instant::now() + Duration::from_secs(30);
            loop {
                let ready = async {
                    let connection = fleet::Connection::open(options.clone()).await?;
                    fleet::Keys::open(&connection, "ready").await
                };
                match ready.await {
                    Ok(_) => return,
                    Err(error) => assert!(Instant::now() < until, "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    });
    waiting.join().unwrap();
}
