//! What wasmtime says about a call that failed, as a [`Fault`] people can read.

use std::time::Duration;

use model::{Fault, TrapKind};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::{host::Failed, instance::PASSED_BYTES_MAX, limit::Exceeded, runtime::STACK_BYTES_MAX};

/// Turns the error of a call with `deadline` into a fault. `last_words` is the last error the guest
/// logged: a panic explains itself there, a trap cannot.
pub(crate) fn of(error: &wasmtime::Error, deadline: Duration, last_words: &str) -> Fault {
    if let Some(Failed::Unavailable(source)) = error.downcast_ref() {
        return Fault::Host { reason: source.to_string() };
    }
    if is_exhaustion(error) {
        let reason = "every instance this host may have (`runtime.instances_max`) is in use";
        return Fault::Host { reason: reason.to_owned() };
    }
    if is_too_much(error) {
        // Another attempt would hand over as much.
        let reason = format!("it handed over more than {PASSED_BYTES_MAX} bytes at once");
        return Fault::Reject { reason };
    }
    let (kind, message) = reason(error, deadline, last_words);
    Fault::Trap { kind, message, backtrace: backtrace(error) }
}

/// Whether the host has no instance left. Nothing is wrong with the bundle.
pub(crate) fn is_exhaustion(error: &wasmtime::Error) -> bool {
    error.is::<PoolConcurrencyLimitError>()
}

/// Whether the guest passed the host more than it copies. wasmtime has no public type for that; a test holds its words.
fn is_too_much(error: &wasmtime::Error) -> bool {
    !error.is::<Trap>() && error.root_cause().to_string().contains("fuel allocated for hostcalls")
}

fn reason(error: &wasmtime::Error, deadline: Duration, last_words: &str) -> (TrapKind, String) {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return (TrapKind::Memory, exceeded.to_string());
    }
    if let Some(misused) = error.downcast_ref::<Failed>() {
        return (TrapKind::Trap, misused.to_string());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => (
            TrapKind::Deadline,
            format!("the processor ran past its deadline of {} ms", deadline.as_millis()),
        ),
        Some(Trap::StackOverflow) => (
            TrapKind::Stack,
            format!(
                "the processor recursed too deeply: its stack of {} KiB is used up",
                STACK_BYTES_MAX >> 10
            ),
        ),
        // A compiled language keeps most of its stack in linear memory and runs off its lower end.
        Some(Trap::MemoryOutOfBounds) if recurses(error) => {
            (TrapKind::Stack, "the processor recursed too deeply: its stack in memory is used up".to_owned())
        }
        Some(Trap::UnreachableCodeReached) => (TrapKind::Trap, panicked(last_words)),
        Some(trap) => {
            let text = trap.to_string();
            (TrapKind::Trap, format!("the processor trapped: {}", text.trim_start_matches("wasm trap: ")))
        }
        None => (TrapKind::Trap, format!("the processor broke its interface: {}", error.root_cause())),
    }
}

fn panicked(last_words: &str) -> String {
    // Rust writes `panicked at file:line:column:` and the sentence on the next line.
    let words: Vec<&str> = last_words.lines().map(str::trim).collect();
    match words.join(" ") {
        words if words.is_empty() => "the processor panicked (it reached `unreachable`)".to_owned(),
        words if words.starts_with("panicked ") => format!("the processor {words}"),
        words => format!("the processor panicked: {words}"),
    }
}

/// Whether the innermost frames are, all but a few, one function over and over.
fn recurses(error: &wasmtime::Error) -> bool {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return false };
    let frames = trace.frames();
    let most = frames.iter().map(|frame| count(frames, frame.func_index())).max().unwrap_or(0);
    frames.len() >= 16 && most * 3 >= frames.len()
}

fn count(frames: &[wasmtime::FrameInfo], function: u32) -> usize {
    frames.iter().filter(|frame| frame.func_index() == function).count()
}

/// The frames as text, innermost first.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    // wasmtime demangles names only when it displays a whole trace, under one line of heading.
    trace.to_string().lines().skip(1).map(|line| line.trim().to_owned()).collect()
}
