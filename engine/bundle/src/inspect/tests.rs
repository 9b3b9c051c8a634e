use super::*;
use crate::{
    guest::{EVERYTHING, Guest, embed, metadata},
    package,
};

#[test]
fn a_bundle_tells_what_it_is_and_needs() {
    let bytes = Guest { name: "validate", version: "1.2.3", imports: EVERYTHING, ..Guest::default() }.build();
    let info = inspect(&bytes).unwrap();
    assert_eq!(info.bundle().to_string(), "validate@1.2.3");
    assert_eq!(info.world.to_string(), "catena:processor/processor@1.0.0");
    assert_eq!(info.description.as_deref(), Some("made for a test"));
    assert_eq!(info.authors.as_deref(), Some("Ada"));
    assert_eq!(info.licence.as_deref(), Some("Apache-2.0"));
    assert_eq!(info.source.as_deref(), Some("https://example.org/guest"));
    assert_eq!(info.revision.as_deref(), Some("c0ffee"));
    assert_eq!(info.size_bytes, bytes.len());
    for interface in ["types", "log", "settings", "clock", "random", "state", "outputs"] {
        let name = crate::interface::full_name(interface);
        assert!(info.imports.contains(&name), "{name} is missing from {:?}", info.imports);
    }
    assert_eq!(info.exports, ["process"]);

    let configurable = inspect(&Guest { configure: Some(""), ..Guest::default() }.build()).unwrap();
    assert_eq!(configurable.world.to_string(), "catena:processor/configurable-processor@1.0.0");
}

#[test]
fn building_twice_gives_the_same_bytes() {
    assert_eq!(Guest::default().build(), Guest::default().build());
}

fn refusal(bytes: &[u8]) -> String {
    inspect(bytes).expect_err("it is refused").to_string()
}

#[test]
fn what_is_not_a_component_is_named() {
    assert_eq!(
        refusal(b""),
        "this is not WebAssembly (it does not begin with `\\0asm`): put bundles made by `catena build` here"
    );
    assert!(refusal(b"PK\x03\x04 a zip").starts_with("this is not WebAssembly"));
    assert_eq!(
        refusal(&Guest::default().core()),
        "this is a core module; make it a component with `catena build`"
    );
    assert!(refusal(b"\0asm\x0a\0\x01\0").starts_with("this is WebAssembly of an unknown sort"));
    let large = vec![0; FILE_BYTES_MAX + 1];
    assert!(refusal(&large).starts_with("the file has 16777217 bytes, a bundle has at most 16777216"));
}

#[test]
fn no_beginning_of_a_bundle_is_taken_for_the_whole() {
    let bytes = Guest { imports: EVERYTHING, ..Guest::default() }.build();
    let mut cut_short = 0;
    for end in 0..bytes.len() {
        match inspect(&bytes[..end]) {
            Err(Error::CutShort { .. }) => cut_short += 1,
            Err(_) => {}
            Ok(info) => panic!("the first {end} of {} bytes were taken for {}", bytes.len(), info.bundle()),
        }
    }
    assert!(cut_short * 100 > bytes.len() * 95, "only {cut_short} of {} were called cut short", bytes.len());
}

#[test]
fn damaged_bundles_are_refused_and_never_a_panic() {
    let good = Guest { imports: EVERYTHING, ..Guest::default() }.build();
    let mut seed = 1_u64;
    for _ in 0..5_000 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 8 + usize::try_from(seed >> 33).unwrap() % (bytes.len() - 8);
            bytes[at] = seed.to_le_bytes()[3];
        }
        // Some change only a name or a constant and are as good as before.
        let _ = inspect(&bytes);
    }
}

#[test]
fn other_worlds_are_told_from_processors() {
    assert!(refusal(&wat::parse_str("(component)").unwrap()).starts_with(
        "this component is no processor: it exports nothing, and neither `process` of catena:processor@1.0 nor \
         `process-batch`"
    ));
    let other = r#"(component
        (core module $m (func (export "run") (param i32) (result i32) (local.get 0)))
        (core instance $i (instantiate $m))
        (func $run (param "n" u32) (result u32) (canon lift (core func $i "run")))
        (export "run" (func $run))
        (export "process" (func $run)))"#;
    assert!(refusal(&wat::parse_str(other).unwrap()).starts_with(
        "this component is no processor: it exports `run: func(n: u32) -> u32`, `process: func(n: u32) -> u32`, and neither `process` of"
    ));
}

#[test]
fn a_signature_that_explodes_is_not_spelled_out() {
    let doubled: String = (1..16).map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1)).collect();
    let bomb = format!(
        r#"(component
            (type $t0 (tuple u8 u8)) {doubled}
            (core module $m (memory (export "m") 1) (func (export "run") (result i32) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func $run (result $t15) (canon lift (core func $i "run") (memory (core memory $i "m"))))
            (export "run" (func $run)))"#
    );
    let sentence = refusal(&wat::parse_str(bomb).unwrap());
    assert!(
        sentence.starts_with("this component is no processor: it exports `run`, and neither `process` of"),
        "{sentence}"
    );
}

#[test]
fn features_this_host_has_switched_off_are_refused() {
    let shared = "(component (core module (memory 1 2 shared)))";
    let sentence = refusal(&wat::parse_str(shared).unwrap());
    assert!(sentence.starts_with("this is not a valid component: threads must be enabled"), "{sentence}");
}

#[test]
fn a_bundle_must_say_its_name_and_version() {
    let unlabelled = wit_component::ComponentEncoder::default()
        .module(&Guest::default().core())
        .unwrap()
        .encode()
        .unwrap();
    assert!(refusal(&unlabelled).starts_with("it does not say its name: "), "{}", refusal(&unlabelled));

    let mut labels = wasm_metadata::AddMetadata::default();
    labels.name = wasm_metadata::AddMetadataField::Set("validate".to_owned());
    let named = labels.to_wasm(&unlabelled).unwrap();
    assert!(refusal(&named).starts_with("it does not say its version: "));

    labels.version = wasm_metadata::AddMetadataField::Set(wasm_metadata::Version::new("one"));
    let bad = labels.to_wasm(&unlabelled).unwrap();
    assert_eq!(
        refusal(&bad),
        "its version `one` is not a semantic version: write three numbers, as in 1.2.0"
    );

    labels.name = wasm_metadata::AddMetadataField::Set("Not A Name".to_owned());
    assert!(refusal(&labels.to_wasm(&unlabelled).unwrap()).starts_with("its name cannot be used: "));
}

#[test]
fn packaging_says_why_it_cannot() {
    let of = |core: &[u8]| package::component(core, &metadata("guest", "1.0.0")).unwrap_err().to_string();
    assert!(of(b"not wasm").starts_with("failed to make a component: "));

    let mut wasi = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
    )
    .unwrap();
    embed(&mut wasi, &Guest::default().wit, "processor");
    assert_eq!(
        of(&wasi),
        "failed to make a component: the module imports wasi_snapshot_preview1; build it for wasm32-unknown-unknown: processors have no WASI"
    );

    let mut licence = metadata("guest", "1.0.0");
    licence.licence = Some("do as you like".to_owned());
    let refused = package::component(&Guest::default().core(), &licence).unwrap_err().to_string();
    assert!(refused.starts_with("failed to make a component: `do as you like`: "), "{refused}");
}
