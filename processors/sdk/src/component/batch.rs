//! A batch: messages lent from the arena that came, answers written into one that goes. Both tables are described in
//! `wit/catena.wit`.

use super::{
    bindings::{Answers, Messages},
    turn,
};
use crate::{
    Failure, Host, Message, Outcome, Verdict,
    message::{Lent, Payload, Read},
    outcome::Parts,
};

/// Lets `run` work on every message.
pub(super) fn answer(
    messages: &Messages,
    reads: &[Read],
    mut run: impl FnMut(&Message, &mut Host) -> Result<Outcome, Failure>,
) -> Answers {
    let mut reader = Reader { arena: &messages.arena, table: &messages.table };
    let mut writer = Writer(Answers { arena: Vec::new(), table: Vec::with_capacity(KEPT) });
    let (mut headers, mut values) = (Vec::new(), Vec::new());
    let mut place = 0;
    while !reader.table.is_empty() {
        let [id, kind, key] = [reader.part(), reader.part(), reader.part()];
        headers.clear();
        headers.extend((0..reader.number()).map(|_| (reader.part(), reader.part())));
        let size = reader.number() as usize;
        let body = reader.part().0;
        values.clear();
        values.extend((0..reader.number()).map(|_| reader.part()));
        let payload = if body.len() == size && values.is_empty() {
            Payload::Whole(body)
        } else {
            Payload::Fields { size, reads, values: &values }
        };
        let message = Message { id, kind, key, headers: &headers, payload };
        turn::begin(place);
        writer.answer(run(&message, &mut Host::default()), &message);
        place += 1;
    }
    writer.0
}

/// Room for the answers to so many messages that change nothing.
const KEPT: usize = 64;

/// What is left of a batch.
struct Reader<'a> {
    arena: &'a [u8],
    table: &'a [u32],
}

impl<'a> Reader<'a> {
    /// The host's numbers are in order; where they are not, there is nothing.
    fn number(&mut self) -> u32 {
        self.table.split_off_first().copied().unwrap_or_default()
    }

    fn part(&mut self) -> Lent<'a> {
        let length = self.number() as usize;
        Lent(self.arena.split_off(..length).unwrap_or_default())
    }
}

struct Writer(Answers);

impl Writer {
    fn answer(&mut self, answer: Result<Outcome, Failure>, message: &Message<'_>) {
        let outcome = match answer {
            Ok(outcome) => outcome,
            Err(Failure::Retry(reason)) => return self.end(3, &reason),
            Err(Failure::Reject(reason)) => return self.end(4, &reason),
        };
        let Parts { verdict, body, headers, edits } = outcome.into_parts(message.headers());
        let (number, text) = match &verdict {
            Verdict::Next => (0, None),
            Verdict::Term(reason) => (1, Some(reason)),
            Verdict::Jump(step) => (2, Some(step)),
        };
        let flag = |bit: u32, there: bool| if there { bit } else { 0 };
        self.number(
            number + flag(8, body.is_some()) + flag(16, headers.is_some()) + flag(32, !edits.is_empty()),
        );
        if let Some(text) = text {
            self.part(text.as_bytes());
        }
        if let Some(body) = body {
            self.part(&body);
        }
        if let Some(headers) = headers {
            self.number(number_of(headers.len()));
            for (name, value) in &headers {
                self.part(name.as_bytes());
                self.part(value.as_bytes());
            }
        }
        if !edits.is_empty() {
            self.number(number_of(edits.len()));
        }
        for (field, value) in &edits {
            self.part(field.as_bytes());
            match value {
                Some(json) => {
                    self.number(number_of(json.len()) + 1);
                    self.0.arena.extend_from_slice(json.as_bytes());
                }
                None => self.number(0),
            }
        }
    }

    fn end(&mut self, number: u32, reason: &str) {
        self.number(number);
        self.part(reason.as_bytes());
    }

    fn number(&mut self, number: u32) {
        self.0.table.push(number);
    }

    fn part(&mut self, bytes: &[u8]) {
        self.number(number_of(bytes.len()));
        self.0.arena.extend_from_slice(bytes);
    }
}

/// A guest's memory has 32-bit addresses.
fn number_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
