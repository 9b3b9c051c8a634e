use proptest::prelude::*;
use store::{Batch, Durability, Error, Lmdb, Options, Store, conformance::TABLES};
use tempfile::TempDir;

const T: &str = "letters";

fn open() -> (Lmdb, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (reopen(&dir), dir)
}

fn reopen(dir: &TempDir) -> Lmdb {
    Lmdb::open(&Options::new(dir.path().join("store"), TABLES)).unwrap()
}

fn one(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(T, key, value);
    batch
}

store::conformance!(open);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn agrees_with_a_map(steps in crate::steps()) {
        // The walk is about order and bounds; durability is not what a thousand fsyncs would show.
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::Relaxed, ..Options::new(dir.path(), TABLES) };
        store::conformance::agrees_with_model(&Lmdb::open(&options).unwrap(), &steps);
    }
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let (store, dir) = open();
    for n in 0..100_u32 {
        store.write(&one(&n.to_be_bytes(), &n.to_le_bytes())).unwrap();
    }
    drop(store);
    let store = reopen(&dir);
    let snapshot = store.snapshot().unwrap();
    for n in 0..100_u32 {
        assert_eq!(snapshot.get(T, &n.to_be_bytes()).unwrap().as_deref(), Some(&n.to_le_bytes()[..]));
    }
}

#[test]
fn a_second_opener_is_told_who_holds_the_store() {
    let (store, dir) = open();
    let error = Lmdb::open(&Options::new(dir.path().join("store"), TABLES)).unwrap_err();
    assert!(matches!(&error, Error::Locked { .. }), "{error:?}");
    let own = format!("is already open in process {}", std::process::id());
    assert!(error.to_string().ends_with(&own), "{error}");
    store.write(&one(b"a", b"still fine")).unwrap();
    drop(store);
    reopen(&dir);
}

#[test]
fn a_full_store_applies_nothing_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { map_bytes: 1 << 20, ..Options::new(dir.path(), TABLES) };
    let store = Lmdb::open(&options).unwrap();
    store.write(&one(b"a", b"small")).unwrap();
    let mut batch = one(b"b", b"small");
    batch.put(T, b"c", &vec![1; 2 << 20]);
    let error = store.write(&batch).unwrap_err();
    assert_eq!(error.to_string(), "the store has no room left: raise `store.file_bytes_max`");
    assert!(store.snapshot().unwrap().get(T, b"b").unwrap().is_none());
    store.write(&one(b"b", b"fits")).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.get(T, b"a").unwrap().is_some() && snapshot.get(T, b"b").unwrap().is_some());
}

#[test]
fn a_file_that_is_no_store_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data.mdb"), vec![b'x'; 8192]).unwrap();
    let error = Lmdb::open(&Options::new(dir.path(), TABLES)).unwrap_err();
    assert!(matches!(&error, Error::Open { .. }), "{error:?}");
    assert!(error.to_string().contains(&dir.path().display().to_string()), "{error}");
}
