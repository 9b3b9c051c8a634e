//! What shards and followers cost: processor time a post with more shards, and messages on the bus a post with more
//! followers.

use std::time::Duration;

use ::fleet::{Connection, JetStream, Options};
use bus::{Bus as _, partition_of};
use model::Message;
use relations::{Control, Edge, UserId, stream::POSTS};
use testkit::nats::Sync;

use super::{
    server,
    stage::{AUTHORS, Stage},
};
use crate::report::Row;

const PARTITIONS: u32 = 2;
const MEMBERS: [(&str, &str); 3] =
    [("forwarder", "forwarder"), ("distributor", "distributor"), ("inbox", "inbox")];
const SHARDS: [u64; 3] = [1, 8, 64];
/// Followers of one author, at least, over [`SHARDS_FOLLOWED`] shards.
const FOLLOWERS_MIN: u64 = 10;
const SHARDS_FOLLOWED: u64 = 4;
/// Posts of that author.
const POSTS_FOLLOWED: u64 = 20;
/// Messages of one publish.
const LOT: usize = 500;

/// What a post costs with ever more shards.
pub(super) async fn shards(time: Duration) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut floor = None;
    for shards in SHARDS {
        let first_users = (0..shards).map(|shard| shard * AUTHORS.div_ceil(shards)).collect();
        let stage = Stage::start(server(Sync::Always).await?, PARTITIONS, first_users, &MEMBERS).await?;
        let run = stage.run(time).await?;
        let micros = run.usage.served().as_secs_f64() * 1e6 / run.posts;
        let row = Row::new(format!("processor time a post, {shards} shards"), micros, "µs")
            .beside("one shard", *floor.get_or_insert(micros));
        rows.push(row.note(format!(
            "{:.0} posts/s; µs a post: {}",
            run.rate(),
            run.usage.per_message(run.posts)
        )));
        stage.end().await?;
    }
    Ok(rows)
}

/// What a post costs when its author has ever more followers, up to `followers_max`.
pub(super) async fn followers(followers_max: u64) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for followers in [FOLLOWERS_MIN, followers_max.isqrt(), followers_max] {
        let reach = followers.max(AUTHORS);
        let first_users = (0..SHARDS_FOLLOWED).map(|shard| shard * reach.div_ceil(SHARDS_FOLLOWED)).collect();
        let stage = Stage::start(server(Sync::Always).await?, PARTITIONS, first_users, &MEMBERS).await?;
        follow(&stage.url(), followers, reach).await?;
        stage.arrival(followers as f64).await?;
        let copies = SHARDS_FOLLOWED as f64;
        let run = stage.follow_through(stage.post_as_one(POSTS_FOLLOWED), copies).await?;
        let row = Row::new(format!("messages a post, {followers} followers"), run.arrived / run.posts, "");
        rows.push(row.beside("shards with followers", copies).note(format!(
            "{:.0} posts, applied for every follower after {:.2} s",
            run.posts,
            run.took.as_secs_f64()
        )));
        stage.end().await?;
    }
    Ok(rows)
}

/// Lets `followers` users, spread over the first `reach`, follow user 1: the same messages that a forwarder sends.
async fn follow(url: &str, followers: u64, reach: u64) -> anyhow::Result<()> {
    let options = Options { urls: vec![url.to_owned()], name: "followers".to_owned(), ..Options::default() };
    let bus = JetStream::open(&Connection::open(options).await?).await?;
    let author = UserId(1);
    let partition = partition_of(&author.to_string(), PARTITIONS);
    let messages: Vec<Message> = (0..followers)
        .map(|n| {
            let user = UserId(n * reach / followers);
            Control::Follow(Edge { user, author }).to_message(format!("follow-{n}"))
        })
        .collect();
    for lot in messages.chunks(LOT) {
        bus.publish(POSTS, partition, lot.to_vec()).await?;
    }
    bus.close().await;
    Ok(())
}
