use std::sync::Arc;

use bus::{TABLES, conformance::Subject};
use proptest::prelude::*;
use store::{Memory, Store};

use crate::subject::Over;

fn subject() -> impl Subject {
    let store: Arc<dyn Store> = Arc::new(Memory::new(TABLES));
    Over::new(move || Arc::clone(&store))
}

bus::conformance!(subject, crate::run);

proptest! {
    #[test]
    fn agrees_with_a_model(steps in crate::steps()) {
        crate::run(bus::conformance::agrees_with_model(&subject(), &steps));
    }
}

#[test]
fn keys_in_memory_keep_their_contract() {
    crate::run(bus::conformance::agrees_with_the_contract_of_keys(&bus::MemoryKeys::default()));
}

#[test]
fn requests_in_memory_keep_their_contract() {
    crate::run(bus::conformance::agrees_with_the_contract_of_requests(&bus::MemoryRequests::default()));
}
