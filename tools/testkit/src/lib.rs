//! What tests, the demo and the benchmarks share: networks, posts, an outside oracle, a node under test.
