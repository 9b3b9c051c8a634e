use model::{Catalog as _, Refusal, Verdict};

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
