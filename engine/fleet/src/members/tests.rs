#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

use bus::MemoryKeys;
use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::*;

const TTL: Duration = Duration::from_secs(6);

fn keys() -> (Arc<dyn KeyValue>, MemoryKeys) {
    let keys = MemoryKeys::default();
    (Arc::new(keys.clone()), keys)
}

async fn join(keys: &Arc<dyn KeyValue>, name: &str) -> Result<Members> {
    Members::join(Arc::clone(keys), "distributor", name, &format!("at {name}"), TTL).await
}

async fn until(members: &Members, names: &[&str]) {
    let mut live = members.live();
    let seen = live.wait_for(|live| live.keys().eq(names.iter().copied()));
    drop(timeout(10 * TTL, seen).await.expect("not seen").unwrap());
}

#[tokio::test(start_paused = true)]
async fn all_see_who_comes_and_who_leaves() {
    let (keys, _) = keys();
    let a = join(&keys, "a").await.unwrap();
    let b = join(&keys, "b").await.unwrap();
    let watcher = Members::watch(Arc::clone(&keys), "distributor", TTL).await.unwrap();
    let elsewhere = Members::watch(Arc::clone(&keys), "inbox", TTL).await.unwrap();
    for members in [&a, &b, &watcher] {
        until(members, &["a", "b"]).await;
    }
    assert_eq!(watcher.live().borrow()["b"].about, "at b");
    // They stay for as long as they live.
    tokio::time::sleep(10 * TTL).await;
    until(&watcher, &["a", "b"]).await;
    let began = Instant::now();
    a.leave().await;
    until(&watcher, &["b"]).await;
    assert!(began.elapsed() < TTL, "a farewell was not heard");
    until(&elsewhere, &[]).await;
    assert!(b.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_is_missed_and_its_key_removed() {
    let (keys, memory) = keys();
    let a = join(&keys, "a").await.unwrap();
    let beat = Beat { instance: "x".into(), beats: 1, member: Member::default() };
    let dead = Bytes::from(serde_json::to_vec(&beat).unwrap());
    memory.put("distributor/dead", dead, 0).await.unwrap();
    until(&a, &["a", "dead"]).await;
    let began = Instant::now();
    until(&a, &["a"]).await;
    assert!(began.elapsed() >= TTL - Duration::from_secs(1), "missed after {:?}", began.elapsed());
    tokio::time::sleep(TTL * 12).await;
    assert_eq!(memory.get("distributor/dead").await.unwrap(), None);
    assert!(memory.get("distributor/a").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_second_node_of_one_name_refuses_to_start() {
    let (keys, _) = keys();
    let first = join(&keys, "a").await.unwrap();
    let refused = join(&keys, "a").await.err().unwrap();
    assert!(
        refused.to_string().contains("another distributor node is alive under the name `a`"),
        "{refused}"
    );
    assert!(matches!(refused, Error::Unfit { .. }));
    until(&first, &["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_name_is_free_once_its_key_is_stale() {
    let (keys, memory) = keys();
    let dead = Beat { instance: "dead".into(), beats: 1, member: Member::default() };
    let _ = memory.put("distributor/a", serde_json::to_vec(&dead).unwrap().into(), 0).await.unwrap();
    let began = Instant::now();
    let a = join(&keys, "a").await.unwrap();
    assert!(began.elapsed() >= TTL);
    until(&a, &["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_replaced_knows() {
    let (keys, memory) = keys();
    let a = join(&keys, "a").await.unwrap();
    let revision = memory.get("distributor/a").await.unwrap().unwrap().revision;
    let other = Beat { instance: "other".into(), beats: 1, member: Member::default() };
    let _ = memory.put("distributor/a", serde_json::to_vec(&other).unwrap().into(), revision).await.unwrap();
    tokio::time::sleep(TTL).await;
    let error = a.check().unwrap_err();
    assert!(error.to_string().contains("give each node a name of its own"), "{error}");
}
