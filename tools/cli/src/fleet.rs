use std::path::PathBuf;

use clap::{Args, Subcommand};
use node::{
    Config, ConfigError, Declined, Fleet, FleetStatus,
    config::{Flag, Sources},
};

use crate::{
    exit::{Result, Usage},
    number::whole,
    output::{Output, data, talk},
    remote::block_on,
    up::list,
};

/// Looks at a deployment of several processes, and changes what holds for all of them.
#[derive(Args)]
pub(crate) struct FleetCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows who is there, the shard map, and what the servers promise.
    Show {
        #[command(flatten)]
        servers: Servers,
    },
    /// Makes the streams, buckets and the shard map of a deployment that is new, with the rights of whoever calls it.
    Init {
        #[command(flatten)]
        servers: Servers,
    },
    /// Gives users that nobody owns yet to an inbox shard; no process needs a restart.
    Extend {
        /// The first user who still belongs to nobody afterwards. Default: nobody; the shard takes all the rest.
        #[arg(long, value_name = "USER", value_parser = whole::<u64>, allow_negative_numbers = true)]
        end: Option<u64>,
        /// The shard.
        #[arg(long, value_parser = whole::<u32>, allow_negative_numbers = true)]
        shard: u32,
        #[command(flatten)]
        servers: Servers,
    },
}

/// Where the deployment is.
#[derive(Args)]
struct Servers {
    /// Its NATS servers, separated by commas.
    #[arg(long, value_name = "URLS")]
    nats: Option<String>,
    /// A node's configuration file: its section `nats` says how to connect.
    #[arg(long, value_name = "FILE", env = "CATENA_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl FleetCommand {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        match self.command {
            Command::Show { servers } => {
                let status = block_on(async { Ok(servers.connect().await?.status().await?) })?;
                output.print(&status, shown)
            }
            Command::Init { servers } => {
                let map = block_on(async {
                    let config = servers.config()?;
                    Ok(Fleet::connect(&config).await?.init(&config).await?)
                })?;
                talk("streams, buckets and the shard map are there");
                data(&serde_json::to_string(&map)?)
            }
            Command::Extend { end, shard, servers } => {
                let map = block_on(async { Ok(servers.connect().await?.extend(end, shard).await?) })?;
                talk(&format!("version {} of the shard map holds from now on", map.version()));
                data(&serde_json::to_string(&map)?)
            }
        }
    }
}

impl Servers {
    async fn connect(self) -> Result<Fleet> {
        Ok(Fleet::connect(&self.config()?).await?)
    }

    fn config(self) -> Result<Config> {
        let roles = Flag { key: "roles", flag: "--role", value: "[\"gateway\"]".to_owned() };
        let urls = self.nats.map(|urls| Flag { key: "nats.urls", flag: "--nats", value: list(&urls) });
        let ours = ["CATENA_NATS_", "CATENA_INBOX_", "CATENA_POSTS_"];
        let environment =
            std::env::vars().filter(|(name, _)| ours.iter().any(|o| name.starts_with(o))).collect();
        let flags = std::iter::once(roles).chain(urls).collect();
        let sources = Sources { file: self.config, environment, foreign: &[], flags };
        Ok(Config::load(&sources).map_err(|error| match error {
            // Of what was given nothing is wrong: there are no servers, and no process alone is a gateway.
            ConfigError::Values { mistakes } if mistakes.iter().all(|mistake| mistake.key == "roles") => Usage(
                "a deployment of several processes is on NATS: name its servers with `--nats`, or a node's configuration \
                 file with `--config`"
                    .to_owned(),
            ),
            error => Usage(error.to_string()),
        })?)
    }
}

fn shown(status: &FleetStatus) -> String {
    let mut text = format!("bus: nats, {}\n", status.bus);
    for (role, names) in &status.members {
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        text.push_str(&format!("{role}: {names}\n"));
    }
    for Declined { member, stream, partition, .. } in &status.declined {
        text.push_str(&format!(
            "{member} leaves partition {partition} of `{stream}` to others: messages are missing in its copy\n"
        ));
    }
    let Some(map) = &status.map else {
        return text + "shard map: none yet; a node makes it when it starts\n";
    };
    text.push_str(&format!("shard map: version {}, {} shards\n", map.version(), map.shards()));
    for (users, shard) in map.homes() {
        text.push_str(&format!("  shard {shard}: users {} to {}\n", users.start(), users.end()));
    }
    if let Some(end) = map.end() {
        text.push_str(&format!(
            "  nobody yet: users from {end} on (`catena fleet extend` gives them a home)\n"
        ));
    }
    text
}
