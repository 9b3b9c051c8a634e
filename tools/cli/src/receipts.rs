use clap::Args;
use mpc::{
    Receipt,
    receipt::{Cause, Change, Verdict},
};

use crate::{
    exit::Result,
    number::whole,
    output::{Output, data, talk},
    remote::{Management, block_on},
};

/// Shows what became of the latest changes of chains and bundles.
#[derive(Args)]
pub(crate) struct Receipts {
    #[command(flatten)]
    node: Management,
    /// How many, the newest last.
    #[arg(long, default_value_t = 10, value_parser = whole::<u32>, allow_negative_numbers = true)]
    limit: u32,
    /// Only those of this chain.
    #[arg(long)]
    chain: Option<String>,
}

impl Receipts {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        // Those of one chain are looked for among all that are kept.
        let limit = if self.chain.is_some() { KEPT_MAX } else { self.limit };
        let mut receipts: Vec<Receipt> =
            block_on(async { self.node.connect()?.list(&format!("/v1/receipts?limit={limit}")).await })?;
        if let Some(chain) = &self.chain {
            receipts.retain(|receipt| receipt.chain.as_deref() == Some(chain));
            if receipts.is_empty() {
                talk(&format!(
                    "no receipt is about a chain `{chain}`; `catena chain list` shows those there are"
                ));
            }
        }
        receipts.sort_by_key(|receipt| std::cmp::Reverse(receipt.number));
        receipts.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        for receipt in receipts.iter().rev() {
            match output {
                Output::Json => output.print(receipt, |_| String::new())?,
                Output::Text => data(&text(receipt))?,
            }
        }
        Ok(())
    }
}

/// What a node keeps, and so gives out at once.
const KEPT_MAX: u32 = 1_000;

/// Files shown of those that led to a reload.
const CAUSES_MAX: usize = 5;

/// A receipt as a person reads it: what, how long, what became of the messages, and why not.
fn text(receipt: &Receipt) -> String {
    let mut text = format!("#{} {}: {}", receipt.number, receipt.subject(), receipt.outcome());
    if receipt.verdict == Verdict::Live {
        let p = &receipt.phases;
        text.push_str(&format!(
            "  (read {:.0} ms, compile {:.0}, test {:.0}, swap {:.1}, drain {:.0})",
            p.read_ms, p.compile_ms, p.test_ms, p.swap_ms, p.drain_ms
        ));
    }
    text.push('\n');
    if receipt.chain.is_some() {
        text.push_str(&causes(&receipt.cause));
    }
    for change in &receipt.changes {
        text.push_str(&format!("   {change}\n"));
    }
    for warning in &receipt.warnings {
        text.push_str(&format!("   warning: {warning}\n"));
    }
    if let Some(m) = &receipt.messages {
        let unfinished =
            if m.in_flight > 0 { format!(" + {} in flight", m.in_flight) } else { String::new() };
        text.push_str(&format!(
            "   drained: {} in = {} out + {} term + {} dead + {} returned{unfinished}\n",
            m.taken, m.out, m.term, m.dead, m.returned
        ));
    }
    for refused in &receipt.refused {
        text.push_str(&format!("   {}: {}\n", refused.path.display(), refused.reason));
    }
    if let Some(report) = &receipt.report {
        text.extend(report.trim_matches('\n').lines().map(|line| format!("   {line}\n")));
    }
    text
}

/// The files whose change led to a reload; not those that were only looked at, nor all there were at a start.
fn causes(causes: &[Cause]) -> String {
    let changed = causes.iter().filter_map(|Cause { path, change }| {
        let what = match change {
            Change::Started | Change::Affected => return None,
            Change::Added => "is new",
            Change::Changed => "changed",
            Change::Removed => "is gone",
        };
        Some(format!("   {} {what}\n", path.display()))
    });
    let lines: Vec<_> = changed.collect();
    let more = match lines.len().saturating_sub(CAUSES_MAX) {
        0 => String::new(),
        more => format!("   and {more} more files\n"),
    };
    lines.into_iter().take(CAUSES_MAX).chain([more]).collect()
}
