//! A batch: messages lent from the arena that came, answers written into one that goes.

use std::str;

use super::{
    bindings::{
        Answers, Header, Item, Span,
        catena::processor::batch::{Answer, Edit, Verdict as Wire},
    },
    turn,
};
use crate::{
    Failure, Host, Message, Outcome, Verdict,
    message::{Payload, Read},
    outcome::Parts,
};

/// A batch as the host hands it over.
#[derive(Clone, Copy)]
pub(super) struct Came<'a> {
    pub(super) arena: &'a [u8],
    pub(super) headers: &'a [Header],
    pub(super) fields: &'a [Span],
    pub(super) items: &'a [Item],
}

/// Lets `run` work on every item.
pub(super) fn answer(
    Came { arena, mut headers, mut fields, items }: Came<'_>,
    reads: &[Read],
    mut run: impl FnMut(&Message, &mut Host) -> Result<Outcome, Failure>,
) -> Answers {
    let mut writer = Writer { arena: Vec::new(), headers: Vec::new(), edits: Vec::new() };
    let (mut own, mut values) = (Vec::new(), Vec::new());
    let mut answers = Vec::with_capacity(items.len());
    for (item, place) in items.iter().zip(0..) {
        own.clear();
        let mine = next(&mut headers, item.headers);
        own.extend(mine.iter().map(|(name, value)| (text(arena, *name), text(arena, *value))));
        values.clear();
        let mine = next(&mut fields, item.fields);
        values.extend(mine.iter().map(|value| (value.length > 0).then(|| text(arena, *value))));
        // A body that is no JSON object is here as it is, unless nothing is read.
        let payload = if values.is_empty() && item.body.length > 0 || item.size == 0 {
            Payload::Whole(bytes(arena, item.body))
        } else {
            Payload::Fields { size: item.size as usize, reads, values: &values }
        };
        let [id, kind, key] = [item.id, item.kind, item.key].map(|span| text(arena, span));
        turn::begin(place);
        let answer = run(&Message::new(id, kind, key, &own, payload), &mut Host::default());
        answers.push(writer.answer(answer, &own));
    }
    Answers { arena: writer.arena, headers: writer.headers, edits: writer.edits, items: answers }
}

/// Takes so many from the front.
fn next<'a, T>(rest: &mut &'a [T], count: u32) -> &'a [T] {
    let (mine, others) = rest.split_at_checked(count as usize).unwrap_or((rest, &[]));
    *rest = others;
    mine
}

/// The host's spans lie in its arena; one that does not is empty.
fn bytes(arena: &[u8], Span { start, length }: Span) -> &[u8] {
    arena.get(start as usize..start as usize + length as usize).unwrap_or_default()
}

fn text(arena: &[u8], span: Span) -> &str {
    str::from_utf8(bytes(arena, span)).unwrap_or_default()
}

struct Writer {
    arena: Vec<u8>,
    headers: Vec<Header>,
    edits: Vec<Edit>,
}

impl Writer {
    fn answer(&mut self, answer: Result<Outcome, Failure>, before: &[(&str, &str)]) -> Answer {
        let outcome = match answer {
            Ok(outcome) => outcome,
            Err(failure) => {
                let verdict = match failure {
                    Failure::Retry(reason) => Wire::Retry(self.put(reason.as_bytes())),
                    Failure::Reject(reason) => Wire::Reject(self.put(reason.as_bytes())),
                };
                return Answer { verdict, body: None, headers: None, edits: 0 };
            }
        };
        let Parts { verdict, body, headers, edits } = outcome.into_parts(before);
        let verdict = match verdict {
            Verdict::Next => Wire::Next,
            Verdict::Term(reason) => Wire::Term(self.put(reason.as_bytes())),
            Verdict::Jump(step) => Wire::Jump(self.put(step.as_bytes())),
        };
        let body = body.map(|body| self.put(&body));
        let headers = headers.map(|headers| {
            for (name, value) in &headers {
                let header = (self.put(name.as_bytes()), self.put(value.as_bytes()));
                self.headers.push(header);
            }
            number(headers.len())
        });
        let count = number(edits.len());
        for (field, value) in edits {
            let field = self.put(field.as_bytes());
            let value = value.map(|value| self.put(value.as_bytes()));
            self.edits.push(Edit { field, value });
        }
        Answer { verdict, body, headers, edits: count }
    }

    fn put(&mut self, bytes: &[u8]) -> Span {
        let start = number(self.arena.len());
        self.arena.extend_from_slice(bytes);
        Span { start, length: number(bytes.len()) }
    }
}

/// A guest's memory has 32-bit addresses.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
