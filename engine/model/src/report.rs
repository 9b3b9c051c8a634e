/// An error and its causes on one line, each behind the one it caused: `failed to use the bus: it is closed`.
///
/// An error displays its own level only; whoever shows it at the edge (a log line, an answer, a status) calls this.
#[must_use]
pub fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("{what}")]
    struct Level {
        what: &'static str,
        source: Option<Box<Level>>,
    }

    #[test]
    fn causes_follow_on_one_line_outermost_first() {
        let cause = Level { what: "the disk failed", source: None };
        assert_eq!(chain_of(&cause), "the disk failed");
        let middle = Level { what: "failed to write", source: Some(Box::new(cause)) };
        let outer = Level { what: "nothing was taken", source: Some(Box::new(middle)) };
        assert_eq!(chain_of(&outer), "nothing was taken: failed to write: the disk failed");
    }
}
