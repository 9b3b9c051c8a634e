//! The node's folders, with copies of the project's chains and bundles, and new versions to swap in.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use testkit::{
    bundles,
    client::Client,
    fleet::{Fleet, Plan, SEVEN},
    nats,
    process::{NodeProcess, Setup},
};

use crate::arguments::Arguments;

pub(crate) struct Stage {
    folder: tempfile::TempDir,
    catena: PathBuf,
}

/// What runs.
pub(crate) enum Players {
    Alone(Box<NodeProcess>),
    Fleet { fleet: Fleet, server: Box<nats::Server> },
}

impl fmt::Display for Players {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone(node) => write!(f, "a node is ready at http://{}", node.addresses().http),
            Self::Fleet { fleet, server } => {
                let names: Vec<_> = fleet.names().collect();
                write!(f, "{} processes over {} are ready: {}", names.len(), server.url(), names.join(", "))
            }
        }
    }
}

impl Players {
    pub(crate) fn client(&self) -> Result<Client> {
        match self {
            Self::Alone(node) => node.client(),
            Self::Fleet { fleet, .. } => fleet.client(),
        }
    }

    /// What all of them have measured.
    pub(crate) async fn metrics(&self) -> Result<String> {
        match self {
            Self::Alone(node) => node.client()?.metrics().await,
            Self::Fleet { fleet, .. } => {
                let mut all = String::new();
                for name in fleet.names() {
                    all.push_str(&fleet.node(name)?.client()?.metrics().await?);
                }
                Ok(all)
            }
        }
    }

    /// Asks them to end, and waits until they have.
    pub(crate) async fn stop(self) -> Result<()> {
        match self {
            Self::Alone(node) => {
                let (status, _) = node.stop().await?;
                anyhow::ensure!(status.success(), "the node ended with {status}");
            }
            Self::Fleet { fleet, mut server } => {
                fleet.shutdown().await?;
                server.stop().await?;
            }
        }
        Ok(())
    }
}

impl Stage {
    pub(crate) fn set(arguments: &Arguments) -> Result<Self> {
        let mut folder = tempfile::Builder::new().prefix("catena-demo-").tempdir()?;
        if arguments.keep {
            folder.disable_cleanup(true);
            println!("the node's folders stay in {}", folder.path().display());
        }
        let catena = bundles::target().join("debug/catena");
        if !catena.exists() {
            bail!("there is no `{}`: run `cargo xtask demo`", catena.display());
        }
        let stage = Self { folder, catena };
        std::fs::create_dir(stage.path("chains"))?;
        std::fs::copy(bundles::root().join("chains/feed.toml"), stage.chain())
            .context("failed to copy chains/feed.toml")?;
        bundles::copy(&bundles::samples()?, &stage.path("bundles"))?;
        for (processor, version) in [("enrich", "1.1.0"), ("spam-filter", "1.1.0")] {
            let to = stage.path("releases").join(version);
            bundles::release_as(&stage.catena, &format!("processors/{processor}"), version, &to)?;
        }
        Ok(stage)
    }

    /// Starts a node, or the processes of a fleet for this many users.
    pub(crate) async fn start(&self, nats: bool, users: u64) -> Result<Players> {
        let began = Instant::now();
        let players = if nats { self.fleet(users).await? } else { self.alone().await? };
        println!("{players} after {:.1} s", began.elapsed().as_secs_f64());
        Ok(players)
    }

    async fn alone(&self) -> Result<Players> {
        let node = NodeProcess::start(Setup::under(self.folder.path(), self.catena.clone())).await?;
        Ok(Players::Alone(Box::new(node)))
    }

    async fn fleet(&self, users: u64) -> Result<Players> {
        if nats::server_path().is_none() {
            bail!("there is no nats-server: `cargo xtask demo --nats` finds one, or says what to install");
        }
        let server = nats::Server::start(nats::Setup::default()).await?;
        let plan = Plan {
            catena: self.catena.clone(),
            folder: self.folder.path().to_owned(),
            nats: server.url(),
            partitions: 4,
            first_users: vec![0, users / 4, users / 2, users * 3 / 4],
            environment: vec![("CATENA_NATS_MONITORING".to_owned(), format!("[{:?}]", server.monitor_url()))],
        };
        let fleet = Fleet::start(plan, SEVEN).await?;
        Ok(Players::Fleet { fleet, server: Box::new(server) })
    }

    /// Runs the `catena` command, its answer going where ours goes. What it has to say beside that is for whoever calls
    /// it by hand: how to see more of a node that is gone a moment later.
    pub(crate) fn catena(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.catena);
        command.args(arguments).stdout(Stdio::inherit()).stderr(Stdio::piped());
        let ended = command.spawn().and_then(Child::wait_with_output).context("failed to start `catena`")?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            bail!("catena {} ended with {}: {}", arguments.join(" "), ended.status, said.trim());
        }
        Ok(())
    }

    /// The data folder of the node that runs chains.
    pub(crate) fn data(&self, players: &Players) -> String {
        match players {
            Players::Alone(_) => self.path("data").display().to_string(),
            Players::Fleet { .. } => self.path("distributor-1").display().to_string(),
        }
    }

    /// The chain file.
    pub(crate) fn chain(&self) -> PathBuf {
        self.path("chains").join("feed.toml")
    }

    /// A bundle where the node looks for it.
    pub(crate) fn bundle(&self, processor: &str) -> PathBuf {
        self.path("bundles").join(format!("{processor}.wasm"))
    }

    /// The bytes of a bundle in a version.
    pub(crate) fn release(&self, processor: &str, version: &str) -> Result<Vec<u8>> {
        let file = format!("{processor}.wasm");
        let path = match version {
            "1.0.0" => bundles::samples()?.join(file),
            version => self.path("releases").join(version).join(file),
        };
        std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}
