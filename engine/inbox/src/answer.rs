//! The answering side of [`Remote`](crate::Remote).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bus::{Answering, Requests};
use bytes::Bytes;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Cursor, Inbox, Result,
    home::Home,
    read,
    reads::blocking,
    tables::{FEEDS, FOLLOWERS, FOLLOWING, OUTBOXES},
    wire::{self, Answer, Question, Which},
};

/// When to try again where the bus could not be told that somebody answers.
const AGAIN: Duration = Duration::from_millis(500);

/// Answers questions to the shards of `inbox`, each for exactly as long as it serves. Needs a Tokio runtime.
pub fn answer(inbox: Inbox, requests: Arc<dyn Requests>) -> Answers {
    let cancel = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(attend(inbox, requests, cancel.clone()));
    tasks.close();
    Answers { tasks, stop: cancel.drop_guard() }
}

/// Questions are answered for as long as this lives.
#[must_use = "questions are answered for as long as this lives"]
pub struct Answers {
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Answers {
    /// Answers no more, and waits until nobody is told otherwise.
    pub async fn close(self) {
        self.stop.token().cancel();
        self.tasks.wait().await;
    }
}

/// Keeps the subjects that are answered those of the shards that serve.
async fn attend(inbox: Inbox, requests: Arc<dyn Requests>, cancel: CancellationToken) {
    let mut phases = inbox.phases();
    let mut answering: BTreeMap<u32, Answering> = BTreeMap::new();
    loop {
        phases.borrow_and_update();
        let mut missing = false;
        for home in inbox.homes() {
            match (home.serves(), answering.contains_key(&home.shard)) {
                (false, true) => drop(answering.remove(&home.shard)),
                (true, false) => {
                    match requests.answer(&wire::subject(home.shard), Arc::new(Desk(Arc::clone(home)))).await
                    {
                        Ok(guard) => drop(answering.insert(home.shard, guard)),
                        Err(error) => {
                            tracing::warn!(shard = home.shard, %error, "questions to an inbox shard do not arrive");
                            missing = true;
                        }
                    }
                }
                _ => {}
            }
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            changed = phases.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN), if missing => {}
        }
    }
}

/// Answers for one shard, from its number alone: whether it owns the user is known to who asks, by a map that may be
/// later than this process's.
struct Desk(Arc<Home>);

#[async_trait]
impl bus::Answer for Desk {
    async fn answer(&self, question: Bytes) -> Bytes {
        let home = Arc::clone(&self.0);
        let answer = match Question::decode(&question) {
            Ok(question) => blocking(move || look_up(&home, question)).await.flatten(),
            Err(error) => Err(error),
        };
        wire::encode_answer(answer)
    }
}

fn look_up(home: &Home, Question { which, user, from, limit }: Question) -> Result<Answer> {
    // A shard that has let go of its partition since it was asked says so here.
    let store = home.store()?;
    let page = |table| {
        let page = read::page(&**store, table, user.0, from.map(Cursor), limit)?;
        Ok(Answer::Page(page.to_json().into()))
    };
    let users = |table| {
        let after = from.map(relations::UserId);
        Ok(Answer::Users(read::neighbours(&**store, table, user, after, limit)?))
    };
    match which {
        Which::Feed => page(FEEDS),
        Which::Posts => page(OUTBOXES),
        Which::Following => users(FOLLOWING),
        Which::Followers => users(FOLLOWERS),
    }
}
