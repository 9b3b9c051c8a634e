use std::{path::Path, sync::Arc};

use model::{Call, Digest, Message, NoState, Scope};

use super::*;
use crate::{
    Options,
    guest::{EVERYTHING, Guest, runtime, wanted},
};

fn file(path: &str, guest: &Guest) -> File {
    File { path: path.into(), bytes: guest.build().into() }
}

/// `name` in `version`; the data makes the bytes differ.
fn guest(name: &'static str, version: &'static str, data: &'static str) -> Guest {
    Guest { name, version, data, ..Guest::default() }
}

fn versions(library: &Library) -> Vec<String> {
    library.list().iter().map(|info| info.bundle().to_string()).collect()
}

#[test]
fn versions_live_side_by_side_and_the_newest_in_range_is_taken() {
    let library = Library::new(runtime());
    let files = [("a.wasm", "1.2.0"), ("b.wasm", "1.10.0"), ("c.wasm", "2.0.0")]
        .map(|(path, version)| file(path, &guest("validate", version, "")));
    let pinned = crate::inspect::digest(&files[0].bytes);
    assert_eq!(library.replace(files.to_vec()), []);
    assert_eq!(versions(&library), ["validate@2.0.0", "validate@1.10.0", "validate@1.2.0"]);

    let mut wanted = wanted("validate");
    assert_eq!(library.resolve(&wanted).unwrap().bundle.to_string(), "validate@2.0.0");
    wanted.range = "^1.2".parse().unwrap();
    assert_eq!(library.resolve(&wanted).unwrap().bundle.to_string(), "validate@1.10.0");
    wanted.digest = Some(pinned);
    assert_eq!(library.resolve(&wanted).unwrap().bundle.digest, pinned);
    wanted.digest = Some(Digest([0; 32]));
    let refusals = library.resolve(&wanted).unwrap_err();
    assert!(
        matches!(&refusals[..], [Refusal::NoMatchingVersion { found, .. }] if found.len() == 3),
        "{refusals:?}"
    );
}

#[test]
fn a_name_mistyped_gets_a_hint() {
    let library = Library::new(runtime());
    library.replace(vec![file("v.wasm", &guest("validate", "1.0.0", ""))]);
    let near = |name| match library.resolve(&wanted(name)).unwrap_err().remove(0) {
        Refusal::UnknownBundle { near, .. } => near,
        other => panic!("{other}"),
    };
    assert_eq!(near("valdiate").as_deref(), Some("validate"));
    assert_eq!(near("quarantine"), None);
}

#[test]
fn every_missing_grant_is_told_at_once() {
    let guest = Guest { imports: EVERYTHING, ..Guest::default() };
    let mut wanted = wanted("guest");
    wanted.grants.clear();
    wanted.outputs.clear();
    wanted.limits.memory_bytes_max = 1 << 30;
    let sentences: Vec<String> =
        guest.resolve(&wanted).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [
            "`guest@1.0.0` imports `catena:processor/state@1.0.0`, which this step does not grant",
            "`guest@1.0.0` imports `catena:processor/outputs@1.0.0`, which this step does not grant",
            "bundle `guest@1.0.0` cannot be used: its step allows 1024 MiB of memory, this host 64 MiB at most: \
             lower `limits.memory_mb`",
        ]
    );
}

#[test]
fn a_bundle_built_for_a_later_host_is_refused_with_both_versions() {
    let later = Guest {
        imports: r#"(import "catena:processor/clock@1.1.0" "now-ms" (func $now (result i64)))"#,
        process: "(drop (call $now))",
        wit: Guest::default().wit.replace("@1.0.0", "@1.1.0"),
        ..Guest::default()
    };
    let sentences: Vec<String> =
        later.resolve(&wanted("guest")).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(
        sentences
            .contains(&"`guest@1.0.0` needs catena:processor/clock@1.1.0, this host has 1.0.0".to_owned()),
        "{sentences:?}"
    );
    let unmet = |guest: &Guest| crate::inspect(&guest.build()).unwrap().unmet();
    let told: Vec<String> = unmet(&later).iter().map(ToString::to_string).collect();
    assert_eq!(told, sentences, "without a chain it is told the same");
    assert_eq!(
        unmet(&Guest { imports: EVERYTHING, ..Guest::default() }),
        [],
        "grants are the chain's business"
    );
}

#[test]
fn two_files_that_say_the_same_version_cannot_both_be_right() {
    let library = Library::new(runtime());
    let running = file("z.wasm", &guest("validate", "1.0.0", "running"));
    let liar = file("a.wasm", &guest("validate", "1.0.0", "liar"));
    assert_eq!(library.replace(vec![running.clone()]), []);
    let rejected = library.replace(vec![liar, running.clone()]);
    assert_eq!(
        rejected,
        [Rejected {
            path: "a.wasm".into(),
            reason: "it says it is validate@1.0.0, and so does `z.wasm`, with other content: give one of them another version"
                .to_owned(),
            kept: None,
        }]
    );
    assert_eq!(library.list()[0].digest, crate::inspect::digest(&running.bytes));
    // The same bytes twice are one bundle.
    let copy = File { path: "copy.wasm".into(), ..running.clone() };
    assert_eq!(library.replace(vec![copy, running]), []);
    assert_eq!(versions(&library), ["validate@1.0.0"]);
}

#[test]
fn a_file_name_may_not_lie_about_the_version() {
    let library = Library::new(runtime());
    let rejected = library.replace(vec![
        file("validate-2.0.0.wasm", &guest("validate", "1.0.0", "")),
        file("validate@1.1.0.wasm", &guest("validate", "1.1.0", "")),
        file("validate-next.wasm", &guest("validate", "1.2.0", "")),
    ]);
    assert_eq!(
        rejected,
        [Rejected {
            path: "validate-2.0.0.wasm".into(),
            reason: "the file name says version 2.0.0, the bundle says 1.0.0: rename the file or build it with the version meant"
                .to_owned(),
            kept: None,
        }]
    );
    assert_eq!(versions(&library), ["validate@1.2.0", "validate@1.1.0"]);
}

#[test]
fn a_refused_file_leaves_what_was_at_its_path() {
    let library = Library::new(runtime());
    let good = file("v.wasm", &guest("validate", "1.0.0", ""));
    library.replace(vec![good.clone()]);
    let half = File { path: "v.wasm".into(), bytes: good.bytes.slice(..good.bytes.len() / 2) };
    for _ in 0..2 {
        let rejected = library.replace(vec![half.clone()]);
        assert!(rejected[0].reason.starts_with("the file ends in the middle"), "{rejected:?}");
        assert_eq!(rejected[0].kept, Some(library.list()[0].bundle()));
        assert_eq!(versions(&library), ["validate@1.0.0"]);
        assert!(library.resolve(&wanted("validate")).is_ok());
    }
    library.replace(Vec::new());
    assert_eq!(versions(&library), [""; 0]);
}

#[test]
fn what_was_refused_as_a_double_does_not_slip_in_when_the_file_in_use_is_spoilt() {
    let library = Library::new(runtime());
    let running = file("z.wasm", &guest("validate", "1.0.0", "running"));
    let double = file("a.wasm", &guest("validate", "1.0.0", "double"));
    library.replace(vec![running.clone()]);
    library.replace(vec![double.clone(), running.clone()]);
    let spoilt = File { path: "z.wasm".into(), bytes: running.bytes.slice(..9) };
    assert_eq!(library.replace(vec![double.clone(), spoilt]).len(), 2);
    assert_eq!(library.list()[0].digest, crate::inspect::digest(&running.bytes));
    // Once it is gone, there is one that says so.
    assert_eq!(library.replace(vec![double.clone()]), []);
    assert_eq!(library.list()[0].digest, crate::inspect::digest(&double.bytes));
}

#[test]
fn unchanged_bundles_stay_compiled_and_snapshots_do_not_change() {
    let library = Library::new(runtime());
    let kept = file("v.wasm", &guest("validate", "1.0.0", ""));
    library.replace(vec![kept.clone()]);
    let before = library.snapshot();
    let compiled = |library: &Library| {
        let current = library.current.lock();
        current.0.bundles[Path::new("v.wasm")].prepare(&library.runtime).ok().unwrap()
    };
    let first = compiled(&library);
    library.replace(vec![kept, file("n.wasm", &guest("normalize", "1.0.0", ""))]);
    assert!(Arc::ptr_eq(&first, &compiled(&library)));
    library.replace(Vec::new());
    assert!(before.resolve(&wanted("validate")).is_ok());
    assert!(library.resolve(&wanted("validate")).is_err());
}

#[test]
fn what_the_engine_cannot_hold_is_broken_and_stays_so() {
    let library = Library::new(runtime());
    library.replace(vec![Guest { functions: "(table 30000 funcref)", ..Guest::default() }.file()]);
    let refused = || library.resolve(&wanted("guest")).unwrap_err()[0].to_string();
    assert!(refused().starts_with("bundle `guest@1.0.0` cannot be used: "), "{}", refused());
    assert!(refused().contains("exceeds the limit"), "{}", refused());
}

#[test]
fn a_processor_outlives_its_library() {
    let library = Library::new(runtime());
    library.replace(vec![file("v.wasm", &guest("validate", "1.0.0", ""))]);
    let processor = library.resolve(&wanted("validate")).unwrap().processor;
    drop(library);
    let mut call = Call::new(0, 0, Scope::new(Arc::new(NoState)));
    assert!(processor.process(&Message::default(), &mut call).is_ok());
}

#[test]
fn a_host_out_of_instances_says_so_and_recovers() {
    let library =
        Library::new(Arc::new(Runtime::new(Options { instances_max: 1, ..Options::default() }).unwrap()));
    library.replace(vec![Guest::default().file()]);
    let first = library.resolve(&wanted("guest")).unwrap();
    assert_eq!(
        library.resolve(&wanted("guest")).unwrap_err()[0].to_string(),
        "`guest@1.0.0` cannot start now: every instance that this host may have (1) is in use"
    );
    drop(first);
    assert!(library.resolve(&wanted("guest")).is_ok());
}
