//! From nothing to a bundle.

use std::process::Command;

use serde_json::Value;
use testkit::bundles;

use crate::support::{catena, catena_reading};

#[test]
fn a_new_processor_is_tested_built_inspected_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("word-count");
    let shown = path.display().to_string();
    let ran = catena(["new", &shown, "--sdk", "processors/sdk"]);
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), shown.as_str()), "{ran:?}");
    assert_eq!(catena(["new", &shown, "--sdk", "processors/sdk"]).code, Some(1), "made over an old one");

    // The workspace's own target folder: what it has built is not built again. The lock file too, so that a new crate
    // needs no registry.
    let target = bundles::target().join("new-processor");
    std::fs::copy(bundles::root().join("Cargo.lock"), path.join("Cargo.lock")).unwrap();
    let tested = Command::new("cargo")
        .args(["test", "--quiet", "--offline"])
        .current_dir(&path)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));

    let out = folder.path().join("bundles");
    let build = || {
        let mut command = crate::support::command();
        command
            .args(["build", &shown, "--output", "json", "--out"])
            .arg(&out)
            .env("CARGO_TARGET_DIR", &target);
        let ran = crate::support::run(&mut command, "");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let built = build();
    assert_eq!((&built["name"], &built["version"]), (&"word-count".into(), &"1.0.0".into()));
    assert_eq!(built["unchanged"], false);
    assert_eq!(build()["unchanged"], true, "the same source gave other bytes");

    let bundle = out.join("word-count.wasm").display().to_string();
    assert_eq!(catena(["inspect", &bundle]).code, Some(0));
    let post = r#"{"kind":"note","key":"1","body":{"text":"one two three"}}"#;
    let ran = catena_reading(&["run", &bundle, "--output", "json"], post);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["body"]["words"], 3, "{answer}");
}

#[test]
fn a_bundle_is_released_under_another_version() {
    let folder = tempfile::tempdir().unwrap();
    bundles::release_as(crate::support::CATENA.as_ref(), "processors/quarantine", "1.7.3", folder.path())
        .unwrap();
    let bundle = folder.path().join("quarantine.wasm").display().to_string();
    let info: Value = serde_json::from_str(&catena(["inspect", &bundle, "--output", "json"]).stdout).unwrap();
    assert_eq!((&info["name"], &info["version"]), (&"quarantine".into(), &"1.7.3".into()));
}
