//! A place that two reach for at the same moment.

use bus::{Bus, Change, Error, KeyValue, StreamSpec};
use fleet::{Connection, JetStream, Keys};
use model::Name;

use crate::{place::forget, subject::options, support};

const STREAM: &str = "letters";
const GROUP: &str = "readers";
const KEY: &str = "letters.0.readers";
const ROUNDS: usize = 40;

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
        forget(&leases, KEY).await;
        let meddler = tokio::spawn(meddle(open().await));
        let mut busy = 0;
        for _ in 0..ROUNDS {
            match bus.subscribe(STREAM, 0, GROUP, 1).await {
                Ok(taken) => drop(taken),
                Err(Error::Busy { .. }) => busy += 1,
                Err(other) => panic!("{other}"),
            }
            forget(&leases, KEY).await;
        }
        assert!(busy > 0, "nobody came in between");
        meddler.abort();
        bus.close().await;
    });
}
