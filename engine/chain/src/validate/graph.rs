//! Steps as nodes, `next` and jumps as edges.
//!
//! Both searches are iterative and look at each edge once: linear in steps and jumps, whatever the shape.

use crate::Span;

/// Circles told at most: each is as long as the chain, and a tangle has thousands.
const CYCLES_MAX: usize = 20;

#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: usize,
    /// Where the jump is written; `None` for `next`.
    pub(super) jump: Option<Span>,
}

/// A circle: its steps in order, and the last jump among its edges.
#[derive(Debug)]
pub(super) struct Cycle {
    pub(super) steps: Vec<usize>,
    pub(super) jump: Span,
}

#[derive(Debug)]
pub(super) struct Graph {
    edges: Vec<Vec<Edge>>,
}

/// How far the search has come with a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    OnStack,
    Done,
}

impl Graph {
    pub(super) fn new(edges: Vec<Vec<Edge>>) -> Self {
        Self { edges }
    }

    fn edges(&self, node: usize) -> &[Edge] {
        self.edges.get(node).map_or(&[], Vec::as_slice)
    }

    /// For each node whether a way leads to it from `entry`.
    pub(super) fn reachable(&self, entry: usize) -> Vec<bool> {
        let mut reached = vec![false; self.edges.len()];
        let mut waiting = vec![entry];
        while let Some(node) = waiting.pop() {
            if let Some(mark) = reached.get_mut(node)
                && !std::mem::replace(mark, true)
            {
                waiting.extend(self.edges(node).iter().map(|edge| edge.to));
            }
        }
        reached
    }

    /// Circles among the nodes that are not `bounded`: one per edge that closes one in a depth-first
    /// search, so none exactly when there is none. At most [`CYCLES_MAX`].
    pub(super) fn cycles_without(&self, bounded: &[bool]) -> Vec<Cycle> {
        // A bounded node breaks every circle through it: it counts as done from the start.
        let mut seen: Vec<_> = bounded.iter().map(|b| if *b { Seen::Done } else { Seen::Not }).collect();
        let mut cycles = Vec::new();
        for root in 0..self.edges.len() {
            if seen.get(root) == Some(&Seen::Not) && cycles.len() < CYCLES_MAX {
                self.search(root, &mut seen, &mut cycles);
            }
        }
        cycles
    }

    fn search(&self, root: usize, seen: &mut [Seen], cycles: &mut Vec<Cycle>) {
        // The way from `root` to the node at work: each with its edges still to look at and the jump that led here.
        let mut stack = vec![(root, self.edges(root).iter(), None::<Span>)];
        mark(seen, root, Seen::OnStack);
        while let Some((node, edges, _)) = stack.last_mut()
            && cycles.len() < CYCLES_MAX
        {
            let Some(edge) = edges.next() else {
                mark(seen, *node, Seen::Done);
                stack.pop();
                continue;
            };
            match seen.get(edge.to) {
                Some(Seen::Not) => {
                    mark(seen, edge.to, Seen::OnStack);
                    stack.push((edge.to, self.edges(edge.to).iter(), edge.jump));
                }
                Some(Seen::OnStack) => {
                    let from = stack.iter().position(|(n, ..)| *n == edge.to).unwrap_or_default();
                    let ring = stack.get(from..).unwrap_or_default();
                    let led_by = ring.iter().skip(1).filter_map(|(.., jump)| *jump).next_back();
                    // `next` only leads down, so a circle holds a jump.
                    if let Some(jump) = edge.jump.or(led_by) {
                        cycles.push(Cycle { steps: ring.iter().map(|(n, ..)| *n).collect(), jump });
                    }
                }
                _ => {}
            }
        }
    }
}

fn mark(seen: &mut [Seen], node: usize, value: Seen) {
    if let Some(slot) = seen.get_mut(node) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a way of at least one edge leads from `a` to `b`, for all pairs: Warshall's algorithm.
    fn closure(nodes: usize, edges: &[(usize, usize)]) -> Vec<Vec<bool>> {
        let mut reach = vec![vec![false; nodes]; nodes];
        edges.iter().for_each(|(a, b)| reach[*a][*b] = true);
        for via in 0..nodes {
            for a in 0..nodes {
                for b in 0..nodes {
                    reach[a][b] |= reach[a][via] && reach[via][b];
                }
            }
        }
        reach
    }

    fn graphs() -> impl Strategy<Value = (Vec<(usize, usize)>, Vec<bool>)> {
        (1usize..9).prop_flat_map(|n| {
            (
                prop::collection::vec((0..n, 0..n), 0..2 * n),
                prop::collection::vec(prop::bool::weighted(0.2), n),
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_searches_agree_with_brute_force((edges, bounded) in graphs()) {
            let n = bounded.len();
            let mut lists = vec![Vec::new(); n];
            for (a, b) in &edges {
                lists[*a].push(Edge { to: *b, jump: Some(Span::new(*a, *b)) });
            }
            let graph = Graph::new(lists);
            let reach = closure(n, &edges);
            for (entry, from) in reach.iter().enumerate() {
                let expected: Vec<_> = from.iter().enumerate().map(|(b, r)| *r || b == entry).collect();
                prop_assert_eq!(graph.reachable(entry), expected);
            }
            let free: Vec<_> = edges.iter().copied().filter(|(a, b)| !bounded[*a] && !bounded[*b]).collect();
            let circular = closure(n, &free).iter().enumerate().any(|(i, row)| row[i]);
            let cycles = graph.cycles_without(&bounded);
            prop_assert_eq!(!cycles.is_empty(), circular);
            for cycle in cycles {
                let ring = cycle.steps.iter().zip(cycle.steps.iter().cycle().skip(1));
                prop_assert!(ring.clone().all(|(a, b)| free.contains(&(*a, *b))), "{:?} is no circle", cycle.steps);
            }
        }
    }
}
