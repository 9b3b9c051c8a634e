use std::{fmt::Display, ops::RangeInclusive};

use relations::{InvalidShardMap, Range, ShardMap, UserId};

use super::{Config, ConfigError, Inbox, Mistake, Origin, Role, layers::Origins};

/// Everything that is wrong with values of the right type.
pub(super) fn mistakes(config: &Config, origins: &Origins) -> Vec<Mistake> {
    let mut check = Check { origins, mistakes: Vec::new() };
    check.range("http.connections_max", config.http.connections_max, 1..=1_000_000);
    check.range("posts.partitions", config.posts.partitions, 1..=1024);
    // A queue has to hold the largest message there can be, and what else comes meanwhile.
    check.range("bus.queue_bytes_max", config.bus.queue_bytes_max, 4 << 20..=16 << 30);
    check.range("bus.tail_bytes_max", config.bus.tail_bytes_max, 0..=16 << 30);
    check.range("store.file_bytes_max", config.store.file_bytes_max, 64 << 20..=16 << 40);
    check.range("watch.scan_every_ms", config.watch.scan_every_ms, 50..=3_600_000);
    check.range("runtime.instances_max", config.runtime.instances_max, 1..=10_000);
    check.range("runtime.memory_mb_max", config.runtime.memory_mb_max, 1..=4096);
    if let Err(error) = telemetry::check_filter(&config.log.filter) {
        check.wrong("log.filter", &config.log.filter, error.to_string());
    }
    if let Err(error) = config.inbox.shard_map() {
        check.wrong("inbox.shards", format!("{:?}", config.inbox.first_users()), error.to_string());
    }
    fleet(&mut check, config);
    let (http, admin) = (config.http.address, config.admin.address);
    if http.port() != 0 && http == admin {
        check.wrong(
            "admin.address",
            admin,
            "is the data plane's address: the planes need one each".to_owned(),
        );
    }
    for host in &config.admin.hosts {
        if host.is_empty() || host.contains(['/', ':', ' ']) {
            check.wrong("admin.hosts", host, "must be names without scheme, port or path".to_owned());
        }
    }
    let runs_chains = config.roles.contains(&Role::Distributor);
    for (key, folder) in [("chains", &config.chains), ("bundles", &config.bundles)] {
        if runs_chains && !folder.is_dir() {
            let problem = format!("is not a folder; make it, or name another with `--{key}`");
            check.wrong(key, folder.display(), problem);
        }
    }
    check.mistakes
}

/// What makes sense only beside others.
fn fleet(check: &mut Check<'_>, config: &Config) {
    let roles = config.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    if config.roles.is_empty() {
        check.wrong(
            "roles",
            "[]",
            "name at least one of forwarder, distributor, inbox and gateway".to_owned(),
        );
    }
    let missing: Vec<_> =
        Role::ALL.iter().filter(|role| !config.roles.contains(role)).map(|role| role.as_str()).collect();
    if config.nats.urls.is_empty() && !missing.is_empty() {
        let problem = format!(
            "nobody would be the {}: on the embedded bus one process does everything. Name a NATS server with \
             `--nats` to share the work, or leave `--role` out",
            missing.join(", ")
        );
        check.wrong("roles", roles, problem);
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    for (key, text) in [("name", &config.name), ("nats.prefix", &config.nats.prefix)] {
        if text.len() > 40 || !text.chars().all(fits) {
            check.wrong(key, text, "must have at most 40 of a-z, 0-9, `-` and `_`".to_owned());
        }
    }
    check.range("nats.lease_ms", config.nats.lease_ms, 1_000..=60_000);
    check.range("nats.replicas", config.nats.replicas, 0..=5);
    for url in &config.nats.urls {
        if !["nats://", "tls://"].iter().any(|scheme| url.starts_with(scheme)) {
            check.wrong(
                "nats.urls",
                url,
                "must look like `nats://host:4222` or `tls://host:4222`".to_owned(),
            );
        }
    }
}

impl Config {
    /// Checks a configuration that was put together by hand.
    ///
    /// # Errors
    /// [`ConfigError::Values`] with every mistake.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mistakes = mistakes(self, &Origins::new());
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigError::Values { mistakes }) }
    }

    /// The shard map that the section `inbox` describes.
    pub(crate) fn shard_map(&self) -> Result<ShardMap, ConfigError> {
        self.inbox.shard_map().map_err(|error| {
            let value = format!("{:?}", self.inbox.first_users());
            let origin = Origin::default();
            let mistake = Mistake {
                key: "inbox.shards".to_owned(),
                value: Some(value),
                origin,
                problem: error.to_string(),
            };
            ConfigError::Values { mistakes: vec![mistake] }
        })
    }
}

impl Inbox {
    /// The first edition of the shard map.
    fn shard_map(&self) -> Result<ShardMap, InvalidShardMap> {
        let first_users = self.first_users();
        let listed = u32::try_from(first_users.len()).unwrap_or(u32::MAX);
        let range = |(shard, first_user)| Range { first_user: UserId(first_user), shard };
        let ranges = (0..).zip(first_users).map(range).collect();
        let end = (self.end > 0).then_some(UserId(self.end));
        ShardMap::from_ranges(1, listed.max(self.shards_max), ranges, end)
    }

    fn first_users(&self) -> Vec<u64> {
        self.shards.iter().map(|shard| shard.first_user).collect()
    }
}

struct Check<'a> {
    origins: &'a Origins,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    fn range<T: PartialOrd + Display>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        if !allowed.contains(&value) {
            self.wrong(key, value, format!("must be from {} to {}", allowed.start(), allowed.end()));
        }
    }

    fn wrong(&mut self, key: &str, value: impl Display, problem: String) {
        // A section's keys may have been set one by one, a list only as a whole: the key itself is known.
        let origin = self.origins.get(key).cloned().unwrap_or_default();
        let value = Some(value.to_string());
        self.mistakes.push(Mistake { key: key.to_owned(), value, origin, problem });
    }
}
