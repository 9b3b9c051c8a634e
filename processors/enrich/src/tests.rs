use catena_sdk::testing::{Harness, Sample, Value, json};

use super::*;

fn enriched(body: Value) -> Value {
    let mut harness = Harness::<Enrich>::new(json!({})).unwrap();
    harness.run(&Sample::json(body)).unwrap().message.json_body()
}

#[test]
fn languages_are_told_by_the_words_alone() {
    for (text, language) in [
        ("Der frühe Vogel fängt den Wurm, aber die zweite Maus bekommt den Käse.", "de"),
        ("The quick brown fox jumps over the lazy dog while nobody is watching.", "en"),
        ("今日はとても天気がいいですね😋✨ #sunny http://t.co/english", "ja"),
        ("ذهب الأولاد إلى المدرسة في الصباح الباكر ثم عادوا إلى البيت مع أصدقائهم", "ar"),
        ("Сегодня очень хорошая погода, пойдём гулять в парк?", "ru"),
        ("오늘 날씨가 정말 좋네요", "ko"),
        ("今天天气很好，我们去公园散步吧", "zh"),
        ("Guten Morgen, wie geht es euch allen heute?", "de"),
        ("Καλημέρα σε όλους τους φίλους", "el"),
    ] {
        assert_eq!(enriched(json!({ "text": text }))["language"], language, "for {text}");
    }
}

#[test]
fn a_text_that_does_not_tell_gets_no_language() {
    assert_eq!(
        enriched(json!({ "text": "😋✨ @a #b 12" })),
        json!({ "text": "😋✨ @a #b 12", "reading_s": 1 })
    );
    assert_eq!(enriched(json!({ "text": "buy buy buy" })), json!({ "text": "buy buy buy", "reading_s": 1 }));
    assert_eq!(enriched(json!({ "verb": "like" })), json!({ "verb": "like" }));
}

#[test]
fn the_author_knows_best() {
    let body = json!({ "text": "今日はいい天気", "language": "ja-JP", "x": u64::MAX });
    assert_eq!(
        enriched(body),
        json!({ "text": "今日はいい天気", "language": "ja-JP", "x": u64::MAX, "reading_s": 1 })
    );
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal = |settings| Harness::<Enrich>::new(settings).err().unwrap();
    assert_eq!(refusal(json!({ "confidence_min": 2 })), "`confidence_min` must be 0 to 1");
    assert!(refusal(json!({ "words_per_minute": 0 })).contains("at least 1"));
}

#[test]
fn real_posts_are_mostly_recognised() {
    let tweets = catena_text::samples::tweets().unwrap_or_default();
    let right = tweets.iter().filter(|tweet| enriched((*tweet).clone())["language"] == tweet["lang"]).count();
    assert!(right >= tweets.len() * 9 / 10, "{right} of {}", tweets.len());
}
