//! What is wrong, in words: one sentence for each thing somebody should look at.

use inbox::Position;
use mpc::{AwayFolder, BundlesStatus, ChainStatus};

/// What a look at the node found, and what it could not find.
pub(crate) struct Seen<'a> {
    pub(crate) ready: &'a Result<(), String>,
    pub(crate) chains: &'a [ChainStatus],
    pub(crate) bundles: &'a BundlesStatus,
    pub(crate) away: &'a [AwayFolder],
    /// Why the dead letters cannot be counted.
    pub(crate) dead: Option<&'a String>,
    pub(crate) shards: Result<&'a [Position], &'a String>,
}

/// What somebody should look at; empty when everything flows.
pub(crate) fn troubles(seen: &Seen<'_>) -> Vec<String> {
    let Seen { ready, chains, bundles, away, dead, shards } = seen;
    let mut troubles = Vec::new();
    if let Err(why) = ready {
        troubles.push(format!("The node is not ready: {why}."));
    }
    if let Some(why) = dead {
        troubles.push(format!("The dead letters cannot be read: {why}."));
    }
    if let Err(why) = shards {
        troubles.push(format!("The inbox shards cannot be looked at: {why}."));
    }
    for chain in *chains {
        let id = &chain.id;
        match (&chain.refused, chain.generation) {
            (Some(_), Some(old)) => troubles.push(format!(
                "The newest file of chain {id} has mistakes; generation {old} runs on meanwhile."
            )),
            (Some(_), None) => troubles.push(format!("Chain {id} does not run: its file has mistakes.")),
            (None, _) => {}
        }
        for lane in &chain.lanes {
            let partition = lane.partition;
            if let Some(why) = &lane.halted {
                troubles.push(format!("Chain {id} stopped at partition {partition}: {why}."));
            } else if let Some(why) = &lane.failing {
                troubles.push(format!("Chain {id} is starting again at partition {partition}: {why}."));
            }
        }
    }
    for AwayFolder { reason, .. } in *away {
        troubles.push(format!(
            "A folder is away: {reason}; what runs stays, and changes are taken up once it is back."
        ));
    }
    for refused in &bundles.refused {
        let name = refused.path.file_name().unwrap_or(refused.path.as_os_str()).to_string_lossy();
        troubles.push(format!("The bundle file {name} cannot be used: {}.", refused.reason));
    }
    for Position { shard, fault, trouble, .. } in shards.iter().copied().flatten() {
        if let Some(why) = fault {
            troubles.push(format!("Inbox shard {shard} stopped: {why}."));
        } else if let Some(why) = trouble {
            troubles.push(format!("Inbox shard {shard} waits: {why}."));
        }
    }
    troubles.iter_mut().for_each(one_full_stop);
    troubles
}

/// Reasons come with and without one.
fn one_full_stop(sentence: &mut String) {
    let text = sentence.trim_end_matches(['.', '\n', ' ']).len();
    sentence.truncate(text);
    sentence.push('.');
}

#[cfg(test)]
mod tests {
    use inbox::Phase;

    use super::*;

    fn chain(json: serde_json::Value) -> ChainStatus {
        let tally = serde_json::json!(
            {"in": 0, "out": 0, "term": 0, "dead": 0, "returned": 0, "in_flight": 0, "skipped": 0}
        );
        let mut whole = serde_json::json!({
            "id": "feed", "generation": 3, "path": "feed.toml", "input": "posts", "output": "inbox",
            "steps": [], "messages": tally, "lanes": [], "refused": null,
        });
        whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn position(fault: Option<&str>) -> Position {
        let fault: Option<String> = fault.map(Into::into);
        let phase = if fault.is_some() { Phase::Stopped } else { Phase::Serving };
        Position { shard: 2, phase, applied: 1, last: 1, fault, trouble: None }
    }

    #[test]
    fn each_trouble_is_a_sentence_and_no_trouble_is_none() {
        let fine = chain(serde_json::json!({}));
        let (bundles, shards) = (BundlesStatus::default(), [position(None)]);
        let seen = Seen {
            ready: &Ok(()),
            chains: &[fine],
            bundles: &bundles,
            away: &[],
            dead: None,
            shards: Ok(&shards),
        };
        assert!(troubles(&seen).is_empty());

        let lane = |halted: Option<&str>, failing: Option<&str>| {
            serde_json::json!({
                "partition": 1, "lag": 0, "in_flight": 0, "parked": 0, "halted": halted, "failing": failing,
            })
        };
        let refused = serde_json::json!({"at_ms": 1, "faults": [], "report": "…"});
        let chains = [
            chain(serde_json::json!({"refused": refused, "lanes": [lane(Some("no room."), None)]})),
            chain(serde_json::json!({"id": "b", "generation": null, "refused": refused})),
            chain(serde_json::json!({"id": "c", "lanes": [lane(None, Some("disk"))]})),
        ];
        let bundles = serde_json::json!({
            "present": [], "refused": [{"path": "bundles/x.wasm", "reason": "it is cut short"}],
        });
        let bundles = serde_json::from_value(bundles).unwrap();
        let waiting = Position { shard: 3, trouble: Some("no room".to_owned()), ..position(None) };
        let shards = [position(None), position(Some("a gap")), waiting];
        let ready = Err("the node is stopping".to_owned());
        let reason = "failed to read the folder `chains`: gone".to_owned();
        let away = [AwayFolder { path: "chains".into(), reason }];
        let seen = Seen {
            ready: &ready,
            chains: &chains,
            bundles: &bundles,
            away: &away,
            dead: None,
            shards: Ok(&shards),
        };
        let told = troubles(&seen);
        let expected = [
            "The node is not ready: the node is stopping.",
            "The newest file of chain feed has mistakes; generation 3 runs on meanwhile.",
            "Chain feed stopped at partition 1: no room.",
            "Chain b does not run: its file has mistakes.",
            "Chain c is starting again at partition 1: disk.",
            "A folder is away: failed to read the folder `chains`: gone; what runs stays, and changes are taken up once it is \
             back.",
            "The bundle file x.wasm cannot be used: it is cut short.",
            "Inbox shard 2 stopped: a gap.",
            "Inbox shard 3 waits: no room.",
        ];
        assert_eq!(told, expected);

        let why = "the bus is unavailable: it is closed".to_owned();
        let blind = Seen {
            chains: &[],
            bundles: &BundlesStatus::default(),
            away: &[],
            dead: Some(&why),
            shards: Err(&why),
            ..seen
        };
        let expected = [
            "The node is not ready: the node is stopping.",
            "The dead letters cannot be read: the bus is unavailable: it is closed.",
            "The inbox shards cannot be looked at: the bus is unavailable: it is closed.",
        ];
        assert_eq!(troubles(&blind), expected);
    }
}
