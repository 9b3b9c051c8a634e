use clap::{Args, Subcommand};
use mpc::ChainStatus;

use crate::{
    exit::Result,
    output::{Output, data},
    remote::{Management, block_on},
    table::Table,
};

/// Shows the chains of a running node.
#[derive(Args)]
pub(crate) struct Chain {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the chains: what runs, and what each has done.
    List {
        #[command(flatten)]
        node: Management,
    },
    /// Shows one chain: its steps, its lanes, and why its file is refused where it is.
    Status {
        /// The chain's id.
        chain: String,
        #[command(flatten)]
        node: Management,
    },
}

impl Chain {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        match self.command {
            Command::List { node } => {
                let chains = chains(&node)?;
                if output.is_json() {
                    return chains.iter().try_for_each(|chain| output.print(chain, |_| String::new()));
                }
                data(&list(&chains))
            }
            Command::Status { chain, node } => {
                let chains = chains(&node)?;
                let known = || chains.iter().map(|c| c.id.to_string()).collect::<Vec<_>>().join(", ");
                let Some(found) = chains.iter().find(|c| *c.id == chain) else {
                    let known = if chains.is_empty() { "none".to_owned() } else { known() };
                    anyhow::bail!("there is no chain `{chain}`; there is {known}");
                };
                output.print(found, status)
            }
        }
    }
}

fn chains(node: &Management) -> Result<Vec<ChainStatus>> {
    block_on(async { node.connect()?.list("/v1/chains").await })
}

fn list(chains: &[ChainStatus]) -> String {
    let mut table =
        Table::new(&["chain", "generation", "steps", "in", "out", "term", "dead", "in flight", "file"]);
    for chain in chains {
        let m = &chain.messages;
        let counts = [m.taken, m.out, m.term, m.dead, m.in_flight].map(|n| n.to_string());
        let generation = chain.generation.map_or("-".to_owned(), |generation| generation.to_string());
        let state = if chain.refused.is_some() { " (refused)" } else { "" };
        let first = [chain.id.to_string(), generation, chain.steps.len().to_string()];
        table.row(first.into_iter().chain(counts).chain([format!("{}{state}", chain.path.display())]));
    }
    table.render()
}

fn status(chain: &ChainStatus) -> String {
    let refused = chain.refused.as_ref();
    let refused = refused.map(|refused| format!("\nThe file as it is now is refused:\n{}", refused.report));
    let refused = refused.unwrap_or_default();
    // Of a chain that does not run there is nothing but what is wrong with its file.
    let (Some(generation), Some(input), Some(output)) = (chain.generation, &chain.input, &chain.output)
    else {
        return format!("{} does not run: {}\n{refused}", chain.id, chain.path.display());
    };
    let mut text = format!("{} runs generation {generation}: {input} → {output}\n\n", chain.id);
    let mut steps = Table::new(&["step", "bundle", "digest"]);
    for step in &chain.steps {
        steps.row([step.id.to_string(), format!("{}@{}", step.bundle, step.version), step.digest.short()]);
    }
    text.push_str(&steps.render());
    let mut lanes = Table::new(&["lane", "lag", "in flight", "waiting", "state"]);
    for lane in &chain.lanes {
        let state = match (&lane.halted, &lane.failing) {
            (Some(why), _) => format!("halted: {why}"),
            (None, Some(why)) => format!("starting again: {why}"),
            (None, None) => "runs".to_owned(),
        };
        let counts =
            [u64::from(lane.partition), lane.lag, lane.in_flight, lane.parked].map(|n| n.to_string());
        lanes.row(counts.into_iter().chain([state]));
    }
    text.push_str(&format!("\n{}{refused}", lanes.render()));
    text
}
