//! Questions and answers between processes: at most once, nothing kept.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::{Error, Result};

/// Answers questions.
#[async_trait]
pub trait Answer: Send + Sync + 'static {
    /// Answers one question. Any number run at once.
    async fn answer(&self, question: Bytes) -> Bytes;
}

/// Somebody answers for as long as this lives.
pub struct Answering(#[expect(dead_code, reason = "dropping it is its use")] Box<dyn Send + Sync>);

impl Answering {
    /// Ends with whatever `held` does when it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Box::new(held))
    }
}

/// Asks and answers. A question goes to one of those who answer its subject, or comes back at once when there is none.
#[async_trait]
pub trait Requests: Send + Sync + 'static {
    /// Asks whoever answers `subject`, of `a-z 0-9 - _ .`, and waits for at most `patience`.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] when nobody answers, or not in time; [`Error::Away`]; [`Error::TooLarge`].
    async fn ask(&self, subject: &str, question: Bytes, patience: Duration) -> Result<Bytes>;

    /// Answers `subject` with `by` until the guard is dropped.
    ///
    /// # Errors
    /// [`Error::Away`], [`Error::Unavailable`].
    async fn answer(&self, subject: &str, by: Arc<dyn Answer>) -> Result<Answering>;
}

/// Questions and answers within this process: for tests.
#[derive(Clone, Default)]
pub struct MemoryRequests(Arc<Mutex<HashMap<String, Answers>>>);

type Answers = Vec<Arc<dyn Answer>>;

#[async_trait]
impl Requests for MemoryRequests {
    async fn ask(&self, subject: &str, question: Bytes, patience: Duration) -> Result<Bytes> {
        let nobody = || Error::NoAnswer { subject: subject.to_owned() };
        let by = self.0.lock().get(subject).and_then(|there| there.last().cloned()).ok_or_else(nobody)?;
        tokio::time::timeout(patience, by.answer(question)).await.map_err(|_| nobody())
    }

    async fn answer(&self, subject: &str, by: Arc<dyn Answer>) -> Result<Answering> {
        self.0.lock().entry(subject.to_owned()).or_default().push(Arc::clone(&by));
        Ok(Answering::new(Leaving { all: self.clone(), subject: subject.to_owned(), by }))
    }
}

struct Leaving {
    all: MemoryRequests,
    subject: String,
    by: Arc<dyn Answer>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        if let Some(there) = all.get_mut(&self.subject) {
            there.retain(|other| !Arc::ptr_eq(other, &self.by));
        }
    }
}
