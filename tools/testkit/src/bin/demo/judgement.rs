//! Waiting until all has arrived, and saying what the oracle found.

use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::{
    client::Client,
    oracle::{Arrivals, Oracle, Report},
};

use crate::crowd::Crowd;

/// What has not arrived by then is lost.
const ARRIVE_AT_MOST: Duration = Duration::from_secs(20);
/// Faults of one kind that are shown.
const SHOWN_MAX: usize = 5;

/// Collects until nothing is missing, or the time is up.
pub(crate) async fn wait(client: &Client, oracle: &Oracle, crowd: &Crowd) -> Result<Report> {
    let began = Instant::now();
    let authors = crowd.authors();
    loop {
        let arrivals = Arrivals::collect(client, &crowd.network, &authors, &["quarantine", "audit"]).await?;
        let report = oracle.judge(&arrivals, &crowd.network);
        if report.lost.is_empty() && report.holes.is_empty() || began.elapsed() > ARRIVE_AT_MOST {
            return Ok(report);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Prints what was found, the count last. Whether the promise held.
pub(crate) fn print(report: &Report) -> bool {
    for (what, found) in report.faults().iter().filter(|(_, found)| !found.is_empty()) {
        println!("{what}: {}", found.len());
        found.iter().take(SHOWN_MAX).for_each(|one| println!("  {one}"));
    }
    if report.clean() {
        println!(
            "nothing lost, doubled, misrouted, mixed or out of order; every follower of an author has each of their posts once"
        );
    }
    println!("{report}");
    report.clean()
}
