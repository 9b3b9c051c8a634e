use catena_sdk::{
    Verdict,
    testing::{Harness, Sample, Seen, Value, json},
};

use super::*;

fn run(settings: Value, text: &str) -> Seen {
    let mut harness = Harness::<SpamFilter>::new(settings).unwrap();
    harness.run(&Sample::json(json!({ "actor": "1", "text": text }))).unwrap()
}

fn jump(step: &str) -> Verdict {
    Verdict::Jump(step.to_owned())
}

#[test]
fn spam_of_many_languages_goes_to_quarantine() {
    for text in [
        "buy buy buy http://farm.example/x",
        "CLICK HERE for FREE MONEY!!! http://a.example",
        "今すぐ購入！無料プレゼント http://a.example http://b.example",
        "اشتر الآن اربح المال http://a.example",
        "激安激安激安激安激安激安 http://a.example http://b.example",
        "@a1 @b2 @c3 @d4 @e5 @f6 @g7 @h8 @i9 @j10 gewinnspiel",
    ] {
        let seen = run(json!({}), text);
        assert_eq!(seen.verdict, jump("quarantine"), "{text}: {:?}", seen.message.headers);
        assert!(!seen.body_changed);
    }
}

#[test]
fn the_headers_say_why() {
    let seen = run(json!({}), "buy buy buy http://farm.example/x");
    assert_eq!(seen.message.header("spam-score"), Some("59"));
    assert_eq!(seen.message.header("spam-signals"), Some("only-links repetition"));
    let seen = run(json!({}), "Guten Morgen!");
    assert_eq!((seen.verdict, seen.message.header("spam-score")), (Verdict::Next, Some("0")));
    assert_eq!(seen.message.header("spam-signals"), None);
}

#[test]
fn threshold_target_and_phrases_are_the_chains_to_choose() {
    let settings = json!({ "threshold": 30, "target": "review", "phrases": ["Zauberwort"] });
    assert_eq!(run(settings.clone(), "Hier kommt das ZAUBERWORT für alle").verdict, jump("review"));
    assert_eq!(run(settings, "buy now, das ist hier erlaubt").verdict, Verdict::Next);
    let refusal = |settings| Harness::<SpamFilter>::new(settings).err().unwrap();
    assert_eq!(refusal(json!({ "threshold": 0 })), "`threshold` must be 1 to 100");
    assert_eq!(refusal(json!({ "target": "" })), "`target` must not be empty");
    assert_eq!(refusal(json!({ "phrases": ["a", " "] })), "`phrases[1]` is blank, which every text contains");
}

#[test]
fn a_post_without_text_passes() {
    let mut harness = Harness::<SpamFilter>::new(json!({})).unwrap();
    let seen = harness.run(&Sample::json(json!({ "actor": "1", "verb": "like" }))).unwrap();
    assert_eq!(seen.verdict, Verdict::Next);
}

#[test]
fn real_posts_are_rarely_taken_for_spam() {
    let tweets = catena_text::samples::tweets().unwrap_or_default();
    let mut harness = Harness::<SpamFilter>::new(json!({})).unwrap();
    let taken: Vec<_> = tweets
        .iter()
        .map(|tweet| (harness.run(&Sample::json(tweet)).unwrap(), tweet))
        .filter(|(seen, _)| seen.verdict != Verdict::Next)
        .map(|(seen, tweet)| (seen.message.headers, tweet["text"].clone()))
        .collect();
    assert!(taken.len() * 20 <= tweets.len(), "{} of {}: {taken:#?}", taken.len(), tweets.len());
}
