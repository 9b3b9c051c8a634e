use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    exit::Result,
    output::Output,
    remote::{Management, block_on},
    workbench::count,
};

/// Shows a running node in one look: whether it is ready, and what somebody should look at.
#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    node: Management,
}

/// What `GET /v1/status` answers.
#[derive(Deserialize, Serialize)]
struct Seen {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    roles: Vec<String>,
    bus: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    troubles: Vec<String>,
    http: String,
    uptime_ms: u64,
    chains: usize,
    refused: usize,
    dead_letters: Option<u64>,
    waiting: Option<u64>,
}

impl Status {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let seen: Seen = block_on(async { self.node.connect()?.get("/v1/status").await })?;
        output.print(&seen, Seen::text)
    }
}

impl Seen {
    /// What it is, what it has, and one line for each trouble.
    fn text(&self) -> String {
        let known = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        let name = self.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let ready = if self.ready { "is ready" } else { "is not ready" };
        let up = indicatif::HumanDuration(Duration::from_millis(self.uptime_ms));
        let mut text = format!("node{name} {ready}: catena {} at {}, up for {up}\n", self.version, self.http);
        text.push_str(&format!("{}; bus {}\n", self.roles.join(", "), self.bus));
        text.push_str(&format!(
            "{}, {} refused; {} messages wait; {} dead letters\n",
            count(self.chains, "chain"),
            self.refused,
            known(self.waiting),
            known(self.dead_letters)
        ));
        self.troubles.iter().for_each(|trouble| text.push_str(&format!("! {trouble}\n")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_and_what_is_wrong_is_shown() {
        let answer = r#"{
            "version": "1.2.3", "roles": ["forwarder", "gateway"], "bus": "embedded", "ready": false, "reason": "no chain runs",
            "troubles": ["The node is not ready: no chain runs."], "http": "127.0.0.1:8080", "uptime_ms": 61000,
            "chains": 1, "refused": 1, "dead_letters": null, "waiting": 7
        }"#;
        let seen: Seen = serde_json::from_str(answer).unwrap();
        assert_eq!(
            seen.text(),
            "node is not ready: catena 1.2.3 at 127.0.0.1:8080, up for 61 seconds\n\
             forwarder, gateway; bus embedded\n\
             1 chain, 1 refused; 7 messages wait; ? dead letters\n\
             ! The node is not ready: no chain runs.\n"
        );
    }
}
