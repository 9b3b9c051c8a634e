//! Who takes part, and what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use testkit::{
    client::Client,
    data,
    load::Load,
    network::Network,
    oracle::Oracle,
    posts::{Mix, Post, Posts},
};
use tokio::task::JoinSet;

use crate::arguments::Arguments;

/// Connections to the node.
const WRITERS: usize = 32;

pub(crate) struct Crowd {
    pub(crate) network: Network,
    pub(crate) posts: Vec<Post>,
    /// Posts sent per second.
    pub(crate) rate: u32,
}

impl Crowd {
    pub(crate) fn gather(arguments: &Arguments) -> Result<Self> {
        let network = match &arguments.follows {
            Some(file) => data::follows(file, arguments.undirected)?,
            None => Network::power_law(arguments.seed, arguments.users, arguments.follows_per_user),
        };
        let posts = match &arguments.posts {
            Some(file) => {
                let mut posts = data::posts(file, &arguments.author_field, &arguments.text_field)?;
                introduce(&mut posts, &network);
                posts
            }
            None => {
                let count = arguments.rate as usize * arguments.seconds as usize;
                Posts::new(arguments.seed, network.users, Mix::default()).take(count).collect()
            }
        };
        // Few posts are spread over the time, so that the changes fall among them.
        let spread = posts.len().div_ceil(arguments.seconds.max(1) as usize);
        let rate = arguments.rate.min(u32::try_from(spread).unwrap_or(u32::MAX));
        Ok(Self { network, posts, rate })
    }

    /// Everybody follows whom they follow, before anybody says anything.
    pub(crate) async fn follow(&self, client: &Client) -> Result<()> {
        let bar = bar(self.network.follows.len() as u64, "follows");
        let mut lots: Vec<Vec<(u64, u64)>> = vec![Vec::new(); WRITERS];
        for (at, edge) in self.network.follows.iter().enumerate() {
            if let Some(lot) = lots.get_mut(at % WRITERS) {
                lot.push(*edge);
            }
        }
        let mut writers = JoinSet::new();
        for lot in lots {
            let (client, bar) = (client.clone(), bar.clone());
            writers.spawn(async move {
                for (follower, author) in lot {
                    client.follow(follower, author).await?;
                    bar.inc(1);
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
        bar.finish_and_clear();
        println!("{} follows accepted in {:.1} s", self.network.follows.len(), bar.elapsed().as_secs_f64());
        Ok(())
    }

    pub(crate) fn publish(&self, client: Client, oracle: &Arc<Oracle>) -> Load {
        Load::start(client, Arc::clone(oracle), self.posts.clone(), WRITERS, Some(self.rate))
    }

    pub(crate) fn authors(&self) -> BTreeSet<u64> {
        self.posts.iter().map(|post| post.author).collect()
    }

    /// Somebody whose feed is worth a look: one who follows many of those who write.
    pub(crate) fn reader(&self) -> u64 {
        let authors = self.authors();
        let mut follows: BTreeMap<u64, usize> = BTreeMap::new();
        for (follower, _) in self.network.follows.iter().filter(|(_, author)| authors.contains(author)) {
            *follows.entry(*follower).or_default() += 1;
        }
        follows.into_iter().max_by_key(|(_, count)| *count).map_or(1, |(user, _)| user)
    }
}

/// Authors whom nobody follows take the places of the most followed, or there would be nothing to see.
fn introduce(posts: &mut [Post], network: &Network) {
    let followers = network.followers();
    if posts.iter().any(|post| followers.contains_key(&post.author)) {
        return;
    }
    let mut places: Vec<(usize, u64)> = followers.iter().map(|(author, all)| (all.len(), *author)).collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    let mut places = places.into_iter().map(|(_, author)| author);
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    for post in posts {
        // More authors than places: the rest stay strangers.
        let place = match taken.get(&post.author) {
            Some(place) => *place,
            None => places.next().unwrap_or(post.author),
        };
        taken.insert(post.author, place);
        post.author = place;
    }
    println!("nobody follows the authors of these posts: they take the places of the most followed");
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.network.followers().values().map(Vec::len).max().unwrap_or(0);
        write!(
            f,
            "{} people, {} follows (the most popular has {most}), {} posts to come",
            self.network.users,
            self.network.follows.len(),
            self.posts.len()
        )
    }
}

/// A bar on stderr, seen where that is a terminal.
pub(crate) fn bar(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} ({per_sec})") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
