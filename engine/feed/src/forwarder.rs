use std::{collections::BTreeMap, sync::Arc};

use bus::{Bus, Published, partition_of};
use futures::future::join_all;
use model::{Message, derived_id};
use relations::{Control, Edge, History, LiveMap, PostId, UserId, stream::POSTS};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{Error, NewPost, Result, metric};

/// Posts in one publication at most: bounds what one bulk request asks of the bus at a time.
const BATCH_MAX: usize = 500;

/// RFC 3339 in UTC, with milliseconds.
const PUBLISHED_AT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Accepts posts, retractions and changes of the graph: when a call returns `Ok`, the thing is durable.
/// Users that no inbox shard owns are refused, as [`Error::Unowned`]: what they did would reach nobody.
/// Where it returns an error, [`Error::took_nothing`] tells whether it is certain that nothing was stored; where it
/// is not, the call may be made again (a post's under the same idempotency key).
/// Clones are cheap and the same.
#[derive(Clone)]
pub struct Forwarder {
    bus: Arc<dyn Bus>,
    partitions: u32,
    map: LiveMap,
}

impl Forwarder {
    /// A forwarder to the stream `posts`, which has this many partitions, for the users of `map`.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, partitions: u32, map: LiveMap) -> Self {
        Self { bus, partitions, map }
    }

    /// Accepts a post. With an idempotency key, the same author and key always name the same post: the first
    /// one stored is the post, and all of them are answered with its id. Contents are not compared: another one sent
    /// under a key that was used is answered with the first post's id, and is not kept.
    ///
    /// # Errors
    /// [`Error::Unowned`], [`Error::Bus`], [`Error::Random`].
    pub async fn post(&self, post: NewPost, idempotency_key: Option<&str>) -> Result<PostId> {
        self.check_owned("actor", post.actor())?;
        let id = identity(post.actor(), idempotency_key)?;
        let published = self.publish(self.partition(post.actor()), vec![message(&post, id)]).await?;
        count(&published);
        Ok(id)
    }

    /// Accepts many posts, and answers for each in its order. Those of one partition are stored together;
    /// an error of one says nothing about another.
    pub async fn post_all(&self, posts: Vec<(NewPost, Option<String>)>) -> Vec<Result<PostId>> {
        let mut answers: Vec<Result<PostId>> = Vec::with_capacity(posts.len());
        let mut batches: BTreeMap<u32, Vec<(usize, Message)>> = BTreeMap::new();
        for (place, (post, key)) in posts.into_iter().enumerate() {
            let owned = self.check_owned("actor", post.actor());
            let id = owned.and_then(|()| identity(post.actor(), key.as_deref()));
            if let Ok(id) = &id {
                let batch = batches.entry(self.partition(post.actor())).or_default();
                batch.push((place, message(&post, *id)));
            }
            answers.push(id);
        }
        let stored = batches.into_iter().map(|(partition, batch)| self.store(partition, batch));
        for (place, error) in join_all(stored).await.into_iter().flatten() {
            if let Some(answer) = answers.get_mut(place) {
                *answer = Err(error);
            }
        }
        answers
    }

    /// Takes a post back, for everybody and for good. A post that nobody knows is fine.
    ///
    /// # Errors
    /// [`Error::Unowned`], [`Error::Bus`].
    pub async fn retract(&self, post: PostId) -> Result<()> {
        self.check_owned("post", post.author)?;
        self.control("retract", Control::Retract(post), format!("retract-{post}")).await
    }

    /// Lets `user` follow `author` from here on: every post accepted after this call will reach the user.
    ///
    /// # Errors
    /// [`Error::Unowned`], [`Error::Bus`], [`Error::Random`].
    pub async fn follow(&self, user: UserId, author: UserId) -> Result<()> {
        self.check_edge(user, author)?;
        // Following again after an unfollow is news: no two follows have the same id.
        let id = format!("follow-{:016x}", random()?);
        self.control("follow", Control::Follow(Edge { user, author }), id).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`Error::Unowned`], [`Error::Bus`], [`Error::Random`].
    pub async fn unfollow(&self, user: UserId, author: UserId, history: History) -> Result<()> {
        self.check_edge(user, author)?;
        let id = format!("unfollow-{:016x}", random()?);
        self.control("unfollow", Control::Unfollow(Edge { user, author }, history), id).await
    }

    async fn control(&self, what: &'static str, control: Control, id: String) -> Result<()> {
        self.publish(self.partition(control.author()), vec![control.to_message(id)]).await?;
        metric::accepted(what);
        Ok(())
    }

    /// Stores one partition's share of a bulk request and answers what failed, by place.
    async fn store(&self, partition: u32, batch: Vec<(usize, Message)>) -> Vec<(usize, Error)> {
        let mut failed = Vec::new();
        let mut batch = batch.into_iter().peekable();
        while batch.peek().is_some() {
            let (places, messages): (Vec<usize>, Vec<Message>) = batch.by_ref().take(BATCH_MAX).unzip();
            match self.publish(partition, messages).await {
                Ok(published) => count(&published),
                Err(error) => failed.extend(places.into_iter().map(|place| (place, error.clone()))),
            }
        }
        failed
    }

    async fn publish(&self, partition: u32, messages: Vec<Message>) -> Result<Vec<Published>> {
        let sent = messages.len();
        let published = self.bus.publish(POSTS, partition, messages).await?;
        if published.len() == sent { Ok(published) } else { Err(Error::Unanswered) }
    }

    fn check_edge(&self, user: UserId, author: UserId) -> Result<()> {
        self.check_owned("user", user)?;
        self.check_owned("author", author)
    }

    fn check_owned(&self, role: &'static str, user: UserId) -> Result<()> {
        match self.map.load().end() {
            Some(end) if user >= end => Err(Error::Unowned { role, user, end }),
            _ => Ok(()),
        }
    }

    fn partition(&self, author: UserId) -> u32 {
        partition_of(&author.to_string(), self.partitions)
    }
}

fn count(published: &[Published]) {
    for published in published {
        if published.duplicate { metric::repeated() } else { metric::accepted("post") }
    }
}

fn identity(author: UserId, idempotency_key: Option<&str>) -> Result<PostId> {
    let unique = match idempotency_key {
        None => random()?,
        Some(key) => {
            let hash = derived_id(&[b"post", &author.0.to_be_bytes(), key.as_bytes()]);
            hash.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
        }
    };
    Ok(PostId { author, unique })
}

fn random() -> Result<u64> {
    getrandom::u64().map_err(|error| Error::Random { reason: error.to_string() })
}

fn message(post: &NewPost, id: PostId) -> Message {
    let now = OffsetDateTime::now_utc().format(PUBLISHED_AT).unwrap_or_default();
    Message {
        id: id.to_string(),
        kind: post.verb().to_owned(),
        key: post.actor().to_string(),
        headers: model::Headers::default(),
        body: post.body(id, &now).into(),
    }
}
