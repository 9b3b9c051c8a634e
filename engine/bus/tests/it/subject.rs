use std::sync::Arc;

use async_trait::async_trait;
use bus::{Bus, Embedded, Options, conformance::Subject};
use parking_lot::Mutex;
use store::Store;

/// An embedded bus over whatever store `open` answers.
pub(crate) struct Over<F> {
    open: F,
    bus: Mutex<Option<Arc<Embedded>>>,
}

impl<F: Fn() -> Arc<dyn Store> + Send + Sync> Over<F> {
    pub(crate) fn new(open: F) -> Self {
        Self { open, bus: Mutex::new(None) }
    }
}

#[async_trait]
impl<F: Fn() -> Arc<dyn Store> + Send + Sync> Subject for Over<F> {
    async fn open(&self) -> Arc<dyn Bus> {
        // A tail of a few messages, so that the suite reads both from memory and from the store.
        let options = Options { tail_bytes_max: 1000, ..Options::default() };
        let bus = Arc::new(Embedded::open((self.open)(), options).unwrap());
        *self.bus.lock() = Some(Arc::clone(&bus));
        bus
    }

    async fn close(&self, _: Arc<dyn Bus>) {
        let bus = self.bus.lock().take().unwrap();
        bus.close().await;
    }
}
