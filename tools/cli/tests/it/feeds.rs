//! Random follows, unfollows, posts and deletions through HTTP, on several shards, compared page by page with a
//! model that is too simple to be wrong. The node is killed and started again on the way.

mod model;

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use testkit::{
    bundles,
    client::{Client, Sent},
    posts::{Fate, Post},
    process::{NodeProcess, Setup},
    wait,
};

use crate::support::{CATENA, alone, install, rounds};
use model::{Entry, Model};

/// Where each shard begins.
const SHARDS: &str =
    "[{ first_user = 0 }, { first_user = 7 }, { first_user = 1000 }, { first_user = 9223372036854775807 }]";
/// On both sides of each border.
const USERS: [u64; 14] = [
    0,
    1,
    5,
    6,
    7,
    8,
    42,
    999,
    1000,
    1001,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    i64::MAX as u64 + 1,
    u64::MAX,
];
/// What was accepted shows in the feeds by then.
const SHOWS_AT_MOST: Duration = Duration::from_secs(30);

struct World {
    random: Xoshiro256PlusPlus,
    client: Client,
    http: reqwest::Client,
    model: Model,
    posts: u64,
}

/// A page that somebody has read, and what was left to read then.
struct Bookmark {
    user: u64,
    cursor: String,
    rest: Vec<Entry>,
}

impl World {
    fn user(&mut self) -> u64 {
        USERS[self.random.random_range(0..USERS.len())]
    }

    /// Does something that concerns `author`, at the node and in the model. All of it travels in one partition, so
    /// that the order of a feed is the order in which it was done.
    async fn act(&mut self, author: u64) {
        let user = self.user();
        match self.random.random_range(0..20) {
            0..10 => self.post(author).await,
            10..14 => {
                self.change(Method::PUT, format!("/v1/users/{user}/following/{author}")).await;
                self.model.follow(user, author);
            }
            14..17 => {
                let keep = self.random.random_bool(0.5);
                let history = ["purge", "keep"][usize::from(keep)];
                self.change(Method::DELETE, format!("/v1/users/{user}/following/{author}?history={history}"))
                    .await;
                self.model.unfollow(user, author, keep);
            }
            _ => {
                // Now and then one that is gone already.
                let posts = self.model.said(author);
                if !posts.is_empty() {
                    let id = posts[self.random.random_range(0..posts.len())].clone();
                    self.change(Method::DELETE, format!("/v1/posts/{id}")).await;
                    self.model.delete(&id);
                }
            }
        }
    }

    async fn post(&mut self, author: u64) {
        self.posts += 1;
        let post = Post::new(self.posts, author, format!("post {} 日本", self.posts), Fate::Delivered);
        let Sent::Accepted(id) = self.client.post(&post).await else { panic!("{post:?} was not accepted") };
        if self.random.random_ratio(1, 8) {
            assert_eq!(self.client.post(&post).await, Sent::Accepted(id.clone()), "one key, two posts");
        }
        self.model.post(author, Entry { id, text: post.text });
    }

    async fn change(&self, method: Method, path: String) {
        let answer = self.http.request(method, format!("{}{path}", self.client.url())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{path}");
    }

    /// Waits until everything that `author` had a hand in shows.
    async fn settle(&self, author: u64) {
        let agrees = async || self.difference(author).await.is_none().then_some(());
        if let Err(error) = wait::until("feeds as the model has them", SHOWS_AT_MOST, agrees).await {
            panic!("{error:#}: {}", self.difference(author).await.unwrap_or_default());
        }
    }

    /// What a reader of `author`'s posts, or of anybody's feed, sees otherwise than the model has it.
    async fn difference(&self, author: u64) -> Option<String> {
        let (shown, wanted) = (self.client.whole_outbox(author).await.unwrap(), self.model.outbox(author));
        if entries(&shown) != wanted {
            return Some(format!("the posts of {author} are {shown:?}, not {wanted:?}"));
        }
        for user in USERS {
            let (shown, wanted) = (self.client.whole_feed(user).await.unwrap(), self.model.feed(user));
            if entries(&shown) != wanted {
                return Some(format!("the feed of {user} is {shown:?}, not {wanted:?}"));
            }
        }
        None
    }

    /// Reads a feed in pages of some length: each holds what the model says, and the last says that it is the last.
    async fn leaf_through(&mut self, user: u64) {
        let limit = self.random.random_range(1..=9);
        let wanted = self.model.feed(user);
        let mut cursor = None;
        let mut pages = wanted.chunks(limit);
        loop {
            let page =
                self.client.feed(user, cursor.as_deref(), u32::try_from(limit).unwrap()).await.unwrap();
            assert_eq!(
                entries(&page.items),
                pages.next().unwrap_or_default(),
                "a page of {user}, {limit} long"
            );
            assert_eq!(page.next.is_some(), pages.len() > 0, "the end of {user}'s feed, {limit} long");
            match page.next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    async fn bookmark(&mut self) -> Option<Bookmark> {
        let user = self.user();
        let limit = self.random.random_range(1..=5);
        let page = self.client.feed(user, None, u32::try_from(limit).unwrap()).await.unwrap();
        let rest = self.model.feed(user).split_off(limit.min(self.model.feed(user).len()));
        Some(Bookmark { user, cursor: page.next?, rest })
    }

    /// A cursor goes on where it was, whatever came since: nothing new, nothing twice, and what is gone is gone.
    async fn go_on(&self, Bookmark { user, cursor, mut rest }: Bookmark) {
        let page = self.client.feed(user, Some(&cursor), 200).await.unwrap();
        let still = self.model.feed(user);
        rest.retain(|entry| still.contains(entry));
        rest.truncate(200);
        assert_eq!(entries(&page.items), rest, "{user}'s feed from an old cursor on");
    }

    async fn compare_everything(&mut self) {
        for user in USERS {
            self.settle(user).await;
            self.leaf_through(user).await;
            assert_eq!(self.client.following(user).await.unwrap(), self.model.following(user), "of {user}");
            assert_eq!(self.followers(user).await, self.model.followers(user), "of {user}");
        }
    }

    async fn followers(&self, author: u64) -> Vec<u64> {
        let url = format!("{}/v1/users/{author}/followers?limit=200", self.client.url());
        let page: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        page["items"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect()
    }
}

/// Posts as the node shows them, newest first.
fn entries(items: &[Value]) -> Vec<Entry> {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    items.iter().map(|item| Entry { id: text(item, "id"), text: text(item, "text") }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_agrees_with_a_naive_model() {
    let _alone = alone().await;
    let seed = std::env::var("CATENA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    println!("CATENA_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    bundles::copy(&bundles::samples().unwrap(), &folder.path().join("bundles")).unwrap();
    install(&bundles::root().join("chains/feed.toml"), &folder.path().join("chains"));
    let mut setup = Setup::under(folder.path(), CATENA.into());
    setup.environment.push(("CATENA_INBOX_SHARDS".to_owned(), SHARDS.to_owned()));
    let mut node = NodeProcess::start(setup).await.unwrap();
    let mut world = World {
        random: Xoshiro256PlusPlus::seed_from_u64(seed),
        client: node.client().unwrap(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        model: Model::default(),
        posts: 0,
    };

    let bursts = 3 * rounds();
    for burst in 0..bursts {
        let bookmark = world.bookmark().await;
        let author = world.user();
        for _ in 0..world.random.random_range(1..=16) {
            world.act(author).await;
        }
        // With things still on their way.
        if burst == bursts / 3 {
            node = NodeProcess::start(node.kill().await.unwrap()).await.unwrap();
            world.client = node.client().unwrap();
        } else if burst == bursts / 3 * 2 {
            node = NodeProcess::start(node.stop().await.unwrap().1).await.unwrap();
            world.client = node.client().unwrap();
        }
        world.settle(author).await;
        if let Some(bookmark) = bookmark {
            world.go_on(bookmark).await;
        }
        let reader = world.user();
        world.leaf_through(reader).await;
    }
    world.compare_everything().await;
    node.stop().await.unwrap();
}
