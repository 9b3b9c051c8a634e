use std::io;

use super::*;

const TABLE: Table = "rows";

fn one(key: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(TABLE, key, b"value");
    batch
}

#[test]
fn a_failed_sync_is_the_last_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = Lmdb::open(&Options::new(dir.path(), &[TABLE])).unwrap();
    store.write(&one(b"before")).unwrap();

    // What `commit` answers when `fdatasync` reports an error: EIO is 5 wherever this runs.
    let eio = Refused::Disk(heed::Error::Io(io::Error::from_raw_os_error(5)));
    let answer = eio.conclude(&mut store.writer.lock());
    assert!(matches!(answer, Error::Failed { .. }), "{answer:?}");

    for _ in 0..2 {
        let answer = store.write(&one(b"after")).unwrap_err();
        assert!(matches!(answer, Error::Failed { .. }), "{answer:?}");
        assert!(!answer.retryable());
    }
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.get(TABLE, b"before").unwrap().is_some());
    assert!(snapshot.get(TABLE, b"after").unwrap().is_none());
}

#[test]
fn a_full_disk_is_not_a_failed_one() {
    let mut failure = None;
    let full = Refused::Disk(heed::Error::Io(io::Error::from(io::ErrorKind::StorageFull)));
    let answer = full.conclude(&mut failure);
    assert_eq!(answer.to_string(), "the store has no room left: free space on its disk");
    assert!(answer.retryable() && failure.is_none());
}
