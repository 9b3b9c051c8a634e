use model::{
    Answers, Call, Catalog as _, Draft, Emission, Fault, Headers, Message, Refusal, StateWrite, Task, Verdict,
};

use crate::{call, library, post, wanted};

const SAMPLES: [&str; 6] = ["validate", "normalize", "dedupe", "spam-filter", "quarantine", "enrich"];

#[test]
fn every_sample_says_what_it_is_and_runs() {
    let library = library(&SAMPLES);
    for info in library.list() {
        let name = info.name.as_str();
        assert!(SAMPLES.contains(&name));
        assert!(info.description.is_some() && info.licence.is_some(), "{info:?}");
        let processor = library.resolve(&wanted(name)).unwrap_or_else(|e| panic!("{name}: {e:?}")).processor;
        let outcome =
            processor.process(&post("Grüße an @grace, siehe https://example.org #wasm"), &mut call());
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}

#[test]
fn dedupe_keeps_state_by_author() {
    let processor = library(&["dedupe"]).resolve(&wanted("dedupe")).unwrap().processor;
    let mut call = call();
    assert_eq!(processor.process(&post("same text"), &mut call).unwrap().verdict, Verdict::Next);
    let again = processor.process(&post("same text"), &mut call).unwrap().verdict;
    assert!(matches!(again, Verdict::Term(_)), "{again:?}");
    assert!(call.state.take_writes().iter().all(|write| write.processor == "dedupe" && write.key == "42"));
}

#[test]
fn settings_of_the_wrong_shape_are_refused_in_the_processors_words() {
    let mut wanted = wanted("validate");
    wanted.settings = serde_json::json!({"text_max": "many"});
    let refusals = library(&["validate"]).resolve(&wanted).unwrap_err();
    assert!(matches!(&refusals[..], [Refusal::SettingsRefused { .. }]), "{refusals:?}");
}

/// What a call leaves, as it can be compared.
fn left(call: &mut Call) -> (Vec<StateWrite>, Vec<Emission>) {
    (call.state.take_writes(), std::mem::take(&mut call.emissions))
}

#[test]
fn together_and_one_by_one_come_to_the_same() {
    // Long, short, repeated, foreign, empty; and one that no sample can read.
    let texts =
        ["おはよう😋", "rain again", "rain again", "buy buy buy http://x.example", "", "#tag @someone"];
    let mut messages: Vec<Message> = (0..40)
        .map(|n| Message { key: n.to_string(), headers: seen_before(n), ..post(texts[n % texts.len()]) })
        .collect();
    messages[17].body = "not json".into();
    for name in ["validate", "normalize", "dedupe", "spam-filter", "quarantine", "enrich", "guests/trap"] {
        let library = library(&[name]);
        let wanted = wanted(name.trim_start_matches("guests/"));
        if name == "guests/trap" {
            messages[23] = Message { key: "23".to_owned(), ..post("boom") };
        }
        let processor = library.resolve(&wanted).unwrap().processor;
        let mut calls: Vec<Call> = messages.iter().map(|_| call()).collect();
        let mut drafts: Vec<Draft> = messages.iter().map(|message| message.clone().into()).collect();
        let mut tasks: Vec<_> =
            drafts.iter_mut().zip(&mut calls).map(|(draft, call)| Task { draft, call }).collect();
        let mut together = Answers::default();
        processor.process_batch(&mut tasks, &mut together);
        for ((message, call), together) in messages.iter().zip(&mut calls).zip(together.drain()) {
            let mut alone = crate::call();
            let expected = processor.process(message, &mut alone);
            assert_eq!(
                Result::from(together).map_err(|fault: Fault| fault.to_string()),
                expected.map_err(|fault| fault.to_string())
            );
            assert_eq!(left(call), left(&mut alone), "{name}, {}", message.key);
        }
    }
}

/// Some messages come with headers.
fn seen_before(n: usize) -> Headers {
    let header = |name: &str| (name.to_owned(), format!("{n}"));
    Headers(["spam-score", "spam-signals"].into_iter().take(n % 3).map(header).collect())
}
