use std::time::Duration;

use ::model::Message;
use async_trait::async_trait;

use crate::{Bounds, Bus, Published, Result, Stored, StreamSpec, Subscription};

/// A bus around another one, for tests that look at what passes or let some of it fail: what it does not do itself, the one
/// below does. Whatever is one is a [`Bus`].
#[async_trait]
pub trait Around: Send + Sync + 'static {
    /// The bus below.
    fn below(&self) -> &dyn Bus;

    /// As [`Bus::provision`].
    async fn provision_around(&self, spec: &StreamSpec) -> Result<()> {
        self.below().provision(spec).await
    }

    /// As [`Bus::publish`].
    async fn publish_around(
        &self,
        stream: &str,
        partition: u32,
        batch: Vec<Message>,
    ) -> Result<Vec<Published>> {
        self.below().publish(stream, partition, batch).await
    }

    /// As [`Bus::remembers`].
    fn remembers_around(&self) -> Duration {
        self.below().remembers()
    }

    /// What stands for a subscription of the bus below.
    fn subscribed(&self, _stream: &str, below: Box<dyn Subscription>) -> Box<dyn Subscription> {
        below
    }

    /// As [`Bus::forget`].
    async fn forget_around(&self, stream: &str, group: &str) -> Result<()> {
        self.below().forget(stream, group).await
    }
}

#[async_trait]
impl<T: Around> Bus for T {
    async fn provision(&self, spec: &StreamSpec) -> Result<()> {
        self.provision_around(spec).await
    }

    async fn streams(&self) -> Result<Vec<StreamSpec>> {
        self.below().streams().await
    }

    async fn publish(&self, stream: &str, partition: u32, batch: Vec<Message>) -> Result<Vec<Published>> {
        self.publish_around(stream, partition, batch).await
    }

    async fn append(&self, stream: &str, partition: u32, after: u64, batch: Vec<Message>) -> Result<u64> {
        self.below().append(stream, partition, after, batch).await
    }

    async fn trim(&self, stream: &str, partition: u32, below: u64) -> Result<()> {
        self.below().trim(stream, partition, below).await
    }

    fn fits(&self, message: &Message) -> Result<()> {
        self.below().fits(message)
    }

    fn remembers(&self) -> Duration {
        self.remembers_around()
    }

    async fn read(&self, stream: &str, partition: u32, from: u64, max: usize) -> Result<Vec<Stored>> {
        self.below().read(stream, partition, from, max).await
    }

    async fn bounds(&self, stream: &str, partition: u32) -> Result<Bounds> {
        self.below().bounds(stream, partition).await
    }

    async fn subscribe(
        &self,
        stream: &str,
        partition: u32,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Subscription>> {
        let below = self.below().subscribe(stream, partition, group, credits).await?;
        Ok(self.subscribed(stream, below))
    }

    async fn forget(&self, stream: &str, group: &str) -> Result<()> {
        self.forget_around(stream, group).await
    }
}
