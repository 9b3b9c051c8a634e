//! The chains that come with Catena are well-formed.

use std::path::Path;

use chain::{Source, parse};

#[test]
fn the_sample_chains_are_well_formed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chains");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let source = Source::read(&path).unwrap();
            let definition = parse(&source).unwrap_or_else(|faults| panic!("{faults}"));
            definition.validate(&source).unwrap_or_else(|faults| panic!("{faults}"));
            seen += 1;
        }
    }
    assert!(seen > 0);
}
