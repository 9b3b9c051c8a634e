//! The message that everything is measured with.

use model::Message;

/// How large the body is unless its size is what is measured, bytes.
pub(crate) const BYTES: usize = 1_000;

/// A post of so many bytes (at least 600): what a feed carries, with nested values, numbers and lists round its text. Its two
/// fields that filters read stand at both ends, so that nobody who reads them gets away with half of it.
pub(crate) fn body(bytes: usize) -> String {
    let head = r#"{"id":"42-0000000000000001","actor":"42","verb":"note","published_at":"2026-11-28T09:15:00Z","object":{"type":"photo","url":"https://example.org/p/8d2f51c0.jpg","width":1600,"height":1067,"alt":"two ferries at the quay"},"tags":["harbour","ferry","weather","morning"],"audience":["friends","family"],"reply_to":null,"place":{"name":"Old Harbour","lat":59.9081,"lon":10.7535},"counts":{"likes":12,"shares":3,"replies":0},"mentions":[{"user":"7","name":"Ingrid"},{"user":"19","name":"Ola"}],"text":""#;
    let tail = r#"","client":"web/3.2","lang":"en"}"#;
    let text = bytes.saturating_sub(head.len() + tail.len());
    let words = "rain over the harbour, and the ferries late again; ".chars().cycle().take(text);
    words.fold(head.to_owned(), |mut body, c| {
        body.push(c);
        body
    }) + tail
}

/// A message with such a body.
pub(crate) fn of(bytes: usize) -> Message {
    Message {
        id: "42-0000000000000001".to_owned(),
        kind: "note".to_owned(),
        key: "42".to_owned(),
        headers: model::Headers::default(),
        body: body(bytes).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_asked_for() {
        for bytes in [600, BYTES, 16_000] {
            let body = body(bytes);
            assert_eq!(body.len(), bytes);
            let post: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&post["actor"], &post["lang"]), (&"42".into(), &"en".into()));
        }
    }
}
