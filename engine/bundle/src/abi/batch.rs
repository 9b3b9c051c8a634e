//! `batch` of the WIT: messages as one arena and a table of what is in it, and what comes back.

use bytes::Bytes;
use model::{Draft, Edit, Fault, HEADERS_MAX, Headers, Outcome, Pointer, Task, Verdict};
use serde_json::value::RawValue;
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::{host::Failed, instance::PASSED_BYTES_MAX};

/// `batch.messages`, borrowed.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Messages<'a> {
    arena: &'a [u8],
    table: &'a [u32],
}

/// What `process-batch` takes.
pub(crate) type Params<'a> = (Messages<'a>,);

/// `batch.answers`: what `process-batch` answers.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Answers {
    arena: Vec<u8>,
    table: Vec<u32>,
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

/// Messages written down; kept by an instance, so that its buffers grow once. Capabilities look up here which message they are
/// asked about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    arena: Vec<u8>,
    table: Vec<u32>,
    /// Where each message begins in both.
    starts: Vec<(usize, usize)>,
}

impl Batch {
    /// Writes down of the messages what is read.
    pub(crate) fn fill(&mut self, tasks: &mut [Task<'_>], reads: &Reads) -> Result<(), Failed> {
        self.clear();
        for Task { draft, .. } in tasks {
            self.begin(draft);
            let headers = &draft.headers().0;
            self.table.push(narrow(headers.len()));
            for (name, value) in headers {
                self.put(name.as_bytes());
                self.put(value.as_bytes());
            }
            self.table.push(narrow(draft.body_bytes()));
            let here = match reads {
                Reads::Fields(pointers) if pointers.is_empty() => &[],
                Reads::Fields(pointers) if self.put_fields(draft, pointers)? => continue,
                Reads::Fields(_) | Reads::Body => &draft.message().body[..],
            };
            self.put(here);
            self.table.push(0);
        }
        Ok(())
    }

    /// Writes down whom capabilities are about where one message is handed over by value.
    pub(crate) fn name(&mut self, draft: &Draft) {
        self.clear();
        self.begin(draft);
    }

    fn clear(&mut self) {
        if self.arena.capacity() + self.table.capacity() * size_of::<u32>() > KEPT_BYTES_MAX {
            *self = Self::default();
        }
        self.arena.clear();
        self.table.clear();
        self.starts.clear();
    }

    fn begin(&mut self, draft: &Draft) {
        self.starts.push((self.arena.len(), self.table.len()));
        for text in [draft.id(), draft.kind(), draft.key()] {
            self.put(text.as_bytes());
        }
    }

    /// The id of the nth message; empty where there is none.
    pub(crate) fn id(&self, nth: usize) -> &str {
        self.text(nth, 0)
    }

    /// Its key.
    pub(crate) fn key(&self, nth: usize) -> &str {
        self.text(nth, 2)
    }

    /// A text of the nth message, of those that it begins with.
    fn text(&self, nth: usize, text: usize) -> &str {
        let found = || {
            let (arena, table) = *self.starts.get(nth)?;
            let mut lengths = self.table.get(table..=table + text)?.iter().map(|length| *length as usize);
            let length = lengths.next_back()?;
            let start = arena + lengths.sum::<usize>();
            str::from_utf8(self.arena.get(start..start + length)?).ok()
        };
        found().unwrap_or_default()
    }

    /// Writes down, in place of the body, what is read of it; nothing where the body is to be handed over whole.
    fn put_fields(&mut self, draft: &mut Draft, pointers: &[Pointer]) -> Result<bool, Failed> {
        let (arena, table) = (self.arena.len(), self.table.len());
        self.table.extend([0, narrow(pointers.len())]);
        let read = draft.read(pointers, |json| self.put(json.unwrap_or_default()));
        if !read {
            self.arena.truncate(arena);
            self.table.truncate(table);
            return Ok(false);
        }
        // One may lead into another, so they may add up to more than there is.
        let bytes = self.arena.len() - arena;
        if bytes > PASSED_BYTES_MAX {
            let told = format!("reads {bytes} bytes of one message, at most {PASSED_BYTES_MAX}");
            return Err(Failed::Misused(told));
        }
        Ok(true)
    }

    pub(crate) fn params(&self) -> Params<'_> {
        (Messages { arena: &self.arena, table: &self.table },)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.table.push(narrow(bytes.len()));
        self.arena.extend_from_slice(bytes);
    }
}

/// A batch is a few hundred kilobytes, or one message.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Answers {
    /// Adds the answers to `count` messages, one by one. After an error some of them are there.
    pub(crate) fn read(self, count: usize, answers: &mut model::Answers) -> Result<(), Failed> {
        let arena = Bytes::from(self.arena);
        let mut reader = Reader { arena: &arena, at: 0, table: &self.table };
        for answered in 0..count {
            match reader.table.split_off_first() {
                // Most go on as they came.
                Some(0) => answers.pass(),
                Some(parts) => answers.push(reader.answer(*parts)?),
                None => return Err(Failed::Misused(format!("answered {answered} messages of {count}"))),
            }
        }
        if !reader.table.is_empty() {
            return Err(Failed::Misused(format!("answered more than the {count} messages it was given")));
        }
        match arena.len() - reader.at {
            0 => Ok(()),
            left => Err(Failed::Misused(format!("left {left} bytes of its answers' arena to no part"))),
        }
    }
}

/// Buffers that grew larger are not kept for the next call.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Fields that one step may set or remove.
const EDITS_MAX: u32 = 256;
/// Characters of a field's name that an error shows.
const SHOWN_CHARS_MAX: usize = 64;
/// Arenas up to this size are shared by the bodies in them, however small those are.
const SHARED_BYTES_MAX: usize = 256 << 10;

/// Bits of an answer's first number: which parts follow it.
const BODY: u32 = 8;
const HEADERS: u32 = 16;
const EDITS: u32 = 32;

struct Reader<'a> {
    arena: &'a Bytes,
    /// Where the next part of the arena begins.
    at: usize,
    /// What is left of it.
    table: &'a [u32],
}

impl<'a> Reader<'a> {
    /// The answer that begins with this number.
    fn answer(&mut self, parts: u32) -> Result<Result<Outcome, Fault>, Failed> {
        let has = |bit: u32| parts & bit != 0;
        let verdict = match parts {
            // What is not processed changes nothing.
            3 => return Ok(Err(Fault::Retry { reason: self.text()? })),
            4 => return Ok(Err(Fault::Reject { reason: self.text()? })),
            _ => match parts & !(BODY | HEADERS | EDITS) {
                0 => Verdict::Next,
                1 => Verdict::Term(self.text()?),
                2 => Verdict::Jump(self.text()?),
                _ => return Err(Failed::Misused(format!("answered {parts}, which no verdict has"))),
            },
        };
        let body = has(BODY).then(|| self.body()).transpose()?;
        let headers = has(HEADERS).then(|| self.headers()).transpose()?;
        let edits = if has(EDITS) { self.edits()? } else { Vec::new() };
        Ok(Ok(Outcome { verdict, body, headers, edits }))
    }

    /// Empty ones cost a guest next to nothing, and the host a few dozen bytes each.
    fn headers(&mut self) -> Result<Headers, Failed> {
        let count = self.number()?;
        if count as usize > HEADERS_MAX {
            return Err(Failed::Misused(format!(
                "answered {count} headers of a message, at most {HEADERS_MAX}"
            )));
        }
        (0..count).map(|_| Ok((self.text()?, self.text()?))).collect::<Result<_, _>>().map(Headers)
    }

    fn edits(&mut self) -> Result<Vec<Edit>, Failed> {
        let count = self.number()?;
        if count > EDITS_MAX {
            return Err(Failed::Misused(format!("answered {count} edits of a message, at most {EDITS_MAX}")));
        }
        let edit = |_| {
            let field = self.text()?;
            let value = match self.number()?.checked_sub(1) {
                Some(length) => Some(self.json(&field, length)?),
                None => None,
            };
            Ok(Edit { field, value })
        };
        (0..count).map(edit).collect()
    }

    /// What would break the body that it is written into is found here, where it is known who wrote it.
    fn json(&mut self, field: &str, length: u32) -> Result<Bytes, Failed> {
        let value = self.part(length)?;
        let broken = |why: String| {
            let field: String = field.chars().take(SHOWN_CHARS_MAX).collect();
            Failed::Misused(format!("set field `{field}` to what is no JSON: {why}"))
        };
        let text = simdutf8::basic::from_utf8(value).map_err(|_| broken("not UTF-8".to_owned()))?;
        // Without what surrounds it.
        let json: &RawValue = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        let json = json.get().as_bytes();
        // There are many of them, mostly small: they do not keep an arena alive.
        let shares = json.len() >= self.arena.len() / 4;
        Ok(if shares { self.arena.slice_ref(json) } else { Bytes::copy_from_slice(json) })
    }

    /// A body shares the arena, unless it would keep a large one alive for a small part of it.
    fn body(&mut self) -> Result<Bytes, Failed> {
        let length = self.number()?;
        let body = self.part(length)?;
        let shares = self.arena.len() <= SHARED_BYTES_MAX || body.len() >= self.arena.len() / 2;
        Ok(if shares { self.arena.slice_ref(body) } else { Bytes::copy_from_slice(body) })
    }

    fn text(&mut self) -> Result<String, Failed> {
        let length = self.number()?;
        let text = str::from_utf8(self.part(length)?);
        Ok(text.map_err(|_| Failed::Misused("answered text that is not UTF-8".to_owned()))?.to_owned())
    }

    /// The next part of the arena.
    fn part(&mut self, length: u32) -> Result<&'a [u8], Failed> {
        let left = self.arena.get(self.at..).unwrap_or_default();
        let Some(part) = left.get(..length as usize) else {
            let left = left.len();
            return Err(Failed::Misused(format!("answered a part of {length} bytes where {left} are left")));
        };
        self.at += part.len();
        Ok(part)
    }

    fn number(&mut self) -> Result<u32, Failed> {
        let number = self.table.split_off_first().copied();
        number.ok_or_else(|| Failed::Misused("broke off in the middle of an answer".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One answer, whose parts have these lengths in an arena of so many `x`.
    fn answers(arena: usize, table: &[u32]) -> Answers {
        Answers { arena: vec![b'x'; arena], table: table.to_vec() }
    }

    fn read(answers: Answers) -> Result<Outcome, String> {
        let mut read = model::Answers::default();
        answers.read(1, &mut read).map_err(|failed| failed.to_string())?;
        let answer: Result<_, Fault> = read.drain().next().unwrap().into();
        Ok(answer.unwrap())
    }

    #[test]
    fn every_part_is_read_from_where_the_one_before_it_ends() {
        let jump = [2 + BODY + HEADERS + EDITS, 4, 2, 2, 1, 0, 1, 2, 2, 3, 2, 1, 0];
        let table = [&jump[..], &[0], &[4, 3]].concat();
        let arena = b"stepbonavvset1dwhy".to_vec();
        let mut read = model::Answers::default();
        Answers { arena, table }.read(3, &mut read).unwrap();
        let read: Vec<Result<_, Fault>> = read.drain().map(Into::into).collect();
        let text = str::to_owned;
        let jump = Outcome {
            verdict: Verdict::Jump(text("step")),
            body: Some("bo".into()),
            headers: Some(Headers(vec![(text("n"), text("")), (text("a"), text("vv"))])),
            edits: vec![
                Edit { field: text("set"), value: Some("1".into()) },
                Edit { field: text("d"), value: None },
            ],
        };
        assert_eq!(read, [Ok(jump), Ok(Outcome::default()), Err(Fault::Reject { reason: text("why") })]);
    }

    #[test]
    fn a_table_that_does_not_fit_is_refused_at_every_edge() {
        for (arena, table, told) in [
            (0, &[][..], "answered 0 messages of 1"),
            (0, &[0, 0], "answered more than the 1 messages it was given"),
            (0, &[5], "answered 5, which no verdict has"),
            (0, &[64], "answered 64, which no verdict has"),
            (0, &[3 + BODY, 0, 0], "answered 11, which no verdict has"),
            (0, &[1], "broke off in the middle of an answer"),
            (0, &[HEADERS, 1, 0], "broke off in the middle of an answer"),
            (0, &[HEADERS, 257], "answered 257 headers of a message, at most 256"),
            (10, &[BODY, 9], "left 1 bytes of its answers' arena to no part"),
            (0, &[EDITS, 1, 0], "broke off in the middle of an answer"),
            (10, &[1, 11], "answered a part of 11 bytes where 10 are left"),
            (10, &[BODY, u32::MAX], "answered a part of 4294967295 bytes where 10 are left"),
            (10, &[1 + BODY, 4, 7], "answered a part of 7 bytes where 6 are left"),
        ] {
            assert_eq!(read(answers(arena, table)).unwrap_err(), format!("the processor {told}"));
        }
        assert_eq!(read(answers(0, &[BODY, 0])).unwrap().body, Some(Bytes::new()));
        assert_eq!(read(answers(10, &[BODY, 10])).unwrap().body, Some("xxxxxxxxxx".into()));
    }

    #[test]
    fn edits_are_bounded() {
        let edited = |count: u32| {
            let edits = std::iter::repeat_n([1, 0], count as usize).flatten();
            read(answers(count as usize, &[EDITS, count].into_iter().chain(edits).collect::<Vec<_>>()))
        };
        assert_eq!(edited(256).unwrap().edits.len(), 256);
        assert_eq!(edited(257).unwrap_err(), "the processor answered 257 edits of a message, at most 256");
    }

    #[test]
    fn a_small_body_does_not_keep_a_large_arena_alive() {
        // The rest of the arena is the reason.
        let body = |arena: u32, length: u32| {
            let answers = answers(arena as usize, &[1 + BODY, arena - length, length]);
            read(answers).unwrap().body.unwrap()
        };
        assert!(body(3 << 20, 1).is_unique() && body(3 << 20, 2 << 20).len() == 2 << 20);
        assert_eq!(body(100, 1).len(), 1);
    }

    #[test]
    fn a_field_that_would_break_the_body_is_refused() {
        let edited = |value: &str| {
            let table = vec![EDITS, 1, 4, narrow(value.len()) + 1];
            read(Answers { arena: format!("text{value}").into(), table })
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
