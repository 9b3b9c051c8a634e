use std::{future::poll_fn, pin::pin, task::Poll};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, future::Either};
use http::Extensions;
use tokio::time::Instant;

use crate::{
    Problem,
    body::{BODY_BYTES_MAX, BODY_TIME_MAX, next},
    connection::Work,
};

/// One line of a streamed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1; blank lines count.
    pub number: u64,
    /// Its text without the line end, or nothing when it was longer than [`BODY_BYTES_MAX`].
    pub text: Option<Bytes>,
}

/// Lines that arrived while something else was done.
#[derive(Debug, Default)]
pub struct Ahead {
    /// The lines; none at the end of the body, or where nothing arrived.
    pub lines: Vec<Line>,
    /// Why nothing arrives behind them.
    pub failed: Option<Problem>,
}

/// A request body as lines (NDJSON), read as fast as they are taken: holds at most one line and one frame
/// beside the batches it hands out.
pub struct Lines {
    body: Body,
    work: Option<Work>,
    held: BytesMut,
    /// How much of `held` is known to have no line end.
    searched: usize,
    number: u64,
    /// Inside a line that is too long, whose rest is thrown away.
    skipping: bool,
    ended: bool,
}

impl Lines {
    /// The lines of `body`, which came with a request that has these `extensions`.
    #[must_use]
    pub fn new(extensions: &Extensions, body: Body) -> Self {
        let work = extensions.get::<Work>().cloned();
        Self { body, work, held: BytesMut::new(), searched: 0, number: 0, skipping: false, ended: false }
    }

    /// Waits for a line, then takes what else has already arrived, up to `lines_max` lines or about
    /// `bytes_max` bytes. Blank lines are passed over. Empty at the end of the body.
    ///
    /// # Errors
    /// 408 when nothing arrives for 30 s, 400 when the client broke off.
    pub async fn batch(&mut self, lines_max: usize, bytes_max: usize) -> Result<Vec<Line>, Problem> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < lines_max && bytes < bytes_max {
            if let Some(line) = self.take_line() {
                bytes += line.text.as_ref().map_or(0, Bytes::len);
                batch.push(line);
            } else if self.ended {
                break;
            } else if batch.is_empty() {
                self.fill().await?;
            } else if self.fill().now_or_never().transpose()?.is_none() {
                // Nobody waits for what was looked for just now: there is work to do.
                if let Some(work) = &self.work {
                    work.goes_on();
                }
                break;
            }
        }
        Ok(batch)
    }

    /// Does `work`, and takes what arrives meanwhile, up to `lines_max` lines or about `bytes_max` bytes: the next
    /// batch grows for as long as it could not be used anyway.
    pub async fn beside<T>(
        &mut self,
        work: impl Future<Output = T>,
        lines_max: usize,
        bytes_max: usize,
    ) -> (T, Ahead) {
        let mut work = pin!(work);
        let watch = self.work.clone();
        let mut ahead = Ahead::default();
        let mut bytes = 0;
        loop {
            while ahead.lines.len() < lines_max
                && bytes < bytes_max
                && let Some(line) = self.take_line()
            {
                bytes += line.text.as_ref().map_or(0, Bytes::len);
                ahead.lines.push(line);
            }
            let full = ahead.lines.len() >= lines_max || bytes >= bytes_max;
            if full || self.ended || ahead.failed.is_some() {
                return (work.await, ahead);
            }
            let mut fill = pin!(self.fill());
            let either = poll_fn(|cx| {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(Either::Left(done));
                }
                let filled = fill.as_mut().poll(cx).map(Either::Right);
                if let (Poll::Pending, Some(watch)) = (&filled, &watch) {
                    // It is the work that is waited for.
                    watch.goes_on();
                }
                filled
            });
            match either.await {
                Either::Left(done) => return (done, ahead),
                Either::Right(filled) => ahead.failed = filled.err(),
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Problem> {
        match next(&mut self.body, Instant::now() + BODY_TIME_MAX).await? {
            Some(data) => self.held.extend_from_slice(&data),
            None => self.ended = true,
        }
        Ok(())
    }

    /// The next line that is not blank, as far as it has arrived.
    fn take_line(&mut self) -> Option<Line> {
        loop {
            let unsearched = self.held.get(self.searched..).unwrap_or_default();
            let end = unsearched.iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
            let text = match end {
                Some(end) => self.held.split_to(end + 1),
                None if self.ended && (self.skipping || !self.held.is_empty()) => self.held.split(),
                None => {
                    self.searched = self.held.len();
                    if self.held.len() > BODY_BYTES_MAX {
                        self.skipping = true;
                        self.held.clear();
                        self.searched = 0;
                    }
                    return None;
                }
            };
            self.searched = 0;
            self.number += 1;
            let number = self.number;
            let trimmed = text.trim_ascii().len();
            if std::mem::take(&mut self.skipping) || trimmed > BODY_BYTES_MAX {
                return Some(Line { number, text: None });
            }
            if trimmed > 0 {
                let start = text.len() - text.trim_ascii_start().len();
                return Some(Line { number, text: Some(text.freeze().slice(start..start + trimmed)) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(parts: Vec<Vec<u8>>) -> Body {
        let frames = parts.into_iter().map(|part| Ok::<_, std::io::Error>(Bytes::from(part)));
        Body::from_stream(futures::stream::iter(frames.collect::<Vec<_>>()))
    }

    async fn all(body: Body, lines_max: usize) -> Vec<(u64, Option<Bytes>)> {
        let mut lines = Lines::new(&Extensions::new(), body);
        let mut all = Vec::new();
        loop {
            let batch = lines.batch(lines_max, 64).await.unwrap();
            if batch.is_empty() {
                return all;
            }
            all.extend(batch.into_iter().map(|line| (line.number, line.text)));
        }
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_body_was_cut(
            text in "[ab \r\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6), lines_max in 1usize..5,
        ) {
            let mut parts = vec![text.clone().into_bytes()];
            for cut in cuts {
                let last = parts.pop().unwrap();
                let (a, b) = last.split_at(cut.min(last.len()));
                parts.extend([a.to_vec(), b.to_vec()]);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let got = runtime.block_on(all(body(parts), lines_max));
            let wanted: Vec<_> = text
                .split('\n')
                .zip(1u64..)
                .map(|(line, number)| (number, line.trim_ascii()))
                .filter(|(_, line)| !line.is_empty())
                .map(|(number, line)| (number, Some(Bytes::copy_from_slice(line.as_bytes()))))
                .collect();
            prop_assert_eq!(got, wanted);
        }
    }

    #[tokio::test]
    async fn what_arrives_while_something_is_done_makes_up_the_next_batch() {
        let (feed, fed) = futures::channel::mpsc::unbounded::<std::io::Result<Bytes>>();
        let mut lines = Lines::new(&Extensions::new(), Body::from_stream(fed));
        let send = |text: &'static str| feed.unbounded_send(Ok(text.into())).unwrap();
        let numbers = |lines: &[Line]| lines.iter().map(|line| line.number).collect::<Vec<_>>();
        send("a\n");
        assert_eq!(numbers(&lines.batch(9, 64).await.unwrap()), [1]);
        let work = async {
            for text in ["b\n", "c\nd", "d\n\ne\n"] {
                send(text);
                tokio::task::yield_now().await;
            }
            7
        };
        let (done, ahead) = lines.beside(work, 9, 64).await;
        assert_eq!((done, numbers(&ahead.lines)), (7, vec![2, 3, 4, 6]));
        send("f\ng\nh\n");
        let (_, ahead) = lines.beside(tokio::task::yield_now(), 2, 64).await;
        assert_eq!(numbers(&ahead.lines), [7, 8], "no more than were asked for");
        feed.unbounded_send(Err(std::io::Error::other("broken off"))).unwrap();
        let pause = async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        };
        let (_, ahead) = lines.beside(pause, 9, 64).await;
        assert_eq!(numbers(&ahead.lines), [9]);
        assert!(ahead.failed.is_some());
    }

    #[tokio::test]
    async fn a_line_too_long_is_reported_and_the_next_ones_are_read() {
        let long = vec![b'x'; BODY_BYTES_MAX + 1];
        for parts in [
            vec![[b"a\n", &long[..], b"\nb"].concat()],
            vec![b"a\n".to_vec(), long.clone(), b"yyy".to_vec(), b"\nb\n".to_vec()],
        ] {
            assert_eq!(all(body(parts), 9).await, [(1, Some("a".into())), (2, None), (3, Some("b".into()))]);
        }
        assert_eq!(all(body(vec![long.clone(), long]), 9).await, [(1, None)]);
    }
}
