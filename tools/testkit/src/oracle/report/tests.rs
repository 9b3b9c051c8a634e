use serde_json::json;

use super::*;
use crate::{oracle::Oracle, posts::Post};

/// Author 1 is followed by 2; posts 1 and 2 delivered, 3 quarantined, 4 a repetition, 5 rejected.
fn accepted() -> (Oracle, Network) {
    let oracle = Oracle::new();
    let fates = [Fate::Delivered, Fate::Delivered, Fate::Quarantined, Fate::Duplicate, Fate::Rejected];
    for (ordinal, fate) in (1..).zip(fates) {
        let post = Post::new(ordinal, 1, format!("text {ordinal}"), fate);
        oracle.attempted(&post);
        oracle.accepted(&post, &format!("1-{ordinal}"));
    }
    (oracle, Network::from_pairs([(2, 1)]))
}

fn arrival(place: Place, ordinal: u64) -> Arrival {
    Arrival::new(place, json!({"actor": "1", "id": format!("1-{ordinal}"), "ordinal": ordinal}))
}

fn right() -> Vec<Arrival> {
    vec![
        arrival(Place::Outbox(1), 1),
        arrival(Place::Outbox(1), 2),
        arrival(Place::Feed(2), 1),
        arrival(Place::Feed(2), 2),
        arrival(Place::Output("quarantine".to_owned()), 3),
        arrival(Place::Dead, 5),
    ]
}

fn judged(arrivals: Vec<Arrival>) -> Report {
    let (oracle, network) = accepted();
    oracle.judge(&Arrivals(arrivals), &network)
}

#[test]
fn all_in_place_is_clean() {
    let report = judged(right());
    assert!(report.clean(), "{report:?}");
    assert_eq!(report.to_string(), "accepted=5 delivered=2 terminated=2 dead=1 lost=0");
}

#[test]
fn each_fault_is_told_apart() {
    let without = |at: usize| {
        let mut arrivals = right();
        arrivals.remove(at);
        judged(arrivals)
    };
    let with = |arrival: Arrival| judged(right().into_iter().chain([arrival]).collect());
    assert_eq!(without(4).lost.len(), 1);
    assert_eq!(without(5).lost.len(), 1);
    assert_eq!(without(2).holes.len(), 1);
    assert_eq!(with(arrival(Place::Feed(2), 2)).duplicates.len(), 1);
    assert_eq!(with(arrival(Place::Dead, 2)).duplicates.len(), 1);
    assert_eq!(with(arrival(Place::Feed(3), 1)).misrouted.len(), 1);
    assert_eq!(with(arrival(Place::Outbox(1), 4)).misrouted.len(), 1);
    assert_eq!(with(arrival(Place::Outbox(1), 99)).misrouted.len(), 1);
    let mut swapped = right();
    swapped.swap(2, 3);
    assert_eq!(judged(swapped).reordered.len(), 1);
    let mut mixed = right();
    mixed[0].body["stamps"] = json!(["a", "b"]);
    assert_eq!(judged(mixed).mixed.len(), 1);
    let mut altered = right();
    altered[0].body["actor"] = json!("7");
    assert_eq!(judged(altered).altered.len(), 1);
}

#[test]
fn what_was_never_answered_for_may_be_there_or_not() {
    let (oracle, network) = accepted();
    oracle.attempted(&Post::new(6, 1, "?".to_owned(), Fate::Delivered));
    assert!(oracle.judge(&Arrivals(right()), &network).clean());
    let there = [arrival(Place::Outbox(1), 6), arrival(Place::Feed(2), 6)];
    let report = oracle.judge(&Arrivals(right().into_iter().chain(there).collect()), &network);
    assert!(report.clean(), "{report:?}");
}

#[test]
fn numbers_that_a_step_gave_twice_or_left_out_are_seen() {
    let numbered = |numbers: [u64; 2]| {
        let mut arrivals = right();
        for (arrival, number) in arrivals.iter_mut().zip(numbers) {
            arrival.body["count"] = number.into();
        }
        judged(arrivals)
    };
    assert!(numbered([1, 2]).clean());
    for wrong in [[1, 1], [1, 3], [2, 3]] {
        assert_eq!(numbered(wrong).miscounted.len(), 1, "{wrong:?}");
    }
}
