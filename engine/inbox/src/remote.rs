use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bus::Requests;
use bytes::Bytes;
use relations::{LiveMap, UserId};
use tokio::time::{Instant, sleep};

use crate::{
    Cursor, Error, Reads, Result,
    followers::Followers,
    metric,
    reads::PATIENCE,
    wire::{self, Answer, Question, Which},
};

/// How long one who was asked may take, before somebody else is asked.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// First and longest pause before asking again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// Reads of shards that are in other processes: asks whoever serves them. A page passes as the bytes that were
/// answered.
///
/// Bounded by [`Requests`]: nothing is kept here. While a shard moves, a read asks again for two seconds.
#[derive(Clone)]
pub struct Remote {
    requests: Arc<dyn Requests>,
    map: LiveMap,
}

impl Remote {
    /// Reads of the shards of `map`, by `requests`.
    #[must_use]
    pub fn new(requests: Arc<dyn Requests>, map: LiveMap) -> Self {
        Self { requests, map }
    }

    async fn page(&self, which: Which, user: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes> {
        let below = cursor.map(|cursor| cursor.0);
        match self.ask(self.home(user)?, Question { which, user, from: below, limit }).await? {
            Answer::Page(json) => Ok(json),
            Answer::Users(_) => Err(wire::mixed_up()),
        }
    }

    async fn users(
        &self,
        shard: u32,
        which: Which,
        user: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>> {
        match self.ask(shard, Question { which, user, from: after.map(|after| after.0), limit }).await? {
            Answer::Users(users) => Ok(users),
            Answer::Page(_) => Err(wire::mixed_up()),
        }
    }

    /// Asks whoever serves `shard`, again and again while nobody does.
    async fn ask(&self, shard: u32, question: Question) -> Result<Answer> {
        let (subject, question) = (wire::subject(shard), question.encode());
        let until = Instant::now() + PATIENCE;
        let mut pause = PAUSE.0;
        loop {
            let error = match self.requests.ask(&subject, question.clone(), ANSWER_PATIENCE).await {
                Ok(answer) => match wire::decode_answer(&answer) {
                    Err(error @ Error::NotServing { .. }) => error,
                    answer => return answer,
                },
                Err(bus::Error::NoAnswer { .. }) => Error::NoAnswer { shard },
                Err(error @ bus::Error::Away { .. }) => error.into(),
                Err(error) => return Err(error.into()),
            };
            if Instant::now() + pause >= until {
                return Err(error);
            }
            metric::asked_again(shard);
            sleep(pause).await;
            pause = PAUSE.1.min(pause * 2);
        }
    }

    fn home(&self, user: UserId) -> Result<u32> {
        let map = self.map.load();
        map.shard_of(user).ok_or_else(|| Error::Unowned { user, end: map.end().unwrap_or(user) })
    }
}

#[async_trait]
impl Reads for Remote {
    async fn feed(&self, user: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes> {
        self.page(Which::Feed, user, cursor, limit).await
    }

    async fn posts(&self, author: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Bytes> {
        self.page(Which::Posts, author, cursor, limit).await
    }

    async fn following(&self, user: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        self.users(self.home(user)?, Which::Following, user, after, limit).await
    }

    async fn followers(&self, author: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        self.home(author)?;
        let mut followers = Followers::new(&self.map.load(), after, limit);
        while let Some(ask) = followers.next() {
            // More than a question can ask for is asked for in several.
            let ask = ask.at_most(wire::LIMIT_MAX);
            followers.take(ask, self.users(ask.shard, Which::Followers, author, ask.after, ask.limit).await?);
        }
        Ok(followers.into_users())
    }
}
