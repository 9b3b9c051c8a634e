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
