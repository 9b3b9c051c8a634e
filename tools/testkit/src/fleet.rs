//! The tiers of a deployment as processes, over servers that somebody else started.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

use crate::{
    client::Client,
    process::{Addresses, NodeProcess, Setup},
};

/// What every process of a fleet is told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The `catena` command.
    pub catena: PathBuf,
    /// A folder with `chains` and `bundles`; each process gets a data folder of its name in it.
    pub folder: PathBuf,
    /// The servers, separated by commas.
    pub nats: String,
    /// Partitions of `posts`.
    pub partitions: u32,
    /// The first user of each inbox shard.
    pub first_users: Vec<u64>,
    /// Further environment of every process.
    pub environment: Vec<(String, String)>,
}

/// The processes of a fleet, by name. Dropping it kills them.
pub struct Fleet {
    plan: Plan,
    running: BTreeMap<String, NodeProcess>,
    /// Those that were killed or stopped, and can be started again.
    resting: BTreeMap<String, Setup>,
}

/// The smallest fleet that has two of everything that is doubled: name and roles of each process.
pub const SEVEN: &[(&str, &str)] = &[
    ("forwarder-1", "forwarder"),
    ("forwarder-2", "forwarder"),
    ("distributor-1", "distributor"),
    ("distributor-2", "distributor"),
    ("inbox-1", "inbox"),
    ("inbox-2", "inbox"),
    ("gateway-1", "gateway"),
];

impl Fleet {
    /// Starts every process of `members` (name and roles, separated by commas), all at once, and waits until all are ready.
    ///
    /// # Errors
    /// One of them did not start or did not become ready in time; the error ends with its log.
    pub async fn start(plan: Plan, members: &[(&str, &str)]) -> Result<Self> {
        let mut fleet = Self { plan, running: BTreeMap::new(), resting: BTreeMap::new() };
        let setups = members.iter().map(|(name, roles)| ((*name).to_owned(), fleet.setup(name, roles, &[])));
        fleet.running = together(setups).await?;
        Ok(fleet)
    }

    /// Adds a process, and waits until it is ready.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn add(&mut self, name: &str, roles: &str) -> Result<()> {
        self.add_with(name, roles, &[]).await
    }

    /// As [`add`](Self::add), with environment of its own: whom it signs in as, perhaps.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn add_with(
        &mut self,
        name: &str,
        roles: &str,
        environment: &[(String, String)],
    ) -> Result<()> {
        let node = self.bound(name, roles, environment).await?;
        node.ready().await?;
        self.running.insert(name.to_owned(), node);
        Ok(())
    }

    /// Starts a process under a name that another one has, on data of its own, and answers why it did not stay.
    ///
    /// # Errors
    /// It runs.
    pub async fn second(&self, name: &str, roles: &str) -> Result<anyhow::Error> {
        let setup = self.setup(name, roles, &[]);
        let data = setup.data.with_file_name(format!("{name}-second"));
        match NodeProcess::bound(Setup { data, ..setup }).await {
            Ok(_) => bail!("there are two of the name `{name}`"),
            Err(refused) => Ok(refused),
        }
    }

    async fn bound(&self, name: &str, roles: &str, own: &[(String, String)]) -> Result<NodeProcess> {
        let setup = self.setup(name, roles, own);
        NodeProcess::bound(setup).await.with_context(|| format!("`{name}` did not start"))
    }

    fn setup(&self, name: &str, roles: &str, own: &[(String, String)]) -> Setup {
        let Plan { catena, folder, nats, partitions, first_users, environment } = &self.plan;
        let mut setup = Setup::under(folder, catena.clone());
        setup.data = folder.join(name);
        let shards: Vec<_> = first_users.iter().map(|user| format!("{{ first_user = {user} }}")).collect();
        setup.environment = vec![
            ("CATENA_POSTS_PARTITIONS".to_owned(), partitions.to_string()),
            ("CATENA_INBOX_SHARDS".to_owned(), format!("[{}]", shards.join(", "))),
        ];
        setup.environment.extend(environment.iter().chain(own).cloned());
        let told = ["--name", name, "--role", roles, "--nats", nats];
        setup.arguments = told.into_iter().map(str::to_owned).collect();
        setup
    }

    /// A running process.
    ///
    /// # Errors
    /// None of that name runs.
    pub fn node(&self, name: &str) -> Result<&NodeProcess> {
        self.running.get(name).with_context(|| format!("no `{name}` is running"))
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// None of that name runs, or it could not be killed.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let node = self.running.remove(name).with_context(|| format!("no `{name}` is running"))?;
        self.resting.insert(name.to_owned(), node.kill().await?);
        Ok(())
    }

    /// SIGSTOP, as [`NodeProcess::pause`].
    ///
    /// # Errors
    /// None of that name runs.
    pub async fn pause(&self, name: &str) -> Result<()> {
        self.node(name)?.pause().await
    }

    /// SIGCONT, as [`NodeProcess::resume`].
    ///
    /// # Errors
    /// None of that name runs.
    pub fn resume(&self, name: &str) -> Result<()> {
        self.node(name)?.resume()
    }

    /// Asks a process to end, and waits until it has.
    ///
    /// # Errors
    /// None of that name runs, or it did not end in time.
    pub async fn stop(&mut self, name: &str) -> Result<()> {
        let node = self.running.remove(name).with_context(|| format!("no `{name}` is running"))?;
        let (_, setup) = node.stop().await?;
        self.resting.insert(name.to_owned(), setup);
        Ok(())
    }

    /// Starts one that rests again, on the data it left, and waits until it is ready.
    ///
    /// # Errors
    /// None of that name rests; as [`start`](Self::start).
    pub async fn revive(&mut self, name: &str) -> Result<()> {
        let setup = self.resting.remove(name).with_context(|| format!("no `{name}` is resting"))?;
        let node = NodeProcess::start(setup).await.with_context(|| format!("`{name}` did not come back"))?;
        self.running.insert(name.to_owned(), node);
        Ok(())
    }

    /// `kill -9` of these, and starts them again together, as [`revive`](Self::revive).
    ///
    /// # Errors
    /// As [`kill`](Self::kill) and [`revive`](Self::revive).
    pub async fn restart(&mut self, names: &[&str]) -> Result<()> {
        for name in names {
            self.kill(name).await?;
        }
        let setups: Vec<_> = names.iter().filter_map(|name| self.resting.remove_entry(*name)).collect();
        self.running.append(&mut together(setups).await?);
        Ok(())
    }

    /// A client of whatever runs now: all forwarders, the first gateway, and the first distributor to manage by.
    ///
    /// # Errors
    /// One of these roles is not running.
    pub fn client(&self) -> Result<Client> {
        let of = |role: &str| -> Vec<&NodeProcess> {
            self.running
                .values()
                .filter(|node| node.setup().arguments.iter().any(|roles| roles.split(',').any(|r| r == role)))
                .collect()
        };
        let first = |role: &str| -> Result<&NodeProcess> {
            of(role).first().copied().with_context(|| format!("no {role} is running"))
        };
        let forwarders: Vec<&Addresses> = of("forwarder").iter().map(|node| node.addresses()).collect();
        let manager = first("distributor")?;
        let data: &Path = &manager.setup().data;
        Client::of_fleet(&forwarders, first("gateway")?.addresses(), (manager.addresses(), data))
    }

    /// The names of those that run.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.running.keys().map(String::as_str)
    }

    /// `kill -9` of all.
    ///
    /// # Errors
    /// One could not be killed.
    pub async fn end(self) -> Result<()> {
        for node in self.running.into_values() {
            node.kill().await?;
        }
        Ok(())
    }

    /// Ends them all in order: those that take first, those that answer last, and those of one kind together.
    ///
    /// # Errors
    /// One did not end in time, or not well.
    pub async fn shutdown(self) -> Result<()> {
        let rank = |node: &NodeProcess| {
            let roles = node.setup().arguments.join(" ");
            ["forwarder", "distributor", "inbox"].iter().position(|role| roles.contains(role)).unwrap_or(3)
        };
        let mut ranks: BTreeMap<usize, Vec<(String, NodeProcess)>> = BTreeMap::new();
        for (name, node) in self.running {
            ranks.entry(rank(&node)).or_default().push((name, node));
        }
        for nodes in ranks.into_values() {
            let mut ending = JoinSet::new();
            for (name, node) in nodes {
                ending.spawn(async move {
                    let (status, _) = node.stop().await.with_context(|| format!("`{name}` did not stop"))?;
                    anyhow::ensure!(status.success(), "`{name}` ended with {status}");
                    Ok(())
                });
            }
            while let Some(ended) = ending.join_next().await {
                ended??;
            }
        }
        Ok(())
    }
}

/// Starts processes side by side, and waits until all are ready.
async fn together(
    setups: impl IntoIterator<Item = (String, Setup)>,
) -> Result<BTreeMap<String, NodeProcess>> {
    let mut starting = JoinSet::new();
    for (name, setup) in setups {
        starting.spawn(async move {
            let node = NodeProcess::start(setup).await;
            Ok::<_, anyhow::Error>((name.clone(), node.with_context(|| format!("`{name}` did not start"))?))
        });
    }
    let mut started = BTreeMap::new();
    while let Some(node) = starting.join_next().await {
        started.extend([node??]);
    }
    Ok(started)
}
