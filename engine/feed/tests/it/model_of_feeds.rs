//! Every page of every user against a model that keeps plain lists.
//!
//! Authors of different partitions have no common order, so the model says which posts a feed holds, and in
//! which order those of one author stand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relations::History;

use super::{lanes::Dead, *};

const USERS: u64 = 12;

#[derive(Clone, Debug)]
enum Act {
    Follow(u64, u64),
    Unfollow(u64, u64, History),
    Post(u64, Option<u8>),
    /// A post that the chain puts aside.
    PutAside(u64),
    /// Replays one that was put aside.
    Replay(usize),
    /// Takes back one of the posts there are, or one that never was.
    Retract(usize),
    /// Takes back one that was put aside.
    RetractAside(usize),
    /// The chain gets another name, and repeats everything.
    Rename,
    Settle {
        redeliver: u64,
        restart: bool,
        limit: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let user = || 0..USERS;
    let history = prop_oneof![Just(History::Purge), Just(History::Keep)];
    prop_oneof![
        6 => (user(), user()).prop_map(|(user, author)| Act::Follow(user, author)),
        2 => (user(), user(), history).prop_map(|(user, author, history)| Act::Unfollow(user, author, history)),
        10 => (user(), proptest::option::of(0u8..6)).prop_map(|(author, key)| Act::Post(author, key)),
        2 => user().prop_map(Act::PutAside),
        3 => (0usize..4).prop_map(Act::Replay),
        2 => (0usize..60).prop_map(Act::Retract),
        2 => (0usize..4).prop_map(Act::RetractAside),
        1 => Just(Act::Rename),
        2 => (0u64..20, any::<bool>(), 1usize..9)
            .prop_map(|(redeliver, restart, limit)| Act::Settle { redeliver, restart, limit }),
    ]
}

#[derive(Default)]
struct Model {
    follows: BTreeSet<(u64, u64)>,
    posts: Vec<PostId>,
    aside: Vec<PostId>,
    retracted: BTreeSet<PostId>,
    feeds: BTreeMap<u64, Vec<PostId>>,
}

impl Model {
    fn posted(&mut self, post: PostId) {
        if self.posts.contains(&post) || self.retracted.contains(&post) {
            return;
        }
        self.posts.push(post);
        for user in (0..USERS).filter(|user| self.follows.contains(&(*user, post.author.0))) {
            self.feeds.entry(user).or_default().push(post);
        }
    }

    /// A user's posts of one author, newest first.
    fn feed(&self, user: u64, author: u64) -> Vec<PostId> {
        let feed = self.feeds.get(&user).into_iter().flatten().rev();
        feed.filter(|post| post.author.0 == author && !self.retracted.contains(post)).copied().collect()
    }
}

async fn play(acts: Vec<Act>) {
    let mut world = World::new(ShardMap::new(vec![0, 4, 5]).unwrap()).await;
    let mut model = Model::default();
    let end = Act::Settle { redeliver: 0, restart: false, limit: 3 };
    for act in acts.into_iter().chain([end]) {
        match act {
            Act::Follow(user, author) => {
                world.forwarder.follow(UserId(user), UserId(author)).await.unwrap();
                model.follows.insert((user, author));
            }
            Act::Unfollow(user, author, history) => {
                world.forwarder.unfollow(UserId(user), UserId(author), history).await.unwrap();
                model.follows.remove(&(user, author));
                if history == History::Purge {
                    model.feeds.entry(user).or_default().retain(|post| post.author.0 != author);
                }
            }
            Act::Post(author, key) => {
                let key = key.map(|key| key.to_string());
                model.posted(world.forwarder.post(new_post(author, "hi"), key.as_deref()).await.unwrap());
            }
            Act::PutAside(author) => {
                let post = world.forwarder.post(new_post(author, "hi"), None).await.unwrap();
                world.lanes.dead.insert(post, Dead::default());
                model.aside.push(post);
            }
            Act::Replay(place) => {
                if let Some(post) = model.aside.get(place).copied()
                    && world.lanes.replay(post).await
                {
                    model.posted(post);
                }
            }
            Act::Retract(place) => {
                let never = PostId { author: UserId(place as u64 % USERS), unique: place as u64 };
                let post = model.posts.get(place).copied().unwrap_or(never);
                world.forwarder.retract(post).await.unwrap();
                model.retracted.insert(post);
            }
            Act::RetractAside(place) => {
                if let Some(post) = model.aside.get(place).copied() {
                    world.forwarder.retract(post).await.unwrap();
                    model.retracted.insert(post);
                }
            }
            Act::Rename => world.lanes.rename(),
            Act::Settle { redeliver, restart, limit } => {
                world.lanes.redeliver = redeliver;
                if restart {
                    world.restart_inbox().await;
                }
                world.settle().await;
                compare(&world, &model, limit);
            }
        }
    }
}

fn compare(world: &World, model: &Model, limit: usize) {
    for user in 0..USERS {
        let feed = paged(|cursor| world.inbox.feed(UserId(user), cursor, limit).unwrap());
        for author in 0..USERS {
            let of_author: Vec<PostId> =
                feed.iter().filter(|post| post.author.0 == author).copied().collect();
            assert_eq!(of_author, model.feed(user, author), "feed of {user}, posts by {author}");
        }
        let own = paged(|cursor| world.inbox.posts(UserId(user), cursor, limit).unwrap());
        let living = model.posts.iter().rev().filter(|post| !model.retracted.contains(post));
        let expected: Vec<PostId> = living.filter(|post| post.author.0 == user).copied().collect();
        assert_eq!(own, expected, "posts by {user}");
        let followers: Vec<u64> =
            (0..USERS).filter(|follower| model.follows.contains(&(*follower, user))).collect();
        let found = world.inbox.followers(UserId(user), None, 99).unwrap();
        assert_eq!(found.into_iter().map(|user| user.0).collect::<Vec<_>>(), followers);
    }
}

/// All pages, one behind the other; each speaks for what the one before left.
fn paged(read: impl Fn(Option<inbox::Cursor>) -> inbox::Page) -> Vec<PostId> {
    let mut all = Vec::new();
    let mut page = read(None);
    loop {
        all.extend(ids(&page));
        let Some(next) = page.next else { return all };
        let from = page.covered.from;
        page = read(Some(next));
        assert_eq!(page.covered.to, from - 1);
        assert!(!page.items.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_page_is_what_a_naive_model_says(acts in proptest::collection::vec(act(), 1..120)) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(acts));
    }
}
