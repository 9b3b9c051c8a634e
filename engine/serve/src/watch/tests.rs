use std::time::Duration;

use super::*;

fn overdue_after(watch: &Watch, seconds: u64) -> Option<&'static str> {
    watch.overdue(&Options::default(), watch.now_ms() + seconds * 1000 + 500)
}

#[test]
fn each_phase_has_its_bound_and_work_has_none() {
    let table = Table::new();
    let place = table.enter();
    let watch = &*place.watch;
    assert_eq!((overdue_after(watch, 4), overdue_after(watch, 5)), (None, Some("first_byte")));
    watch.received();
    assert_eq!((overdue_after(watch, 9), overdue_after(watch, 10)), (None, Some("headers")));
    watch.enter(Phase::Serving);
    watch.received();
    assert_eq!(overdue_after(watch, 3600), None);
    watch.write_waits(true);
    assert_eq!((overdue_after(watch, 29), overdue_after(watch, 30)), (None, Some("write_stall")));
    watch.write_waits(false);
    watch.enter(Phase::Idle);
    assert_eq!((overdue_after(watch, 59), overdue_after(watch, 60)), (None, Some("idle")));
}

#[test]
fn a_trickle_of_header_bytes_does_not_prolong_the_bound() {
    let watch = Watch::new(Instant::now() - Duration::from_secs(100));
    watch.received();
    let begun = watch.phase();
    watch.received();
    assert_eq!(watch.phase(), begun);
}

#[test]
fn a_trickle_of_body_bytes_does_not_make_a_connection_young() {
    let watch = Watch::new(Instant::now() - Duration::from_secs(100));
    watch.state.store(5 << PHASE_BITS | Phase::Serving as u64, Relaxed);
    for waits in [true, false, true] {
        watch.body_waits(waits);
    }
    assert_eq!((watch.phase(), watch.waits_since()), ((Phase::Body, 5), Some(5)));
    assert!(watch.busy());
}

#[test]
fn room_is_made_by_the_longest_waiting_never_by_one_being_served() {
    let table = Table::new();
    let places: Vec<_> = (0..6).map(|_| table.enter()).collect();
    let states = [
        (1, Phase::Serving),
        (9, Phase::Idle),
        (5, Phase::Reading),
        (7, Phase::Fresh),
        (3, Phase::Body),
        (2, Phase::Serving),
    ];
    for (place, (since, phase)) in places.iter().zip(states) {
        place.watch.state.store(since << PHASE_BITS | phase as u64, Relaxed);
    }
    // An answer that its client does not read.
    places[5].watch.stalled.store(8, Relaxed);
    let closed = |place: &Place| place.watch.closing.is_cancelled();
    for expected in [4, 2, 3, 5, 1] {
        assert!(table.make_room());
        assert!(closed(&places[expected]), "{expected} was to go");
    }
    assert!(!table.make_room());
    assert!(!closed(&places[0]));
    drop(places);
    assert!(table.open.lock().is_empty());
}

#[test]
fn the_reaper_closes_what_is_overdue_once() {
    let table = Table::new();
    let place = table.enter();
    let strict = Options { first_byte: Duration::ZERO, ..Options::default() };
    place.watch.state.store(0, Relaxed);
    let epoch = table.epoch - Duration::from_secs(9);
    let long_ago = Table { epoch, open: Mutex::new(table.open.lock().clone()), next: AtomicU64::new(0) };
    assert_eq!(long_ago.reap(&strict), ["first_byte"]);
    assert!(long_ago.reap(&strict).is_empty());
    assert!(place.watch.closing.is_cancelled());
}
