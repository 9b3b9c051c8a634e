//! What a node is told: defaults < file < environment < flags.
//!
//! Every key has one place in the TOML file (`http.address`) and one environment variable made of it
//! (`CATENA_HTTP_ADDRESS`). Unknown keys are errors; everything is checked before anything is opened, and an
//! error names the key, its value, where it came from and what is allowed.

mod layers;
mod mistake;
mod sections;
mod validate;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use layers::{Flag, Key, Sources};
pub use mistake::{ConfigError, Mistake, Origin};
#[cfg(debug_assertions)]
pub use sections::Planted;
pub use sections::{
    Admin, Bus, Http, Inbox, Log, Nats, Posts, Role, Runtime, Shard, Store, Watch, WatchMode,
};

/// Everything a node is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What this process does. All of it, unless a NATS server connects it with others.
    pub roles: Vec<Role>,
    /// Its name among the others; where it has none, it gives itself one and keeps it in the data folder.
    pub name: String,
    /// The folder of all the node keeps; made when it is not there, used by one node at a time.
    pub data: PathBuf,
    /// The folder of chain files.
    pub chains: PathBuf,
    /// The folder of bundles.
    pub bundles: PathBuf,
    /// The data plane.
    pub http: Http,
    /// The management plane.
    pub admin: Admin,
    /// What is logged, and how.
    pub log: Log,
    /// The stream of posts.
    pub posts: Posts,
    /// The inbox shards.
    pub inbox: Inbox,
    /// The servers of a bus that several processes share.
    pub nats: Nats,
    /// The embedded bus.
    pub bus: Bus,
    /// The stores below the data folder.
    pub store: Store,
    /// How changes of chains and bundles are noticed.
    pub watch: Watch,
    /// What runs bundles.
    pub runtime: Runtime,
    /// Bugs to plant, for tests that must be seen to catch them.
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    pub planted: Planted,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            roles: Role::ALL.to_vec(),
            name: String::new(),
            data: "data".into(),
            chains: "chains".into(),
            bundles: "bundles".into(),
            http: Http::default(),
            admin: Admin::default(),
            log: Log::default(),
            posts: Posts::default(),
            inbox: Inbox::default(),
            nats: Nats::default(),
            bus: Bus::default(),
            store: Store::default(),
            watch: Watch::default(),
            runtime: Runtime::default(),
            #[cfg(debug_assertions)]
            planted: Planted::default(),
        }
    }
}

impl Config {
    /// Every key that may be set.
    ///
    /// # Errors
    /// [`ConfigError::Defaults`].
    pub fn keys() -> Result<Vec<Key>, ConfigError> {
        let mut defaults = layers::defaults()?;
        // Of builds for tests alone.
        defaults.remove("planted");
        Ok(layers::keys(&defaults))
    }

    /// Lays the sources over the defaults, and checks the result.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake there is; of a file that is no TOML, that alone.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let layers::Layers { config, origins, mut mistakes } = layers::lay(sources)?;
        // Where a value could not even be read, what is below it has nothing to say.
        let read = |mistake: &Mistake| mistakes.iter().all(|known| known.key != mistake.key);
        let values: Vec<_> = validate::mistakes(&config, &origins).into_iter().filter(read).collect();
        mistakes.extend(values);
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError::Values { mistakes }) }
    }
}
