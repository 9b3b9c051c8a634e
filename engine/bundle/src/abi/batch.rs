//! `batch` of the WIT: messages as one arena and spans into it, and what comes back.

use bytes::Bytes;
use model::{Fault, Headers, Message, Outcome, Task, Verdict};
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::{host::Failed, instance::PASSED_BYTES_MAX};

/// `batch.span`.
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct Span {
    start: u32,
    length: u32,
}

/// `batch.header`.
type Header = (Span, Span);

/// `batch.item`.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Item {
    id: Span,
    kind: Span,
    key: Span,
    body: Span,
    headers: u32,
}

/// What `process-batch` takes.
pub(crate) type Params<'a> = (&'a [u8], &'a [Header], &'a [Item]);

/// `batch.verdict`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(variant)]
pub(crate) enum WireVerdict {
    #[component(name = "next")]
    Next,
    #[component(name = "term")]
    Term(Span),
    #[component(name = "jump")]
    Jump(Span),
    #[component(name = "retry")]
    Retry(Span),
    #[component(name = "reject")]
    Reject(Span),
}

/// `batch.answer`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(record)]
pub(crate) struct WireAnswer {
    verdict: WireVerdict,
    body: Option<Span>,
    headers: Option<u32>,
}

/// `batch.answers`: what `process-batch` answers.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Answers {
    arena: Vec<u8>,
    headers: Vec<Header>,
    items: Vec<WireAnswer>,
}

/// Messages written down; kept by an instance, so that its buffers grow once.
#[derive(Default)]
pub(crate) struct Batch {
    arena: Vec<u8>,
    headers: Vec<Header>,
    items: Vec<Item>,
}

impl Batch {
    /// Writes the messages down.
    pub(crate) fn fill(&mut self, tasks: &[Task<'_>]) {
        self.arena.clear();
        self.headers.clear();
        self.items.clear();
        for task in tasks {
            let Message { id, kind, key, headers, body } = task.message;
            let item = Item {
                id: self.put(id.as_bytes()),
                kind: self.put(kind.as_bytes()),
                key: self.put(key.as_bytes()),
                body: self.put(body),
                headers: narrow(headers.0.len()),
            };
            for (name, value) in &headers.0 {
                let header = (self.put(name.as_bytes()), self.put(value.as_bytes()));
                self.headers.push(header);
            }
            self.items.push(item);
        }
    }

    pub(crate) fn params(&self) -> Params<'_> {
        (&self.arena, &self.headers, &self.items)
    }

    fn put(&mut self, bytes: &[u8]) -> Span {
        let start = narrow(self.arena.len());
        self.arena.extend_from_slice(bytes);
        Span { start, length: narrow(bytes.len()) }
    }
}

/// A batch is a few hundred kilobytes, or one message.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Answers {
    /// The answers to `count` messages, one by one.
    pub(crate) fn read(self, count: usize) -> Result<Vec<Result<Outcome, Fault>>, Failed> {
        if self.items.len() != count {
            return Err(Failed::Misused(format!("answered {} messages of {count}", self.items.len())));
        }
        let mut reader = Reader { arena: self.arena.into(), copied: 0 };
        let mut headers = self.headers.iter();
        self.items.into_iter().map(|answer| reader.answer(answer, &mut headers)).collect()
    }
}

/// Arenas up to this size are shared by the bodies in them, however small those are.
const SHARED_BYTES_MAX: usize = 256 << 10;

struct Reader {
    arena: Bytes,
    /// Spans may overlap, so what they add up to is bounded apart from what was handed over.
    copied: usize,
}

impl Reader {
    fn answer(
        &mut self,
        answer: WireAnswer,
        headers: &mut std::slice::Iter<'_, Header>,
    ) -> Result<Result<Outcome, Fault>, Failed> {
        let body = answer.body.map(|span| self.body(span)).transpose()?;
        let headers = answer.headers.map(|count| self.headers(headers, count)).transpose()?;
        let verdict = match answer.verdict {
            WireVerdict::Next => Verdict::Next,
            WireVerdict::Term(reason) => Verdict::Term(self.text(reason)?),
            WireVerdict::Jump(to) => Verdict::Jump(self.text(to)?),
            WireVerdict::Retry(reason) => return Ok(Err(Fault::Retry { reason: self.text(reason)? })),
            WireVerdict::Reject(reason) => return Ok(Err(Fault::Reject { reason: self.text(reason)? })),
        };
        Ok(Ok(Outcome { verdict, body, headers }))
    }

    fn headers(&mut self, all: &mut std::slice::Iter<'_, Header>, count: u32) -> Result<Headers, Failed> {
        let mut own = Vec::new();
        for _ in 0..count {
            let (name, value) =
                all.next().ok_or_else(|| Failed::Misused("counted more headers than it gave".to_owned()))?;
            own.push((self.text(*name)?, self.text(*value)?));
        }
        Ok(Headers(own))
    }

    /// A body shares the arena, unless it would keep a large one alive for a small part of it.
    fn body(&mut self, span: Span) -> Result<Bytes, Failed> {
        let body = self.bytes(span)?;
        if self.arena.len() <= SHARED_BYTES_MAX || body.len() >= self.arena.len() / 2 {
            return Ok(body);
        }
        self.copies(body.len())?;
        Ok(Bytes::copy_from_slice(&body))
    }

    fn text(&mut self, span: Span) -> Result<String, Failed> {
        let text = self.bytes(span)?;
        self.copies(text.len())?;
        let text = std::str::from_utf8(&text);
        Ok(text.map_err(|_| Failed::Misused("answered text that is not UTF-8".to_owned()))?.to_owned())
    }

    fn bytes(&self, Span { start, length }: Span) -> Result<Bytes, Failed> {
        let range = start as usize..start as usize + length as usize;
        if range.end > self.arena.len() {
            let held = self.arena.len();
            return Err(Failed::Misused(format!(
                "pointed at bytes {} to {} of an arena of {held}",
                range.start, range.end
            )));
        }
        Ok(self.arena.slice(range))
    }

    fn copies(&mut self, bytes: usize) -> Result<(), Failed> {
        self.copied += bytes;
        if self.copied > PASSED_BYTES_MAX {
            return Err(Failed::Misused(format!(
                "answered spans of more than {PASSED_BYTES_MAX} bytes at once"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, length: usize) -> Span {
        Span { start: narrow(start), length: narrow(length) }
    }

    /// One item of which all is changed: to the end of `body`, and `headers` of the whole arena.
    fn answers(arena: usize, body: Span, headers: usize) -> Answers {
        let whole = span(0, arena);
        let answer =
            WireAnswer { verdict: WireVerdict::Next, body: Some(body), headers: Some(narrow(headers)) };
        Answers { arena: vec![b'x'; arena], headers: vec![(whole, whole); headers], items: vec![answer] }
    }

    #[test]
    fn spans_that_overlap_do_not_fill_the_memory() {
        let told = answers(1 << 20, span(0, 1), 3).read(1).unwrap_err().to_string();
        assert_eq!(told, "the processor answered spans of more than 4194304 bytes at once");
        assert!(answers(1 << 20, span(0, 1), 1).read(1).is_ok());
    }

    #[test]
    fn a_small_body_does_not_keep_a_large_arena_alive() {
        let body = |arena, length| {
            let outcome = answers(arena, span(0, length), 0).read(1).unwrap().remove(0).unwrap();
            outcome.body.unwrap()
        };
        assert!(body(3 << 20, 1).is_unique() && body(3 << 20, 2 << 20).len() == 2 << 20);
        assert_eq!(body(100, 1).len(), 1);
    }

    #[test]
    fn spans_outside_the_arena_are_refused_at_every_edge() {
        for (start, length) in [(0, 11), (10, 1), (11, 0), (u32::MAX as usize, 1), (1, u32::MAX as usize)] {
            let told = answers(10, span(start, length), 0).read(1).unwrap_err().to_string();
            assert!(told.contains("of an arena of 10"), "{told}");
        }
        assert_eq!(
            answers(10, span(10, 0), 0).read(1).unwrap()[0].as_ref().unwrap().body,
            Some(Bytes::new())
        );
    }
}
