//! Where `next` leads: the one rule that the checks, the plan and the documentation share.

/// For each step the step that its `next` leads to; `None` is the chain's output.
///
/// A step that is only reached by jumps stands aside: `next` passes it over, and from it leads on
/// only while the following steps stand aside too. So steps aside form branches of their own:
///
/// ```text
/// validate → spam → enrich → output        spam ··jump··▶ quarantine → report → output
/// ```
pub(crate) fn successors(only_by_jump: &[bool]) -> Vec<Option<usize>> {
    let mut next_on_way = None;
    let mut next_aside = None;
    let mut successors: Vec<_> = only_by_jump
        .iter()
        .enumerate()
        .rev()
        .map(|(i, &aside)| {
            if aside {
                next_aside.replace(i)
            } else {
                next_aside = None;
                next_on_way.replace(i)
            }
        })
        .collect();
    successors.reverse();
    successors
}

/// The step where messages begin: the first that does not wait for a jump.
pub(crate) fn entry(only_by_jump: &[bool]) -> Option<usize> {
    only_by_jump.iter().position(|aside| !aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_passes_over_steps_that_wait_for_a_jump() {
        let aside = [true, false, true, true, false, false, true];
        assert_eq!(successors(&aside), [None, Some(4), Some(3), None, Some(5), None, None]);
        assert_eq!(entry(&aside), Some(1));
        assert_eq!(entry(&[true]), None);
    }
}
