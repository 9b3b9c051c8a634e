use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Answer, Error, Requests};

const PATIENCE: Duration = Duration::from_secs(10);

struct Echo;

#[async_trait]
impl Answer for Echo {
    async fn answer(&self, question: Bytes) -> Bytes {
        if question == "slow" {
            tokio::time::sleep(PATIENCE).await;
        }
        question
    }
}

/// The contract of [`Requests`].
///
/// # Panics
/// When it is not kept.
pub async fn agrees_with_the_contract_of_requests(requests: &dyn Requests) {
    let nobody = requests.ask("read.7", Bytes::from_static(b"?"), PATIENCE).await.unwrap_err();
    assert!(matches!(&nobody, Error::NoAnswer { subject } if subject == "read.7"), "{nobody:?}");
    assert!(nobody.retryable());
    let answering = requests.answer("read.7", Arc::new(Echo)).await.unwrap();
    for size in [0, 1, 300_000] {
        let question = Bytes::from(vec![b'x'; size]);
        assert_eq!(requests.ask("read.7", question.clone(), PATIENCE).await.unwrap(), question);
    }
    // A slow answer keeps no other waiting, and patience ends.
    let slow = requests.ask("read.7", Bytes::from_static(b"slow"), Duration::from_millis(300));
    let quick = requests.ask("read.7", Bytes::from_static(b"quick"), PATIENCE);
    let (slow, quick) = tokio::join!(slow, quick);
    assert!(matches!(slow, Err(Error::NoAnswer { .. })), "{slow:?}");
    assert_eq!(quick.unwrap(), "quick");
    drop(answering);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let gone = requests.ask("read.7", Bytes::from_static(b"?"), PATIENCE).await;
    assert!(matches!(gone, Err(Error::NoAnswer { .. })), "{gone:?}");
}
