//! Random lives of a shard, beside a model that keeps everything in plain sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relations::{Accepted, Activity, Control, Edge, History, PostId, UserId};
use store::Memory;

use super::*;
use crate::{
    Cursor, Page, read,
    tables::{FEEDS, FOLLOWERS, FOLLOWING, OUTBOXES, TABLES},
};

/// Users of the shard under test; authors above live elsewhere.
const USERS: u64 = 5;
const AUTHORS: u64 = 8;

/// Shard 0 owns the users below `users`, shard 1 all others.
fn first_of_two(users: u64) -> ShardMap {
    ShardMap::new(vec![0, users]).unwrap()
}

#[derive(Default)]
struct Model {
    follows: BTreeSet<(u64, u64)>,
    known: BTreeMap<PostId, u64>,
    living: BTreeMap<u64, PostId>,
    feeds: BTreeMap<u64, BTreeSet<u64>>,
}

impl Model {
    fn apply(&mut self, sequence: u64, event: &Event) {
        match event {
            Event::Control(Control::Follow(edge)) => {
                self.follows.insert((edge.user.0, edge.author.0));
            }
            Event::Control(Control::Unfollow(edge, history)) => {
                self.follows.remove(&(edge.user.0, edge.author.0));
                if *history == History::Purge {
                    let living = &self.living;
                    let feed = self.feeds.entry(edge.user.0).or_default();
                    feed.retain(|number| living.get(number).is_none_or(|post| post.author != edge.author));
                }
            }
            Event::Control(Control::Retract(post)) => {
                let number = *self.known.entry(*post).or_default();
                self.living.remove(&number);
            }
            Event::Activity(Activity { post, .. }) => {
                let followers: Vec<u64> =
                    (0..USERS).filter(|u| self.follows.contains(&(*u, post.author.0))).collect();
                if self.known.contains_key(post) || (post.author.0 >= USERS && followers.is_empty()) {
                    return;
                }
                self.known.insert(*post, sequence);
                self.living.insert(sequence, *post);
                for user in followers {
                    self.feeds.entry(user).or_default().insert(sequence);
                }
            }
        }
    }

    fn feed(&self, user: u64) -> Vec<u64> {
        let feed = self.feeds.get(&user).into_iter().flatten();
        feed.rev().copied().filter(|number| self.living.contains_key(number)).collect()
    }

    fn outbox(&self, author: u64) -> Vec<u64> {
        self.living
            .iter()
            .rev()
            .filter(|(_, post)| post.author.0 == author)
            .map(|(number, _)| *number)
            .collect()
    }
}

fn body(post: PostId) -> String {
    format!("{{\"id\":\"{post}\"}}")
}

fn event() -> impl Strategy<Value = Event> {
    let edge = || (0..USERS, 0..AUTHORS).prop_map(|(u, a)| Edge { user: UserId(u), author: UserId(a) });
    let post = || (0..AUTHORS, 0u64..12).prop_map(|(a, unique)| PostId { author: UserId(a), unique });
    prop_oneof![
        4 => edge().prop_map(|edge| Event::Control(Control::Follow(edge))),
        1 => edge().prop_map(|edge| Event::Control(Control::Unfollow(edge, History::Purge))),
        1 => edge().prop_map(|edge| Event::Control(Control::Unfollow(edge, History::Keep))),
        2 => post().prop_map(|post| Event::Control(Control::Retract(post))),
        12 => post().prop_map(|post| {
            Event::Activity(Activity { post, verb: "note".into(), body: body(post).into() })
        }),
    ]
}

/// Events that come one behind the other from `sequence` on, and were accepted at `first` and behind it.
fn accepted(events: &[Event], sequence: u64, first: Accepted) -> Vec<Arrival> {
    let at = |(n, event): (u64, &Event)| Arrival {
        sequence: sequence + n,
        // Clocks differ a little from one leader to the next.
        accepted: Some(Accepted { sequence: first.sequence + n, at_ms: first.at_ms + n * 997 % 5000 }),
        event: Ok(event.clone()),
    };
    (0..).zip(events).map(at).collect()
}

fn arrivals(events: &[Event], from: u64) -> Vec<Arrival> {
    accepted(events, from, Accepted { sequence: from, at_ms: 1000 })
}

/// What a shard shows.
#[derive(Debug, PartialEq)]
struct Shown {
    feeds: Vec<Vec<u64>>,
    outboxes: Vec<Vec<u64>>,
    following: Vec<Vec<UserId>>,
    followers: Vec<Vec<UserId>>,
}

fn shown(store: &Memory) -> Shown {
    let pages = |table, owners| -> Vec<_> {
        (0..owners).map(|owner| numbers(&read::page(store, table, owner, None, 999).unwrap())).collect()
    };
    let edges = |table, users| -> Vec<_> {
        (0..users).map(|user| read::neighbours(store, table, UserId(user), None, 99).unwrap()).collect()
    };
    Shown {
        feeds: pages(FEEDS, USERS),
        outboxes: pages(OUTBOXES, AUTHORS),
        following: edges(FOLLOWING, USERS),
        followers: edges(FOLLOWERS, AUTHORS),
    }
}

fn apply_all(applier: &mut Applier, mut arrivals: &[Arrival]) {
    while !arrivals.is_empty() {
        let (done, _) = applier.apply(arrivals).unwrap();
        arrivals = &arrivals[done..];
    }
}

fn numbers(page: &Page) -> Vec<u64> {
    page.items.iter().map(|item| item.sequence).collect()
}

/// Walks all pages of one index and compares each with what the model holds.
fn walk(
    store: &Memory,
    table: store::Table,
    owner: u64,
    model: &Model,
    expected: &[u64],
    limit: usize,
    applied: u64,
) {
    let mut rest = expected;
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = read::page(store, table, owner, cursor, limit).unwrap();
        let (here, older) = rest.split_at(rest.len().min(limit));
        assert_eq!(numbers(&page), here);
        assert_eq!(page.next.is_some(), !older.is_empty());
        assert_eq!(page.covered.to, cursor.map_or(applied, |cursor| cursor.0 - 1));
        assert_eq!(page.covered.from, if older.is_empty() { 1 } else { here[here.len() - 1] });
        for item in &page.items {
            assert_eq!(item.post, body(model.living[&item.sequence]));
        }
        rest = older;
        match page.next {
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => return,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_page_is_what_a_naive_model_says(
        events in proptest::collection::vec(event(), 1..120),
        batches in proptest::collection::vec((1usize..30, 0u64..6, any::<bool>(), 1usize..7, 0u64..130), 1..60),
        block_entries_max in 1usize..6,
        batch_entries_max in 1usize..9,
    ) {
        let store = Arc::new(Memory::new(TABLES));
        let options = Options { batch_messages_max: 1, batch_entries_max, block_entries_max };
        let open = || Applier::open(0, &first_of_two(USERS), &options, store.clone()).unwrap();
        let mut applier = open();
        let mut model = Model::default();
        for (count, again, restart, limit, random_cursor) in batches.into_iter().cycle() {
            // Redeliver up to `again` messages, then `count` new ones, in as many store batches as it takes.
            let applied = applier.applied();
            let from = applied.saturating_sub(again) as usize;
            let to = (applied as usize + count).min(events.len());
            let all = arrivals(&events[from..to], from as u64 + 1);
            let mut left = &all[..];
            while !left.is_empty() {
                let (done, _) = applier.apply(left).unwrap();
                left = &left[done..];
                if restart {
                    applier = open();
                    left = &all[..];
                    if applier.applied() == to as u64 {
                        break;
                    }
                }
            }
            prop_assert_eq!(applier.applied(), to as u64);
            for (sequence, event) in (1..).zip(&events[..to]).skip(applied as usize) {
                model.apply(sequence, event);
            }

            for user in 0..USERS {
                let feed = model.feed(user);
                walk(&store, FEEDS, user, &model, &feed, limit, to as u64);
                let page = read::page(&*store, FEEDS, user, Some(Cursor(random_cursor)), limit).unwrap();
                let older: Vec<u64> = feed.into_iter().filter(|n| *n < random_cursor).take(limit).collect();
                prop_assert_eq!(numbers(&page), older);
                let followed: Vec<UserId> =
                    model.follows.iter().filter(|(u, _)| *u == user).map(|(_, a)| UserId(*a)).collect();
                prop_assert_eq!(read::neighbours(&*store, FOLLOWING, UserId(user), None, 99).unwrap(), followed);
            }
            for author in 0..AUTHORS {
                walk(&store, OUTBOXES, author, &model, &model.outbox(author), limit, to as u64);
                let after = UserId(1);
                let followers: Vec<UserId> = (2..USERS)
                    .filter(|user| model.follows.contains(&(*user, author))).map(UserId).take(limit).collect();
                let found = read::neighbours(&*store, FOLLOWERS, UserId(author), Some(after), limit).unwrap();
                prop_assert_eq!(found, followers);
            }
            if to == events.len() {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_comes_again_under_new_numbers_changes_nothing(
        events in proptest::collection::vec(event(), 1..120),
        again in proptest::collection::vec((0usize..120, 1usize..120, any::<bool>()), 1..4),
        batch_entries_max in 1usize..9,
    ) {
        let store = Arc::new(Memory::new(TABLES));
        let options = Options { batch_messages_max: 1, batch_entries_max, block_entries_max: 3 };
        let open = || Applier::open(0, &first_of_two(USERS), &options, store.clone()).unwrap();
        let mut applier = open();
        apply_all(&mut applier, &arrivals(&events, 1));
        let before = shown(&store);
        // Of a chain with another name it is all that is kept, or as far as it comes; of a lane that died, some of it.
        for (from, count, restart) in again {
            let from = from.min(events.len());
            if restart {
                applier = open();
            }
            let mut repeated = arrivals(&events, 1).split_off(from);
            repeated.truncate(count);
            for (sequence, arrival) in (applier.applied() + 1..).zip(&mut repeated) {
                arrival.sequence = sequence;
            }
            apply_all(&mut applier, &repeated);
            prop_assert_eq!(&shown(&store), &before);
        }
    }
}

fn follow(user: u64, author: u64) -> Event {
    Event::Control(Control::Follow(Edge { user: UserId(user), author: UserId(author) }))
}

fn unfollow(user: u64, author: u64, history: History) -> Event {
    Event::Control(Control::Unfollow(Edge { user: UserId(user), author: UserId(author) }, history))
}

fn note(author: u64, unique: u64) -> Event {
    let post = PostId { author: UserId(author), unique };
    Event::Activity(Activity { post, verb: "note".into(), body: body(post).into() })
}

#[test]
fn a_large_following_is_reached_over_several_batches_and_restarts() {
    let store: Arc<Memory> = Arc::new(Memory::new(TABLES));
    let options = Options { batch_entries_max: 10, ..Options::default() };
    let open = || Applier::open(0, &ShardMap::single(), &options, store.clone()).unwrap();
    let mut events: Vec<Event> = (0..95).map(|user| follow(user, 1000)).collect();
    events.push(note(1000, 1));
    events.push(Event::Control(Control::Retract(PostId { author: UserId(1000), unique: 1 })));
    events.push(note(1000, 2));
    let all = arrivals(&events, 1);
    let mut batches = 0;
    let mut inserts = 0;
    while open().applied() < events.len() as u64 {
        // A restart after each batch, and everything redelivered.
        let (_, tally) = open().apply(&all).unwrap();
        inserts += tally.inserts;
        batches += 1;
    }
    assert_eq!(inserts, 2 * 95);
    assert!(batches >= 3 * 95 / 10, "{batches}");
    for user in 0..95 {
        let page = read::page(&*store, FEEDS, user, None, 5).unwrap();
        assert_eq!(numbers(&page), [98], "user {user}");
    }
}

/// A shard that nothing has happened to.
fn shard() -> (Arc<Memory>, Applier) {
    let store: Arc<Memory> = Arc::new(Memory::new(TABLES));
    let applier = Applier::open(0, &first_of_two(USERS), &Options::default(), store.clone()).unwrap();
    (store, applier)
}

#[test]
fn a_repeated_unfollow_removes_nothing_that_came_by_a_later_follow() {
    let (store, mut applier) = shard();
    let events = [follow(1, 7), unfollow(1, 7, History::Purge), follow(1, 7), note(7, 1)];
    apply_all(&mut applier, &arrivals(&events, 1));
    apply_all(&mut applier, &accepted(&events, 5, Accepted { sequence: 1, at_ms: 1000 }));
    assert_eq!(shown(&store).feeds[1], [4]);
    // Without a word on where it was accepted, as of the release before, it is taken for new.
    let unmarked = Arrival { sequence: 9, accepted: None, event: Ok(unfollow(1, 7, History::Purge)) };
    apply_all(&mut applier, &[unmarked]);
    assert!(shown(&store).feeds[1].is_empty());
}

#[test]
fn a_follow_that_never_came_is_taken_when_everything_comes_again() {
    let (store, mut applier) = shard();
    let events = [follow(1, 7), follow(2, 7), unfollow(3, 7, History::Keep)];
    apply_all(&mut applier, &accepted(&events[1..], 1, Accepted { sequence: 2, at_ms: 1000 }));
    assert_eq!(shown(&store).followers[7], [UserId(2)]);
    apply_all(&mut applier, &accepted(&events, 3, Accepted { sequence: 1, at_ms: 1000 }));
    assert_eq!(shown(&store).followers[7], [UserId(1), UserId(2)]);
}

#[test]
fn what_comes_again_is_known_by_the_newest_of_its_edge() {
    let at = |sequence| Accepted { sequence, at_ms: 1000 };
    let (store, mut applier) = shard();
    // The first unfollow never came.
    apply_all(&mut applier, &accepted(&[follow(1, 7)], 1, at(1)));
    apply_all(&mut applier, &accepted(&[follow(1, 7), note(7, 1)], 2, at(5)));
    let all = [follow(1, 7), unfollow(1, 7, History::Purge)];
    apply_all(&mut applier, &accepted(&all, 4, at(1)));
    assert_eq!(shown(&store).feeds[1], [3]);
    // What says nothing of where it was accepted makes nobody forget what is known.
    for (sequence, event) in [(6, unfollow(1, 7, History::Keep)), (7, follow(1, 7))] {
        apply_all(&mut applier, &[Arrival { sequence, accepted: None, event: Ok(event) }]);
    }
    apply_all(&mut applier, &accepted(&all, 8, at(1)));
    assert_eq!((&shown(&store).feeds[1][..], &shown(&store).followers[7][..]), (&[3][..], &[UserId(1)][..]));
}

#[test]
fn a_post_that_comes_again_is_not_for_those_who_followed_later() {
    let (store, mut applier) = shard();
    // Of an author elsewhere, whom nobody here followed: the shard keeps nothing of the first post.
    let events = [note(7, 1), follow(1, 7), note(7, 2)];
    apply_all(&mut applier, &arrivals(&events, 1));
    apply_all(&mut applier, &accepted(&events, 4, Accepted { sequence: 1, at_ms: 1000 }));
    assert_eq!(shown(&store).feeds[1], [3]);
    // What is replayed was accepted anew.
    apply_all(&mut applier, &accepted(&events[..1], 7, Accepted { sequence: 9, at_ms: 1003 }));
    assert_eq!(shown(&store).feeds[1], [7, 3]);
}

#[test]
fn a_stream_that_was_made_anew_is_believed() {
    let (store, mut applier) = shard();
    apply_all(&mut applier, &arrivals(&[note(2, 1), follow(1, 2), unfollow(1, 2, History::Keep)], 1));
    let anew = Accepted { sequence: 1, at_ms: 3_600_000 };
    apply_all(&mut applier, &accepted(&[follow(1, 2), note(2, 2)], 4, anew));
    assert_eq!(shown(&store).feeds[1], [5]);
}

#[test]
fn rows_of_the_release_before_are_followers_since_ever() {
    let (store, mut applier) = shard();
    let unmarked = Arrival { sequence: 1, accepted: None, event: Ok(follow(1, 7)) };
    apply_all(&mut applier, &[unmarked]);
    apply_all(&mut applier, &accepted(&[note(7, 1)], 2, Accepted { sequence: 1, at_ms: 0 }));
    assert_eq!(shown(&store).feeds[1], [2]);
}

#[test]
fn a_hole_in_the_sequence_is_an_error_and_changes_nothing() {
    let store: Arc<Memory> = Arc::new(Memory::new(TABLES));
    let mut applier = Applier::open(0, &first_of_two(10), &Options::default(), store.clone()).unwrap();
    let mut with_hole = arrivals(&[follow(1, 2), note(2, 1)], 1);
    with_hole.extend(arrivals(&[note(2, 2)], 4));
    assert!(matches!(applier.apply(&with_hole), Err(Error::Gap { applied: 2, first: 4, .. })));
    assert_eq!(applier.applied(), 0);
    assert_eq!(read::page(&*store, FEEDS, 1, None, 5).unwrap().items, []);
}

#[test]
fn what_no_distributor_sends_is_counted_and_passed() {
    let store: Arc<Memory> = Arc::new(Memory::new(TABLES));
    let mut applier = Applier::open(0, &first_of_two(10), &Options::default(), store).unwrap();
    let no_object =
        Activity { post: PostId { author: UserId(2), unique: 1 }, verb: "note".into(), body: "7".into() };
    let events = [follow(10, 2), Event::Activity(no_object)];
    let mut all = arrivals(&events, 1);
    let nonsense = model::Message { kind: "note".into(), ..Default::default() };
    all.push(Arrival::from(Stored { sequence: 3, accepted_at_ms: 0, message: nonsense }));
    let (done, tally) = applier.apply(&all).unwrap();
    assert_eq!((done, tally), (3, Tally { refused: 3, ..Tally::default() }));
}

#[test]
fn a_store_of_another_range_of_users_is_refused_and_stays_as_it_is() {
    let store: Arc<Memory> = Arc::new(Memory::new(TABLES));
    let open = |users| Applier::open(0, &first_of_two(users), &Options::default(), store.clone());
    open(10).unwrap();
    open(10).unwrap();
    let Err(error) = open(6) else { panic!("another range was taken") };
    assert_eq!(
        error.to_string(),
        "the store of shard 0 holds the users 0-9, but the shard map gives it 0-5: set `inbox.shards` back to what it was"
    );
    // Everybody had a home: these were somebody else's.
    assert!(open(20).is_err());
    open(10).unwrap();
}

#[test]
fn users_that_a_map_adds_are_taken_and_kept() {
    let store: Arc<Memory> = Arc::new(Memory::new(TABLES));
    let map = |end| {
        let ranges = [(0, 0), (10, 1), (20, 0)]
            .map(|(first, shard)| relations::Range { first_user: UserId(first), shard });
        let ranges = ranges.into_iter().filter(|range| range.first_user.0 < end).collect();
        ShardMap::from_ranges(end, 2, ranges, Some(UserId(end))).unwrap()
    };
    let open = |end| Applier::open(0, &map(end), &Options::default(), store.clone());
    let mut applier = open(10).unwrap();
    // The distributor had the later map first.
    let early = arrivals(&[follow(25, 2), note(25, 1), note(2, 1)], 1);
    assert_eq!(applier.apply(&early).unwrap().1, Tally { activities: 2, inserts: 1, ..Tally::default() });
    applier.adopt(&map(30));
    assert_eq!(applier.apply(&arrivals(&[follow(15, 2), follow(26, 2)], 4)).unwrap().1.refused, 1);
    // Whoever has an earlier map goes on with what the store knows.
    for end in [30, 20, 10] {
        let mut applier = open(end).unwrap();
        let applied = applier.applied();
        let (_, tally) = applier.apply(&arrivals(&[follow(15, 2)], applied + 1)).unwrap();
        assert_eq!(tally.refused, 1, "map up to {end}");
    }
    assert!(Applier::open(0, &first_of_two(20), &Options::default(), store).is_err());
}
