//! Reads, whichever process the shards are in.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use relations::UserId;
use tokio::time::{Instant, timeout_at};

use crate::{Cursor, Error, Inbox, Result, home::State};

/// How long a read waits at most for a shard that is on its way from one process to another, or is being opened.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Answers what clients read. [`Inbox`] does from the shards of this process, [`Remote`](crate::Remote) asks those of others.
///
/// A shard that cannot be read now is waited for, two seconds at most.
///
/// Errors of every call: [`Error::Unowned`] for a user without a shard; [`Error::NotServing`] and [`Error::NoAnswer`],
/// both retryable, for a shard that did not come to serve in time; [`Error::Stopped`] for one that will not;
/// [`Error::Store`], [`Error::Corrupt`], [`Error::Bus`], [`Error::Foreign`].
#[async_trait]
pub trait Reads: Send + Sync + 'static {
    /// A page of `user`'s feed as JSON ([`Page::to_json`](crate::Page::to_json)), newest first, at least 1 and at most
    /// `limit` entries where there are any.
    ///
    /// # Errors
    /// See [`Reads`].
    async fn feed(&self, user: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes>;

    /// A page of `author`'s own posts, likewise.
    ///
    /// # Errors
    /// See [`Reads`].
    async fn posts(&self, author: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes>;

    /// Up to `limit` of those `user` follows, ascending, above `after`.
    ///
    /// # Errors
    /// See [`Reads`].
    async fn following(&self, user: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>>;

    /// Up to `limit` followers of `author`, ascending, above `after`: those of every shard.
    ///
    /// # Errors
    /// See [`Reads`].
    async fn followers(&self, author: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>>;
}

#[async_trait]
impl Reads for Inbox {
    async fn feed(&self, user: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes> {
        self.patiently(move |inbox| Ok(inbox.feed(user, cursor, limit)?.to_json().into())).await
    }

    async fn posts(&self, author: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes> {
        self.patiently(move |inbox| Ok(inbox.posts(author, cursor, limit)?.to_json().into())).await
    }

    async fn following(&self, user: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        self.patiently(move |inbox| inbox.following(user, after, limit)).await
    }

    async fn followers(&self, author: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        self.patiently(move |inbox| inbox.followers(author, after, limit)).await
    }
}

impl Inbox {
    /// Reads, once the shards it takes serve.
    async fn patiently<T: Send + 'static>(
        &self,
        read: impl Fn(&Self) -> Result<T> + Copy + Send + 'static,
    ) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let inbox = self.clone();
            let answer = blocking(move || read(&inbox)).await?;
            let Err(Error::NotServing { shard, .. }) = answer else { return answer };
            let Some(home) = self.homes().get(shard as usize) else { return answer };
            let mut state = home.watch();
            let settled = timeout_at(until, state.wait_for(State::is_settled)).await;
            if settled.is_err() || Instant::now() >= until {
                return answer;
            }
        }
    }
}

/// Runs a read, which may wait for the disk, where waiting harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        tracing::error!(%error, "a read panicked");
        Error::Foreign {
            reason: "the read failed; the log of the process that keeps the shard says why".to_owned(),
        }
    })
}
