//! One mistake at a time, made in a chain that is otherwise whole: what is told, and where.

use std::collections::BTreeSet;

use chain::{Code, compile, parse};

use crate::support::{Fakes, json, told, toml};

const WHOLE: &str = include_str!("corpus/whole.toml");

/// Replace this by that in the whole chain, and expect `code line:column` for each mistake.
type Case = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Syntax.
    ("[chain]", "[chain", &["chain::syntax 1:7"]),
    ("id = \"feed\"", "id = feed", &["chain::syntax 2:6"]),
    ("id = \"feed\"", "id = \"feed", &["chain::syntax 2:11"]),
    ("hops_max = 16", "hops_max = 16\nhops_max = 17", &["chain::syntax 8:1"]),
    ("hops_max = 16", "hops_max = 1_6_", &["chain::syntax 7:15"]),
    // Keys.
    ("settings =", "setings =", &["chain::unknown-key 18:1"]),
    ("only_by_jump", "only_by_jmp", &["chain::unknown-key 36:1"]),
    ("uses = \"enrich@*\"", "use = \"enrich@*\"", &["chain::unknown-key 41:1"]),
    ("uses = \"enrich@*\"", "colour = 1\nuses = \"enrich@*\"", &["chain::unknown-key 41:1"]),
    ("stream = \"audit-log\"", "strem = \"audit-log\"", &["chain::unknown-key 10:1"]),
    ("deadline_ms = 20", "deadline = 20", &["chain::unknown-key 19:12"]),
    ("[outputs.audit]", "[output.audit]", &["chain::unknown-key 9:2", "chain::unknown-output 25:20", "chain::unknown-output 48:99"]),
    ("input = { body_text = \"{\" }", "input = { bdy = 1 }", &["chain::unknown-key 52:11"]),
    ("input = \"posts\"", "", &["chain::missing-key 1:1"]),
    ("id = \"spam\"", "", &["chain::missing-key 27:1"]),
    ("uses = \"dedupe@^1\"", "", &["chain::missing-key 22:1"]),
    ("name = \"a repetition is dropped\"", "", &["chain::missing-key 44:1"]),
    ("{ output = \"audit\", kind", "{ kind", &["chain::missing-key 48:88"]),
    // Types.
    ("id = \"feed\"", "id = 1", &["chain::wrong-type 2:6"]),
    ("attempts_max = 3", "attempts_max = \"3\"", &["chain::wrong-type 6:16"]),
    ("advisory = true", "advisory = \"yes\"", &["chain::wrong-type 20:12"]),
    ("fresh_instance = true", "fresh_instance = 1", &["chain::wrong-type 42:18"]),
    ("fresh_instance = true", "fresh_instances = true", &["chain::unknown-key 42:1"]),
    ("jumps = [\"quarantine\"]", "jumps = \"quarantine\"", &["chain::wrong-type 30:9"]),
    ("jumps = [\"quarantine\"]", "jumps = [\"quarantine\", 7]", &["chain::wrong-type 30:24"]),
    ("settings = { text_max = 2000 }", "settings = 3", &["chain::wrong-type 18:12"]),
    ("settings = { text_max = 2000 }", "settings = 2026-01-01", &["chain::wrong-type 18:12"]),
    ("limits = { deadline_ms = 20, memory_mb = 16 }", "limits = []", &["chain::wrong-type 19:10"]),
    ("headers = { lang = \"en\" }", "headers = { lang = 7 }", &["chain::wrong-type 47:69"]),
    // Values.
    ("id = \"feed\"", "id = \"Feed\"", &["chain::bad-name 2:6"]),
    ("id = \"spam\"", "id = \"sp am\"", &["chain::bad-name 28:6"]),
    ("[outputs.audit]", "[outputs.\"au/dit\"]", &["chain::bad-name 9:10"]),
    ("validate@^1.2", "validate", &["chain::bad-version 16:8"]),
    ("validate@^1.2", "validate@latest", &["chain::bad-version 16:18"]),
    ("validate@^1.2", "Validate@^1.2", &["chain::bad-name 16:9"]),
    ("sha256:07", "sha1:07", &["chain::bad-digest 17:10"]),
    ("\"state\"", "\"stat\"", &["chain::unknown-grant 25:11"]),
    ("\"state\"", "\"network\"", &["chain::unknown-grant 25:11"]),
    ("\"output:audit\"", "\"output:\"", &["chain::bad-name 25:28"]),
    ("on_failure = \"skip\"", "on_failure = \"dead_letter\"", &["chain::unknown-word 5:14"]),
    ("verdict = \"term\"", "verdict = \"terminate\"", &["chain::unknown-word 48:53"]),
    ("attempts_max = 3", "attempts_max = 0", &["chain::out-of-range 6:16"]),
    ("attempts_max = 3", "attempts_max = 101", &["chain::out-of-range 6:16"]),
    ("attempts_max = 3", "attempts_max = 1.5", &["chain::out-of-range 6:16"]),
    ("attempts_max = 3", "attempts_max = -3", &["chain::out-of-range 6:16"]),
    ("hops_max = 16", "hops_max = 10001", &["chain::out-of-range 7:12"]),
    ("deadline_ms = 20", "deadline_ms = 0", &["chain::out-of-range 19:26"]),
    ("memory_mb = 16", "memory_mb = 65", &["chain::out-of-range 19:42"]),
    ("visits_max = 2", "visits_max = 0", &["chain::out-of-range 31:14"]),
    ("accepted_at_ms = 1000", "accepted_at_ms = -1", &["chain::out-of-range 47:121"]),
    ("text_max = 2000", "text_max = nan", &["chain::not-json 18:25"]),
    ("text_max = 2000", "text_max = 99999999999999999999", &["chain::not-json 18:25"]),
    // Steps and jumps.
    ("id = \"enrich\"", "id = \"spam\"", &["chain::duplicate-step 40:6"]),
    ("[\"quarantine\"]", "[\"quarantin\"]", &["chain::unknown-step 30:10"]),
    ("[\"quarantine\"]", "[\"jail\"]", &["chain::unknown-step 30:10", "chain::unreachable-step 34:6"]),
    ("jumps = [\"quarantine\"]", "", &["chain::unreachable-step 34:6"]),
    ("jumps = [\"quarantine\"]\nvisits_max = 2", "jumps = [\"quarantine\", \"spam\"]", &["chain::unbounded-cycle 30:24"]),
    ("only_by_jump = true", "only_by_jump = true\njumps = [\"validate\", \"quarantine\"]", &["chain::unbounded-cycle 37:22"]),
    ("hops_max = 16", "hops_max = 3", &["chain::hops-too-few 7:12"]),
    ("advisory = true", "", &["chain::nothing-to-skip 5:14"]),
    // Outputs.
    ("output:audit", "output:audits", &["chain::unknown-output 25:20"]),
    ("[outputs.audit]\nstream = \"audit-log\"\n", "", &["chain::unknown-output 23:20", "chain::unknown-output 46:99"]),
    ("emitted = [{ output = \"audit\"", "emitted = [{ output = \"autid\"", &["chain::unknown-output 48:99"]),
    ("stream = \"audit-log\"", "stream = \"posts\"", &["chain::output-is-input 10:10"]),
    ("output = \"inbox\"", "output = \"posts\"", &["chain::output-is-input 4:10"]),
    // Tests.
    ("what is no JSON is refused", "a repetition is dropped", &["chain::duplicate-test 51:8"]),
    ("expect = { verdict = \"output\", body = 1, headers = { a = \"b\" } }", "expect = {}", &["chain::empty-test 51:8"]),
    ("body_text = \"{\"", "body = 1, body_text = \"{\"", &["chain::conflict 52:33"]),
    ("path = [\"validate\", \"dedupe\"]", "path = [\"validat\", \"dedupe\"]", &["chain::unknown-step 48:20"]),
    // Bundles.
    ("enrich@*", "no-such-bundle@*", &["chain::unknown-bundle 41:8"]),
    ("dedupe@^1", "dedupe@^7", &["chain::no-matching-version 24:8"]),
    ("sha256:07", "sha256:08", &["chain::no-matching-version 17:10"]),
    ("\"state\", ", "", &["chain::not-granted 25:10"]),
    ("grants = [\"output:quarantine\"]", "", &["chain::not-granted 35:8"]),
    ("text_max = 2000", "text_mux = 2000", &["chain::settings-refused 18:12"]),
    ("enrich@*", "from-the-future@1", &["chain::unknown-interface 41:8"]),
    ("enrich@*", "half-written@1", &["chain::broken-bundle 41:8"]),
    ("enrich@*", "crowded-out@1", &["chain::no-instance 41:8"]),
];

#[test]
fn every_mistake_is_told_once_where_it_stands() {
    let mut wrong = Vec::new();
    for (from, to, expected) in CASES {
        assert!(WHOLE.contains(from), "no `{from}` to replace");
        let told = match compile(&toml(&WHOLE.replacen(from, to, 1)), &Fakes::samples()) {
            Ok(_) => vec!["nothing".to_owned()],
            Err(faults) => told(&faults),
        };
        if told != *expected {
            wrong.push(format!("{from:?} → {to:?}\n  expected {expected:?}\n  told     {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn json_has_mistakes_of_its_own() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["chain::syntax 1:1"]),
        ("{", &["chain::syntax 1:2"]),
        ("{ \"chain\": {} // no comments\n}", &["chain::syntax 1:15"]),
        ("{ \"chain\": {}, }", &["chain::syntax 1:14"]),
        ("{ chain: {} }", &["chain::syntax 1:3"]),
        ("{\n  \"chain\": {}\n  \"step\": []\n}", &["chain::syntax 2:14"]),
        ("[]", &["chain::wrong-type 1:1"]),
        ("null", &["chain::wrong-type 1:1"]),
        ("{ \"step\": [], \"step\": [] }", &["chain::duplicate-key 1:15"]),
        ("{ \"step\": 1e999 }", &["chain::not-json 1:11"]),
        ("{}", &["chain::missing-key 1:1", "chain::missing-key 1:1"]),
        ("{ \"chain\": null, \"step\": {} }", &["chain::wrong-type 1:12", "chain::wrong-type 1:26"]),
        (
            "{ \"chain\": {}, \"step\": [] }",
            &[
                "chain::missing-key 1:12",
                "chain::missing-key 1:12",
                "chain::missing-key 1:12",
                "chain::missing-key 1:24",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(told(&parse(&json(text)).unwrap_err()), *expected, "{text}");
    }
}

#[test]
fn a_chain_nobody_can_enter_is_refused() {
    let text = "[chain]\nid = \"a\"\ninput = \"b\"\noutput = \"c\"\n[[step]]\nid = \"x\"\nuses = \"enrich@*\"\nonly_by_jump = true\n";
    assert_eq!(told(&compile(&toml(text), &Fakes::samples()).unwrap_err()), ["chain::no-entry 6:6"]);
}

#[test]
fn the_cases_know_every_code() {
    let told: BTreeSet<_> =
        CASES.iter().flat_map(|(.., told)| *told).map(|t| t.split(' ').next().unwrap()).collect();
    // Told by tests of their own, here, in `stages` and `garbage`, and beside the code.
    let elsewhere = [
        Code::TooLarge,
        Code::TooDeep,
        Code::TooManySteps,
        Code::DuplicateKey,
        Code::NoEntry,
        Code::UnreadOutput,
    ];
    for code in Code::ALL.iter().filter(|code| !elsewhere.contains(code)) {
        assert!(told.contains(code.as_str()), "no case has {code}");
    }
}
