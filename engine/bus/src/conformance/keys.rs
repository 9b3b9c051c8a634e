use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tokio::time::timeout;

use crate::{Change, Error, KeyValue, Watch};

/// Longer than any watch takes to tell.
const SOON: Duration = Duration::from_secs(10);

/// Watches until `wanted` was seen as the newest of its key, `None` for gone.
async fn until(watch: &mut dyn Watch, wanted: (&str, Option<&str>)) {
    let seen = async {
        loop {
            for change in watch.next().await.unwrap() {
                let seen = match &change {
                    Change::Put(kept) => (kept.key.as_str(), std::str::from_utf8(&kept.value).ok()),
                    Change::Gone { key } => (key.as_str(), None),
                };
                if seen == wanted {
                    return;
                }
            }
        }
    };
    timeout(SOON, seen).await.unwrap_or_else(|_| panic!("{wanted:?} was not seen"));
}

/// The contract of [`KeyValue`], over one that is empty.
///
/// # Panics
/// When it is not kept.
pub async fn agrees_with_the_contract_of_keys(keys: &dyn KeyValue) {
    let value = |text: &'static str| Bytes::from_static(text.as_bytes());
    assert_eq!(keys.get("a/one").await.unwrap(), None);
    let first = keys.put("a/one", value("1"), 0).await.unwrap();
    let kept = keys.get("a/one").await.unwrap().unwrap();
    assert_eq!((&kept.value[..], kept.revision), (&b"1"[..], first));
    for stale in [0, first + 9] {
        let conflict = keys.put("a/one", value("x"), stale).await.unwrap_err();
        assert!(matches!(&conflict, Error::Conflict { key } if key == "a/one"), "{conflict:?}");
        assert!(matches!(keys.remove("a/one", first + 9).await, Err(Error::Conflict { .. })));
    }
    let second = keys.put("a/one", value("2"), first).await.unwrap();
    assert!(second > first);

    // What is there comes first, then what changes; other prefixes stay out.
    keys.put("a/two", value("2"), 0).await.unwrap();
    let mut watch = keys.watch("a/").await.unwrap();
    let mut elsewhere = keys.watch("b/").await.unwrap();
    let there: BTreeSet<String> = timeout(SOON, watch.next())
        .await
        .unwrap()
        .unwrap()
        .into_iter()
        .map(|change| match change {
            Change::Put(kept) => kept.key,
            Change::Gone { key } => panic!("`{key}` was never there"),
        })
        .collect();
    assert_eq!(there, BTreeSet::from(["a/one".to_owned(), "a/two".to_owned()]));
    assert_eq!(elsewhere.next().await.unwrap(), []);
    let third = keys.put("a/one", value("3"), second).await.unwrap();
    until(&mut *watch, ("a/one", Some("3"))).await;
    keys.remove("a/one", third).await.unwrap();
    until(&mut *watch, ("a/one", None)).await;
    keys.remove("a/one", third).await.unwrap();
    assert_eq!(keys.get("a/one").await.unwrap(), None);
    // Gone is as good as never there.
    keys.put("a/one", value("4"), 0).await.unwrap();
    until(&mut *watch, ("a/one", Some("4"))).await;

    // Of many at once exactly one wins.
    let writes = (0..8).map(|_| keys.put("b/race", value("mine"), 0));
    let won = futures::future::join_all(writes).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
    until(&mut *elsewhere, ("b/race", Some("mine"))).await;
}
