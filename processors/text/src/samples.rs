//! Real posts for tests: `tweets.ndjson` from the folder of shared data beside the repository.

use std::path::Path;

use serde_json::{Value, json};

/// A hundred real tweets as posts `{actor, verb, text, …}` that keep all of the tweet's own fields. `None`, with
/// a message, where the data is not there: the test is skipped.
///
/// # Panics
/// Where a line is not JSON.
#[must_use]
#[expect(clippy::print_stderr, clippy::expect_used, reason = "for tests")]
pub fn tweets() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tweets.ndjson");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: `{}` is not there", path.display());
        return None;
    };
    let post = |line: &str| {
        let mut tweet: Value = serde_json::from_str(line).expect("a tweet is JSON");
        let actor = tweet.pointer("/user/id_str").cloned().unwrap_or_default();
        if let Some(fields) = tweet.as_object_mut() {
            fields.insert("actor".to_owned(), actor);
            fields.insert("verb".to_owned(), json!("note"));
        }
        tweet
    };
    Some(text.lines().map(post).collect())
}
