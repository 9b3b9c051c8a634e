use super::*;

#[tokio::test]
async fn two_shards_serve_their_users_and_list_followers_of_both() {
    let disk = Disk::new(ShardMap::new(vec![0, 10]).unwrap());
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    bus.publish(INBOX, 0, vec![follow(1, 15), follow(2, 15), note(15, 7)]).await.unwrap();
    bus.publish(INBOX, 1, vec![follow(12, 15), note(15, 7), note(15, 8)]).await.unwrap();
    inbox.wait_caught_up().await.unwrap();

    assert_eq!(feed(&inbox, 1), [7]);
    assert_eq!(feed(&inbox, 12), [8, 7]);
    assert_eq!(feed(&inbox, 15), [] as [u64; 0]);
    assert_eq!(unique(&inbox.posts(UserId(15), None, 10).unwrap()), [8, 7]);
    let followers = |after: Option<u64>, limit| {
        let users = inbox.followers(UserId(15), after.map(UserId), limit).unwrap();
        users.into_iter().map(|user| user.0).collect::<Vec<_>>()
    };
    assert_eq!(followers(None, 9), [1, 2, 12]);
    assert_eq!(followers(Some(1), 2), [2, 12]);
    assert_eq!(followers(Some(12), 2), [] as [u64; 0]);
    assert_eq!(inbox.following(UserId(12), None, 9).unwrap(), [UserId(15)]);
    inbox.close().await;
    let closed = inbox.feed(UserId(1), None, 9);
    assert!(matches!(closed, Err(inbox::Error::NotServing { shard: 0, phase: inbox::Phase::Absent })));
    assert_eq!(inbox.positions().await.unwrap(), []);
}

#[tokio::test]
async fn large_posts_make_short_pages_and_none_is_left_out() {
    let disk = Disk::new(ShardMap::single());
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    let large = |unique| {
        let post = PostId { author: UserId(2), unique };
        let body = format!("{{\"id\":\"{post}\",\"text\":\"{}\"}}", "x".repeat(200 << 10)).into();
        Activity { post, verb: "note".into(), body }.into_message(String::new())
    };
    bus.publish(INBOX, 0, (0..5).map(large).chain([note(2, 5)]).collect()).await.unwrap();
    inbox.wait_caught_up().await.unwrap();
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let page = inbox.posts(UserId(2), cursor, 10).unwrap();
        pages.push(unique(&page));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![5, 4, 3], vec![2, 1], vec![0]]);
}

#[tokio::test]
async fn cursors_stand_still_while_posts_arrive() {
    let disk = Disk::new(ShardMap::single());
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    bus.publish(INBOX, 0, vec![follow(1, 2)]).await.unwrap();
    bus.publish(INBOX, 0, (0..10).map(|unique| note(2, unique)).collect()).await.unwrap();
    inbox.wait_caught_up().await.unwrap();
    let first = inbox.feed(UserId(1), None, 4).unwrap();
    bus.publish(INBOX, 0, (10..20).map(|unique| note(2, unique)).collect()).await.unwrap();
    inbox.wait_caught_up().await.unwrap();
    let second = inbox.feed(UserId(1), first.next, 4).unwrap();
    let third = inbox.feed(UserId(1), second.next, 4).unwrap();
    assert_eq!([unique(&first), unique(&second), unique(&third)].concat(), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(third.next, None);
    assert_eq!(first.covered.from, second.covered.to + 1);
    assert_eq!((third.covered.from, first.covered.to), (1, 11));
}
