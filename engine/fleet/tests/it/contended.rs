//! A place that two reach for at the same moment.

use std::time::{Duration, Instant};

use bus::{Bus, Change, Error, KeyValue, StreamSpec};
use fleet::{Connection, JetStream, Keys};
use model::Name;
use serde_json::Value;
use testkit::wait;

use crate::{subject::options, support};

const STREAM: &str = "letters";
const GROUP: &str = "readers";
const KEY: &str = "letters.0.readers";
const ROUNDS: usize = 40;
const GIVEN_BACK_WITHIN: Duration = Duration::from_millis(100);

/// Writes every lease once more as soon as it is taken anew, as a write of the same process does whose answer was lost.
async fn meddle(leases: Keys) {
    let mut watch = leases.watch("letters.").await.unwrap();
    let mut anew = true;
    loop {
        for change in watch.next().await.unwrap() {
            match change {
                Change::Gone { .. } => anew = true,
                Change::Put(kept) if std::mem::take(&mut anew) => {
                    // It may come too late.
                    let _ = leases.put(&kept.key, kept.value, kept.revision).await;
                }
                Change::Put(_) => {}
            }
        }
    }
}

/// Removes the lease, once whoever had it has given it back. One that was meddled with too late never is.
async fn forget(leases: &Keys) {
    let began = Instant::now();
    wait::until("the lease is gone", Duration::from_secs(30), async || {
        let Some(kept) = leases.get(KEY).await.unwrap() else { return Some(()) };
        let lease: Value = serde_json::from_slice(&kept.value).unwrap();
        if !lease["holder"].is_null() && began.elapsed() < GIVEN_BACK_WITHIN {
            return None;
        }
        leases.remove(KEY, kept.revision).await.ok()
    })
    .await
    .unwrap();
}

#[test]
fn a_lease_that_changes_while_it_is_taken_makes_the_place_busy_and_nothing_worse() {
    crate::run(async {
        let connection = Connection::open(options(support::alone())).await.unwrap();
        let bus = JetStream::open(&connection).await.unwrap();
        bus.provision(&StreamSpec::new(Name::new(STREAM).unwrap(), 1)).await.unwrap();
        let open = async || Keys::open(&connection, "leases").await.unwrap();
        let leases = open().await;
        // The group has a consumer from here on, which a lease that is not known any more has to go beyond.
        drop(bus.subscribe(STREAM, 0, GROUP, 1).await.unwrap());
        forget(&leases).await;
        let meddler = tokio::spawn(meddle(open().await));
        let mut busy = 0;
        for _ in 0..ROUNDS {
            match bus.subscribe(STREAM, 0, GROUP, 1).await {
                Ok(taken) => drop(taken),
                Err(Error::Busy { .. }) => busy += 1,
                Err(other) => panic!("{other}"),
            }
            forget(&leases).await;
        }
        assert!(busy > 0, "nobody came in between");
        meddler.abort();
        bus.close().await;
    });
}
