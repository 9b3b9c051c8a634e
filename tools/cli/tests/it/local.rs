//! Chains and bundles on this machine.

use serde_json::Value;
use testkit::posts::{Fate, Mix, Post, Posts};

use crate::support::{Ran, catena, catena_reading, samples};

const POST: &str =
    r#"{"kind":"note","key":"42","body":{"actor":"42","verb":"note","text":"Grüße aus #Köln  an @anna"}}"#;
const SPAM: &str = r#"{"id":"s","kind":"note","key":"7","body":{"actor":"7","verb":"note","text":"buy buy buy http://farm.example/x"}}"#;

/// Times differ from call to call.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 1..words.len() {
            if words[at].starts_with("µs") {
                words[at - 1] = "N".to_owned();
            }
        }
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_trace_shows_each_step_with_what_it_changed() {
    let arguments = ["run", "chains/feed.toml", "--bundles", &samples(), "--trace"];
    let ran = catena_reading(&arguments, &format!("{POST}\n\n{SPAM}\n"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(timeless(&ran.shown()));
}

#[test]
fn a_run_answers_one_json_line_per_message() {
    let arguments = ["run", "chains/feed.toml", "-", "--bundles", &samples(), "--output", "json"];
    // State lasts for the run: the second is a repetition of the first.
    let ran = catena_reading(&arguments, &format!("{POST}\n{POST}\n{SPAM}\n"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answers = lines(&ran);
    let of = |field: &str| answers.iter().map(|a| a[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), ["line-1", "line-2", "s"]);
    assert_eq!(of("verdict"), ["output", "term", "term"]);
    assert_eq!(of("reason"), [Value::Null, "duplicate".into(), "quarantined".into()]);
    assert_eq!(answers[0]["body"]["hashtags"], serde_json::json!(["köln"]));
    assert_eq!(answers[0]["outputs"][0]["output"], "inbox");
    assert_eq!(answers[2]["outputs"][0]["output"], "quarantine");
    assert!(answers[0]["micros"].as_u64().unwrap() > 0);
    assert!(answers[0].get("steps").is_none());
}

#[test]
fn messages_that_fail_or_cannot_be_read_are_told_and_the_others_run() {
    let arguments = ["run", "chains/feed.toml", "--bundles", &samples()];
    let bad = r#"{"kind":"note","key":"42","body":{"verb":"note","text":"who?"}}"#;
    let ran = catena_reading(&arguments, &format!("{bad}\nnot json\n{{\"kind\":\"note\"}}\n{POST}\n"));
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(timeless(&ran.shown()));
}

#[test]
fn a_single_bundle_runs_by_itself() {
    let spam_filter = format!("{}/spam-filter.wasm", samples());
    let ran = catena_reading(&["run", &spam_filter, "--output", "json"], &format!("{SPAM}\n{POST}\n"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answers = lines(&ran);
    assert_eq!((&answers[0]["verdict"], &answers[0]["reason"]), (&"jump".into(), &"quarantine".into()));
    assert_eq!(answers[1]["verdict"], "next");
    let ran = catena_reading(&["run", &spam_filter, "--settings", r#"{"threshold": 0}"#], SPAM);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("`threshold` must be 1 to 100"), "{}", ran.stderr);
    for settings in ["{", "[1]"] {
        let ran = catena_reading(&["run", &spam_filter, "--settings", settings], SPAM);
        assert_eq!(ran.code, Some(64), "{ran:?}");
    }
}

#[test]
fn a_guest_that_panics_is_told_with_its_words_and_its_backtrace() {
    let trap = format!("{}/guests/trap.wasm", samples());
    let boom = POST.replace("Grüße aus #Köln  an @anna", "boom");
    let ran = catena_reading(&["run", &trap, "--output", "json"], &format!("{boom}\n{POST}\n"));
    assert_eq!(ran.code, Some(1));
    let answers = lines(&ran);
    assert!(answers[0]["reason"].as_str().unwrap().contains("boom"), "{}", answers[0]);
    assert!(answers[0]["backtrace"].as_array().is_some_and(|frames| !frames.is_empty()), "{}", answers[0]);
    assert_eq!(answers[1]["verdict"], "next");
}

#[test]
fn a_chain_with_seven_mistakes_shows_all_seven() {
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("broken.toml");
    std::fs::write(&chain, include_str!("local/broken.toml")).unwrap();
    let chain = chain.display().to_string();
    let ran = catena(["check", &chain, "--bundles", &samples()]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.shown().replace(&chain, "broken.toml"));
    let ran = catena(["check", &chain, "--bundles", &samples(), "--output", "json"]);
    let checked = &lines(&ran)[0];
    assert_eq!(checked["ok"], false);
    let mistakes = checked["faults"]["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 7, "{mistakes:#?}");
    assert!(mistakes.iter().all(|m| m["line"].as_u64().unwrap() > 0 && m["code"].is_string()));
}

#[test]
fn a_chain_into_a_stream_that_nobody_reads_is_told_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("feed.toml");
    let text = std::fs::read_to_string(testkit::bundles::root().join("chains/feed.toml")).unwrap();
    std::fs::write(&chain, text.replace("output = \"inbox\"", "output = \"inbxo\"")).unwrap();
    let shown = chain.display().to_string();
    let check = |more: &[&str]| {
        let samples = samples();
        let arguments = [&["check", &shown, "--bundles", &samples], more].concat();
        catena(arguments)
    };
    let ran = check(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.shown().replace(&shown, "feed.toml"));
    let checked = &lines(&check(&["--output", "json"]))[0];
    assert_eq!((&checked["ok"], &checked["warnings"]["mistakes"][0]["line"]), (&true.into(), &7.into()));
    // A chain beside it that reads the stream: a node would load both.
    let reader = text.replace("\"feed\"", "\"second\"").replace("\"posts\"", "\"inbxo\"");
    std::fs::write(folder.path().join("second.toml"), reader).unwrap();
    assert!(check(&[]).stdout.ends_with(": ok\n"));
}

#[test]
fn files_that_are_no_bundles_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(format!("{}/validate.wasm", samples())).unwrap();
    for (name, bytes) in [
        ("a-text.wasm", b"hello".as_slice()),
        ("core.wasm", b"\0asm\x01\0\0\0"),
        ("half.wasm", &good[..good.len() / 2]),
        ("validate.wasm", &good),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let shown = folder.path().display().to_string();
    let ran = catena(["check", &shown]);
    assert_eq!(ran.code, Some(1));
    // Where a section began that is not whole: another place with each build.
    let said = ran.shown().replace(&shown, "bundles");
    let (before, after) = said.split_once("(at byte ").unwrap();
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    insta::assert_snapshot!(format!("{before}(at byte N{after}"));
}

#[test]
fn a_bundle_for_a_later_host_is_refused_by_check_as_by_run() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later.wasm");
    let bytes = std::fs::read(format!("{}/dedupe.wasm", samples())).unwrap();
    std::fs::write(
        &later,
        replaced(&bytes, b"catena:processor/state@1.0.0", b"catena:processor/state@1.7.0"),
    )
    .unwrap();
    let later = later.display().to_string();
    let sentence = "`dedupe@1.0.0` needs catena:processor/state@1.7.0, this host has 1.0.0";
    let ran = catena(["check", &later]);
    assert_eq!((ran.code, ran.stdout.trim_end()), (Some(1), &*format!("{later}: {sentence}")));
    let ran = catena(["run", &later]);
    assert_eq!(
        (ran.code, ran.stderr.trim_end()),
        (Some(1), &*format!("error: `{later}` cannot run: {sentence}"))
    );
}

/// `bytes` with every `from` as `to`, which is as long.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, at)| *at == from).map(|(i, _)| i).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

#[test]
fn inspect_shows_what_a_bundle_says_of_itself() {
    let validate = format!("{}/validate.wasm", samples());
    let ran = catena(["inspect", &validate, "--output", "json"]);
    let info = &lines(&ran)[0];
    assert_eq!(info["name"], "validate");
    assert!(info["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(info["licence"], "Apache-2.0");
    let text = catena(["inspect", &validate]).stdout;
    for field in ["name", "version", "authors", "digest", "world", "imports"] {
        assert!(text.lines().any(|line| line.starts_with(field)), "{field} is missing in\n{text}");
    }
}

#[test]
fn tests_inside_chains_run_and_a_failing_one_fails() {
    let ran = catena(["test", "chains/feed.toml", "--bundles", &samples()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("feed.toml");
    let text = std::fs::read_to_string(testkit::bundles::root().join("chains/feed.toml")).unwrap();
    std::fs::write(&chain, text.replace("reason = \"duplicate\"", "reason = \"twice\"")).unwrap();
    let ran =
        catena(["test", &chain.display().to_string(), "--bundles", &samples(), "--filter", "ten minutes"]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.shown().replace(&chain.display().to_string(), "feed.toml"));
}

/// The oracle of the fault tests stands on what the testkit believes about its posts.
#[test]
fn generated_posts_meet_the_fate_they_were_made_for() {
    let posts: Vec<_> =
        Posts::new(23, 40, Mix { spam: 100, duplicates: 100, too_long: 20 }).take(2000).collect();
    let message = |post: &Post| {
        serde_json::json!({"kind": "note", "key": post.author.to_string(), "body": post.body()}).to_string()
            + "\n"
    };
    let arguments = ["run", "chains/feed.toml", "--bundles", &samples(), "--output", "json"];
    let ran = catena_reading(&arguments, &posts.iter().map(message).collect::<String>());
    for (post, answer) in posts.iter().zip(lines(&ran)) {
        let met = (answer["verdict"].as_str().unwrap(), answer["reason"].as_str());
        let expected = match post.fate {
            Fate::Delivered | Fate::Any => ("output", None),
            Fate::Quarantined => ("term", Some("quarantined")),
            Fate::Duplicate => ("term", Some("duplicate")),
            Fate::Rejected => {
                assert_eq!(met.0, "failed", "{post:?}: {answer}");
                continue;
            }
        };
        assert_eq!(met, expected, "{post:?}: {answer}");
    }
}
