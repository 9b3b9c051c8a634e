//! Many messages in one call.

use std::{sync::LazyLock, time::Duration};

use model::{
    Answers, Call, Draft, Edit, Emission, Fault, Message, Outcome, Processor as _, Refusal, Task, TrapKind,
    Verdict,
};

use super::{Pool, pool};
use crate::guest::{Guest, call, everything_and_turns, message, wanted};

/// Turns to each message, keeps its body as `count` and emits it to `audit`; then lets those with a key go on, and does `bad` to
/// the others.
macro_rules! with_effects {
    ($bad:literal) => {
        concat!(
            "(call $turn (local.get $n))
             (call $set (i32.const 1024) (i32.const 5) (local.get $body) (local.get $body_n))
             (call $emit (i32.const 1029) (i32.const 5) (i32.const 1029) (i32.const 5)
               (i32.const 0) (i32.const 0) (local.get $body) (local.get $body_n) (i32.const 512))
             (if (local.get $key_n) (then (call $number (i32.const 0))) (else ",
            $bad,
            "))"
        )
    };
}

/// Answers `term` with the message's key, and the message's own body.
const ECHO: &str = "
    (call $number (i32.const 9))
    (call $part (local.get $key) (local.get $key_n))
    (call $part (local.get $body) (local.get $body_n))";

fn guest(batch: &'static str) -> Guest {
    static IMPORTS: LazyLock<String> = LazyLock::new(everything_and_turns);
    Guest { imports: &IMPORTS, data: "countaudit", batch: Some(batch), ..Guest::default() }
}

/// So many messages; those whose place is listed have no key.
fn messages(count: usize, keyless: &[usize]) -> Vec<Message> {
    let message = |n| {
        let key = if keyless.contains(&n) { String::new() } else { format!("k{n}") };
        Message { id: format!("m{n}"), key, body: format!("body {n}").into(), ..message() }
    };
    (0..count).map(message).collect()
}

fn run(pool: &Pool, messages: &[Message]) -> Vec<(Result<Outcome, Fault>, Call)> {
    let mut calls: Vec<Call> = messages.iter().map(|_| call()).collect();
    let mut drafts: Vec<Draft> = messages.iter().map(|message| message.clone().into()).collect();
    let mut answers = Answers::default();
    pool.process_batch(&mut tasks(&mut drafts, &mut calls), &mut answers);
    assert_eq!(answers.len(), messages.len());
    answers.drain().map(Into::into).zip(calls).collect()
}

fn tasks<'a>(drafts: &'a mut [Draft], calls: &'a mut [Call]) -> Vec<Task<'a>> {
    drafts.iter_mut().zip(calls).map(|(draft, call)| Task { draft, call }).collect()
}

/// What a call left, once: the item's own body under its own key.
fn left_once(call: &mut Call, message: &Message) {
    let writes = call.state.take_writes();
    let written: Vec<_> = writes.iter().map(|write| (&*write.key, write.value.as_deref())).collect();
    assert_eq!(written, [(&*message.key, Some(&*message.body))]);
    let [Emission { key, body, .. }] = &*call.emissions else { panic!("{:?}", call.emissions) };
    assert_eq!((key, body), (&message.key, &message.body));
}

#[test]
fn each_message_gets_its_own_answer_and_leaves_its_own_effects() {
    let pool = pool(&guest(with_effects!("unreachable")), &wanted("guest"));
    let messages = messages(150, &[]);
    for (message, (result, mut call)) in messages.iter().zip(run(&pool, &messages)) {
        assert_eq!(result, Ok(Outcome::default()));
        left_once(&mut call, message);
    }
    assert_eq!(pool.idle.pop().map(|instance| instance.messages), Some(150));
}

#[test]
fn verdicts_and_bodies_come_from_the_answers_arena() {
    let pool = pool(&guest(ECHO), &wanted("guest"));
    let messages = messages(5, &[]);
    for (message, (result, _)) in messages.iter().zip(run(&pool, &messages)) {
        let verdict = Verdict::Term(message.key.clone());
        let body = Some(message.body.clone());
        assert_eq!(result, Ok(Outcome { verdict, body, ..Outcome::default() }));
    }
    // One alone goes the same way.
    let outcome = pool.process(&messages[3], &mut call()).unwrap();
    assert_eq!((outcome.verdict, outcome.body), (Verdict::Term("k3".to_owned()), Some("body 3".into())));
}

/// Runs a batch of which one message does something bad: the others do not notice, and nothing is done twice.
fn only_the_culprit_pays(batch: &'static str, deadline: Duration) -> (TrapKind, String) {
    let mut wanted = wanted("guest");
    wanted.limits.deadline = deadline;
    let pool = pool(&guest(batch), &wanted);
    let messages = messages(9, &[4]);
    let mut fault = None;
    for (message, (result, mut call)) in messages.iter().zip(run(&pool, &messages)) {
        match result {
            Ok(_) => left_once(&mut call, message),
            Err(Fault::Trap { kind, message: sentence, .. }) if message.key.is_empty() => {
                fault = Some((kind, sentence));
            }
            Err(other) => panic!("{}: {other}", message.id),
        }
    }
    fault.expect("the culprit was let through")
}

const SECOND: Duration = Duration::from_secs(1);

/// Sets its body's field of the name at 1024 to what it reads, or removes it where it reads nothing. Ends with the body where
/// that came.
const COPY: &str = "
    (if (local.get $fields)
      (then
        (call $number (i32.const 32))
        (call $number (i32.const 1))
        (call $part (i32.const 1024) (i32.const 5))
        (if (local.get $field_n)
          (then
            (call $part (local.get $field) (local.get $field_n))
            (i32.store (i32.sub (global.get $table) (i32.const 4))
              (i32.add (local.get $field_n) (i32.const 1))))
          (else (call $number (i32.const 0)))))
      (else
        (call $number (i32.const 1))
        (call $part (local.get $body) (local.get $body_n))))";

#[test]
fn what_is_read_comes_as_it_was_written_and_the_rest_stays_behind() {
    let pool = pool(&Guest { reads: "/user/0/name", ..guest(COPY) }, &wanted("guest"));
    let outcome = |body: &'static str| {
        let message = Message { body: body.into(), ..message() };
        pool.process(&message, &mut call()).unwrap()
    };
    let edited = |value: Option<&'static str>| Outcome {
        edits: vec![Edit { field: "count".to_owned(), value: value.map(Into::into) }],
        ..Outcome::default()
    };
    assert_eq!(
        outcome(r#"{"user":[{"name":"\u00fc \n","x":1}],"text":"t"}"#),
        edited(Some(r#""\u00fc \n""#))
    );
    assert_eq!(outcome(r#"{"user":[]}"#), edited(None));
    // No object: the processor gets it whole, to say what it thinks of it.
    for body in ["[1]", "not json", r#"{"user":[{"name":1}]"#] {
        assert_eq!(outcome(body), Outcome { verdict: Verdict::Term(body.to_owned()), ..Outcome::default() });
    }
}

/// Ends with what it read, or with the body where that came.
const TELL: &str = "
    (call $number (i32.const 1))
    (if (local.get $fields)
      (then (call $part (local.get $field) (local.get $field_n)))
      (else (call $part (local.get $body) (local.get $body_n))))";

#[test]
fn messages_of_a_batch_do_not_read_each_others_fields() {
    let pool = pool(&Guest { reads: "/a", ..guest(TELL) }, &wanted("guest"));
    let bodies = [r#"{"a":1}"#, "[2]", r#"{"b":3}"#, r#"{"b":0,"a":[4]}"#];
    let messages: Vec<_> = bodies.iter().map(|body| Message { body: (*body).into(), ..message() }).collect();
    let told = run(&pool, &messages).into_iter().map(|(result, _)| match result.unwrap().verdict {
        Verdict::Term(told) => told,
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), ["1", "[2]", "", "[4]"]);
}

#[test]
fn a_processor_that_reads_what_cannot_be_is_refused_at_once() {
    for (reads, told) in [
        ("text", "`reads`: `text` is no JSON pointer: begin it with a slash, like `/text`"),
        (
            "/1/2/3/4/5/6/7/8/9",
            "`reads`: `/1/2/3/4/5/6/7/8/9` leads 9 deep, at most 8 are allowed: take a field further up",
        ),
    ] {
        let refusals = Guest { reads, ..guest("") }.resolve(&wanted("guest")).unwrap_err();
        let [Refusal::SettingsRefused { reason, .. }] = &*refusals else { panic!("{refusals:?}") };
        assert_eq!(reason, told);
    }
}

#[test]
fn a_trap_costs_only_the_message_that_caused_it() {
    let (kind, _) = only_the_culprit_pays(with_effects!("unreachable"), SECOND);
    assert_eq!(kind, TrapKind::Trap);
}

#[test]
fn a_loop_costs_only_the_message_that_caused_it() {
    let spin = with_effects!("(loop $forever (br $forever))");
    let (kind, _) = only_the_culprit_pays(spin, Duration::from_millis(50));
    assert_eq!(kind, TrapKind::Deadline);
}

#[test]
fn answers_that_break_the_interface_cost_only_the_message_they_are_about() {
    for (bad, told) in [
        (with_effects!(""), "the processor answered 0 messages of 1"),
        (
            with_effects!("(call $number (i32.const 0)) (call $number (i32.const 0))"),
            "the processor answered more than the 1 messages it was given",
        ),
        (
            with_effects!("(call $number (i32.const 8)) (call $number (i32.const 7))"),
            "the processor answered a part of 7 bytes where 0 are left",
        ),
        (
            with_effects!("(call $number (i32.const 16)) (call $number (i32.const 7))"),
            "the processor broke off in the middle of an answer",
        ),
        (with_effects!("(call $turn (i32.const 9))"), "the processor turned to message 9 of 1"),
    ] {
        assert_eq!(only_the_culprit_pays(bad, SECOND), (TrapKind::Trap, told.to_owned()));
    }
}

#[test]
fn a_batch_that_is_too_much_for_its_deadline_is_made_again_one_by_one_and_the_next_are_shorter() {
    let many = "
        (call $number (i32.const 0))
        (if (i32.ge_u (local.get $n) (i32.const 16)) (then (loop $forever (br $forever))))";
    let mut wanted = wanted("guest");
    wanted.limits.deadline = Duration::from_millis(50);
    let pool = pool(&guest(many), &wanted);
    let messages = messages(112, &[]);
    assert!(run(&pool, &messages).iter().all(|(result, _)| result.is_ok()));
    let mut calls: Vec<Call> = messages.iter().map(|_| call()).collect();
    let mut drafts: Vec<Draft> = messages.iter().map(|message| message.clone().into()).collect();
    assert_eq!(pool.pace.next(&tasks(&mut drafts, &mut calls)), 16, "after 64 and 32");
}
