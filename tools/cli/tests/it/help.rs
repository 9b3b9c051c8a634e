//! What the command says about itself, and when it is called wrongly.

use crate::support::{catena, catena_reading};

const COMMANDS: &[&str] = &[
    "up",
    "new",
    "build",
    "check",
    "run",
    "test",
    "inspect",
    "send",
    "feed",
    "import",
    "status",
    "chain",
    "receipts",
    "dlq",
    "fleet",
    "completions",
];

#[test]
fn help_of_every_command() {
    let mut all = catena(["--help"]).shown();
    for command in COMMANDS {
        let ran = catena([command, "--help"]);
        all.push_str(&format!("\n$ catena {command} --help\n{}", ran.shown()));
    }
    for (command, sub) in [
        ("import", "follows"),
        ("import", "posts"),
        ("chain", "status"),
        ("dlq", "list"),
        ("dlq", "replay"),
        ("dlq", "purge"),
        ("fleet", "show"),
        ("fleet", "init"),
        ("fleet", "extend"),
    ] {
        all.push_str(&format!(
            "\n$ catena {command} {sub} --help\n{}",
            catena([command, sub, "--help"]).shown()
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn wrong_calls_exit_with_64_and_say_what_is_wrong() {
    let calls: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["run"],
        &["check"],
        &["feed", "nobody"],
        &["send", "--actor", "7"],
        &["--output", "yaml", "inspect", "x"],
        &["new", "Bad Name"],
        &["dlq", "purge", "--all"],
        &["dlq", "purge", "1", "--up-to", "2"],
        &["import", "posts", "x", "--concurrency", "0"],
        &["run", "chains/feed.toml", "--settings", "{}"],
        &["feed", "-7"],
        &["dlq", "show", "first"],
        &["dlq", "replay", "-1"],
        &["dlq", "list", "--from", "-1"],
        &["receipts", "--limit", "all"],
        &["send", "--actor", "me", "--text", "hello"],
        &["fleet", "extend", "--shard", "4294967296"],
        &["up", "--chains", "chains", "--bundles", "chains", "--log", "blah"],
    ];
    let mut all = String::new();
    for call in calls {
        let ran = catena(*call);
        assert_eq!(ran.code, Some(64), "{call:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{call:?} printed data");
        all.push_str(&format!("$ catena {}\n{}\n", call.join(" "), ran.stderr));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn failures_exit_with_1_and_name_the_cause() {
    let calls: &[&[&str]] = &[
        &["run", "no-such-chain.toml"],
        &["run", "README.md"],
        &["test", "chains/feed.toml", "--bundles", "no-such-folder"],
        &["inspect", "README.md"],
        &["inspect", "no-such.wasm"],
        &["build", "no-such-crate"],
        &["build", "tools/xtask"],
        &["build", "."],
        &["new", "docs"],
        &["new", "target/never-made", "--sdk", "docs"],
        &["receipts", "--data", "no-such-data"],
        &["up", "--chains", "chains", "--bundles", "chains", "--data", "README.md"],
        &["import", "follows", "no-such-file"],
        &["feed", "7", "--to", "http://127.0.0.1:1"],
        &["feed", "7", "--to", "no address"],
        &["feed", "7", "--to", "ftp://127.0.0.1"],
        &["import", "follows", "README.md", "--to", "127.0.0.1:1"],
        &["build", "README.md"],
        &["inspect", "docs"],
        &["fleet", "show"],
        &["up", "--chains", "no-such-chains", "--http", "here"],
    ];
    let mut all = String::new();
    for call in calls {
        let ran = catena(*call);
        assert!(matches!(ran.code, Some(1 | 64)), "{call:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{call:?} printed data");
        let root = testkit::bundles::root().display().to_string();
        let stderr = ran.stderr.replace(&root, "<root>");
        all.push_str(&format!("$ catena {}\nexit {}\n{stderr}\n", call.join(" "), ran.code.unwrap()));
    }
    insta::assert_snapshot!(all);
    assert!(!testkit::bundles::root().join("target/never-made").exists(), "a crate without an SDK");
}

#[test]
fn completions_and_version_are_data() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = catena(["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains("catena") && ran.stdout.contains("receipts"), "{shell}");
    }
    assert!(catena(["--version"]).stdout.starts_with("catena "));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let script = format!("{} completions bash | head -n 1; exit ${{PIPESTATUS[0]}}", crate::support::CATENA);
    let status = std::process::Command::new("bash").args(["-c", &script]).output().unwrap().status;
    assert!(status.success(), "{status}");
    assert_eq!(catena_reading(&["run", "no-such-chain.toml"], "x").code, Some(1));
}
