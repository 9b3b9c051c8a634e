use std::sync::Arc;

use bus::{Bus, Everything, Placement};
use relations::{LiveMap, UserId, stream::INBOX};
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Cursor, Error, Options, Page, Phase, Result, Stores,
    followers::Followers,
    home::{Home, State},
    read,
    shard::report,
    supervisor::Supervisor,
    tables::{FEEDS, FOLLOWERS, FOLLOWING, OUTBOXES},
    turn::Ground,
};

/// How far a shard of this process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The shard.
    pub shard: u32,
    /// What it does.
    pub phase: Phase,
    /// The last sequence whose effects are all there.
    pub applied: u64,
    /// The last sequence in the stream.
    pub last: u64,
    /// Why the shard stopped applying, if it did.
    pub fault: Option<String>,
    /// What it waits for to pass, if it does.
    pub trouble: Option<String>,
}

/// The shards of this process: those that its placement gives it, each from the moment it has its partition and has
/// applied what stood there. Clones are cheap and the same; when the last one is dropped the shards stop
/// by themselves, [`close`](Self::close) waits for it.
#[derive(Clone)]
pub struct Inbox {
    inner: Arc<Inner>,
}

struct Inner {
    map: LiveMap,
    /// Every shard there is, by number.
    homes: Vec<Arc<Home>>,
    bus: Arc<dyn Bus>,
    phases: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Inbox {
    /// Takes up the shards that `placement` gives this process, now and later, each over its store, and reads the
    /// stream `inbox`, which must exist with a partition for each shard of `map`. Of what fails, the shard concerned
    /// says so in its [`Position`]. Needs a Tokio runtime.
    #[must_use]
    pub fn open(
        options: Options,
        bus: Arc<dyn Bus>,
        stores: Arc<dyn Stores>,
        map: LiveMap,
        placement: Arc<dyn Placement>,
    ) -> Self {
        let cancel = CancellationToken::new();
        let phases = watch::Sender::new(0);
        let homes: Vec<Arc<Home>> =
            (0..map.load().shards()).map(|shard| Arc::new(Home::new(shard, phases.clone()))).collect();
        let ground = Ground { options, bus: Arc::clone(&bus), stores, placement, map: map.clone() };
        let supervisor =
            Supervisor { homes: homes.clone(), ground: Arc::new(ground), cancel: cancel.clone() };
        let tasks = TaskTracker::new();
        tasks.spawn(supervisor.run());
        tasks.close();
        Self { inner: Arc::new(Inner { map, homes, bus, phases, tasks, stop: cancel.drop_guard() }) }
    }

    /// Opens every shard in this process, which is the only one. Answers once each has its store and its partition; what
    /// stood there may still be on its way.
    ///
    /// # Errors
    /// [`Error::Users`], [`Error::Gap`] and [`Error::Ahead`] when map, stores and stream do not belong together;
    /// whatever `stores` says; [`Error::Store`] and [`Error::Bus`] when one of them fails.
    pub async fn alone(
        options: Options,
        bus: Arc<dyn Bus>,
        stores: Arc<dyn Stores>,
        map: LiveMap,
    ) -> Result<Self> {
        let inbox = Self::open(options, bus, stores, map, Arc::new(Everything::default()));
        for home in &inbox.inner.homes {
            let begun = |state: &State| state.opened || state.trouble.is_some() || state.fault.is_some();
            let mut state = home.watch();
            let failed = match state.wait_for(begun).await {
                // What befalls it from there on is its own business, and told by `check`.
                Ok(state) if state.opened => None,
                Ok(state) => state.fault.clone().or_else(|| state.trouble.clone()),
                Err(_) => Some(closed(home.shard)),
            };
            if let Some(error) = failed {
                inbox.close().await;
                return Err(error);
            }
        }
        Ok(inbox)
    }

    /// Stops applying and answering, and waits until every shard has finished its store batch and closed its
    /// store.
    pub async fn close(&self) {
        self.inner.stop.token().cancel();
        self.inner.tasks.wait().await;
    }

    /// A page of `user`'s feed: posts of those the user follows, newest first. `limit` is at least 1. Blocks on disk.
    ///
    /// # Errors
    /// [`Error::Unowned`], [`Error::NotServing`], [`Error::Stopped`], [`Error::Store`], [`Error::Corrupt`].
    pub fn feed(&self, user: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Page> {
        read::page(&**self.home(user)?.store()?, FEEDS, user.0, cursor, limit)
    }

    /// A page of `author`'s own posts, newest first. `limit` is at least 1. Blocks on disk.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn posts(&self, author: UserId, cursor: Option<Cursor>, limit: usize) -> Result<Page> {
        read::page(&**self.home(author)?.store()?, OUTBOXES, author.0, cursor, limit)
    }

    /// Up to `limit` of those `user` follows, ascending, above `after`. Blocks on disk.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn following(&self, user: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        read::neighbours(&**self.home(user)?.store()?, FOLLOWING, user, after, limit)
    }

    /// Up to `limit` followers of `author`, ascending, above `after`: those of every shard. Blocks on disk.
    ///
    /// # Errors
    /// As [`feed`](Self::feed), for the first shard that cannot be read.
    pub fn followers(&self, author: UserId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        self.home(author)?;
        let mut followers = Followers::new(&self.inner.map.load(), after, limit);
        while let Some(ask) = followers.next() {
            let store = self.shard(ask.shard)?.store()?;
            followers.take(ask, read::neighbours(&**store, FOLLOWERS, author, ask.after, ask.limit)?);
        }
        Ok(followers.into_users())
    }

    /// How far each shard of this process is.
    ///
    /// # Errors
    /// [`Error::Bus`] when the bus cannot say how long its partitions are.
    pub async fn positions(&self) -> Result<Vec<Position>> {
        let mut positions = Vec::new();
        for home in &self.inner.homes {
            let State { phase, applied, fault, trouble, .. } = home.state();
            if phase == Phase::Absent {
                continue;
            }
            let last = self.inner.bus.bounds(INBOX, home.shard).await?.last.max(applied);
            let [fault, trouble] = [fault, trouble].map(|error| error.as_ref().map(report));
            positions.push(Position { shard: home.shard, phase, applied, last, fault, trouble });
        }
        Ok(positions)
    }

    /// Whether every shard that is in this process serves.
    ///
    /// # Errors
    /// [`Error::Stopped`] or [`Error::NotServing`] names the first that does not, and why.
    pub fn check(&self) -> Result<()> {
        for home in &self.inner.homes {
            match home.state() {
                State { fault: Some(fault), .. } => return Err(fault.stopped(home.shard)),
                State { phase: phase @ (Phase::Opening | Phase::CatchingUp { .. }), .. } => {
                    return Err(Error::NotServing { shard: home.shard, phase });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits until `shard` serves and has applied `sequence`.
    ///
    /// # Errors
    /// [`Error::Stopped`] when it stops before, or there is no such shard.
    pub async fn wait_applied(&self, shard: u32, sequence: u64) -> Result<()> {
        let home = self.shard(shard)?;
        let mut state = home.watch();
        let reached = |state: &State| {
            state.fault.is_some() || (state.applied >= sequence && state.phase == Phase::Serving)
        };
        tokio::select! {
            biased;
            state = state.wait_for(reached) => match state {
                Ok(state) => match &state.fault {
                    Some(fault) if state.applied < sequence || !home.serves() => Err(fault.stopped(shard)),
                    _ => Ok(()),
                },
                Err(_) => Err(closed(shard)),
            },
            () = self.inner.stop.token().cancelled() => Err(closed(shard)),
        }
    }

    /// Waits until every shard of this process serves and has applied all that its partition holds at the time of the
    /// call.
    ///
    /// # Errors
    /// [`Error::Stopped`] when a shard stops before; [`Error::Bus`].
    pub async fn wait_caught_up(&self) -> Result<()> {
        for position in self.positions().await? {
            self.wait_applied(position.shard, position.last).await?;
        }
        Ok(())
    }

    /// Counts the changes of any shard's [`Phase`], so that they can be waited for.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<u64> {
        self.inner.phases.subscribe()
    }

    pub(crate) fn homes(&self) -> &[Arc<Home>] {
        &self.inner.homes
    }

    fn shard(&self, shard: u32) -> Result<&Arc<Home>> {
        let unknown = || Error::Stopped { shard, reason: "there is no such shard".to_owned() };
        self.inner.homes.get(shard as usize).ok_or_else(unknown)
    }

    fn home(&self, user: UserId) -> Result<&Arc<Home>> {
        let map = self.inner.map.load();
        let unowned = || Error::Unowned { user, end: map.end().unwrap_or(user) };
        self.shard(map.shard_of(user).ok_or_else(unowned)?)
    }
}

fn closed(shard: u32) -> Error {
    Error::Stopped { shard, reason: "it was closed".to_owned() }
}
