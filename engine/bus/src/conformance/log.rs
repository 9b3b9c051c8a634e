use std::{collections::BTreeSet, time::Duration};

use ::model::Message;

use super::{STREAM, Subject, attempts, fetch, message, messages, opened, publish_numbers, sequences, spec};
use crate::{Bounds, Bus, Error, Published};

/// Sequences start at 1, rise by one, and partitions count for themselves.
pub async fn sequences_rise_by_one_in_each_partition(subject: &dyn Subject) {
    let bus = opened(subject, &spec(2)).await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 1, last: 0 });
    let new = |sequence| Published { sequence, duplicate: false };
    assert_eq!(bus.publish(STREAM, 0, messages(["a", "b", "c"])).await.unwrap(), [new(1), new(2), new(3)]);
    assert_eq!(bus.publish(STREAM, 1, messages(["d"])).await.unwrap(), [new(1)]);
    assert_eq!(bus.publish(STREAM, 0, messages(["e"])).await.unwrap(), [new(4)]);
    assert_eq!(bus.publish(STREAM, 0, vec![]).await.unwrap(), []);
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 1, last: 4 });
    assert_eq!(bus.bounds(STREAM, 1).await.unwrap(), Bounds { first: 1, last: 1 });
    subject.close(bus).await;
}

/// Every part of a message comes back, from any place, and reading past the end is empty.
pub async fn what_was_published_is_read_back(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    let mut large = message("large");
    large.body = vec![b'x'; 1 << 20].into();
    let sent = vec![message("a"), large, message("c")];
    bus.publish(STREAM, 0, sent.clone()).await.unwrap();
    let read = bus.read(STREAM, 0, 1, 10).await.unwrap();
    assert_eq!(read.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(read.iter().all(|stored| stored.accepted_at_ms > 1_600_000_000_000));
    assert!(read.into_iter().map(|stored| stored.message).eq(sent));
    assert_eq!(bus.read(STREAM, 0, 2, 1).await.unwrap()[0].message.id, "large");
    assert_eq!(bus.read(STREAM, 0, 0, 1).await.unwrap()[0].message.id, "a");
    assert!(bus.read(STREAM, 0, 4, 10).await.unwrap().is_empty());
    subject.close(bus).await;
}

/// More than anybody wants in memory at once; how many come at a time is the bus's own choice.
pub async fn large_messages_come_a_few_at_a_time_and_all_come(subject: &dyn Subject) {
    const COUNT: u64 = 12;
    let bus = opened(subject, &spec(1)).await;
    for n in 1..=COUNT {
        let large = Message { body: vec![b'x'; 1 << 20].into(), ..message(&n.to_string()) };
        bus.publish(STREAM, 0, vec![large]).await.unwrap();
    }
    let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
    let mut read = 0;
    while read < COUNT {
        let messages = bus.read(STREAM, 0, read + 1, 100).await.unwrap();
        assert!(!messages.is_empty(), "nothing behind {read}");
        for stored in messages {
            read += 1;
            assert_eq!((stored.sequence, stored.message.id), (read, read.to_string()));
        }
    }
    let held = fetch(&mut *subscription, COUNT as usize).await;
    assert!(sequences(&held).into_iter().eq(1..=COUNT) && held.iter().all(|delivery| delivery.attempt == 1));
    drop((held, subscription));
    subject.close(bus).await;
}

/// Within a batch and between batches; not between partitions; an empty id is no identity.
pub async fn a_stored_id_is_answered_and_not_stored_again(subject: &dyn Subject) {
    let bus = opened(subject, &spec(2)).await;
    let new = |sequence| Published { sequence, duplicate: false };
    let known = |sequence| Published { sequence, duplicate: true };
    let first = bus.publish(STREAM, 0, messages(["a", "b", "a"])).await.unwrap();
    assert_eq!(first, [new(1), new(2), known(1)]);
    let second = bus.publish(STREAM, 0, messages(["b", "c", "b"])).await.unwrap();
    assert_eq!(second, [known(2), new(3), known(2)]);
    assert_eq!(bus.publish(STREAM, 1, messages(["a"])).await.unwrap(), [new(1)]);
    assert_eq!(bus.publish(STREAM, 0, messages(["", ""])).await.unwrap(), [new(4), new(5)]);
    let ids: Vec<String> =
        bus.read(STREAM, 0, 1, 9).await.unwrap().into_iter().map(|stored| stored.message.id).collect();
    assert_eq!(ids, ["a", "b", "c", "", ""]);
    subject.close(bus).await;
}

/// What would be refused for its size can be told without publishing it.
pub async fn what_is_too_large_is_known_beforehand(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    let of_bytes = |bytes: usize| Message { body: vec![b'x'; bytes].into(), ..Message::default() };
    bus.fits(&of_bytes(1 << 20)).unwrap();
    bus.publish(STREAM, 0, vec![of_bytes(1 << 20)]).await.unwrap();
    let too_large = |answer: Option<Error>| matches!(answer, Some(Error::TooLarge { .. }));
    assert!(too_large(bus.fits(&of_bytes(32 << 20)).err()));
    assert!(too_large(bus.publish(STREAM, 0, vec![of_bytes(32 << 20)]).await.err()));
    subject.close(bus).await;
}

/// Partitions are fixed for life; what is not there has its own error; the rest of a description may change.
pub async fn strangers_and_other_layouts_are_refused(subject: &dyn Subject) {
    let bus = opened(subject, &spec(2)).await;
    bus.provision(&spec(2)).await.unwrap();
    let answer = bus.provision(&spec(3)).await;
    assert!(matches!(answer, Err(Error::Layout { found: 2, wanted: 3, .. })), "{answer:?}");
    bus.provision(&spec(2).retaining(7)).await.unwrap();
    assert_eq!(bus.streams().await.unwrap(), [spec(2).retaining(7)]);
    for (stream, partition) in [(STREAM, 2), ("nowhere", 0)] {
        let unknown = |error: &Error| matches!(error, Error::UnknownStream { .. });
        assert!(unknown(&bus.publish(stream, partition, messages(["a"])).await.unwrap_err()));
        assert!(unknown(&bus.read(stream, partition, 1, 1).await.unwrap_err()));
        assert!(unknown(&bus.bounds(stream, partition).await.unwrap_err()));
        assert!(unknown(&bus.subscribe(stream, partition, "group", 1).await.err().unwrap()));
    }
    subject.close(bus).await;
}

/// Batches of many publishers stand in one line without gaps, each in its order.
pub async fn publishers_at_once_leave_no_gap(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..8 {
        let bus = std::sync::Arc::clone(&bus);
        publishers.spawn(async move {
            let mut taken = Vec::new();
            for n in 0..20 {
                let batch = (0..3).map(|part| message(&format!("{publisher}-{n}-{part}"))).collect();
                let stored = bus.publish(STREAM, 0, batch).await.unwrap();
                let sequences: Vec<u64> = stored.iter().map(|published| published.sequence).collect();
                assert!(sequences.is_sorted(), "{sequences:?}");
                taken.extend(sequences);
            }
            taken
        });
    }
    let taken: BTreeSet<u64> = publishers.join_all().await.into_iter().flatten().collect();
    assert!(taken.into_iter().eq(1..=480));
    subject.close(bus).await;
}

/// Of two that believe to be the only writer one is told otherwise, and leaves nothing behind.
pub async fn an_append_follows_what_it_names_or_does_nothing(subject: &dyn Subject) {
    let bus = opened(subject, &spec(2)).await;
    let letters = |count: usize| (0..count).map(|_| message("")).collect::<Vec<_>>();
    assert_eq!(bus.append(STREAM, 0, 0, letters(3)).await.unwrap(), 3);
    for after in [0, 2, 4] {
        let moved = bus.append(STREAM, 0, after, letters(2)).await.unwrap_err();
        assert!(matches!(&moved, Error::Moved { after: told, .. } if *told == after), "{moved:?}");
        assert!(moved.took_nothing() && !moved.retryable());
    }
    assert_eq!(bus.append(STREAM, 0, 3, letters(crate::APPEND_MESSAGES_MAX)).await.unwrap(), 1003);
    assert_eq!(bus.append(STREAM, 1, 0, letters(1)).await.unwrap(), 1, "partitions count for themselves");
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 1, last: 1003 });
    // Side by side from one place: exactly one of them.
    let (a, b) =
        tokio::join!(bus.append(STREAM, 0, 1003, letters(2)), bus.append(STREAM, 0, 1003, letters(2)));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().last, 1005);
    subject.close(bus).await;
}

/// Without any group; the newest stays, and appending goes on behind it.
pub async fn what_is_trimmed_is_gone_and_the_sequence_goes_on(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 9).await;
    bus.trim(STREAM, 0, 6).await.unwrap();
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 6, last: 9 });
    assert_eq!(bus.read(STREAM, 0, 1, 1).await.unwrap()[0].sequence, 6);
    bus.trim(STREAM, 0, 3).await.unwrap();
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().first, 6, "nothing comes back");
    bus.trim(STREAM, 0, 99).await.unwrap();
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 9, last: 9 });
    assert_eq!(bus.append(STREAM, 0, 9, vec![message("")]).await.unwrap(), 10);
    subject.close(bus).await;
}

/// Whatever the group had settled, held or never seen of it.
pub async fn a_group_goes_on_behind_what_was_trimmed(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 9).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
    let held = fetch(&mut *subscription, 3).await;
    bus.trim(STREAM, 0, 6).await.unwrap();
    let mut rest = Vec::new();
    while sequences(&rest).last() != Some(&9) {
        rest.extend(fetch(&mut *subscription, 1).await);
    }
    // What was on its way already may still come.
    let seen = sequences(&rest);
    assert!(seen.is_sorted() && seen.ends_with(&[6, 7, 8, 9]), "{seen:?}");
    drop(rest);
    // Too late to mean anything.
    for (delivery, acks) in held.into_iter().zip([true, false, true]) {
        if acks { delivery.settle.ack() } else { delivery.settle.retry(Duration::ZERO) }
    }
    drop(subscription);
    subject.close(bus).await;

    let bus = subject.open().await;
    bus.trim(STREAM, 0, 8).await.unwrap();
    let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
    assert_eq!(sequences(&fetch(&mut *subscription, 2).await), [8, 9]);
    drop(subscription);
    subject.close(bus).await;
}

/// What was accepted is there, ids are remembered, sequences go on.
pub async fn the_log_and_its_ids_survive_reopening(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    bus.publish(STREAM, 0, messages(["a", "b"])).await.unwrap();
    let before = bus.read(STREAM, 0, 1, 9).await.unwrap();
    subject.close(bus).await;

    let bus = subject.open().await;
    assert_eq!(bus.streams().await.unwrap(), [spec(1)]);
    assert_eq!(bus.read(STREAM, 0, 1, 9).await.unwrap(), before);
    let again = bus.publish(STREAM, 0, messages(["b", "c"])).await.unwrap();
    let expected = [Published { sequence: 2, duplicate: true }, Published { sequence: 3, duplicate: false }];
    assert_eq!(again, expected);
    subject.close(bus).await;
}

/// Publishes from message `count` on until the oldest kept is `first`; answers the last. Removal goes in steps of the
/// bus's own choosing, and publishing gives it occasion.
async fn publish_until_first(bus: &dyn Bus, mut count: usize, first: u64) -> usize {
    while bus.bounds(STREAM, 0).await.unwrap().first < first {
        count += 1;
        assert!(count < 1000, "nothing was removed");
        publish_numbers(bus, count).await;
    }
    count
}

/// Waits until the oldest kept is `first`, though nobody publishes. In real time: a bus's own threads know no other.
async fn removed_up_to(bus: &dyn Bus, first: u64) {
    for _ in 0..1000 {
        if bus.bounds(STREAM, 0).await.unwrap().first == first {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing was removed");
}

/// A description may change from one to the other; a group that reads slowly is waited for either way.
pub async fn what_nobody_reads_is_kept_or_let_go_as_the_stream_says(subject: &dyn Subject) {
    let kept = spec(1).retaining(3);
    let bus = opened(subject, &kept).await;
    publish_numbers(&*bus, 10).await;
    publish_numbers(&*bus, 11).await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().first, 1);
    bus.provision(&kept.letting_go()).await.unwrap();
    let last = publish_until_first(&*bus, 11, 9).await as u64;
    let mut slow = bus.subscribe(STREAM, 0, "slow", 100).await.unwrap();
    let first = fetch(&mut *slow, 1).await[0].stored.sequence;
    assert!((9..=last - 2).contains(&first), "three are kept, from {first} to {last}");
    for more in 1..=10 {
        publish_numbers(&*bus, last as usize + more).await;
    }
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().first, first, "removed what a group had not settled");
    drop(slow);
    subject.close(bus).await;
}

/// Not while it is subscribed; through a restart, and whatever becomes of what it held.
pub async fn a_forgotten_group_holds_up_nothing_and_begins_anew(subject: &dyn Subject) {
    let bus = opened(subject, &spec(2).retaining(2)).await;
    publish_numbers(&*bus, 10).await;
    let mut stays = bus.subscribe(STREAM, 0, "stays", 100).await.unwrap();
    fetch(&mut *stays, 10).await.into_iter().for_each(|delivery| delivery.settle.ack());
    let mut goes = bus.subscribe(STREAM, 0, "goes", 100).await.unwrap();
    let mut held = fetch(&mut *goes, 4).await;
    held.remove(0).settle.ack();
    let elsewhere = bus.subscribe(STREAM, 1, "goes", 100).await.unwrap();
    drop(goes);
    let busy = bus.forget(STREAM, "goes").await.unwrap_err();
    assert!(matches!(&busy, Error::Busy { partition: 1, .. }) && busy.retryable(), "{busy:?}");
    let mut goes = bus.subscribe(STREAM, 0, "goes", 100).await.unwrap();
    assert_eq!(sequences(&fetch(&mut *goes, 1).await), [2], "nothing was forgotten");
    drop((goes, elsewhere));
    for group in ["goes", "goes", "nobody"] {
        bus.forget(STREAM, group).await.unwrap();
    }
    assert!(matches!(bus.forget("nowhere", "goes").await, Err(Error::UnknownStream { .. })));
    // A partition that is full takes no message that would give occasion.
    removed_up_to(&*bus, 9).await;
    held.into_iter().for_each(|delivery| delivery.settle.ack());
    drop(stays);
    subject.close(bus).await;

    let bus = subject.open().await;
    publish_numbers(&*bus, 20).await;
    let mut stays = bus.subscribe(STREAM, 0, "stays", 100).await.unwrap();
    fetch(&mut *stays, 10).await.into_iter().for_each(|delivery| delivery.settle.ack());
    publish_until_first(&*bus, 20, 19).await;
    let mut anew = bus.subscribe(STREAM, 0, "goes", 100).await.unwrap();
    assert_eq!(attempts(&fetch(&mut *anew, 1).await), [(19, 1)]);
    drop((anew, stays));
    subject.close(bus).await;
}

/// Retention waits for the slowest group, keeps its number, and never breaks the sequence.
pub async fn only_what_every_group_settled_is_removed(subject: &dyn Subject) {
    let spec = spec(1).retaining(2);
    let bus = opened(subject, &spec).await;
    publish_numbers(&*bus, 10).await;
    publish_numbers(&*bus, 11).await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().first, 1, "removed before anybody read");
    let mut fast = bus.subscribe(STREAM, 0, "fast", 100).await.unwrap();
    let mut slow = bus.subscribe(STREAM, 0, "slow", 100).await.unwrap();
    fetch(&mut *fast, 11).await.into_iter().for_each(|delivery| delivery.settle.ack());
    let held = fetch(&mut *slow, 6).await;
    publish_numbers(&*bus, 12).await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().first, 1, "removed what a group had not settled");
    held.into_iter().for_each(|delivery| delivery.settle.ack());
    let count = publish_until_first(&*bus, 12, 5).await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 5, last: count as u64 });
    assert_eq!(bus.read(STREAM, 0, 1, 1).await.unwrap()[0].sequence, 5);
    assert_eq!(fetch(&mut *slow, 1).await[0].stored.sequence, 7);
    drop((fast, slow));
    subject.close(bus).await;

    let bus = subject.open().await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().last, count as u64);
    subject.close(bus).await;
}

/// After closing every call answers that it is over, and a waiting fetch ends.
pub async fn a_closed_bus_says_so(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 1).await.unwrap();
    let (fetched, ()) = tokio::join!(subscription.fetch(1), subject.close(std::sync::Arc::clone(&bus)));
    assert!(matches!(fetched, Err(Error::Unavailable { .. })));
    let published = bus.publish(STREAM, 0, messages(["a"])).await;
    assert!(matches!(published, Err(Error::Unavailable { .. })));
    assert!(matches!(bus.streams().await, Err(Error::Unavailable { .. })));
}
