//! Three servers, and three copies of everything.

use bus::conformance::Subject;
use proptest::prelude::*;

use crate::{subject::Over, support};

fn subject() -> impl Subject {
    Over::new(support::together())
}

bus::conformance!(subject, crate::run);

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 50, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_a_model(steps in crate::steps()) {
        crate::run(async { bus::conformance::agrees_with_model(&subject(), &steps).await });
    }
}

#[test]
fn keys_keep_their_contract() {
    crate::run(crate::subject::keys(support::together));
}

#[test]
fn requests_keep_their_contract() {
    crate::run(crate::subject::requests(support::together));
}
