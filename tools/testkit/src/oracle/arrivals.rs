use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{client::Client, network::Network};

/// Where something arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Among its author's own posts.
    Outbox(u64),
    /// In a follower's feed.
    Feed(u64),
    /// On an output of the chain.
    Output(String),
    /// Among the dead letters.
    Dead,
}

/// One thing that arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where.
    pub place: Place,
    /// Which post it is, as its body says; notes about a post carry no ordinal, but the post's id.
    pub ordinal: Option<u64>,
    /// The body as it arrived.
    pub body: Value,
}

impl Arrival {
    /// An arrival with the ordinal its body carries.
    #[must_use]
    pub fn new(place: Place, body: Value) -> Self {
        Self { place, ordinal: body.get("ordinal").and_then(Value::as_u64), body }
    }
}

/// All that arrived, in the order of each place, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(pub Vec<Arrival>);

/// Pages asked for at once.
const READERS: usize = 16;

impl Arrivals {
    /// Reads every feed, every author's posts, the streams named and the dead letters.
    ///
    /// # Errors
    /// The node did not answer.
    pub async fn collect(
        client: &Client,
        network: &Network,
        authors: &BTreeSet<u64>,
        outputs: &[&str],
    ) -> Result<Self> {
        let followers: BTreeSet<u64> = network.follows.iter().map(|(follower, _)| *follower).collect();
        let places = authors.iter().map(|a| Place::Outbox(*a)).chain(followers.into_iter().map(Place::Feed));
        let mut arrivals = Vec::new();
        let mut readers = JoinSet::new();
        for place in places {
            if readers.len() == READERS
                && let Some(read) = readers.join_next().await
            {
                arrivals.extend(read??);
            }
            readers.spawn(items(client.clone(), place));
        }
        while let Some(read) = readers.join_next().await {
            arrivals.extend(read??);
        }
        for output in outputs {
            let bodies = client.stream(output).await?.into_iter();
            arrivals.extend(bodies.map(|body| Arrival::new(Place::Output((*output).to_owned()), body)));
        }
        arrivals.extend(client.dead_letters().await?.into_iter().map(|body| Arrival::new(Place::Dead, body)));
        Ok(Self(arrivals))
    }
}

async fn items(client: Client, place: Place) -> Result<Vec<Arrival>> {
    let mut items = match place {
        Place::Outbox(author) => client.whole_outbox(author).await?,
        Place::Feed(user) => client.whole_feed(user).await?,
        Place::Output(_) | Place::Dead => Vec::new(),
    };
    items.reverse();
    Ok(items.into_iter().map(|body| Arrival::new(place.clone(), body)).collect())
}
