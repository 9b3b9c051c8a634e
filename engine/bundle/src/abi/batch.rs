//! `batch` of the WIT: messages as one arena and spans into it, and what comes back.

use bytes::Bytes;
use model::{Edit, Fault, Headers, Outcome, Pointer, Task, Verdict};
use serde_json::value::RawValue;
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::{host::Failed, instance::PASSED_BYTES_MAX};

/// `batch.span`.
#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, Default)]
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
    fields: u32,
    size: u32,
}

/// What `process-batch` takes.
pub(crate) type Params<'a> = (&'a [u8], &'a [Header], &'a [Span], &'a [Item]);

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

/// `batch.edit`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(record)]
pub(crate) struct WireEdit {
    field: Span,
    value: Option<Span>,
}

/// `batch.answer`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(record)]
pub(crate) struct WireAnswer {
    verdict: WireVerdict,
    body: Option<Span>,
    headers: Option<u32>,
    edits: u32,
}

/// `batch.answers`: what `process-batch` answers.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Answers {
    arena: Vec<u8>,
    headers: Vec<Header>,
    edits: Vec<WireEdit>,
    items: Vec<WireAnswer>,
}

/// What a processor reads of bodies.
#[derive(Debug)]
pub(crate) enum Reads {
    /// The whole of them.
    Body,
    /// What these point at.
    Fields(Vec<Pointer>),
}

/// Pointers that a processor may read: each is looked for in each message, and what it leads to copied.
const READS_MAX: usize = 32;

impl Reads {
    /// As `reads` answered them; the error is a sentence.
    pub(crate) fn parse(pointers: &[String]) -> Result<Self, String> {
        if pointers.iter().any(String::is_empty) {
            return Ok(Self::Body);
        }
        if pointers.len() > READS_MAX {
            return Err(format!(
                "`reads` names {} fields, at most {READS_MAX} are allowed: read the whole body, which is the empty pointer",
                pointers.len()
            ));
        }
        let pointers =
            pointers.iter().map(|text| text.parse().map_err(|invalid| format!("`reads`: {invalid}")));
        Ok(Self::Fields(pointers.collect::<Result<_, _>>()?))
    }
}

/// Messages written down; kept by an instance, so that its buffers grow once.
#[derive(Default)]
pub(crate) struct Batch {
    arena: Vec<u8>,
    headers: Vec<Header>,
    fields: Vec<Span>,
    items: Vec<Item>,
}

impl Batch {
    /// Writes down of the messages what is read.
    pub(crate) fn fill(&mut self, tasks: &mut [Task<'_>], reads: &Reads) -> Result<(), Failed> {
        if self.arena.capacity() > KEPT_BYTES_MAX {
            self.arena = Vec::new();
        }
        self.arena.clear();
        self.headers.clear();
        self.fields.clear();
        self.items.clear();
        for Task { draft, .. } in tasks {
            let mut item = Item {
                id: self.put(draft.id().as_bytes()),
                kind: self.put(draft.kind().as_bytes()),
                key: self.put(draft.key().as_bytes()),
                body: Span::default(),
                headers: narrow(draft.headers().0.len()),
                fields: 0,
                size: narrow(draft.body_bytes()),
            };
            for (name, value) in &draft.headers().0 {
                let header = (self.put(name.as_bytes()), self.put(value.as_bytes()));
                self.headers.push(header);
            }
            match reads {
                Reads::Fields(pointers) if pointers.is_empty() => {}
                Reads::Fields(pointers) => {
                    let (arena, fields) = (self.arena.len(), self.fields.len());
                    let read = draft.read(pointers, |json| {
                        let span = json.map(|json| self.put(json)).unwrap_or_default();
                        self.fields.push(span);
                    });
                    if read {
                        item.fields = narrow(pointers.len());
                    } else {
                        self.arena.truncate(arena);
                        self.fields.truncate(fields);
                        item.body = self.put(&draft.message().body);
                    }
                    // One may lead into another, so they may add up to more than there is.
                    let bytes = self.arena.len() - arena;
                    if bytes > PASSED_BYTES_MAX {
                        let told = format!("reads {bytes} bytes of one message, at most {PASSED_BYTES_MAX}");
                        return Err(Failed::Misused(told));
                    }
                }
                Reads::Body => item.body = self.put(&draft.message().body),
            }
            self.items.push(item);
        }
        Ok(())
    }

    pub(crate) fn params(&self) -> Params<'_> {
        (&self.arena, &self.headers, &self.fields, &self.items)
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
    /// Adds the answers to `count` messages, one by one. After an error some of them are there.
    pub(crate) fn read(self, count: usize, answers: &mut Vec<Result<Outcome, Fault>>) -> Result<(), Failed> {
        if self.items.len() != count {
            return Err(Failed::Misused(format!("answered {} messages of {count}", self.items.len())));
        }
        let mut reader = Reader {
            arena: self.arena.into(),
            headers: self.headers.into_iter(),
            edits: self.edits.into_iter(),
            copied: 0,
        };
        self.items.into_iter().try_for_each(|answer| {
            answers.push(reader.answer(answer)?);
            Ok(())
        })
    }
}

/// An arena that grew larger is not kept for the next call.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Fields that one step may set or remove.
const EDITS_MAX: u32 = 256;
/// Characters of a field's name that an error shows.
const SHOWN_CHARS_MAX: usize = 64;
/// Arenas up to this size are shared by the bodies in them, however small those are.
const SHARED_BYTES_MAX: usize = 256 << 10;

struct Reader {
    arena: Bytes,
    headers: std::vec::IntoIter<Header>,
    edits: std::vec::IntoIter<WireEdit>,
    /// Spans may overlap, so what is copied or looked through is bounded apart from what was handed over.
    copied: usize,
}

impl Reader {
    fn answer(&mut self, answer: WireAnswer) -> Result<Result<Outcome, Fault>, Failed> {
        let body = answer.body.map(|span| self.shared(span)).transpose()?;
        let headers = answer.headers.map(|count| self.headers(count)).transpose()?;
        let edits = self.edits(answer.edits)?;
        let verdict = match answer.verdict {
            WireVerdict::Next => Verdict::Next,
            WireVerdict::Term(reason) => Verdict::Term(self.text(reason)?),
            WireVerdict::Jump(to) => Verdict::Jump(self.text(to)?),
            WireVerdict::Retry(reason) => return Ok(Err(Fault::Retry { reason: self.text(reason)? })),
            WireVerdict::Reject(reason) => return Ok(Err(Fault::Reject { reason: self.text(reason)? })),
        };
        Ok(Ok(Outcome { verdict, body, headers, edits }))
    }

    fn headers(&mut self, count: u32) -> Result<Headers, Failed> {
        let mut own = Vec::new();
        for _ in 0..count {
            let (name, value) = self
                .headers
                .next()
                .ok_or_else(|| Failed::Misused("counted more headers than it gave".to_owned()))?;
            own.push((self.text(name)?, self.text(value)?));
        }
        Ok(Headers(own))
    }

    fn edits(&mut self, count: u32) -> Result<Vec<Edit>, Failed> {
        if count > EDITS_MAX {
            return Err(Failed::Misused(format!("answered {count} edits of a message, at most {EDITS_MAX}")));
        }
        let mut own = Vec::new();
        for _ in 0..count {
            let WireEdit { field, value } = self
                .edits
                .next()
                .ok_or_else(|| Failed::Misused("counted more edits than it gave".to_owned()))?;
            let field = self.text(field)?;
            let value = value.map(|span| self.json(&field, span)).transpose()?;
            own.push(Edit { field, value });
        }
        Ok(own)
    }

    /// What would break the body that it is written into is found here, where it is known who wrote it.
    fn json(&mut self, field: &str, span: Span) -> Result<Bytes, Failed> {
        let value = self.bytes(span)?;
        self.copies(value.len())?;
        let broken = |why: String| {
            let field: String = field.chars().take(SHOWN_CHARS_MAX).collect();
            Failed::Misused(format!("set field `{field}` to what is no JSON: {why}"))
        };
        let text = simdutf8::basic::from_utf8(&value).map_err(|_| broken("not UTF-8".to_owned()))?;
        // Without what surrounds it.
        let json: &RawValue = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        let json = json.get().as_bytes();
        // There are many of them, mostly small: they do not keep an arena alive.
        let shares = json.len() >= self.arena.len() / 4;
        Ok(if shares { value.slice_ref(json) } else { Bytes::copy_from_slice(json) })
    }

    /// A body shares the arena, unless it would keep a large one alive for a small part of it.
    fn shared(&mut self, span: Span) -> Result<Bytes, Failed> {
        let part = self.bytes(span)?;
        if self.arena.len() <= SHARED_BYTES_MAX || part.len() >= self.arena.len() / 2 {
            return Ok(part);
        }
        self.copies(part.len())?;
        Ok(Bytes::copy_from_slice(&part))
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
        let headers_max = Some(narrow(headers));
        let answer =
            WireAnswer { verdict: WireVerdict::Next, body: Some(body), headers: headers_max, edits: 0 };
        let (arena, headers) = (vec![b'x'; arena], vec![(whole, whole); headers]);
        Answers { arena, headers, edits: Vec::new(), items: vec![answer] }
    }

    fn read(answers: Answers) -> Result<Outcome, String> {
        let mut read = Vec::new();
        answers.read(1, &mut read).map_err(|failed| failed.to_string())?;
        Ok(read.remove(0).unwrap())
    }

    #[test]
    fn spans_that_overlap_do_not_fill_the_memory() {
        let told = read(answers(1 << 20, span(0, 1), 3)).unwrap_err();
        assert_eq!(told, "the processor answered spans of more than 4194304 bytes at once");
        assert!(read(answers(1 << 20, span(0, 1), 1)).is_ok());
    }

    #[test]
    fn edits_are_bounded_in_number_and_in_what_is_looked_through() {
        let edited = |count: u32| {
            let mut answers = answers(1 << 20, span(0, 0), 0);
            answers.arena.fill(b'1');
            let whole = span(0, 1 << 20);
            answers.edits = vec![WireEdit { field: span(0, 1), value: Some(whole) }; count as usize];
            answers.items[0].edits = count;
            read(answers)
        };
        assert!(edited(3).is_ok());
        let told = "the processor answered spans of more than 4194304 bytes at once";
        assert_eq!(edited(10).unwrap_err(), told);
        assert_eq!(edited(257).unwrap_err(), "the processor answered 257 edits of a message, at most 256");
    }

    #[test]
    fn a_small_body_does_not_keep_a_large_arena_alive() {
        let body = |arena, length| read(answers(arena, span(0, length), 0)).unwrap().body.unwrap();
        assert!(body(3 << 20, 1).is_unique() && body(3 << 20, 2 << 20).len() == 2 << 20);
        assert_eq!(body(100, 1).len(), 1);
    }

    #[test]
    fn spans_outside_the_arena_are_refused_at_every_edge() {
        for (start, length) in [(0, 11), (10, 1), (11, 0), (u32::MAX as usize, 1), (1, u32::MAX as usize)] {
            let told = read(answers(10, span(start, length), 0)).unwrap_err();
            assert!(told.contains("of an arena of 10"), "{told}");
        }
        assert_eq!(read(answers(10, span(10, 0), 0)).unwrap().body, Some(Bytes::new()));
    }

    #[test]
    fn a_field_that_would_break_the_body_is_refused() {
        let edited = |value: &str| {
            let mut answers = answers(0, span(0, 0), 0);
            answers.arena = format!("text{value}").into();
            answers.edits = vec![WireEdit { field: span(0, 4), value: Some(span(4, value.len())) }];
            answers.items[0].edits = 1;
            read(answers)
        };
        let value = Some(Bytes::from("[1, \"日\"]"));
        assert_eq!(edited("[1, \"日\"]").unwrap().edits, [Edit { field: "text".to_owned(), value }]);
        assert_eq!(edited(" 1\n").unwrap().edits[0].value, Some(Bytes::from("1")));
        for value in ["", "1,\"a\":2", "[1", "nul"] {
            let told = edited(value).unwrap_err();
            assert!(told.starts_with("the processor set field `text` to what is no JSON: "), "{told}");
        }
    }
}
