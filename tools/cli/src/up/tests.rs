//! `docs/configuration.md` against the program.

use std::collections::BTreeMap;

use clap::{Args as _, Command, FromArgMatches as _};
use node::config::Key;

use super::*;

/// A line of the page's tables.
#[derive(Debug)]
struct Row {
    kind: String,
    default: String,
    variable: String,
    option: Option<String>,
}

fn page() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(testkit::bundles::root().join("docs/configuration.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [key, kind, default, variable, option, meaning] = cells[..] else { panic!("six cells: {line}") };
        assert!(!meaning.is_empty(), "{key} means something");
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        let row = Row {
            kind: kind.to_owned(),
            default: bare(default),
            variable: bare(variable),
            option: (!option.is_empty()).then(|| bare(option)),
        };
        assert!(rows.insert(bare(key), row).is_none(), "{key} stands there twice");
    }
    rows
}

/// The option that sets each key, as the command line takes them to the configuration.
fn options() -> BTreeMap<&'static str, &'static str> {
    let command = Up::augment_args(Command::new("up"));
    let names: Vec<_> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let words: Vec<_> = names.iter().flat_map(|name| [format!("--{name}"), "x".to_owned()]).collect();
    let matches = command.clone().try_get_matches_from(std::iter::once("up".to_owned()).chain(words));
    let up = Up::from_arg_matches(&matches.unwrap()).unwrap();
    up.sources().flags.into_iter().map(|flag| (flag.key, flag.flag)).collect()
}

/// Whether a node takes `value` for this key, with everything else as it is.
fn takes(key: &Key, value: i128) -> bool {
    let here = std::env::temp_dir().display().to_string();
    let folder = |key, flag| Flag { key, flag, value: here.clone() };
    let sources = Sources {
        environment: vec![(key.variable.clone(), value.to_string())],
        flags: vec![folder("chains", "--chains"), folder("bundles", "--bundles")],
        ..Sources::default()
    };
    Config::load(&sources).is_ok()
}

#[test]
fn the_page_of_the_configuration_has_every_key_as_it_is_and_no_other() {
    let (mut page, options) = (page(), options());
    for key in Config::keys().unwrap() {
        let Some(row) = page.remove(&key.key) else { panic!("`{}` is missing on the page", key.key) };
        assert_eq!(row.default, key.default, "the default of `{}`", key.key);
        assert_eq!(row.variable, key.variable, "the variable of `{}`", key.key);
        assert_eq!(row.option.as_deref(), options.get(&*key.key).copied(), "the option of `{}`", key.key);
        let kind = match key.default.chars().next() {
            Some('[') => "list of ",
            Some('0'..='9') => "number, from ",
            _ => "",
        };
        let Some(range) = row.kind.strip_prefix(kind) else { panic!("`{}` is a {kind}: {row:?}", key.key) };
        if kind.starts_with("number") {
            let mut ends = range.split(" to ").map(|end| end.parse::<i128>().unwrap());
            let (least, most) = (ends.next().unwrap(), ends.next());
            assert!(takes(&key, least) && !takes(&key, least - 1), "the least of `{}`: {row:?}", key.key);
            if let Some(most) = most {
                assert!(takes(&key, most) && !takes(&key, most + 1), "the most of `{}`: {row:?}", key.key);
            }
        }
    }
    assert!(page.is_empty(), "there are no such keys: {page:?}");
}
