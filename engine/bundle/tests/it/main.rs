//! The sample processors and the misbehaving guests, through the public API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here is a test")]

// Under the name the rest of the workspace knows it by.
extern crate catena_bundle as bundle;

mod guests;
mod samples;

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use bundle::{File, Library, Options, Runtime};
use model::{Call, Limits, Message, Name, NoState, Scope, Wanted};

/// One runtime for all tests: each reserves terabytes of address space.
fn runtime() -> Arc<Runtime> {
    static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| {
        let options = Options { instances_max: 64, ..Options::default() };
        Arc::new(Runtime::new(options).expect("a runtime starts"))
    });
    Arc::clone(&RUNTIME)
}

/// A bundle that `cargo xtask bundles` built, by its path under `target/bundles`.
fn file(path: &str) -> File {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bundles");
    let path = folder.join(path).with_extension("wasm");
    match std::fs::read(&path) {
        Ok(bytes) => File { path, bytes: bytes.into() },
        Err(error) => panic!("`{}`: {error}; run `cargo xtask bundles` first", path.display()),
    }
}

fn library(paths: &[&str]) -> Library {
    let library = Library::new(runtime());
    assert_eq!(library.replace(paths.iter().map(|path| file(path)).collect()), []);
    library
}

/// Any version of `name`, with everything granted.
fn wanted(name: &str) -> Wanted {
    Wanted {
        step: Name::new("step").unwrap(),
        name: Name::new(name).unwrap(),
        range: "*".parse().unwrap(),
        digest: None,
        settings: serde_json::Value::Null,
        grants: vec!["state".to_owned()],
        outputs: vec!["audit".to_owned(), "quarantine".to_owned()],
        limits: Limits::default(),
        fresh_instance: false,
    }
}

fn post(text: &str) -> Message {
    let body = serde_json::json!({
        "id": "42-00000000000000aa", "actor": "42", "verb": "note", "text": text,
        "published_at": "2024-05-01T12:00:00.000Z",
    });
    Message {
        id: "42-00000000000000aa".to_owned(),
        kind: "note".to_owned(),
        key: "42".to_owned(),
        headers: model::Headers::default(),
        body: body.to_string().into(),
    }
}

fn call() -> Call {
    Call::new(1_714_564_800_000, 7, Scope::new(Arc::new(NoState)))
}
