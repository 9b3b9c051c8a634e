#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

use super::*;

const GRACE: Duration = Duration::from_secs(2);

fn ack() -> Subject {
    Subject::from_static("$JS.ACK.s.c.1.1.1.1.1")
}

fn arrive(position: &mut Position, sequences: RangeInclusive<u64>) {
    for sequence in sequences {
        assert_eq!(position.arrive(sequence, ack(), Instant::now()), (Arrival::Take, None));
    }
}

#[test]
fn attempts_count_what_was_handed_out() {
    let now = Instant::now();
    let mut position = Position::starting_at(1);
    arrive(&mut position, 1..=2);
    assert_eq!(position.hand_out(1), Some(1));
    assert_eq!(position.arrive(1, ack(), now).0, Arrival::Known, "a redelivery of what is out is swallowed");
    assert_eq!(position.hand_out(1), None);
    assert!(position.settle(1, 1, Settlement::Retry(Duration::ZERO), now).is_some());
    assert_eq!(position.arrive(1, ack(), now).0, Arrival::Take);
    assert_eq!(position.hand_out(1), Some(2));
    assert!(position.settle(1, 1, Settlement::Retry(Duration::ZERO), now).is_none(), "a late retry counted");
    assert!(position.settle(1, 1, Settlement::Ack, now).is_some(), "a late ack did not count");
    assert_eq!(position.arrive(1, ack(), now).0, Arrival::Settled);
    assert_eq!((position.floor(), position.unsettled(5)), (1, 4));
}

#[test]
fn a_note_keeps_attempts_and_delays() {
    let now = Instant::now();
    let mut position = Position::starting_at(4);
    arrive(&mut position, 4..=9);
    for sequence in 4..=7 {
        position.hand_out(sequence).unwrap();
    }
    position.settle(5, 1, Settlement::Ack, now);
    position.settle(7, 1, Settlement::Retry(Duration::from_secs(60)), now);
    let note = position.note(now).unwrap();
    assert_eq!(
        note,
        Note { next: 10, pending: vec![(4, 4, 1, 0), (6, 6, 1, 0), (7, 7, 1, 60_000), (8, 9, 0, 0)] }
    );

    // The server sent one more to nobody.
    let mut again = Position::resumed(&note, 10, now);
    assert_eq!((again.floor(), again.next(), again.unsettled(10)), (3, 11, 6));
    let overdue: Vec<u64> = again.overdue(GRACE, now + GRACE).into_iter().map(|(s, _)| s).collect();
    assert_eq!(overdue, [4, 6, 8, 9, 10], "the one that waits was asked for");
    let now = now + GRACE;
    for (sequence, attempt) in [(4, 2), (8, 1), (10, 1)] {
        assert_eq!(again.arrive(sequence, ack(), now).0, Arrival::Take);
        assert_eq!(again.hand_out(sequence), Some(attempt));
    }
    assert_eq!(again.arrive(5, ack(), now).0, Arrival::Settled);
    assert_eq!(again.arrive(7, ack(), now).0, Arrival::Early(Duration::from_secs(58)));
    assert_eq!(again.arrive(7, ack(), now + Duration::from_secs(60)).0, Arrival::Take);
}

#[test]
fn what_is_passed_over_is_removed_or_asked_for_or_a_hole() {
    let now = Instant::now();
    let mut position = Position::starting_at(1);
    arrive(&mut position, 1..=1);
    assert_eq!(position.arrive(8, ack(), now), (Arrival::Take, Some(2..=7)));
    position.removed_before(4);
    position.lost(4..=7, now);
    assert_eq!(position.unsettled(8), 6, "1, 4 to 8");
    assert_eq!(position.overdue(GRACE, now + GRACE).len(), 4);
    assert_eq!(position.arrive(5, ack(), now + GRACE).0, Arrival::Take);
    assert_eq!(position.holes(6), [4, 6]);
    assert_eq!(position.overdue(GRACE, now + 3 * GRACE).len(), 1);
}

#[test]
fn what_was_given_back_comes_before_anything_later_and_what_was_put_off_need_not() {
    let now = Instant::now();
    let mut position = Position::starting_at(1);
    arrive(&mut position, 1..=3);
    (1..=3).for_each(|sequence| assert_eq!(position.hand_out(sequence), Some(1)));
    position.settle(1, 1, Settlement::Retry(Duration::from_secs(60)), now);
    let mut again = Position::resumed(&position.note(now).unwrap(), 3, now);
    assert_eq!(again.arrive(4, ack(), now).0, Arrival::Take);
    assert!(again.waits() && !again.is_next(4));
    assert_eq!(again.arrive(3, ack(), now).0, Arrival::Take);
    assert!(!again.is_next(3), "it would overtake 2");
    assert_eq!(again.arrive(2, ack(), now).0, Arrival::Take);
    assert!(!again.waits() && (2..=4).all(|sequence| again.is_next(sequence)));
}

#[test]
fn nothing_overtakes_what_was_lost_on_its_way() {
    let now = Instant::now();
    let mut position = Position::starting_at(1);
    assert_eq!(position.arrive(4, ack(), now), (Arrival::Take, Some(1..=3)));
    assert!(!position.is_next(4), "nobody knows yet what the others are");
    position.removed_before(2);
    position.lost(2..=3, now);
    position.looked_into();
    assert!(position.is_next(1) && !position.is_next(4));
    assert_eq!(position.arrive(2, ack(), now).0, Arrival::Take);
    assert!(position.is_next(2) && !position.is_next(4));
    assert_eq!(position.holes(3), [3]);
    assert!(position.is_next(4) && !position.waits());
}
