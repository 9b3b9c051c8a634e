use clap::{Args, Subcommand};
use mpc::DeadLetter;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    exit::Result,
    output::{Output, data, talk},
    remote::{Management, block_on},
    table::Table,
};

/// Lists, shows and replays dead letters: messages that failed for good, kept whole.
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
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Shows one dead letter: the message, the step that failed, and why.
    Show {
        /// Its number in the list.
        number: u64,
        #[command(flatten)]
        node: Management,
    },
    /// Sends the original message through its chain again; a letter that was replayed is not sent twice.
    Replay {
        /// Numbers in the list.
        #[arg(required = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        node: Management,
    },
}

/// A letter and its number, and both as the node wrote them.
struct Numbered {
    number: u64,
    letter: DeadLetter,
    raw: Box<RawValue>,
}

impl<'de> Deserialize<'de> for Numbered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Number {
            number: u64,
        }
        // Read twice: a letter holds its message as raw JSON, which cannot be flattened into another struct.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let Number { number } = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let letter = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self { number, letter, raw })
    }
}

#[derive(Deserialize, Serialize)]
struct Replayed {
    /// Where the message is now, in the partition it came from.
    sequence: u64,
}

impl Dlq {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        match self.command {
            Command::List { node, from, limit } => {
                let path = format!("/v1/dlq?from={from}&limit={limit}");
                let letters: Vec<Numbered> = block_on(async { node.connect()?.list(&path).await })?;
                if output.is_json() {
                    return letters.iter().try_for_each(|letter| data(letter.raw.get()));
                }
                if letters.is_empty() {
                    talk("no dead letters");
                    return Ok(());
                }
                data(&list(&letters))
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
                    output.print(&replayed, |r| format!("{number} replayed as message {}", r.sequence))?;
                }
                Ok(())
            }),
        }
    }
}

fn list(letters: &[Numbered]) -> String {
    let mut table = Table::new(&["number", "chain", "step", "key", "error", "attempts", "why"]);
    for Numbered { number, letter, .. } in letters {
        let key = letter.message().map(|message| message.key).unwrap_or_default();
        let step = letter.step.as_deref().unwrap_or("-").to_owned();
        let why = console::truncate_str(&letter.error.sentence, 80, "…").into_owned();
        let attempts = letter.attempts.to_string();
        table.row([
            number.to_string(),
            letter.chain.to_string(),
            step,
            key,
            letter.error.code.clone(),
            attempts,
            why,
        ]);
    }
    table.render()
}

fn show(numbered: &Numbered) -> String {
    let Numbered { number, letter, .. } = numbered;
    let path = letter.path.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ");
    let bundle = letter.bundle.as_ref().map(|b| format!("{b} ({})", b.digest.short())).unwrap_or_default();
    let place = format!("{}/{} message {}", letter.stream, letter.partition, letter.sequence);
    let mut text = format!("dead letter {number}\n");
    for (name, value) in [
        ("why", letter.error.sentence.clone()),
        ("error", letter.error.code.clone()),
        ("chain", format!("{}, generation {}", letter.chain, letter.generation)),
        ("path", path),
        ("bundle", bundle),
        ("attempts", letter.attempts.to_string()),
        ("from", place),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<9} {value}\n"));
        }
    }
    for frame in &letter.error.backtrace {
        text.push_str(&format!("    {frame}\n"));
    }
    match letter.message() {
        Ok(message) => {
            text.push_str(&format!("  message   {} {} key {}\n", message.id, message.kind, message.key));
            for (name, value) in &message.headers.0 {
                text.push_str(&format!("    {name}: {value}\n"));
            }
            text.push_str(&format!("    {}\n", crate::messages::body_json(&message.body)));
        }
        Err(error) => text.push_str(&format!("  message   {error}\n")),
    }
    text
}
