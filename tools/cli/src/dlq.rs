mod letter;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::{
    exit::Result,
    number::whole,
    output::{Output, data, talk, width},
    remote::{Items, Management, block_on},
};
use letter::{Numbered, list, show};

/// Lists, shows, replays and purges dead letters: messages that failed for good, kept whole.
#[derive(Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists dead letters, oldest first.
    List {
        #[command(flatten)]
        node: Management,
        /// From this number on.
        #[arg(long, default_value_t = 1, value_parser = whole::<u64>, allow_negative_numbers = true)]
        from: u64,
        /// How many, up to 200.
        #[arg(long, default_value_t = 50, value_parser = whole::<u32>, allow_negative_numbers = true)]
        limit: u32,
        /// Show the reasons whole, though they be wider than the terminal.
        #[arg(long)]
        whole: bool,
    },
    /// Shows one dead letter: the message, the step that failed, and why.
    Show {
        /// Its number in the list.
        #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
        number: u64,
        #[command(flatten)]
        node: Management,
    },
    /// Sends the original message through its chain again; a letter that was replayed is not sent twice.
    Replay {
        /// Numbers in the list.
        #[arg(required = true, value_parser = whole::<u64>, allow_negative_numbers = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        node: Management,
    },
    /// Takes dead letters away for good, replayed or not.
    Purge {
        /// Numbers in the list.
        #[arg(required_unless_present_any = ["up_to", "all"], value_parser = whole::<u64>, allow_negative_numbers = true)]
        numbers: Vec<u64>,
        /// All up to and including this number; needs --yes.
        #[arg(long, value_name = "NUMBER", conflicts_with_all = ["numbers", "all"], requires = "yes", value_parser = whole::<u64>, allow_negative_numbers = true)]
        up_to: Option<u64>,
        /// All there are; needs --yes.
        #[arg(long, conflicts_with = "numbers", requires = "yes")]
        all: bool,
        /// Yes, many at once.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        node: Management,
    },
}

#[derive(Deserialize, Serialize)]
struct Replayed {
    /// Where the message is now, in the partition it came from.
    sequence: u64,
    /// It was replayed before, and not sent again.
    already: bool,
}

#[derive(Deserialize, Serialize)]
struct Purged {
    purged: u64,
    /// Of these, those that were never replayed.
    unreplayed: u64,
}

/// Up to `limit` letters from `from` on, and the number of the next one, if there is one.
async fn page(node: &Management, from: u64, limit: u32) -> Result<(Vec<Numbered>, Option<u64>)> {
    let client = node.connect()?;
    let page = async |from, limit| {
        client.get::<Items<Numbered>>(&format!("/v1/dlq?from={from}&limit={limit}")).await
    };
    let Items { items, next } = page(from, limit).await?;
    // A page that is full says where the next one would begin, not that there is anything on it.
    let behind = match next {
        Some(next) => page(next, 1).await?.items.first().map(|letter| letter.number),
        None => None,
    };
    Ok((items, behind))
}

impl Dlq {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        match self.command {
            Command::List { node, from, limit, whole } => {
                let (letters, next) = block_on(page(&node, from, limit))?;
                match output {
                    Output::Json => letters.iter().try_for_each(|letter| data(letter.raw.get()))?,
                    Output::Text if letters.is_empty() => talk("no dead letters"),
                    Output::Text => data(&list(&letters, if whole { None } else { width() }))?,
                }
                if let Some(next) = next {
                    let shown = letters.len();
                    talk(&format!("there are more than the {shown} shown: go on with `--from {next}`"));
                }
                Ok(())
            }
            Command::Show { number, node } => {
                let path = format!("/v1/dlq/{number}");
                let letter: Numbered = block_on(async { node.connect()?.get(&path).await })?;
                data(&if output.is_json() { letter.raw.get().to_owned() } else { show(&letter) })
            }
            Command::Replay { numbers, node } => block_on(async {
                let client = node.connect()?;
                for number in numbers {
                    let replayed: Replayed = client.post(&format!("/v1/dlq/{number}/replay")).await?;
                    output.print(&replayed, |r| {
                        let before = if r.already { " before, and is not sent again" } else { "" };
                        format!("{number} replayed as message {}{before}", r.sequence)
                    })?;
                }
                Ok(())
            }),
            Command::Purge { numbers, up_to, all, node, .. } => block_on(async {
                let client = node.connect()?;
                if let Some(up_to) = up_to.or(all.then_some(u64::MAX)) {
                    let purged: Purged = client.delete(&format!("/v1/dlq?up_to={up_to}")).await?;
                    return output.print(&purged, |p| {
                        format!("{} purged, {} of them never replayed", p.purged, p.unreplayed)
                    });
                }
                for number in numbers {
                    let purged: Purged = client.delete(&format!("/v1/dlq/{number}")).await?;
                    output.print(&purged, |p| {
                        let unreplayed = if p.unreplayed > 0 { ", never replayed" } else { "" };
                        format!("{number} purged{unreplayed}")
                    })?;
                }
                Ok(())
            }),
        }
    }
}
