use proptest::prelude::*;
use store::{Memory, conformance::TABLES};

fn open() -> (Memory, ()) {
    (Memory::new(TABLES), ())
}

store::conformance!(open);

proptest! {
    #[test]
    fn agrees_with_a_map(steps in crate::steps()) {
        store::conformance::agrees_with_model(&open().0, &steps);
    }
}
