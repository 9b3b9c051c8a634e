use std::sync::Arc;

use bus::Bus;
use parking_lot::Mutex;
use relations::{ShardMap, UserId, stream::INBOX};
use store::Store;
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Cursor, Error, Options, Page, Result,
    applier::Applier,
    metric::Meters,
    read,
    shard::{Shard, State},
    tables::{FEEDS, FOLLOWERS, FOLLOWING, OUTBOXES},
};

/// How far a shard is in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The shard.
    pub shard: u32,
    /// The last sequence whose effects are all there.
    pub applied: u64,
    /// The last sequence in the stream.
    pub last: u64,
    /// Why the shard stopped applying, if it did.
    pub fault: Option<String>,
}

/// All shards of this process. Clones are cheap and the same; when the last one is dropped the shards stop
/// by themselves, [`close`](Self::close) waits for it.
#[derive(Clone)]
pub struct Inbox {
    inner: Arc<Inner>,
}

struct Inner {
    map: ShardMap,
    shards: Vec<Home>,
    bus: Arc<dyn Bus>,
    tasks: TaskTracker,
    stop: DropGuard,
}

/// A shard as readers see it.
struct Home {
    store: Arc<dyn Store>,
    state: watch::Receiver<State>,
}

impl Inbox {
    /// Opens every shard of `map` over its store, opened with [`TABLES`](crate::TABLES), and starts
    /// reading the stream `inbox`, which must exist with a partition for each shard.
    ///
    /// # Errors
    /// [`Error::Stores`], [`Error::Users`], [`Error::Gap`] and [`Error::Ahead`] when map, stores and stream do
    /// not belong together; [`Error::Store`] and [`Error::Bus`] when one of them fails.
    pub async fn open(
        options: Options,
        bus: Arc<dyn Bus>,
        stores: Vec<Arc<dyn Store>>,
        map: ShardMap,
    ) -> Result<Self> {
        let wrong = Error::Stores { stores: stores.len(), shards: map.shards() };
        if stores.len() != map.shards() as usize {
            return Err(wrong);
        }
        let cancel = CancellationToken::new();
        let mut shards = Vec::new();
        let mut homes = Vec::new();
        for (shard, store) in (0..map.shards()).zip(stores) {
            let Some(users) = map.users_of(shard) else { return Err(wrong) };
            let opening = Arc::clone(&store);
            let applier = tokio::task::spawn_blocking(move || Applier::open(shard, users, &options, opening))
                .await
                .map_err(|error| Error::Stopped { shard, reason: error.to_string() })??;
            let (sender, state) = watch::channel(State { applied: applier.applied(), fault: None });
            let task = Shard {
                shard,
                bus: Arc::clone(&bus),
                applier: Arc::new(Mutex::new(applier)),
                messages_max: options.batch_messages_max.max(1),
                state: sender,
                cancel: cancel.clone(),
                meters: Meters::of(shard),
            };
            task.check().await?;
            homes.push(Home { store, state });
            shards.push(task);
        }
        let tasks = TaskTracker::new();
        for shard in shards {
            tasks.spawn(shard.run());
        }
        tasks.close();
        Ok(Self { inner: Arc::new(Inner { map, shards: homes, bus, tasks, stop: cancel.drop_guard() }) })
    }

    /// Stops applying and waits until every shard has finished its store batch. Reads go on working.
    pub async fn close(&self) {
        self.inner.stop.token().cancel();
        self.inner.tasks.wait().await;
    }

    /// A page of `user`'s feed: posts of those the user follows, newest first. `limit` is at least 1.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`].
    pub fn feed(&self, user: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Page> {
        read::page(self.home(user)?, FEEDS, user.0, cursor, limit)
    }

    /// A page of `author`'s own posts, newest first. `limit` is at least 1.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`].
    pub fn posts(&self, author: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Page> {
        read::page(self.home(author)?, OUTBOXES, author.0, cursor, limit)
    }

    /// Up to `limit` of those `user` follows, ascending, above `after`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn following(&self, user: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        read::neighbours(self.home(user)?, FOLLOWING, user, after, limit)
    }

    /// Up to `limit` followers of `author`, ascending, above `after`: those of every shard.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn followers(&self, author: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        // Shards own ascending ranges of users: one after the other is in order, and those before `after`'s
        // have nothing above it.
        let first = after.map_or(0, |after| self.inner.map.shard_of(after));
        let mut users = Vec::new();
        for shard in self.inner.shards.iter().skip(first as usize) {
            if users.len() >= limit {
                break;
            }
            users.extend(read::neighbours(&*shard.store, FOLLOWERS, author, after, limit - users.len())?);
        }
        Ok(users)
    }

    /// How far each shard is.
    ///
    /// # Errors
    /// [`Error::Bus`] when the bus cannot say how long its partitions are.
    pub async fn positions(&self) -> Result<Vec<Position>> {
        let mut positions = Vec::with_capacity(self.inner.shards.len());
        for (shard, Home { state, .. }) in (0..).zip(&self.inner.shards) {
            let last = self.inner.bus.bounds(INBOX, shard).await?.last;
            let State { applied, fault } = state.borrow().clone();
            positions.push(Position { shard, applied, last: last.max(applied), fault });
        }
        Ok(positions)
    }

    /// Whether every shard is still applying.
    ///
    /// # Errors
    /// [`Error::Stopped`] names the first that is not, and why.
    pub fn check(&self) -> Result<()> {
        for (shard, Home { state, .. }) in (0..).zip(&self.inner.shards) {
            if let Some(fault) = &state.borrow().fault {
                return Err(Error::Stopped { shard, reason: fault.clone() });
            }
        }
        Ok(())
    }

    /// Waits until `shard` has applied `sequence`.
    ///
    /// # Errors
    /// [`Error::Stopped`] when it stops before, or there is no such shard.
    pub async fn wait_applied(&self, shard: u32, sequence: u64) -> Result<()> {
        let stopped = |reason: &str| Error::Stopped { shard, reason: reason.to_owned() };
        let known = self.inner.shards.get(shard as usize).ok_or_else(|| stopped("there is no such shard"))?;
        let mut state = known.state.clone();
        let reached = |state: &State| state.applied >= sequence || state.fault.is_some();
        let state = state.wait_for(reached).await.map_err(|_| stopped("it was closed"))?;
        match &state.fault {
            Some(fault) if state.applied < sequence => Err(stopped(fault)),
            _ => Ok(()),
        }
    }

    /// Waits until every shard has applied all that its partition holds at the time of the call.
    ///
    /// # Errors
    /// [`Error::Stopped`] when a shard stops before; [`Error::Bus`].
    pub async fn wait_caught_up(&self) -> Result<()> {
        for position in self.positions().await? {
            self.wait_applied(position.shard, position.last).await?;
        }
        Ok(())
    }

    fn home(&self, user: UserId) -> Result<&dyn Store> {
        let shard = self.inner.map.shard_of(user);
        let home = self.inner.shards.get(shard as usize);
        let missing = || Error::Stores { stores: self.inner.shards.len(), shards: self.inner.map.shards() };
        Ok(&*home.ok_or_else(missing)?.store)
    }
}
