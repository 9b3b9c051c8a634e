use std::{pin::Pin, sync::OnceLock};

use async_trait::async_trait;
use bus::{Bounds, Delivery, Published, Stored, Subscription};
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

#[async_trait]
impl Bus for Witness {
    async fn provision(&self, spec: &StreamSpec) -> bus::Result<()> {
        self.bus.provision(spec).await
    }

    async fn streams(&self) -> bus::Result<Vec<StreamSpec>> {
        self.bus.streams().await
    }

    async fn publish(
        &self,
        stream: &str,
        partition: u32,
        batch: Vec<Message>,
    ) -> bus::Result<Vec<Published>> {
        self.bus.publish(stream, partition, batch).await
    }

    async fn append(
        &self,
        stream: &str,
        partition: u32,
        after: u64,
        batch: Vec<Message>,
    ) -> bus::Result<u64> {
        self.bus.append(stream, partition, after, batch).await
    }

    async fn trim(&self, stream: &str, partition: u32, below: u64) -> bus::Result<()> {
        self.bus.trim(stream, partition, below).await
    }

    fn remembers(&self) -> std::time::Duration {
        self.bus.remembers()
    }

    async fn read(&self, stream: &str, partition: u32, from: u64, max: usize) -> bus::Result<Vec<Stored>> {
        self.bus.read(stream, partition, from, max).await
    }

    async fn bounds(&self, stream: &str, partition: u32) -> bus::Result<Bounds> {
        self.bus.bounds(stream, partition).await
    }

    async fn subscribe(
        &self,
        stream: &str,
        partition: u32,
        group: &str,
        credits: usize,
    ) -> bus::Result<Box<dyn Subscription>> {
        let held = self.bus.subscribe(stream, partition, group, credits).await?;
        Ok(Box::new(Witnessed { held, by: self.clone() }))
    }

    async fn forget(&self, stream: &str, group: &str) -> bus::Result<()> {
        self.bus.forget(stream, group).await
    }
}
