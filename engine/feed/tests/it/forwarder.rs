use bus::Bus;
use relations::stream::POSTS;

use super::*;

async fn stored(world: &World) -> Vec<model::Message> {
    let mut all = Vec::new();
    for partition in 0..PARTITIONS {
        all.extend(world.bus.read(POSTS, partition, 1, 1000).await.unwrap());
    }
    all.into_iter().map(|stored| stored.message).collect()
}

#[tokio::test]
async fn a_key_names_one_post_of_one_author_and_the_first_is_the_post() {
    let mut world = World::new(ShardMap::single()).await;
    let post = async |author, text, key| world.forwarder.post(new_post(author, text), key).await.unwrap();
    let first = post(7, "first", Some("k")).await;
    assert_eq!(post(7, "second", Some("k")).await, first);
    assert_ne!(post(8, "third", Some("k")).await.unique, first.unique);
    assert_ne!(post(7, "fourth", None).await, post(7, "fourth", None).await);
    let texts: Vec<String> =
        stored(&world).await.iter().map(|m| String::from_utf8(m.body.to_vec()).unwrap()).collect();
    assert_eq!(texts.len(), 4);
    assert!(!texts.iter().any(|text| text.contains("second")));
    world.settle().await;
    assert_eq!(ids(&world.inbox.posts(UserId(7), None, 9).unwrap()).len(), 3);
}

#[tokio::test]
async fn a_post_carries_its_identity_and_time() {
    let world = World::new(ShardMap::single()).await;
    let id = world.forwarder.post(new_post(7, "hi"), None).await.unwrap();
    let message = stored(&world).await.remove(0);
    assert_eq!((message.id, message.kind.as_str(), message.key.as_str()), (id.to_string(), "note", "7"));
    let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(
        (&body["id"], &body["actor"], &body["verb"]),
        (&id.to_string().into(), &"7".into(), &"note".into())
    );
    let time = body["published_at"].as_str().unwrap();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
}

#[tokio::test]
async fn many_posts_are_answered_in_their_order() {
    let mut world = World::new(ShardMap::single()).await;
    let posts = (0..1500)
        .map(|n: u64| (new_post(n % 5, "hi"), n.is_multiple_of(3).then(|| format!("k{}", n % 300))))
        .collect();
    let answers: Vec<PostId> =
        world.forwarder.post_all(posts).await.into_iter().map(Result::unwrap).collect();
    assert!((0..1500).all(|n| answers[n].author.0 == n as u64 % 5));
    assert_eq!(answers[0], answers[300]);
    world.settle().await;
    // A hundred keys name one post each, however often they came.
    assert_eq!(
        (0..5).map(|user| world.inbox.posts(UserId(user), None, 9999).unwrap().items.len()).sum::<usize>(),
        1100
    );
}

#[tokio::test]
async fn a_closed_bus_accepts_nothing() {
    let world = World::new(ShardMap::single()).await;
    world.bus.close().await;
    assert!(world.forwarder.post(new_post(1, "hi"), None).await.is_err());
    let answers = world.forwarder.post_all(vec![(new_post(1, "hi"), None), (new_post(2, "hi"), None)]).await;
    assert!(answers.iter().all(Result::is_err));
    assert!(world.forwarder.follow(UserId(1), UserId(2)).await.is_err());
}

#[tokio::test]
async fn users_without_a_shard_store_nothing_and_no_one_else_is_harmed() {
    use catena_feed::Error;
    let range = relations::Range { first_user: UserId(0), shard: 0 };
    let map = ShardMap::from_ranges(1, 1, vec![range], Some(UserId(10))).unwrap();
    let mut world = World::new(map).await;
    let (home, nobody) = (UserId(1), UserId(10));
    let keep = relations::History::Keep;
    let refused = [
        world.forwarder.post(new_post(10, "hi"), None).await.map(drop),
        world.forwarder.follow(nobody, home).await,
        world.forwarder.follow(home, nobody).await,
        world.forwarder.unfollow(nobody, home, keep).await,
        world.forwarder.retract(PostId { author: nobody, unique: 1 }).await,
    ];
    for (refused, name) in refused.into_iter().zip(["actor", "user", "author", "user", "post"]) {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::Unowned { role, user, .. } if (role, user) == (name, nobody)),
            "{error}"
        );
        assert!(error.took_nothing() && !error.retryable());
    }
    assert_eq!(stored(&world).await.len(), 0);
    let posts = [9, 10, 9].map(|author| (new_post(author, "hi"), None)).into();
    let answers = world.forwarder.post_all(posts).await;
    assert!(matches!(&answers[..], [Ok(_), Err(Error::Unowned { .. }), Ok(_)]), "{answers:?}");
    world.settle().await;
    assert_eq!(ids(&world.inbox.posts(UserId(9), None, 9).unwrap()).len(), 2);
}
