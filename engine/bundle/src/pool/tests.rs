mod batch;

use std::{sync::Arc, time::Duration};

use model::{Fault, Message, Refusal, TrapKind, Verdict};

use super::*;
use crate::guest::{EVERYTHING, Guest, call, message, runtime, wanted};

fn run(guest: &Guest) -> Result<Outcome, Fault> {
    guest.processor().process(&message(), &mut call())
}

/// The kind of trap and its sentence; there must be a trace, and the next call must work.
fn trap(guest: &Guest, wanted: &Wanted) -> (TrapKind, String) {
    let processor = guest.resolve(wanted).unwrap().processor;
    for _ in 0..2 {
        processor.process(&Message::default(), &mut call()).expect("an empty key does no harm");
        let fault = processor.process(&message(), &mut call()).expect_err("it traps");
        assert!(fault.retryable());
        let Fault::Trap { backtrace, .. } = fault else { panic!("{fault:?} is no trap") };
        assert!(backtrace.iter().any(|frame| frame.contains('!')), "{backtrace:?}");
    }
    match processor.process(&message(), &mut call()) {
        Err(Fault::Trap { kind, message, .. }) => (kind, message),
        other => panic!("{other:?} is no trap"),
    }
}

/// Runs `process` only where the message has a key, so that one bundle can trap and not trap.
macro_rules! if_keyed {
    ($body:literal) => {
        concat!("(if (local.get $key_n) (then ", $body, "))")
    };
}

#[test]
fn a_guest_that_changes_nothing_answers_next() {
    assert_eq!(run(&Guest::default()).unwrap(), Outcome::default());
}

#[test]
fn verdict_body_and_headers_pass_both_ways() {
    let echo = Guest {
        process: "
            (i32.store8 offset=20 (i32.const 0) (i32.const 2))
            (i32.store offset=24 (i32.const 0) (local.get $kind))
            (i32.store offset=28 (i32.const 0) (local.get $kind_n))
            (i32.store8 offset=32 (i32.const 0) (i32.const 1))
            (i32.store offset=36 (i32.const 0) (local.get $body))
            (i32.store offset=40 (i32.const 0) (local.get $body_n))
            (i32.store8 offset=44 (i32.const 0) (i32.const 1))
            (i32.store offset=48 (i32.const 0) (local.get $headers))
            (i32.store offset=52 (i32.const 0) (local.get $headers_n))",
        ..Guest::default()
    };
    let sent = message();
    let outcome = run(&echo).unwrap();
    assert_eq!(outcome.verdict, Verdict::Jump("note".to_owned()));
    assert_eq!(outcome.body, Some(sent.body));
    assert_eq!(outcome.headers, Some(sent.headers));
}

#[test]
fn a_failure_is_an_answer_and_keeps_its_instance() {
    let refuse = Guest {
        data: "too long",
        process: "
            (i32.store8 offset=16 (i32.const 0) (i32.const 1))
            (i32.store8 offset=20 (i32.const 0) (local.get $headers_n))
            (i32.store offset=24 (i32.const 0) (i32.const 1024))
            (i32.store offset=28 (i32.const 0) (i32.const 8))",
        ..Guest::default()
    };
    let pool = pool(&refuse, &wanted("guest"));
    let reason = "too long".to_owned();
    assert_eq!(pool.process(&message(), &mut call()), Err(Fault::Reject { reason: reason.clone() }));
    assert_eq!(pool.process(&Message::default(), &mut call()), Err(Fault::Retry { reason }));
    assert_eq!(pool.idle.pop().map(|instance| instance.messages), Some(2));
}

fn pool(guest: &Guest, wanted: &Wanted) -> Pool {
    let bytes = guest.build();
    let info = crate::inspect(&bytes).unwrap();
    let runtime = runtime();
    let prepared = Arc::new(Prepared::new(&runtime, &info, &bytes).unwrap());
    Pool::warm(&runtime, &prepared, &info, wanted).unwrap()
}

#[test]
fn a_panic_costs_the_instance_and_its_message_only() {
    let guest = Guest { process: if_keyed!("unreachable"), ..Guest::default() };
    assert_eq!(
        trap(&guest, &wanted("guest")),
        (TrapKind::Trap, "the processor panicked (it reached `unreachable`)".to_owned())
    );
}

#[test]
fn a_panic_that_explained_itself_is_quoted() {
    let guest = Guest {
        imports: EVERYTHING,
        data: "panicked at src/lib.rs:25:9:\\0aboom",
        process: if_keyed!("(call $log (i32.const 3) (i32.const 1024) (i32.const 33)) unreachable"),
        ..Guest::default()
    };
    assert_eq!(trap(&guest, &wanted("guest")).1, "the processor panicked at src/lib.rs:25:9: boom");
}

#[test]
fn a_loop_is_cut_at_the_deadline() {
    let guest = Guest { process: if_keyed!("(loop $forever (br $forever))"), ..Guest::default() };
    let mut wanted = wanted("guest");
    wanted.limits.deadline = Duration::from_millis(20);
    assert_eq!(
        trap(&guest, &wanted),
        (TrapKind::Deadline, "the processor ran past its deadline of 20 ms".to_owned())
    );
}

#[test]
fn growing_past_the_limit_is_a_memory_trap() {
    let guest = Guest { process: if_keyed!("(drop (memory.grow (i32.const 100)))"), ..Guest::default() };
    let mut wanted = wanted("guest");
    wanted.limits.memory_bytes_max = 4 << 20;
    assert_eq!(
        trap(&guest, &wanted),
        (TrapKind::Memory, "the processor asked for 7 MiB of memory, its limit is 4 MiB".to_owned())
    );
}

#[test]
fn endless_recursion_is_a_stack_trap() {
    let guest = Guest {
        functions: "(func $deep (param i32) (result i32)
            (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))",
        process: if_keyed!("(drop (call $deep (i32.const 0)))"),
        ..Guest::default()
    };
    let (kind, sentence) = trap(&guest, &wanted("guest"));
    assert_eq!(kind, TrapKind::Stack);
    assert_eq!(sentence, "the processor recursed too deeply: its stack of 512 KiB is used up");
}

#[test]
fn a_stack_in_memory_that_runs_off_its_end_is_a_stack_trap() {
    let guest = Guest {
        functions: "(global $sp (mut i32) (i32.const 65536))
          (func $deep (result i32)
            (global.set $sp (i32.sub (global.get $sp) (i32.const 4096)))
            (i32.store (global.get $sp) (i32.const 1))
            (i32.add (call $deep) (i32.load (global.get $sp))))",
        process: if_keyed!("(drop (call $deep))"),
        ..Guest::default()
    };
    let (kind, sentence) = trap(&guest, &wanted("guest"));
    assert_eq!(kind, TrapKind::Stack, "{sentence}");
}

#[test]
fn text_that_is_not_utf_8_is_a_trap() {
    let guest = Guest {
        data: "\\ff\\fe",
        process:
            "(if (local.get $key_n) (then (local.set $at (i32.const 1024)) (local.set $length (i32.const 2))
            (i32.store8 offset=20 (i32.const 0) (i32.const 1))
            (i32.store offset=24 (i32.const 0) (local.get $at))
            (i32.store offset=28 (i32.const 0) (local.get $length))))",
        ..Guest::default()
    };
    let pool = pool(&guest, &wanted("guest"));
    let Err(Fault::Trap { kind: TrapKind::Trap, message: sentence, .. }) =
        pool.process(&message(), &mut call())
    else {
        panic!("it was taken");
    };
    assert!(sentence.starts_with("the processor broke its interface: "), "{sentence}");
    assert!(pool.idle.is_empty(), "the instance was kept");
}

/// Answers with a body of `$bytes`, for which it takes `$pages` of memory.
macro_rules! answer_with {
    ($pages:literal, $bytes:literal) => {
        concat!(
            "(drop (memory.grow (i32.const ",
            $pages,
            ")))
            (i32.store8 offset=32 (i32.const 0) (i32.const 1))
            (i32.store offset=36 (i32.const 0) (i32.const 1024))
            (i32.store offset=40 (i32.const 0) (i32.const ",
            $bytes,
            "))"
        )
    };
}

#[test]
fn a_body_too_large_for_a_message_is_left_to_the_engine_to_refuse() {
    let guest = Guest { process: answer_with!("20", "1048577"), ..Guest::default() };
    let outcome = run(&guest).expect("the bound of bodies is the engine's");
    assert_eq!(outcome.body.map(|body| body.len()), Some(1_048_577));
}

#[test]
fn an_answer_too_large_for_the_host_is_rejected_since_the_next_one_would_be_too() {
    let guest = Guest { process: answer_with!("80", "4194305"), ..Guest::default() };
    let reason = "it handed over more than 4194304 bytes at once".to_owned();
    assert_eq!(run(&guest), Err(Fault::Reject { reason }));
}

#[test]
fn an_instance_retires_after_its_calls() {
    let pool = pool(&Guest::default(), &wanted("guest"));
    let mut call = call();
    let mut instance = pool.idle.pop().unwrap();
    let calls = instance.calls_max;
    assert!((CALLS_MAX - CALLS_SPREAD..=CALLS_MAX).contains(&calls), "{calls}");
    // Long enough for as many calls.
    instance.born_ms = 0;
    pool.put_back(instance);
    while pool.runtime.ticker.millis() < calls as u64 / CALLS_A_MS {
        std::thread::yield_now();
    }
    for _ in 1..calls {
        pool.process(&message(), &mut call).unwrap();
    }
    assert_eq!(pool.idle.len(), 1);
    pool.process(&message(), &mut call).unwrap();
    assert!(pool.idle.is_empty());
    assert!(pool.process(&message(), &mut call).is_ok());
}

#[test]
fn instances_that_are_started_together_do_not_retire_together() {
    let mut ends: Vec<usize> = (100..108).map(calls_of).collect();
    ends.sort_unstable();
    assert!(ends.windows(2).all(|pair| pair[1] - pair[0] > 100), "{ends:?}");
    assert!((0..10_000).map(calls_of).all(|calls| (CALLS_MAX - CALLS_SPREAD..=CALLS_MAX).contains(&calls)));
}

#[test]
fn an_instance_that_filled_half_its_memory_retires_after_its_messages() {
    // It begins with two pages.
    let served = |memory_bytes_max| {
        let mut wanted = wanted("guest");
        wanted.limits.memory_bytes_max = memory_bytes_max;
        let pool = pool(&Guest::default(), &wanted);
        let mut instance = pool.idle.pop().unwrap();
        instance.messages = MESSAGES_MIN - 1;
        pool.put_back(instance);
        assert_eq!(pool.idle.len(), 1);
        pool.process(&message(), &mut call()).unwrap();
        pool.idle.len()
    };
    assert_eq!((served(5 << 16), served(4 << 16)), (1, 0));
}

/// Ends a message with the number of those it has seen, and with the pages it had before it took one more.
const TALLY: &str = "
    (i32.store8 offset=1024 (i32.const 0) (i32.add (i32.load8_u offset=1024 (i32.const 0)) (i32.const 1)))
    (i32.store8 offset=1025 (i32.const 0) (i32.add (memory.grow (i32.const 1)) (i32.const 48)))
    (i32.store8 offset=20 (i32.const 0) (i32.const 1))
    (i32.store offset=24 (i32.const 0) (i32.const 1024))
    (i32.store offset=28 (i32.const 0) (i32.const 2))";

#[test]
fn a_fresh_instance_has_seen_nothing() {
    let guest = Guest { data: "00", process: TALLY, ..Guest::default() };
    let told = |fresh_instance| {
        let pool = pool(&guest, &Wanted { fresh_instance, ..wanted("guest") });
        [(); 3].map(|()| pool.process(&message(), &mut call()).unwrap().verdict)
    };
    let term = |text: &str| Verdict::Term(text.to_owned());
    assert_eq!(told(false), ["12", "23", "34"].map(term));
    assert_eq!(told(true), ["12", "12", "12"].map(term));
}

#[test]
fn any_number_of_threads_call_at_once() {
    let pool = pool(&Guest::default(), &wanted("guest"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    pool.process(&message(), &mut call()).unwrap();
                }
            });
        }
    });
    assert!((1..=4).contains(&pool.idle.len()));
}

#[test]
fn settings_the_bundle_does_not_take_are_refused_at_resolve() {
    let guest = Guest {
        data: "text_max must be a number",
        configure: Some(
            "(i32.store8 offset=16 (i32.const 0) (i32.const 1))
             (i32.store offset=20 (i32.const 0) (i32.const 1024))
             (i32.store offset=24 (i32.const 0) (i32.const 25))",
        ),
        ..Guest::default()
    };
    assert_eq!(
        guest.resolve(&wanted("guest")).unwrap_err(),
        [Refusal::SettingsRefused {
            bundle: "guest@1.0.0".to_owned(),
            reason: "text_max must be a number".to_owned()
        }]
    );
    assert!(Guest { configure: Some(""), ..Guest::default() }.resolve(&wanted("guest")).is_ok());
}

#[test]
fn a_bundle_that_needs_more_memory_to_start_than_it_may_have_is_refused() {
    let mut wanted = wanted("guest");
    wanted.limits.memory_bytes_max = 64 << 10;
    let refusals = Guest::default().resolve(&wanted).unwrap_err();
    assert_eq!(
        refusals[0].to_string(),
        "bundle `guest@1.0.0` cannot be used: it does not start: the processor asked for 1 MiB of memory, its limit is 0 MiB"
    );
}
