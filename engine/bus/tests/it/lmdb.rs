use std::sync::Arc;

use bus::{TABLES, conformance::Subject};
use proptest::prelude::*;
use store::{Durability, Lmdb, Options};

use crate::subject::Over;

/// Every opening is a new environment: nothing but the files is carried over.
fn subject() -> impl Subject {
    let dir = tempfile::tempdir().unwrap();
    Over::new(move || {
        let options = Options { durability: Durability::Relaxed, ..Options::new(dir.path(), TABLES) };
        Arc::new(Lmdb::open(&options).unwrap())
    })
}

bus::conformance!(subject, crate::run);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn agrees_with_a_model(steps in crate::steps()) {
        crate::run(bus::conformance::agrees_with_model(&subject(), &steps));
    }
}
