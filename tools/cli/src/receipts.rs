use clap::Args;
use mpc::{Receipt, receipt::Verdict};

use crate::{
    exit::Result,
    output::{Output, data},
    remote::{Management, block_on},
};

/// Shows what became of the latest changes of chains and bundles.
#[derive(Args)]
pub(crate) struct Receipts {
    #[command(flatten)]
    node: Management,
    /// How many, the newest last.
    #[arg(long, default_value_t = 10)]
    limit: u32,
    /// Only those of this chain.
    #[arg(long)]
    chain: Option<String>,
}

impl Receipts {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let mut receipts: Vec<Receipt> = block_on(async {
            self.node.connect()?.list(&format!("/v1/receipts?limit={}", self.limit)).await
        })?;
        receipts.sort_by_key(|receipt| receipt.number);
        let wanted =
            |receipt: &Receipt| self.chain.as_deref().is_none_or(|c| receipt.chain.as_deref() == Some(c));
        for receipt in receipts.iter().filter(|receipt| wanted(receipt)) {
            match output {
                Output::Json => output.print(receipt, |_| String::new())?,
                Output::Text => data(&text(receipt))?,
            }
        }
        Ok(())
    }
}

/// A receipt as a person reads it: what, how long, what became of the messages, and why not.
fn text(receipt: &Receipt) -> String {
    let chain = receipt.chain.as_deref().unwrap_or("(no chain)");
    let what = match (receipt.verdict, receipt.replaced, receipt.generation) {
        (Verdict::Live, Some(old), Some(new)) => format!("generation {old} → {new} live"),
        (Verdict::Live, None, Some(new)) => format!("generation {new} live"),
        (Verdict::Refused, _, Some(still)) => format!("refused, generation {still} runs on"),
        (Verdict::Refused, _, None) => "refused, and none ran before".to_owned(),
        (Verdict::Removed, Some(old), _) => format!("removed, generation {old} ended"),
        (verdict, _, _) => verdict.as_str().to_owned(),
    };
    let mut text = format!("#{} {chain}: {what}", receipt.number);
    if receipt.verdict == Verdict::Live {
        let p = &receipt.phases;
        text.push_str(&format!(
            "  (read {:.0} ms, compile {:.0}, test {:.0}, swap {:.1}, drain {:.0})",
            p.read_ms, p.compile_ms, p.test_ms, p.swap_ms, p.drain_ms
        ));
    }
    text.push('\n');
    for change in &receipt.changes {
        text.push_str(&format!("   {change}\n"));
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
