use relations::History;
use tokio::task::JoinSet;

use super::*;

/// Everybody follows and posts at once; no order between them but the one that the answers give.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follow_that_was_acknowledged_is_in_front_of_every_later_post() {
    let mut world = World::new(ShardMap::new(vec![0, 7, 15]).unwrap()).await;
    let mut running = JoinSet::new();
    for user in 0..20 {
        for author in 30..34 {
            let forwarder = world.forwarder.clone();
            running.spawn(async move {
                forwarder.follow(UserId(user), UserId(author)).await.unwrap();
                let post = forwarder.post(new_post(author, "after"), None).await.unwrap();
                (user, post)
            });
        }
    }
    let expected = running.join_all().await;
    world.settle().await;
    for (user, post) in expected {
        assert_eq!(world.feed(user).iter().filter(|found| **found == post).count(), 1, "{post} for {user}");
    }
}

#[tokio::test]
async fn one_post_is_one_message_for_each_shard_however_many_follow() {
    use bus::Bus;
    let mut world = World::new(ShardMap::new(vec![0, 100]).unwrap()).await;
    for user in 0..50 {
        world.forwarder.follow(UserId(user), UserId(200)).await.unwrap();
    }
    world.settle().await;
    let last = |bounds: bus::Bounds| bounds.last;
    let before = last(world.bus.bounds("inbox", 0).await.unwrap());
    let post = world.forwarder.post(new_post(200, "hi"), None).await.unwrap();
    world.settle().await;
    assert_eq!(last(world.bus.bounds("inbox", 0).await.unwrap()), before + 1);
    assert!((0..50).all(|user| world.feed(user) == [post]));
}

#[tokio::test]
async fn following_again_after_an_unfollow_counts() {
    let mut world = World::new(ShardMap::single()).await;
    let (user, author) = (UserId(1), UserId(2));
    for _ in 0..2 {
        world.forwarder.follow(user, author).await.unwrap();
        world.forwarder.unfollow(user, author, History::Keep).await.unwrap();
    }
    world.forwarder.follow(user, author).await.unwrap();
    let post = world.forwarder.post(new_post(2, "hi"), None).await.unwrap();
    world.settle().await;
    assert_eq!(world.feed(1), [post]);
}
