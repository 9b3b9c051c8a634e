use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{InvalidShardMap, ShardMap};

/// The map that is live in this process. Clones are cheap and the same; reading it takes no lock.
#[derive(Clone, Debug)]
pub struct LiveMap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    map: ArcSwap<ShardMap>,
    /// The version of `map`. Whoever replaces the map does so while it holds this.
    version: watch::Sender<u64>,
}

impl LiveMap {
    /// A handle to `map`.
    #[must_use]
    pub fn new(map: ShardMap) -> Self {
        let version = watch::Sender::new(map.version());
        Self(Arc::new(Inner { map: ArcSwap::from_pointee(map), version }))
    }

    /// The map as it is now.
    #[must_use]
    pub fn load(&self) -> Arc<ShardMap> {
        self.0.map.load_full()
    }

    /// Puts `next` in the map's place. The map that is live already is fine.
    ///
    /// # Errors
    /// Those of [`ShardMap::check_successor`]; the old map stays.
    pub fn adopt(&self, next: ShardMap) -> Result<(), InvalidShardMap> {
        let mut adopted = Ok(());
        self.0.version.send_if_modified(|version| {
            let live = self.load();
            if *live == next {
                return false;
            }
            adopted = live.check_successor(&next);
            if adopted.is_err() {
                return false;
            }
            *version = next.version();
            self.0.map.store(Arc::new(next));
            true
        });
        adopted
    }

    /// The version, each time it changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }
}
