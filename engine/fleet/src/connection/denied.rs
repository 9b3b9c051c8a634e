//! What the servers do not allow. They say so beside the request, which then gets no answer at all.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Subjects remembered: as many as can be asked for within the time an answer may take, or about so.
const REMEMBERED: usize = 64;

/// The last subjects that were refused.
#[derive(Default)]
pub(crate) struct Denied(Mutex<VecDeque<String>>);

impl Denied {
    /// Takes in what a server reports; whether it was a refusal.
    pub(super) fn note(&self, report: &str) -> bool {
        let Some(subject) =
            report.split_once("Permissions Violation for ").and_then(|(_, rest)| rest.split('"').nth(1))
        else {
            return false;
        };
        let mut subjects = self.0.lock();
        if subjects.len() == REMEMBERED {
            subjects.pop_front();
        }
        subjects.push_back(subject.to_owned());
        true
    }

    /// Whether this subject was refused lately; each refusal explains one request.
    pub(crate) fn take(&self, subject: &str) -> bool {
        let mut subjects = self.0.lock();
        let found = subjects.iter().position(|denied| denied == subject);
        found.and_then(|at| subjects.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_refusals_are_remembered() {
        let denied = Denied::default();
        assert!(!denied.note("nats: stale connection"));
        assert!(denied.note(r#"nats: Permissions Violation for Publish to "$JS.API.STREAM.LIST""#));
        assert!(!denied.take("$JS.API.INFO"));
        assert!(denied.take("$JS.API.STREAM.LIST") && !denied.take("$JS.API.STREAM.LIST"));
        assert!(denied.note(r#"nats: Permissions Violation for Publish to "old""#));
        for n in 0..REMEMBERED {
            denied.note(&format!("nats: Permissions Violation for Subscription to \"{n}\""));
        }
        assert!(denied.take("0") && !denied.take("old"));
    }
}
