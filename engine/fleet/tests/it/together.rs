//! Three servers, and three copies of everything.

use std::time::Duration;

use bus::{Bus, Error, KeyValue, StreamSpec, conformance::Subject};
use fleet::{Connection, JetStream, Keys, Options};
use futures::future::try_join_all;
use model::Name;
use proptest::prelude::*;
use testkit::nats::{Cluster, Setup};

use crate::{
    subject::{Over, options},
    support,
};

fn subject() -> impl Subject {
    Over::new(support::together())
}

bus::conformance!(subject, crate::run);

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 50, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_a_model(steps in crate::steps()) {
        crate::run(async { bus::conformance::agrees_with_model(&subject(), &steps).await });
    }
}

#[test]
fn keys_keep_their_contract() {
    crate::run(crate::subject::keys(support::together));
}

#[test]
fn requests_keep_their_contract() {
    crate::run(crate::subject::requests(support::together));
}

/// What a process does when it starts: connects, makes what is missing, and looks at what is agreed.
async fn start(options: Options) -> Result<(), Error> {
    let connection = Connection::open(options).await?;
    let bus = JetStream::open(&connection).await?;
    let keys = Keys::open(&connection, "map").await?;
    let _ = keys.get("shards").await?;
    bus.provision(&StreamSpec::new(Name::new("letters").unwrap(), 8)).await?;
    bus.close().await;
    Ok(())
}

#[test]
fn many_that_start_at_once_where_nothing_is_yet_all_start() {
    crate::run(async {
        let options = options(support::together());
        try_join_all((0..8).map(|_| start(options.clone()))).await.unwrap();
    });
}

#[test]
fn whoever_starts_while_the_servers_have_no_majority_waits_until_they_have() {
    crate::run(async {
        let cluster = Cluster::of(&Setup::relaxed(), 3).await.unwrap();
        let [there, others @ ..] = cluster.nodes() else { panic!("no servers") };
        for other in others {
            other.pause().await.unwrap();
        }
        let options = Options { timeout: Duration::from_secs(2), ..options(vec![there.url()]) };
        let hasty = Options { placing: Duration::ZERO, ..options.clone() };
        let refused = start(hasty).await.unwrap_err().to_string();
        assert!(refused.contains("for the NATS servers to agree who leads"), "{refused}");
        let mut starting = Box::pin(start(options.clone()));
        // Longer than anything is waited for by itself.
        let early = tokio::time::timeout(3 * options.timeout, &mut starting).await;
        assert!(early.is_err(), "{early:?}");
        others.iter().for_each(|other| other.resume().unwrap());
        starting.await.unwrap();
    });
}
