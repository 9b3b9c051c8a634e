use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use reqwest::StatusCode;
use serde_json::{Value, json};
use store::{Batch, Memory, Snapshot, Store};

use crate::World;

/// A disk that can be made to stand still.
struct Gate {
    below: Memory,
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.opened.notify_all();
    }
}

impl Store for Gate {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        drop(self.opened.wait_while(self.closed.lock().unwrap(), |closed| *closed).unwrap());
        self.below.write(batch)
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.below.snapshot()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overload_is_refused_with_when_to_come_back() {
    let gate = Gate { below: Memory::new(bus::TABLES), closed: Mutex::new(false), opened: Condvar::new() };
    let gate = Arc::new(gate);
    let options = bus::Options { queue_bytes_max: 2000, ..bus::Options::default() };
    let world = World::over(gate.clone(), options).await;
    gate.set(true);
    let post = json!({"actor": "7", "text": "x".repeat(4000)});
    let mut posts: FuturesUnordered<_> = (0..5).map(|_| world.post(&post)).collect();
    let answer = posts.next().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "1");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "urn:catena:problem:overloaded");
    assert!(problem["detail"].as_str().unwrap().starts_with("nothing was taken"), "{problem}");
    gate.set(false);
    let statuses: Vec<_> = posts.map(|answer| answer.status()).collect().await;
    assert!(statuses.contains(&StatusCode::ACCEPTED), "what was taken is kept: {statuses:?}");
    // What was taken flows on over the same bus, and may fill it once more for a moment.
    let again =
        async { while world.post(&json!({"actor": "7"})).await.status() == StatusCode::TOO_MANY_REQUESTS {} };
    tokio::time::timeout(Duration::from_secs(30), again).await.expect("there is no room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_bus_nothing_is_promised_and_reads_go_on() {
    let world = World::new().await;
    world.bus.close().await;
    for (method, path) in [
        ("PUT", "/v1/users/1/following/7"),
        ("DELETE", "/v1/users/1/following/7"),
        ("DELETE", "/v1/posts/7-9f86d081884c7d65"),
    ] {
        let answer = world.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    let answer = world.post(&json!({"actor": "7"})).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = answer.json().await.unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(!detail.contains("nothing was taken"), "{detail}");
    assert!(detail.ends_with("send it again, a post under the same Idempotency-Key"), "{detail}");
    assert_eq!(world.json("/v1/users/1/feed").await["items"], json!([]));
}
