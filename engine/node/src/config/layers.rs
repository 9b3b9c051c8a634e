mod file;

use std::{collections::BTreeMap, path::PathBuf};

use model::near;
use toml::{Table, Value};

use super::{Config, ConfigError, Mistake, Origin};

/// What every variable of ours begins with.
const PREFIX: &str = "CATENA_";

/// Where the configuration comes from, beside the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Variables; those that do not begin with `CATENA_` are none of ours.
    pub environment: Vec<(String, String)>,
    /// Variables that begin with `CATENA_` and mean something to somebody else.
    pub foreign: &'static [&'static str],
    /// What the command line says.
    pub flags: Vec<Flag>,
}

/// One key set on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The key: `http.address`.
    pub key: &'static str,
    /// The flag as people write it: `--http`.
    pub flag: &'static str,
    /// Its value as text.
    pub value: String,
}

/// Who set each key that is not at its default.
pub(super) type Origins = BTreeMap<String, Origin>;

/// What holds where nobody says anything.
pub(super) fn defaults() -> Result<Table, ConfigError> {
    Table::try_from(Config::default()).map_err(|error| ConfigError::Defaults { problem: error.to_string() })
}

/// Lays file, environment and flags over the defaults, in this order.
pub(super) fn lay(sources: &Sources) -> Result<Layers, ConfigError> {
    let mut table = defaults()?;
    let keys = keys(&table);
    let mut layers = Layers { config: Config::default(), origins: Origins::new(), mistakes: Vec::new() };
    if let Some(path) = &sources.file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        file::lay(&mut layers, &mut table, path, &text)?;
    }
    for (name, value) in &sources.environment {
        let ours = name.starts_with(PREFIX) && !sources.foreign.contains(&name.as_str());
        if !ours {
            continue;
        }
        let origin = Origin::Environment(name.clone());
        match keys.iter().find(|key| key.variable == *name) {
            Some(key) => layers.set(&mut table, &key.key, value, origin),
            None => {
                let meant = near(name, keys.iter().map(|key| key.variable.as_str()));
                let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                layers.wrong(name, Some(value), origin, format!("there is no such key{meant}"));
            }
        }
    }
    for Flag { key, flag, value } in &sources.flags {
        layers.set(&mut table, key, value, Origin::Flag((*flag).to_owned()));
    }
    Ok(layers)
}

/// What has been laid so far.
pub(super) struct Layers {
    pub(super) config: Config,
    pub(super) origins: Origins,
    /// What could not be laid.
    pub(super) mistakes: Vec<Mistake>,
}

impl Layers {
    /// Sets one key to a text.
    fn set(&mut self, table: &mut Table, key: &str, text: &str, origin: Origin) {
        match place(table, key).map(|place| value(place, text)) {
            None => self.wrong(key, Some(text), origin, "there is no such key".to_owned()),
            Some(Err(problem)) => self.wrong(key, Some(text), origin, problem),
            Some(Ok(value)) => self.put(table, key, value, text, origin),
        }
    }

    /// Sets one key to a value of its type, which people know as `text`; the whole is read back each time, so that a mistake is
    /// known by its key.
    fn put(&mut self, table: &mut Table, key: &str, value: Value, text: &str, origin: Origin) {
        let Some(place) = place(table, key) else { return };
        let before = std::mem::replace(place, value);
        match Value::Table(table.clone()).try_into() {
            Ok(config) => {
                self.config = config;
                self.origins.insert(key.to_owned(), origin);
            }
            Err(error) => {
                let problem = match (&before, error.message().split_once(", expected ")) {
                    // `toml` names the Rust type it does not fit into.
                    (Value::Integer(_), _) => "is too small or too large".to_owned(),
                    // Of the words that may be meant all are named.
                    (_, Some((unknown, words))) if unknown.starts_with("unknown variant") => {
                        format!("must be {words}")
                    }
                    (Value::Array(_), _) => expected(&before),
                    _ => error.message().to_owned(),
                };
                if let Some(place) = self::place(table, key) {
                    *place = before;
                }
                self.wrong(key, Some(text), origin, problem);
            }
        }
    }

    fn wrong(&mut self, key: &str, value: Option<&str>, origin: Origin, problem: String) {
        let value = value.map(str::to_owned);
        self.mistakes.push(Mistake { key: key.to_owned(), value, origin, problem });
    }
}

/// A key that may be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `http.address`.
    pub key: String,
    /// The environment variable that sets it: `CATENA_HTTP_ADDRESS`.
    pub variable: String,
    /// What holds where nobody sets it, as TOML writes it.
    pub default: String,
}

/// The keys of everything in `defaults` that is not a table.
pub(super) fn keys(defaults: &Table) -> Vec<Key> {
    let mut names = Vec::new();
    leaves(defaults, "", &mut names);
    let key = |key: String| Key {
        variable: format!("{PREFIX}{}", key.replace('.', "_").to_uppercase()),
        default: value_at(defaults, &key).map(Value::to_string).unwrap_or_default(),
        key,
    };
    names.into_iter().map(key).collect()
}

/// The dotted keys of everything that is not a table.
fn leaves(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        match value {
            Value::Table(inner) => leaves(inner, &format!("{prefix}{name}."), keys),
            _ => keys.push(format!("{prefix}{name}")),
        }
    }
}

fn value_at<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        Some((section, rest)) => value_at(table.get(section)?.as_table()?, rest),
        None => table.get(key),
    }
}

fn place<'t>(table: &'t mut Table, key: &str) -> Option<&'t mut Value> {
    match key.split_once('.') {
        Some((section, rest)) => place(table.get_mut(section)?.as_table_mut()?, rest),
        None => table.get_mut(key),
    }
}

/// Reads `text` as what `like` is: texts as they are, everything else as TOML.
fn value(like: &Value, text: &str) -> Result<Value, String> {
    if like.is_str() {
        return Ok(Value::String(text.to_owned()));
    }
    let read = toml::from_str::<Table>(&format!("value = {text}")).ok();
    let read = read.and_then(|mut table| table.remove("value")).filter(|value| value.same_type(like));
    read.ok_or_else(|| expected(like))
}

/// What is expected where `like` stands.
fn expected(like: &Value) -> String {
    match like {
        Value::Integer(_) => "must be a whole number".to_owned(),
        Value::Boolean(_) => "must be `true` or `false`".to_owned(),
        Value::String(_) => "must be a text in quotes".to_owned(),
        _ => format!("must be a list as TOML writes it, such as `{like}`"),
    }
}
