//! A batch: messages lent from the arena that came, answers written into one that goes.

use std::str;

use super::{
    bindings::{
        Answers, Header, Item,
        catena::processor::batch::{Answer, Span, Verdict as Wire},
    },
    turn,
};
use crate::{Failure, Host, Message, Outcome, Verdict};

/// Lets `run` work on every item.
pub(super) fn answer(
    arena: &[u8],
    mut headers: &[Header],
    items: &[Item],
    mut run: impl FnMut(&Message, &mut Host) -> Result<Outcome, Failure>,
) -> Answers {
    let mut writer = Writer { arena: Vec::new(), headers: Vec::new() };
    let mut own = Vec::new();
    let mut answers = Vec::with_capacity(items.len());
    for (item, place) in items.iter().zip(0..) {
        let (mine, others) = headers.split_at_checked(item.headers as usize).unwrap_or((headers, &[]));
        headers = others;
        own.clear();
        own.extend(mine.iter().map(|(name, value)| (text(arena, *name), text(arena, *value))));
        let message = Message::new(
            text(arena, item.id),
            text(arena, item.kind),
            text(arena, item.key),
            &own,
            bytes(arena, item.body),
        );
        turn::begin(place);
        let answer = run(&message, &mut Host::default());
        answers.push(writer.answer(answer, &own));
    }
    Answers { arena: writer.arena, headers: writer.headers, items: answers }
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
                return Answer { verdict, body: None, headers: None };
            }
        };
        let (verdict, body, headers) = outcome.into_parts(before);
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
        Answer { verdict, body, headers }
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
