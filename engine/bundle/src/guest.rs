//! Guests for tests, written by hand in WAT: what surrounds `process` is given, its body is the test's.
//!
//! The answer is built at address 16: all zero it means `next`, nothing changed.

use std::sync::{Arc, LazyLock};

use model::{
    Call, Catalog as _, Headers, Limits, Message, Name, NoState, Processor, Refusal, Resolved, Scope, Wanted,
};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::{File, Library, Metadata, Options, Runtime, package};

const WIT: &str = include_str!("../../../wit/catena.wit");

/// Imports of everything the host has, in the shape the canonical ABI gives them.
pub(crate) const EVERYTHING: &str = r#"
    (import "catena:processor/log@1.0.0" "write" (func $log (param i32 i32 i32)))
    (import "catena:processor/settings@1.0.0" "get" (func $settings (param i32)))
    (import "catena:processor/clock@1.0.0" "now-ms" (func $now (result i64)))
    (import "catena:processor/random@1.0.0" "next-u64" (func $random (result i64)))
    (import "catena:processor/state@1.0.0" "get" (func $get (param i32 i32 i32)))
    (import "catena:processor/state@1.0.0" "set" (func $set (param i32 i32 i32 i32)))
    (import "catena:processor/state@1.0.0" "remove" (func $remove (param i32 i32)))
    (import "catena:processor/outputs@1.0.0" "emit"
      (func $emit (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
"#;

/// [`EVERYTHING`], for a guest of many messages a call.
pub(crate) fn everything_and_turns() -> String {
    [EVERYTHING, r#"(import "catena:processor/batch@1.0.0" "at" (func $turn (param i32)))"#].concat()
}

/// One runtime for all tests: each reserves terabytes of address space.
pub(crate) fn runtime() -> Arc<Runtime> {
    static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| {
        let options = Options { instances_max: 64, ..Options::default() };
        Arc::new(Runtime::new(options).expect("a runtime starts"))
    });
    Arc::clone(&RUNTIME)
}

/// A bundle to build.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) imports: &'static str,
    /// At address 1024.
    pub(crate) data: &'static str,
    /// Other functions.
    pub(crate) functions: &'static str,
    /// Body of `process`; its parameters are `$id $id_n $kind $kind_n $key $key_n $headers $headers_n
    /// $body $body_n`, and there are locals `$at`, `$length` and `$wide`.
    pub(crate) process: &'static str,
    /// What is done with each message of a batch, in place of `process`: `$n` is its place; there
    /// are `$id $id_n $kind $kind_n $key $key_n $body $body_n`, and its first field, `$field $field_n`, where
    /// `$fields` is not 0. It answers with `$number`, which adds to the table, and `$part`, which adds a part to the arena and
    /// its length to the table.
    pub(crate) batch: Option<&'static str>,
    /// The one pointer that `reads` of such a guest answers.
    pub(crate) reads: &'static str,
    /// Body of `configure`; without one there is none. Its answer is at 16 too.
    pub(crate) configure: Option<&'static str>,
    pub(crate) wit: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            name: "guest",
            version: "1.0.0",
            imports: "",
            data: "",
            functions: "",
            process: "",
            batch: None,
            reads: "",
            configure: None,
            wit: WIT.to_owned(),
        }
    }
}

impl Guest {
    /// The core module, as a compiler leaves it.
    pub(crate) fn core(&self) -> Vec<u8> {
        let configure = self.configure.or(self.batch.map(|_| "")).map_or_else(String::new, |body| {
            format!("(func (export \"configure\") (result i32) {body} (i32.const 16))")
        });
        let text = format!(
            r#"(module
              {imports}
              (memory (export "memory") 2)
              (global $top (mut i32) (i32.const 8192))
              (data (i32.const 1024) "{data}")
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (i32.and
                  (i32.add (global.get $top) (i32.sub (local.get 2) (i32.const 1)))
                  (i32.sub (i32.const 0) (local.get 2))))
                (global.set $top (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
              {functions}
              {process}
              {configure})"#,
            imports = self.imports,
            data = self.data,
            functions = self.functions,
            process = self.batch.map_or_else(|| one(self.process), |body| batch(body, self.reads)),
        );
        let mut core = wat::parse_str(text).expect("the guest is well formed");
        let world = match (self.batch, self.configure) {
            (Some(_), _) => "batch-processor",
            (None, Some(_)) => "configurable-processor",
            (None, None) => "processor",
        };
        embed(&mut core, &self.wit, world);
        core
    }

    /// The bundle.
    pub(crate) fn build(&self) -> Vec<u8> {
        package::component(&self.core(), &metadata(self.name, self.version)).expect("the guest is a bundle")
    }

    /// The bundle as `<name>.wasm`.
    pub(crate) fn file(&self) -> File {
        File { path: format!("{}.wasm", self.name).into(), bytes: self.build().into() }
    }

    /// Resolved by a library that holds nothing else.
    pub(crate) fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let library = Library::new(runtime());
        assert_eq!(library.replace(vec![self.file()]), []);
        library.resolve(wanted)
    }

    /// Ready to call, with every capability granted.
    pub(crate) fn processor(&self) -> Arc<dyn Processor> {
        self.resolve(&wanted(self.name)).expect("the guest resolves").processor
    }
}

fn one(body: &str) -> String {
    format!(
        r#"(func (export "process")
            (param $id i32) (param $id_n i32) (param $kind i32) (param $kind_n i32)
            (param $key i32) (param $key_n i32) (param $headers i32) (param $headers_n i32)
            (param $body i32) (param $body_n i32) (result i32)
            (local $at i32) (local $length i32) (local $wide i64)
            {body}
            (i32.const 16))
          (func (export "cabi_post_process") (param i32)
            (global.set $top (i32.const 8192))
            (memory.fill (i32.const 16) (i32.const 0) (i32.const 64)))"#
    )
}

fn batch(body: &str, reads: &str) -> String {
    format!(
        r#"(global $table (mut i32) (i32.const 65536))
          (global $arena (mut i32) (i32.const 98304))
          (func $number (param i32)
            (i32.store (global.get $table) (local.get 0))
            (global.set $table (i32.add (global.get $table) (i32.const 4))))
          (func $part (param $at i32) (param $length i32)
            (call $number (local.get $length))
            (memory.copy (global.get $arena) (local.get $at) (local.get $length))
            (global.set $arena (i32.add (global.get $arena) (local.get $length))))
          (func (export "process-batch")
            (param $at i32) (param $bytes i32) (param $table i32) (param $numbers i32) (result i32)
            (local $end i32) (local $n i32) (local $count i32) (local $fields i32)
            (local $id i32) (local $id_n i32) (local $kind i32) (local $kind_n i32)
            (local $key i32) (local $key_n i32) (local $body i32) (local $body_n i32)
            (local $field i32) (local $field_n i32)
            (local.set $end (i32.add (local.get $table) (i32.shl (local.get $numbers) (i32.const 2))))
            (block $done (loop $next
              (br_if $done (i32.ge_u (local.get $table) (local.get $end)))
              {id} {kind} {key}
              {count}
              (block $named (loop $header
                (br_if $named (i32.eqz (local.get $count)))
                {skip} {skip}
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br $header)))
              (local.set $table (i32.add (local.get $table) (i32.const 4)))
              {body_part}
              {count}
              (local.set $fields (local.get $count))
              (if (local.get $fields) (then {field}))
              {body}
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br $next)))
            (i32.store offset=16 (i32.const 0) (i32.const 98304))
            (i32.store offset=20 (i32.const 0) (i32.sub (global.get $arena) (i32.const 98304)))
            (i32.store offset=24 (i32.const 0) (i32.const 65536))
            (i32.store offset=28 (i32.const 0)
              (i32.shr_u (i32.sub (global.get $table) (i32.const 65536)) (i32.const 2)))
            (i32.const 16))
          (func (export "cabi_post_process-batch") (param i32)
            (global.set $table (i32.const 65536))
            (global.set $arena (i32.const 98304))
            (global.set $top (i32.const 8192)))
          (data (i32.const 2048) "{reads}")
          (func (export "reads") (result i32)
            (i32.store offset=3072 (i32.const 0) (i32.const 2048))
            (i32.store offset=3076 (i32.const 0) (i32.const {length}))
            (i32.store offset=16 (i32.const 0) (i32.const 3072))
            (i32.store offset=20 (i32.const 0) (i32.const 1))
            (i32.const 16))"#,
        id = taken("id"),
        kind = taken("kind"),
        key = taken("key"),
        body_part = taken("body"),
        field = taken("field"),
        skip = taken("field"),
        count = number_taken("count"),
        length = reads.len(),
    )
}

/// Takes the next number of the table.
fn number_taken(name: &str) -> String {
    format!(
        "(local.set ${name} (i32.load (local.get $table)))
         (local.set $table (i32.add (local.get $table) (i32.const 4)))"
    )
}

/// Takes the next part of the arena.
fn taken(name: &str) -> String {
    let length = number_taken(&format!("{name}_n"));
    format!(
        "{length}
         (local.set ${name} (local.get $at))
         (local.set $at (i32.add (local.get $at) (local.get ${name}_n)))"
    )
}

/// Embeds the interface description, as `wit-bindgen` does. `wasi:random` is there to be imported.
pub(crate) fn embed(core: &mut Vec<u8>, wit: &str, world: &str) {
    let mut resolve = Resolve::new();
    resolve
        .push_source(
            "wasi.wit",
            "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }",
        )
        .expect("WIT parses");
    let package = resolve.push_source("test.wit", wit).expect("WIT parses");
    let world = resolve.select_world(&[package], Some(world)).expect("the world exists");
    wit_component::embed_component_metadata(core, &resolve, world, StringEncoding::UTF8, false)
        .expect("metadata embeds");
}

pub(crate) fn metadata(name: &str, version: &str) -> Metadata {
    Metadata {
        name: Name::new(name).unwrap(),
        version: version.parse().unwrap(),
        description: Some("made for a test".to_owned()),
        authors: Some("Ada".to_owned()),
        licence: Some("Apache-2.0".to_owned()),
        source: Some("https://example.org/guest".to_owned()),
        revision: Some("c0ffee".to_owned()),
    }
}

/// Any version of `name`, with everything granted.
pub(crate) fn wanted(name: &str) -> Wanted {
    Wanted {
        step: Name::new("step").unwrap(),
        name: Name::new(name).unwrap(),
        range: "*".parse().unwrap(),
        digest: None,
        settings: serde_json::Value::Null,
        grants: vec!["state".to_owned(), "outputs".to_owned()],
        outputs: vec!["audit".to_owned()],
        limits: Limits::default(),
        fresh_instance: false,
    }
}

/// A post with a key, a header and a body that is not ASCII.
pub(crate) fn message() -> Message {
    Message {
        id: "m-1".to_owned(),
        kind: "note".to_owned(),
        key: "42".to_owned(),
        headers: Headers(vec![("lang".to_owned(), "de".to_owned())]),
        body: "{\"text\":\"grüß dich\"}".into(),
    }
}

/// A first attempt with no state.
pub(crate) fn call() -> Call {
    Call::new(1_700_000_000_000, 7, Scope::new(Arc::new(NoState)))
}
