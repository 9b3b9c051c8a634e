//! Inline tests and their reports.

use chain::compile;

use crate::support::{Fakes, toml};

const WHOLE: &str = include_str!("corpus/whole.toml");

#[test]
fn state_lasts_through_one_test_and_reports_say_what_differed() {
    let plan = compile(&toml(WHOLE), &Fakes::samples()).unwrap();
    let reports = plan.run_tests();
    assert_eq!(reports.len(), plan.test_count());
    assert!(reports[0].passed(), "{}", reports[0]);
    assert!(!reports[1].passed());
    let places: Vec<_> = reports.iter().map(|report| toml(WHOLE).place(report.span)).collect();
    let lines = WHOLE.lines().enumerate();
    let names = lines.filter(|(_, line)| line.starts_with("name = ")).map(|(i, _)| (i + 1, 8));
    assert_eq!(places, names.collect::<Vec<_>>());
    let text: Vec<_> = reports.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn every_difference_is_told() {
    let head = WHOLE.split("[[test]]").next().unwrap();
    let text = format!(
        r#"{head}
[[test]]
name = "nothing is as expected"
input = {{ key = "7", body = {{ text = "hello", tags = ["a", "b"], n = 1 }} }}
[test.expect]
path = ["validate", "spam"]
verdict = "term"
reason = "because"
body = {{ text = "bye", tags = ["a"], n = 1.0, "a/b" = true }}
headers = {{ lang = "de" }}
emitted = [{{ output = "audit" }}]

[[test]]
name = "a link farm goes to quarantine"
input = {{ key = "7", kind = "post", body = {{ text = "http://a http://b http://c" }} }}
[test.expect]
path = ["validate", "dedupe", "spam", "quarantine"]
verdict = "term"
emitted = [{{ output = "audit", kind = "note", key = "8", body = {{ text = "x" }} }}]

[[test]]
name = "a message before fails"
before = [{{ body_text = "?" }}]
input = {{ body = {{ text = "x" }} }}
expect = {{ verdict = "output", emitted = [] }}
"#
    )
    .replace("advisory = true", "")
    .replace("\"skip\"", "\"halt\"");
    let plan = compile(&toml(&text), &Fakes::samples()).unwrap();
    let text: Vec<_> = plan.run_tests().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// What a processor logs is marked as a test's: the subscriber sees the span around it.
#[test]
fn tests_run_in_a_span_that_tells_them_from_traffic() {
    use std::sync::{Arc, Mutex};

    use tracing::{Subscriber, span};
    use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _, registry};

    struct Entered(Arc<Mutex<Vec<(String, String)>>>);

    impl<S: Subscriber + for<'a> registry::LookupSpan<'a>> Layer<S> for Entered {
        fn on_enter(&self, id: &span::Id, ctx: Context<'_, S>) {
            let metadata = ctx.metadata(id).unwrap();
            self.0.lock().unwrap().push((metadata.target().to_owned(), metadata.name().to_owned()));
        }
    }

    let entered = Arc::default();
    let plan = compile(&toml(WHOLE), &Fakes::samples()).unwrap();
    let subscriber = tracing_subscriber::registry().with(Entered(Arc::clone(&entered)));
    let reports = tracing::subscriber::with_default(subscriber, || plan.run_tests());
    let expected = ("catena::guest".to_owned(), "chain_test".to_owned());
    assert_eq!(*entered.lock().unwrap(), vec![expected; reports.len()]);
}
