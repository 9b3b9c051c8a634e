//! What every [`Store`] must do, as functions that panic when it does not.
//!
//! `store::conformance!(open)` expands them to tests, where `open()` answers a fresh store with
//! [`TABLES`], and what keeps it alive. [`agrees_with_model`] takes the random walks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here is a test")]

mod model;

use std::ops::ControlFlow;

use crate::{Batch, Error, KEY_BYTES_MAX, Snapshot, Store, Table};

pub use model::{Change, Query, Step, agrees_with_model};

/// The tables a store under test is opened with.
pub const TABLES: &[Table] = &["letters", "numbers"];

const T: Table = "letters";
const OTHER: Table = "numbers";

/// Expands to one test per rule of the contract; `$open` answers `(store, guard)`.
#[macro_export]
macro_rules! conformance {
    ($open:expr) => {
        $crate::conformance!(@each $open;
            a_batch_is_applied_in_its_order, a_refused_batch_changes_nothing, keys_and_tables_are_checked,
            scans_respect_bounds_and_order, a_snapshot_does_not_move, a_snapshot_sees_whole_batches_only,
            large_values_come_back);
    };
    (@each $open:expr; $($rule:ident),+) => {
        $(
            #[test]
            fn $rule() {
                let (store, _kept) = $open();
                $crate::conformance::$rule(&store);
            }
        )+
    };
}

fn put(store: &dyn Store, rows: &[(&[u8], &[u8])]) {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(T, key, value);
    }
    store.write(&batch).unwrap();
}

fn value(snapshot: &dyn Snapshot, key: &[u8]) -> Option<Vec<u8>> {
    snapshot.get(T, key).unwrap().map(std::borrow::Cow::into_owned)
}

fn keys(snapshot: &dyn Snapshot, from: &[u8], to: &[u8], back: bool, max: usize) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        seen.push(key.to_vec());
        if seen.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if back {
        snapshot.scan_back(T, from, to, &mut visit).unwrap();
    } else {
        snapshot.scan(T, from, to, &mut visit).unwrap();
    }
    seen
}

/// The last change to a key wins, wherever in the batch it stands.
pub fn a_batch_is_applied_in_its_order(store: &dyn Store) {
    let mut batch = Batch::new();
    batch.put(T, b"z", b"first");
    batch.put(T, b"a", b"kept");
    batch.delete(T, b"z");
    batch.put(OTHER, b"z", b"elsewhere");
    batch.put(T, b"z", b"last");
    batch.put(T, b"gone", b"x");
    batch.delete(T, b"gone");
    batch.delete(T, b"never there");
    store.write(&batch).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(value(&*snapshot, b"z").as_deref(), Some(&b"last"[..]));
    assert_eq!(value(&*snapshot, b"a").as_deref(), Some(&b"kept"[..]));
    assert_eq!(value(&*snapshot, b"gone"), None);
    assert_eq!(snapshot.get(OTHER, b"z").unwrap().as_deref(), Some(&b"elsewhere"[..]));
}

/// One bad change and nothing of the batch is there, nor is the store hurt.
pub fn a_refused_batch_changes_nothing(store: &dyn Store) {
    for bad in ["unknown table", "empty key"] {
        let mut batch = Batch::new();
        batch.put(T, b"good", b"x");
        if bad == "empty key" {
            batch.put(T, b"", b"x")
        } else {
            batch.put("nowhere", b"k", b"x")
        }
        assert!(store.write(&batch).is_err(), "{bad} was taken");
        assert_eq!(value(&*store.snapshot().unwrap(), b"good"), None);
    }
    put(store, &[(b"good", b"y")]);
    assert_eq!(value(&*store.snapshot().unwrap(), b"good").as_deref(), Some(&b"y"[..]));
}

/// Sizes at the limit are taken, past it refused with their own errors.
pub fn keys_and_tables_are_checked(store: &dyn Store) {
    let longest = vec![7; KEY_BYTES_MAX];
    put(store, &[(&longest, b"")]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(value(&*snapshot, &longest).as_deref(), Some(&b""[..]));
    let longer = vec![7; KEY_BYTES_MAX + 1];
    assert!(matches!(snapshot.get(T, &longer), Err(Error::Key { bytes: 512 })));
    assert!(matches!(snapshot.get("nowhere", b"k"), Err(Error::UnknownTable { table: "nowhere" })));
    let mut batch = Batch::new();
    batch.delete(T, &longer);
    assert!(matches!(store.write(&batch), Err(Error::Key { bytes: 512 })));
}

/// `from` is in, `to` is out, empty means open, order is of unsigned bytes, breaking stops.
pub fn scans_respect_bounds_and_order(store: &dyn Store) {
    put(store, &[(b"b", b""), (b"\xff", b""), (b"a", b""), (b"a\x00", b""), (b"c", b"")]);
    let snapshot = store.snapshot().unwrap();
    let all: Vec<Vec<u8>> =
        [&b"a"[..], b"a\x00", b"b", b"c", b"\xff"].iter().map(|key| key.to_vec()).collect();
    let reversed: Vec<Vec<u8>> = all.iter().rev().cloned().collect();
    assert_eq!(keys(&*snapshot, b"", b"", false, 9), all);
    assert_eq!(keys(&*snapshot, b"", b"", true, 9), reversed);
    assert_eq!(keys(&*snapshot, b"a\x00", b"c", false, 9), all[1..3]);
    assert_eq!(keys(&*snapshot, b"a\x00", b"c", true, 9), reversed[2..4]);
    assert_eq!(keys(&*snapshot, b"b", b"", true, 2), reversed[..2]);
    assert_eq!(keys(&*snapshot, b"a", b"", false, 1), all[..1]);
    for back in [false, true] {
        assert!(keys(&*snapshot, b"c", b"a", back, 9).is_empty());
        assert!(keys(&*snapshot, b"b", b"b", back, 9).is_empty());
    }
}

/// What a snapshot sees stays, whatever is written.
pub fn a_snapshot_does_not_move(store: &dyn Store) {
    put(store, &[(b"a", b"1"), (b"b", b"1")]);
    let before = store.snapshot().unwrap();
    put(store, &[(b"a", b"2"), (b"c", b"2")]);
    let mut batch = Batch::new();
    batch.delete(T, b"b");
    store.write(&batch).unwrap();
    let after = store.snapshot().unwrap();
    assert_eq!(keys(&*before, b"", b"", false, 9), [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(value(&*before, b"a").as_deref(), Some(&b"1"[..]));
    assert_eq!(keys(&*after, b"", b"", false, 9), [b"a".to_vec(), b"c".to_vec()]);
    assert_eq!(value(&*after, b"a").as_deref(), Some(&b"2"[..]));
}

/// Readers on other threads never see half of a batch, and never an older one than before.
pub fn a_snapshot_sees_whole_batches_only(store: &dyn Store) {
    const ROUNDS: u32 = 100;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                put(store, &[(b"left", &round.to_be_bytes()), (b"right", &round.to_be_bytes())]);
            }
        });
        let mut seen = None;
        while seen.as_deref() != Some(&ROUNDS.to_be_bytes()[..]) {
            let snapshot = store.snapshot().unwrap();
            let left = value(&*snapshot, b"left");
            assert_eq!(left, value(&*snapshot, b"right"));
            assert!(left >= seen, "time went back");
            seen = left;
        }
    });
}

/// A megabyte is an ordinary value, copied or shared.
pub fn large_values_come_back(store: &dyn Store) {
    let large: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 251) as u8).collect();
    let mut batch = Batch::new();
    batch.put(T, b"copied", &large);
    batch.put_bytes(T, b"shared", large.clone().into());
    store.write(&batch).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(value(&*snapshot, b"copied").unwrap() == large);
    assert!(value(&*snapshot, b"shared").unwrap() == large);
}
