use std::sync::Arc;

use bytes::Bytes;
use model::{Call, Fault, Outcome, Scope, StateError, StateRead, Verdict};

use crate::guest::{EVERYTHING, Guest, call, message, wanted};

fn run(guest: &Guest) -> Result<Outcome, Fault> {
    guest.processor().process(&message(), &mut call())
}

/// Answers `term` with what a capability wrote at 512 as (pointer, length).
fn tells(process: &'static str) -> Guest {
    Guest { imports: EVERYTHING, data: "countaudit!", process, ..Guest::default() }
}

fn reason(outcome: Result<Outcome, Fault>) -> String {
    match outcome.unwrap().verdict {
        Verdict::Term(reason) => reason,
        other => panic!("{other:?} tells nothing"),
    }
}

#[test]
fn settings_reach_the_guest_as_json() {
    let guest = tells(
        "(call $settings (i32.const 512))
         (i32.store8 offset=20 (i32.const 0) (i32.const 1))
         (i32.store offset=24 (i32.const 0) (i32.load (i32.const 512)))
         (i32.store offset=28 (i32.const 0) (i32.load (i32.const 516)))",
    );
    let mut wanted = wanted("guest");
    assert_eq!(reason(run(&guest)), "{}");
    wanted.settings = serde_json::json!({"text_max": 2000});
    let processor = guest.resolve(&wanted).unwrap().processor;
    assert_eq!(reason(processor.process(&message(), &mut call())), r#"{"text_max":2000}"#);
}

#[test]
fn clock_and_random_repeat_on_redelivery() {
    // Eight bytes of each, as a body.
    let guest = tells(
        "(i64.store (i32.const 512) (call $now))
         (i64.store (i32.const 520) (call $random))
         (i64.store (i32.const 528) (call $random))
         (i32.store8 offset=32 (i32.const 0) (i32.const 1))
         (i32.store offset=36 (i32.const 0) (i32.const 512))
         (i32.store offset=40 (i32.const 0) (i32.const 24))",
    );
    let processor = guest.processor();
    let drawn = |seed| {
        let mut call = Call { seed, ..call() };
        let body = processor.process(&message(), &mut call).unwrap().body.unwrap();
        let numbers: Vec<u64> = body.chunks(8).map(|c| u64::from_le_bytes(c.try_into().unwrap())).collect();
        numbers
    };
    assert_eq!(drawn(7)[0], 1_700_000_000_000);
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7)[1..], drawn(8)[1..]);
    assert_ne!(drawn(7)[1], drawn(7)[2]);
}

/// Sets `count` to the message's body and reads it back as the new body.
const SET_AND_GET: &str = "
    (call $set (i32.const 1024) (i32.const 5) (local.get $body) (local.get $body_n))
    (call $get (i32.const 1024) (i32.const 5) (i32.const 512))
    (i32.store8 offset=32 (i32.const 0) (i32.load8_u (i32.const 512)))
    (i32.store offset=36 (i32.const 0) (i32.load (i32.const 516)))
    (i32.store offset=40 (i32.const 0) (i32.load (i32.const 520)))";

#[test]
fn state_is_kept_by_bundle_and_key_and_read_back() {
    let processor = tells(SET_AND_GET).processor();
    let mut call = call();
    let outcome = processor.process(&message(), &mut call).unwrap();
    assert_eq!(outcome.body, Some(message().body));
    let writes = call.state.take_writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(
        (writes[0].processor.as_str(), writes[0].key.as_str(), writes[0].name.as_str()),
        ("guest", "42", "count")
    );
}

#[test]
fn a_store_that_fails_is_the_hosts_fault() {
    struct Down;
    impl StateRead for Down {
        fn read(&self, _: &str, _: &str, _: &str) -> Result<Option<Bytes>, StateError> {
            Err(StateError::Unavailable { reason: "disk on fire".to_owned() })
        }
    }
    let processor = tells("(call $get (i32.const 1024) (i32.const 5) (i32.const 512))").processor();
    let mut call = Call::new(0, 0, Scope::new(Arc::new(Down)));
    let fault = processor.process(&message(), &mut call).unwrap_err();
    assert_eq!(fault, Fault::Host { reason: "failed to read state: disk on fire".to_owned() });
}

#[test]
fn state_that_is_too_large_ends_the_call() {
    let processor =
        tells("(call $set (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 65537))").processor();
    let Err(Fault::Trap { message: sentence, .. }) = processor.process(&message(), &mut call()) else {
        panic!("it was taken");
    };
    assert_eq!(sentence, "the processor put 65537 bytes into state `count`, an entry has at most 65536");
}

/// Emits the body to `audit`, with no key, as often as the data's last byte does not stop it.
const EMIT: &str = "
    (call $emit (i32.const 1029) (i32.const 5) (local.get $kind) (local.get $kind_n)
      (i32.const 0) (i32.const 0) (local.get $body) (local.get $body_n) (i32.const 512))
    (if (i32.load8_u (i32.const 512)) (then
      (i32.store8 offset=20 (i32.const 0) (i32.const 1))
      (i32.store offset=24 (i32.const 0) (i32.load (i32.const 516)))
      (i32.store offset=28 (i32.const 0) (i32.load (i32.const 520)))))";

#[test]
fn emissions_take_the_messages_key_and_need_their_output() {
    let guest = tells(EMIT);
    let mut call = call();
    guest.processor().process(&message(), &mut call).unwrap();
    assert_eq!(call.emissions.len(), 1);
    assert_eq!(call.emissions[0].output, "audit");
    assert_eq!(call.emissions[0].key, "42");
    assert_eq!(call.emissions[0].body, message().body);

    let mut elsewhere = wanted("guest");
    elsewhere.outputs = vec!["other".to_owned()];
    let processor = guest.resolve(&elsewhere).unwrap().processor;
    let refused = reason(processor.process(&message(), &mut call));
    assert_eq!(refused, "this step may not emit to `audit`: add `output:audit` to its grants");
    assert_eq!(call.emissions.len(), 1);
}

#[test]
fn a_flood_of_log_lines_does_not_reach_the_log() {
    let guest = tells(
        "(loop $again
           (call $log (i32.const 1) (i32.const 1024) (i32.const 5))
           (local.set $at (i32.add (local.get $at) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $at) (i32.const 10000))))",
    );
    assert!(run(&guest).is_ok());
}

#[test]
fn wasi_is_there_and_empty() {
    let guest = Guest {
        imports: r#"(import "wasi:random/random@0.2.0" "get-random-u64" (func $draw (result i64)))"#,
        process: "(drop (call $draw))",
        wit: Guest::default()
            .wit
            .replace("world processor {", "world processor {\n    import wasi:random/random@0.2.0;"),
        ..Guest::default()
    };
    assert_eq!(
        run(&guest).unwrap_err().to_string(),
        "the processor called `wasi:random/random@0.2.0#get-random-u64`, but processors have no WASI: use the catena capabilities"
    );
}
