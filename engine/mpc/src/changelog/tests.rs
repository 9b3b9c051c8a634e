use std::collections::BTreeMap;

use bus::{Embedded, Options};
use proptest::prelude::*;
use store::Memory;

use super::*;

/// A bus that several processes could share.
fn bus() -> Arc<dyn Bus> {
    Arc::new(Embedded::open(Arc::new(Memory::new(bus::TABLES)), Options::default()).unwrap())
}

/// One process: its own store, and its changelogs.
struct Process {
    store: Arc<Memory>,
    changelogs: Changelogs,
}

impl Process {
    fn over(bus: &Arc<dyn Bus>, records_max: u64) -> Self {
        let store = Arc::new(Memory::new(crate::TABLES));
        let changelogs =
            Changelogs::new(Arc::clone(bus), Arc::clone(&store) as Arc<dyn Store>, records_max, None);
        Self { store, changelogs }
    }

    async fn open(&self) -> Changelog {
        self.open_for("feed").await
    }

    /// For a lane of that chain.
    async fn open_for(&self, chain: &str) -> Changelog {
        let name = |name| Name::new(name).unwrap();
        self.changelogs.open(&name("posts"), 1, 2, &name(chain)).await.unwrap()
    }

    async fn commit(&self, changelog: &Changelog, changes: &[(u8, Option<u8>)]) -> Result<()> {
        let mut batch = Batch::new();
        for (key, value) in changes {
            let key = key_of(*key);
            match value {
                Some(value) => batch.put("state", &key, &[*value]),
                None => batch.delete("state", &key),
            }
        }
        changelog.commit(batch, async |batch| Ok(self.store.write(&batch)?)).await
    }

    fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = BTreeMap::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            rows.insert(key.to_vec(), value.to_vec());
            std::ops::ControlFlow::Continue(())
        };
        self.store.snapshot().unwrap().scan("state", &[], &[], &mut visit).unwrap();
        rows
    }
}

fn key_of(key: u8) -> Vec<u8> {
    [&partition_prefix("posts", 1)[..], &[key]].concat()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
}

#[test]
fn of_two_owners_only_one_commits() {
    run(async {
        let bus = bus();
        let (old, new) = (Process::over(&bus, 100), Process::over(&bus, 100));
        let of_old = old.open().await;
        old.commit(&of_old, &[(1, Some(1))]).await.unwrap();
        let of_new = new.open().await;
        assert_eq!(new.rows(), old.rows(), "what the old owner kept is there");
        new.commit(&of_new, &[(1, Some(2))]).await.unwrap();
        // The old one slept, and knows of nothing.
        let refused = old.commit(&of_old, &[(1, Some(9)), (2, Some(9))]).await.unwrap_err();
        assert!(matches!(refused, Error::Bus(bus::Error::Moved { .. })), "{refused}");
        let refused = old.commit(&of_old, &[(3, Some(9))]).await.unwrap_err();
        assert!(matches!(refused, Error::Behind), "{refused}");
        new.commit(&of_new, &[(4, Some(4))]).await.unwrap();
        // Given back, it goes on from what the new one made of it.
        let of_old = old.open().await;
        assert_eq!(old.rows(), new.rows());
        old.commit(&of_old, &[(1, None)]).await.unwrap();
        assert_eq!(old.rows().keys().cloned().collect::<Vec<_>>(), [key_of(4)]);
    });
}

#[test]
fn of_two_lives_of_a_lane_in_one_process_only_the_later_one_commits() {
    run(async {
        let process = Process::over(&bus(), 100);
        let (old, other) = (process.open().await, process.open_for("audit").await);
        let new = process.open().await;
        process.commit(&new, &[(1, Some(2))]).await.unwrap();
        let refused = process.commit(&old, &[(1, Some(1))]).await.unwrap_err();
        assert!(matches!(refused, Error::Behind), "{refused}");
        // Nobody else is touched.
        process.commit(&other, &[(2, Some(2))]).await.unwrap();
        process.commit(&new, &[(3, Some(3))]).await.unwrap();
        assert_eq!(process.rows()[&key_of(1)], [2]);
    });
}

#[test]
fn whoever_had_the_partition_in_between_ends_every_life_before() {
    run(async {
        let bus = bus();
        let (first, second) = (Process::over(&bus, 100), Process::over(&bus, 100));
        let old = first.open().await;
        let between = second.open().await;
        second.commit(&between, &[(1, Some(2))]).await.unwrap();
        // The lane of another chain is what learns of it.
        old.check().unwrap();
        let other = first.open_for("audit").await;
        assert!(old.check().is_err() && other.check().is_ok());
        let refused = first.commit(&old, &[(1, Some(1))]).await.unwrap_err();
        assert!(matches!(refused, Error::Behind), "{refused}");
        first.commit(&other, &[(3, Some(3))]).await.unwrap();
        assert_eq!(first.rows()[&key_of(1)], [2]);
    });
}

#[test]
fn a_store_that_belongs_to_another_log_is_rebuilt() {
    run(async {
        let (first, second) = (bus(), bus());
        let process = Process::over(&first, 100);
        let changelog = process.open().await;
        for n in 0..5 {
            process.commit(&changelog, &[(n, Some(n))]).await.unwrap();
        }
        let other = Process::over(&second, 100);
        other.commit(&other.open().await, &[(7, Some(7))]).await.unwrap();
        let moved = Process { store: process.store, ..Process::over(&second, 100) };
        let changelogs =
            Changelogs::new(Arc::clone(&second), Arc::clone(&moved.store) as Arc<dyn Store>, 100, None);
        let moved = Process { changelogs, ..moved };
        // The answer may be an old one: it is asked again for a while.
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        moved.open().await;
        assert!(began.elapsed() >= Duration::from_secs(2));
        assert_eq!(moved.rows(), other.rows());
    });
}

#[test]
fn a_store_that_was_being_emptied_is_emptied_before_it_is_filled() {
    run(async {
        let bus = bus();
        let process = Process::over(&bus, 100);
        process.commit(&process.open().await, &[(1, Some(1))]).await.unwrap();
        // Half of it was gone when the process died.
        let mut batch = Batch::new();
        batch.put("state", &key_of(9), &[9]);
        batch.put(POSITIONS, &partition_prefix("posts", 1), &EMPTYING.to_be_bytes());
        process.store.write(&batch).unwrap();
        process.open().await;
        assert_eq!(process.rows().into_keys().collect::<Vec<_>>(), [key_of(1)]);
    });
}

/// Who commits, and what.
type Step = (usize, Vec<(u8, Option<u8>)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let changes = prop::collection::vec((0..12_u8, prop::option::weighted(0.7, any::<u8>())), 1..6);
    prop::collection::vec((0..3_usize, changes), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whoever_takes_over_finds_what_was_committed(steps in steps(), records_max in 1..12_u64) {
        run(async {
            let bus = bus();
            let processes: Vec<_> = (0..3).map(|_| Process::over(&bus, records_max)).collect();
            let mut model = BTreeMap::new();
            let mut owner = None;
            for (who, changes) in steps {
                let process = &processes[who];
                if owner.as_ref().is_none_or(|(owner, _)| *owner != who) {
                    owner = Some((who, process.open().await));
                }
                process.commit(&owner.as_ref().unwrap().1, &changes).await.unwrap();
                for (key, value) in changes {
                    match value {
                        Some(value) => model.insert(key_of(key), vec![value]),
                        None => model.remove(&key_of(key)),
                    };
                }
                assert_eq!(process.rows(), model);
            }
            let bounds = bus.bounds("changelog-posts", 1).await.unwrap();
            assert!(bounds.last - bounds.first <= records_max + 20, "{bounds:?} is not bounded");
            let fresh = Process::over(&bus, records_max);
            fresh.open().await;
            assert_eq!(fresh.rows(), model);
        });
    }
}
