//! Dead letters as the node gives them, for people.

use mpc::{DeadLetter, dead::Replayed};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use crate::{exit::Result, table::Table};

/// A letter and its number, and both as the node wrote them.
pub(super) struct Numbered {
    pub(super) number: u64,
    letter: Kept,
    replayed: Option<Replayed>,
    pub(super) raw: Box<RawValue>,
}

enum Kept {
    Whole(Box<DeadLetter>),
    /// The bus cannot give it back; what it says of that.
    Damaged(String),
}

impl<'de> Deserialize<'de> for Numbered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct About {
            number: u64,
            replayed: Option<Replayed>,
            damaged: Option<String>,
        }
        // Read twice: a letter holds its message as raw JSON, which cannot be flattened into another struct.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let About { number, replayed, damaged } =
            serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let letter = match damaged {
            Some(damaged) => Kept::Damaged(damaged),
            None => Kept::Whole(serde_json::from_str(raw.get()).map_err(D::Error::custom)?),
        };
        Ok(Self { number, letter, replayed, raw })
    }
}

/// A line for each, no wider than `width`.
pub(super) fn list(letters: &[Numbered], width: Option<usize>) -> String {
    let mut table = Table::new(&["number", "chain", "step", "key", "error", "attempts", "why"]);
    for Numbered { number, letter, replayed, .. } in letters {
        let letter = match letter {
            Kept::Whole(letter) => letter,
            Kept::Damaged(why) => {
                let none = || "-".to_owned();
                table.row([
                    number.to_string(),
                    none(),
                    none(),
                    none(),
                    "damaged".to_owned(),
                    none(),
                    why.clone(),
                ]);
                continue;
            }
        };
        let key = letter.message().map(|message| message.key).unwrap_or_default();
        let step = letter.step.as_deref().unwrap_or("-").to_owned();
        // In front, where it is never cut off.
        let why = format!("{}{}", if replayed.is_some() { "(replayed) " } else { "" }, letter.error.sentence);
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
    table.render_within(width)
}

/// All there is to know about one.
pub(super) fn show(numbered: &Numbered) -> String {
    let Numbered { number, letter, replayed, .. } = numbered;
    let letter = match letter {
        Kept::Whole(letter) => letter,
        Kept::Damaged(why) => return format!("dead letter {number}\n  damaged   {why}\n"),
    };
    let replayed = replayed.map(|replayed| format!("as message {}", replayed.sequence)).unwrap_or_default();
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
        ("replayed", replayed),
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
