use std::{pin::Pin, sync::OnceLock};

use async_trait::async_trait;
use bus::{Delivery, Subscription, conformance::Around};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::*;

/// A bus that looks, whenever a subscription is given back, whether the inbox still answers.
#[derive(Clone)]
pub(crate) struct Witness {
    bus: Arc<Embedded>,
    inbox: Arc<OnceLock<Inbox>>,
    answered: Arc<Mutex<Vec<bool>>>,
    /// What the next fetch says instead.
    failure: Arc<Mutex<Option<bus::Error>>>,
    failed: Arc<Notify>,
}

impl Witness {
    pub(crate) fn over(bus: &Arc<Embedded>) -> Self {
        let (inbox, answered, failure, failed) = Default::default();
        Self { bus: Arc::clone(bus), inbox, answered, failure, failed }
    }

    /// Looks at this inbox, which is alone with user 1 in shard 0.
    pub(crate) fn watch(&self, inbox: &Inbox) {
        self.inbox.set(inbox.clone()).unwrap_or_else(|_| panic!("there is one inbox"));
    }

    /// For each subscription that was given back, whether the shard could still be read.
    pub(crate) fn answered(&self) -> Vec<bool> {
        self.answered.lock().clone()
    }

    /// Lets the subscription there is fail.
    pub(crate) fn fail(&self, error: bus::Error) {
        *self.failure.lock() = Some(error);
        self.failed.notify_one();
    }
}

struct Witnessed {
    held: Box<dyn Subscription>,
    by: Witness,
}

impl Drop for Witnessed {
    fn drop(&mut self) {
        let Some(inbox) = self.by.inbox.get() else { return };
        self.by.answered.lock().push(inbox.feed(UserId(1), None, 1).is_ok());
    }
}

#[async_trait]
impl Subscription for Witnessed {
    async fn fetch(&mut self, max: usize) -> bus::Result<Vec<Delivery>> {
        let failed = Arc::clone(&self.by.failed);
        tokio::select! {
            biased;
            () = failed.notified() => Err(self.by.failure.lock().take().unwrap()),
            fetched = self.held.fetch(max) => fetched,
        }
    }

    fn lag<'a, 'f>(&'a self) -> Pin<Box<dyn Future<Output = bus::Result<u64>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        self.held.lag()
    }
}

impl Around for Witness {
    fn below(&self) -> &dyn Bus {
        &*self.bus
    }

    fn subscribed(&self, _: &str, held: Box<dyn Subscription>) -> Box<dyn Subscription> {
        Box::new(Witnessed { held, by: self.clone() })
    }
}
