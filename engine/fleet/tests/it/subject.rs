use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bus::{Bus, conformance::Subject};
use fleet::{Connection, Desk, JetStream, Keys, Options};
use parking_lot::Mutex;

/// Options with names of its own: what is kept elsewhere on the same servers is not seen.
pub(crate) fn options(urls: Vec<String>) -> Options {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("t{}", COUNT.fetch_add(1, Relaxed));
    Options {
        urls,
        prefix,
        tidy: Duration::from_millis(50),
        timeout: Duration::from_secs(10),
        ..Options::default()
    }
}

/// A JetStream bus, every opening over a connection of its own.
pub(crate) struct Over {
    options: Options,
    bus: Mutex<Option<Arc<JetStream>>>,
}

impl Over {
    pub(crate) fn new(urls: Vec<String>) -> Self {
        Self { options: options(urls), bus: Mutex::new(None) }
    }
}

#[async_trait]
impl Subject for Over {
    async fn open(&self) -> Arc<dyn Bus> {
        let connection = Connection::open(self.options.clone()).await.unwrap();
        let bus = Arc::new(JetStream::open(&connection).await.unwrap());
        *self.bus.lock() = Some(Arc::clone(&bus));
        bus
    }

    async fn close(&self, _: Arc<dyn Bus>) {
        let bus = self.bus.lock().take().unwrap();
        bus.close().await;
    }
}

pub(crate) async fn keys(urls: fn() -> Vec<String>) {
    let connection = Connection::open(options(urls())).await.unwrap();
    let keys = Keys::open(&connection, "keys").await.unwrap();
    bus::conformance::agrees_with_the_contract_of_keys(&keys).await;
}

pub(crate) async fn requests(urls: fn() -> Vec<String>) {
    let connection = Connection::open(options(urls())).await.unwrap();
    let desk = Desk::new(&connection);
    bus::conformance::agrees_with_the_contract_of_requests(&desk).await;
    desk.close().await;
}
