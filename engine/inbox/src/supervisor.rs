//! Takes shards up and lets go of them, as the placement says.

use std::{collections::HashMap, sync::Arc};

use relations::stream::INBOX;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    home::Home,
    turn::{Ground, Turn},
};

/// The owner of every shard's task.
pub(crate) struct Supervisor {
    pub(crate) homes: Vec<Arc<Home>>,
    pub(crate) ground: Arc<Ground>,
    pub(crate) cancel: CancellationToken,
}

/// A turn that has not been given up, or not wholly.
struct Begun {
    cancel: CancellationToken,
    /// Gone once it has ended by a panic.
    task: Option<Id>,
}

impl Supervisor {
    /// Ends when cancelled, after every shard has finished its batch and closed its store.
    pub(crate) async fn run(self) {
        let mut changes = self.ground.placement.changes();
        let mut watching = true;
        let mut turns: HashMap<u32, Begun> = HashMap::new();
        let mut tasks = JoinSet::new();
        loop {
            changes.borrow_and_update();
            for home in &self.homes {
                self.follow(home, &mut turns, &mut tasks);
            }
            if self.cancel.is_cancelled() && tasks.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled(), if !self.cancel.is_cancelled() => {}
                Some(ended) = tasks.join_next_with_id() => self.ended(ended, &mut turns),
                changed = changes.changed(), if watching => watching = changed.is_ok(),
            }
        }
    }

    /// Begins a shard's turn, or gives it up. A shard whose turn comes again while it still lets go begins anew
    /// after that.
    fn follow(&self, home: &Arc<Home>, turns: &mut HashMap<u32, Begun>, tasks: &mut JoinSet<()>) {
        let shards = u32::try_from(self.homes.len()).unwrap_or(u32::MAX);
        let mine = !self.cancel.is_cancelled() && self.ground.placement.is_mine(INBOX, home.shard, shards);
        match turns.get(&home.shard) {
            None if mine => {
                let cancel = self.cancel.child_token();
                let (ground, home) = (Arc::clone(&self.ground), Arc::clone(home));
                let shard = home.shard;
                tracing::info!(shard, "an inbox shard is taken up");
                let task = tasks.spawn(Turn { home, ground, cancel: cancel.clone() }.run()).id();
                turns.insert(shard, Begun { cancel, task: Some(task) });
            }
            Some(Begun { task: None, .. }) if !mine => {
                turns.remove(&home.shard);
                home.leave();
            }
            Some(begun) if !mine => begun.cancel.cancel(),
            _ => {}
        }
    }

    fn ended(&self, ended: Result<(Id, ()), JoinError>, turns: &mut HashMap<u32, Begun>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(shard) = turns.iter().find_map(|(shard, begun)| (begun.task == Some(id)).then_some(*shard))
        else {
            return;
        };
        match ended {
            Ok(_) => {
                tracing::info!(shard, "an inbox shard is let go of");
                turns.remove(&shard);
            }
            Err(error) => {
                // A bug; it costs this shard until its turn comes anew.
                tracing::error!(shard, %error, "the task of an inbox shard panicked");
                if let Some(begun) = turns.get_mut(&shard) {
                    begun.task = None;
                }
                if let Some(home) = self.homes.get(shard as usize) {
                    home.stop(Error::Stopped { shard, reason: error.to_string() });
                }
            }
        }
    }
}
