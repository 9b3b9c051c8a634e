use std::time::Duration;

use model::{Answers, Call, Catalog as _, Draft, Fault, Task, TrapKind, Verdict, Wanted};

use crate::{call, library, post, wanted};

/// What becomes of `trigger` in the guest `name`; an ordinary post must pass before and after.
fn fault(wanted: &Wanted, trigger: &str) -> (TrapKind, String) {
    let library = library(&[&format!("guests/{}", wanted.name)]);
    let processor = library.resolve(wanted).unwrap().processor;
    let pass = || processor.process(&post("おはよう"), &mut call()).expect("an ordinary post passes");
    pass();
    let fault = processor.process(&post(trigger), &mut call()).expect_err("the trigger traps");
    pass();
    match fault {
        Fault::Trap { kind, message, backtrace } => {
            assert!(!backtrace.is_empty());
            (kind, message)
        }
        other => panic!("{other:?} is no trap"),
    }
}

#[test]
fn a_panic_is_quoted() {
    let (kind, sentence) = fault(&wanted("trap"), "boom");
    assert_eq!(kind, TrapKind::Trap);
    assert!(sentence.starts_with("the processor panicked at "), "{sentence}");
    assert!(sentence.ends_with(": boom"), "{sentence}");
}

#[test]
fn a_loop_is_cut_at_the_deadline() {
    let mut wanted = wanted("spin");
    wanted.limits.deadline = Duration::from_millis(20);
    let (kind, sentence) = fault(&wanted, "spin");
    assert_eq!(kind, TrapKind::Deadline);
    assert_eq!(sentence, "the processor ran past its deadline of 20 ms");
}

#[test]
fn a_hog_meets_its_memory_limit() {
    let mut wanted = wanted("hog");
    wanted.limits.memory_bytes_max = 8 << 20;
    wanted.limits.deadline = Duration::from_secs(10);
    let (kind, sentence) = fault(&wanted, "hog");
    assert_eq!(kind, TrapKind::Memory);
    assert!(sentence.ends_with("its limit is 8 MiB"), "{sentence}");
}

#[test]
fn deep_recursion_meets_the_stack_limit() {
    let mut wanted = wanted("recurse");
    wanted.limits.deadline = Duration::from_secs(10);
    assert_eq!(fault(&wanted, "recurse").0, TrapKind::Stack);
}

#[test]
fn floods_end_within_their_budgets() {
    let mut wanted = wanted("flood");
    wanted.limits.deadline = Duration::from_millis(50);
    assert_eq!(fault(&wanted, "flood log").0, TrapKind::Deadline);
    assert_eq!(fault(&wanted, "flood emit").0, TrapKind::Deadline);
    let (kind, sentence) = fault(&wanted, "flood state");
    assert_eq!(kind, TrapKind::Trap);
    assert!(sentence.starts_with("the processor wrote too much state in one call"), "{sentence}");
}

#[test]
fn a_step_with_fresh_instances_remembers_nothing_from_message_to_message() {
    let library = library(&["guests/tally"]);
    let told = |fresh_instance| {
        let processor = library.resolve(&Wanted { fresh_instance, ..wanted("tally") }).unwrap().processor;
        let mut drafts = [(); 4].map(|()| Draft::from(post("おはよう")));
        let mut calls: [Call; 4] = [(); 4].map(|()| call());
        let tasks = drafts.iter_mut().zip(&mut calls);
        let mut tasks: Vec<_> = tasks.map(|(draft, call)| Task { draft, call }).collect();
        let mut answers = Answers::default();
        answers.push(processor.process(&post("おはよう"), &mut call()));
        processor.process_batch(&mut tasks, &mut answers);
        answers.drain().map(|answer| Result::from(answer).unwrap().verdict).collect::<Vec<_>>()
    };
    let terms = |texts: [&str; 5]| texts.map(|text| Verdict::Term(text.to_owned()));
    assert_eq!(told(false), terms(["1", "2", "3", "4", "5"]));
    assert_eq!(told(true), terms(["1"; 5]));
}
