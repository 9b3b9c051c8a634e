//! Dead letters: messages that failed for good, kept whole with everything needed to understand and replay them.
//!
//! They lie in the stream [`DEAD_LETTERS`], published before the
//! message they are about is acknowledged, under an id derived from it: a crash in between makes no second one.

mod letter;

use bus::{Bus, Stored};
use model::{Message, derived_id};

use crate::{DEAD_LETTERS, Error, REPLAY_HEADER, Result, lane::sentence};

pub use letter::{DeadLetter, JsonMessage, Problem};

/// The partition of all dead letters.
pub(crate) const PARTITION: u32 = 0;

/// Up to `max` dead letters from sequence `from` on, each with its own sequence. Whatever else lies in the stream is
/// passed over: it must not hide the letters behind it.
///
/// # Errors
/// [`Error::Bus`].
pub async fn list(bus: &dyn Bus, from: u64, max: usize) -> Result<Vec<(u64, DeadLetter)>> {
    let (mut letters, mut next) = (Vec::new(), from);
    while letters.len() < max {
        let stored = bus.read(DEAD_LETTERS, PARTITION, next, max - letters.len()).await?;
        let Some(last) = stored.last() else { break };
        next = last.sequence + 1;
        for Stored { sequence, message, .. } in stored {
            match DeadLetter::from_message(&message) {
                Ok(letter) => letters.push((sequence, letter)),
                Err(error) => tracing::debug!(sequence, error = sentence(&error), "no dead letter"),
            }
        }
    }
    Ok(letters)
}

/// The dead letter with this sequence.
///
/// # Errors
/// [`Error::NoDeadLetter`]; [`Error::Malformed`] when something else lies there; [`Error::Bus`].
pub async fn show(bus: &dyn Bus, sequence: u64) -> Result<DeadLetter> {
    let stored = bus.read(DEAD_LETTERS, PARTITION, sequence, 1).await?;
    let found = stored.into_iter().find(|stored| stored.sequence == sequence);
    DeadLetter::from_message(&found.ok_or(Error::NoDeadLetter { sequence })?.message)
}

/// Publishes the original message again where it came from, at the end of its partition, and answers its new
/// sequence there. Replaying a dead letter twice makes no second message.
///
/// The bus would drop the original id as a repetition, so the message travels under another one with the original in
/// [`REPLAY_HEADER`]; lanes put it back before anything looks at it.
///
/// # Errors
/// As [`show`], and [`Error::Bus`] when the message was not taken.
pub async fn replay(bus: &dyn Bus, sequence: u64) -> Result<u64> {
    let letter = show(bus, sequence).await?;
    let mut message = letter.message()?;
    message.headers.set(REPLAY_HEADER, std::mem::take(&mut message.id));
    message.id = derived_id(&[b"replay", &sequence.to_be_bytes()]);
    let published = bus.publish(&letter.stream, letter.partition, vec![message]).await?;
    let replayed = published.first().map(|published| published.sequence);
    replayed.ok_or(Error::NoDeadLetter { sequence })
}

/// Gives a replayed message its own id back.
pub(crate) fn restore_id(message: &mut Message) {
    let headers = &mut message.headers.0;
    if let Some(at) = headers.iter().position(|(name, _)| name == REPLAY_HEADER) {
        let (_, id) = headers.remove(at);
        message.id = id;
    }
}
