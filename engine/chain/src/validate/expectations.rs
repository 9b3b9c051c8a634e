//! Inline tests: what can be wrong with them before they run.

use std::collections::{HashMap, HashSet};

use super::{find, known_output};
use crate::{
    Code, Definition,
    definition::{Test, TestMessage},
    faults::{Mistakes, quoted},
};

pub(super) fn check(definition: &Definition, ids: &HashMap<&str, usize>, mistakes: &mut Mistakes) {
    let mut names = HashSet::new();
    for test in &definition.tests {
        if !names.insert(test.name.as_str()) {
            let message = format!("there is another test {} above", quoted(&test.name));
            mistakes.add(Code::DuplicateTest, test.name.span, message);
        }
        test.before.iter().chain([&test.input]).for_each(|message| bodies(message, mistakes));
        expectation(definition, test, ids, mistakes);
    }
}

fn bodies(message: &TestMessage, mistakes: &mut Mistakes) {
    if let (Some(_), Some(text)) = (&message.body, &message.body_text) {
        mistakes.add(Code::Conflict, text.span, "a message has `body` or `body_text`, not both");
    }
}

fn expectation(definition: &Definition, test: &Test, ids: &HashMap<&str, usize>, mistakes: &mut Mistakes) {
    let expect = &test.expect;
    if expect.is_empty() {
        let message = format!("test {} expects nothing", quoted(&test.name));
        mistakes.add(Code::EmptyTest, test.name.span, message);
    }
    for step in expect.path.iter().flatten() {
        find(step, ids, mistakes);
    }
    for emitted in expect.emitted.iter().flatten().filter(|e| e.output.is_written()) {
        known_output(definition, &emitted.output, emitted.output.span, mistakes);
    }
}
