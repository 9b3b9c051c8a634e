//! `catena import`: a file of follows or posts into a running node, fast, resumable, nothing twice.
//!
//! Lines go to a fixed number of writers, posts by author, so that an author's posts stay in order; each is sent until
//! the node has answered. What is done is a byte offset up to which every line was answered for, kept in a file while
//! the import runs. Posts carry an idempotency key made of the line and its place, so lines behind that offset
//! that had been sent already are not stored twice.

mod item;
mod resume;
mod sender;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::Method;
use serde::Serialize;

use crate::{
    exit::{Failed, Result},
    messages::Lines,
    output::{Output, talk, watched},
    remote::{Node, answer, block_on},
    workbench::count,
};
use item::Kind;
use resume::Resume;
use sender::{Answer, Outcome, Senders};

/// Loads follows or posts from a file into a running node.
#[derive(Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// An edge list: two integers a line, the follower and the author; `#` begins a comment.
    Follows {
        /// Both follow each other.
        #[arg(long)]
        undirected: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Posts, one JSON object a line.
    Posts {
        /// Where in a line the author's id is: `actor`, `user.id` or `/user/id`.
        #[arg(long, value_name = "FIELD", default_value = "actor")]
        author_field: String,
        /// Where in a line the text is.
        #[arg(long, value_name = "FIELD", default_value = "text")]
        text_field: String,
        /// Where in a line the author's name is, to be shown with the post.
        #[arg(long, value_name = "FIELD")]
        name_field: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
struct Common {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    node: Node,
    /// Requests on their way at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Begin at the start, even where an earlier import of this file was broken off.
    #[arg(long)]
    restart: bool,
    /// Where to note how far it came. Default: a file in the user's state folder.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// What an import did.
#[derive(Debug, Default, Serialize)]
struct Done {
    /// Lines read, those of an earlier run of this import not among them.
    lines: u64,
    /// Follows or posts that the node accepted.
    accepted: u64,
    /// Lines that are wrong or that the node refused for good.
    refused: u64,
}

/// Refused lines that are shown one by one.
const SHOWN_MAX: u64 = 20;

impl Import {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let (kind, common) = match self.what {
            What::Follows { undirected, common } => (Kind::Follows { undirected }, common),
            What::Posts { author_field, text_field, name_field, common } => {
                (Kind::posts(&author_field, &text_field, name_field.as_deref()), common)
            }
        };
        let done = block_on(common.run(kind))?;
        output.print(&done, |done| {
            format!(
                "{} read, {} accepted, {} refused",
                count_of(done.lines, "line"),
                done.accepted,
                done.refused
            )
        })?;
        if done.refused > 0 { Err(Failed.into()) } else { Ok(()) }
    }
}

fn count_of(n: u64, what: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), what)
}

impl Common {
    async fn run(self, kind: Kind) -> Result<Done> {
        let client = self.node.connect()?;
        let length = std::fs::metadata(&self.file)
            .with_context(|| format!("failed to open `{}`", self.file.display()))?
            .len();
        // A node that goes away meanwhile is waited for; one that was never there is not.
        answer(client.request(Method::GET, "/healthz")).await?;
        let mut resume = Resume::open(self.state.as_deref(), &self.file, client.url(), kind.name())?;
        if self.restart {
            resume.forget();
        }
        let from = resume.offset().min(length);
        if from > 0 {
            talk(&format!("going on at byte {from} of {length}; --restart begins again"));
        }
        let bar = progress(length, from);
        let mut senders = Senders::start(client, self.concurrency.into());
        let mut done = Done::default();
        let sent = self.send(&kind, from, &mut senders, &mut resume, &bar, &mut done).await;
        let settled = senders.finish(|answer| done.take(answer, &mut resume, &bar)).await;
        bar.finish_and_clear();
        resume.save()?;
        sent?;
        settled?;
        resume.forget();
        Ok(done)
    }

    async fn send(
        &self,
        kind: &Kind,
        from: u64,
        senders: &mut Senders,
        resume: &mut Resume,
        bar: &ProgressBar,
        done: &mut Done,
    ) -> Result<()> {
        let mut lines = Lines::open(Some(&self.file))?;
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        while let Some(line) = lines.next()? {
            if line.offset < from {
                continue;
            }
            done.lines += 1;
            let items = kind.items(&line).unwrap_or_else(|error| {
                done.refuse(bar, line.number, &error);
                Vec::new()
            });
            resume.begun(line.offset, lines.offset(), items.len());
            for item in items {
                tokio::select! {
                    () = senders.send(&line, item) => {}
                    _ = &mut interrupted => bail!("interrupted; call it again to go on where it stopped"),
                }
                senders.take_answers(|answer| done.take(answer, resume, bar))?;
            }
            resume.save_now_and_then()?;
        }
        Ok(())
    }
}

impl Done {
    /// Counts an answer, and notes how far that brings the import.
    ///
    /// # Errors
    /// Nobody answers any more.
    fn take(&mut self, answer: Answer, resume: &mut Resume, bar: &ProgressBar) -> Result<()> {
        match answer.outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Refused(why) => self.refuse(bar, answer.number, &why.into()),
            // Not answered for: the next call sends it again.
            Outcome::GaveUp(why) => return Err(why),
        }
        resume.answered(answer.start);
        bar.set_position(resume.offset());
        bar.set_message(format!("{} accepted", self.accepted));
        Ok(())
    }

    /// Says why a line was not taken, the first few times.
    fn refuse(&mut self, bar: &ProgressBar, number: usize, why: &anyhow::Error) {
        self.refused += 1;
        if self.refused <= SHOWN_MAX {
            bar.suspend(|| talk(&format!("line {number}: {why:#}")));
        } else if self.refused == SHOWN_MAX + 1 {
            bar.suspend(|| talk("… and more, which are only counted"));
        }
    }
}

fn progress(length: u64, from: u64) -> ProgressBar {
    let target = if watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target).with_position(from);
    let template = "{bar:30} {percent}% of {binary_total_bytes}, {msg}, {elapsed} (about {eta} left)";
    // A template with a mistake would be seen at once; the bar of the library does as well.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
