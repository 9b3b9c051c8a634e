use anyhow::{Context, anyhow};
use model::derived_id;
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{exit::Result, messages::Numbered};

/// What the lines of a file are.
pub(super) enum Kind {
    /// Edges.
    Follows { undirected: bool },
    /// Posts as the node takes them.
    Ready,
    /// Something of others: author, text and perhaps a name are picked out.
    Picked { author: Field, text: Field, name: Option<Field> },
}

/// One request.
pub(super) struct Item {
    /// Items of one lane keep their order.
    pub(super) lane: u64,
    pub(super) method: Method,
    pub(super) path: String,
    /// A body, and the key under which the node takes it once.
    pub(super) post: Option<(String, String)>,
}

/// A place in a JSON object.
pub(super) struct Field {
    given: String,
    pointer: String,
}

impl Field {
    /// `user.id` and `/user/id` are the same place.
    fn new(given: &str) -> Self {
        let pointer = if given.starts_with('/') {
            given.to_owned()
        } else {
            given.split('.').map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
        };
        Self { given: given.to_owned(), pointer }
    }

    fn of<'a>(&self, value: &'a Value) -> Result<&'a Value> {
        value.pointer(&self.pointer).with_context(|| format!("there is no `{}`", self.given))
    }
}

impl Kind {
    pub(super) fn posts(author: &str, text: &str, name: Option<&str>) -> Self {
        if (author, text, name) == ("actor", "text", None) {
            return Self::Ready;
        }
        Self::Picked { author: Field::new(author), text: Field::new(text), name: name.map(Field::new) }
    }

    /// A word for the state file.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Follows { .. } => "follows",
            Self::Ready | Self::Picked { .. } => "posts",
        }
    }

    /// What a line asks for.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub(super) fn items(&self, line: &Numbered) -> Result<Vec<Item>> {
        match self {
            Self::Follows { undirected } => edges(&line.text, *undirected),
            Self::Ready => {
                // Sent as it stands; only its author is looked up.
                let Actor { actor } = json(&line.text)?;
                let actor = actor.context("no `actor`: say with `--author-field` where the author stands")?;
                Ok(vec![post(user(&actor)?, line.text.clone(), line)])
            }
            Self::Picked { author, text, name } => {
                let value: Value = json(&line.text)?;
                let author = user(author.of(&value)?)?;
                let said = text.of(&value)?;
                let said = said.as_str().with_context(|| format!("`{}` is not a text", text.given))?;
                let mut body = Map::new();
                body.insert("actor".to_owned(), author.to_string().into());
                body.insert("text".to_owned(), said.into());
                if let Some(name) = name.as_ref().and_then(|name| name.of(&value).ok()?.as_str()) {
                    body.insert("name".to_owned(), name.into());
                }
                Ok(vec![post(author, Value::Object(body).to_string(), line)])
            }
        }
    }
}

/// All that is looked at of a post that is sent as it stands.
#[derive(Deserialize)]
#[serde(expecting = "an object with an `actor`")]
struct Actor {
    actor: Option<Value>,
}

/// Reads a line. Which one it is, is said elsewhere: here it is always the first.
fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let not_json = if error.is_data() { "" } else { "not JSON: " };
        anyhow!("{not_json}{} (column {})", said.strip_suffix(&place).unwrap_or(&said), error.column())
    })
}

fn post(author: u64, body: String, line: &Numbered) -> Item {
    let key = derived_id(&[b"import", line.text.as_bytes(), &line.offset.to_le_bytes()]);
    Item { lane: author, method: Method::POST, path: "/v1/posts".to_owned(), post: Some((body, key)) }
}

fn user(value: &Value) -> Result<u64> {
    let id = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    id.with_context(|| format!("{value} is not a user id"))
}

fn edges(line: &str, undirected: bool) -> Result<Vec<Item>> {
    if line.starts_with(['#', '%']) {
        return Ok(Vec::new());
    }
    let mut columns = line.split([' ', '\t', ',']).filter(|column| !column.is_empty()).map(str::parse::<u64>);
    let (Some(Ok(follower)), Some(Ok(author))) = (columns.next(), columns.next()) else {
        anyhow::bail!("`{line}` does not begin with two integers");
    };
    // Edge lists are sorted: by author alone, long rows of lines would wait for each other.
    let follow = |user: u64, author: u64| Item {
        lane: user.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ author,
        method: Method::PUT,
        path: format!("/v1/users/{user}/following/{author}"),
        post: None,
    };
    let mut items = vec![follow(follower, author)];
    if undirected {
        items.push(follow(author, follower));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Numbered {
        Numbered { number: 1, offset: 7, text: text.to_owned() }
    }

    #[test]
    fn edges_go_one_way_or_both() {
        let paths = |text: &str, both| {
            let items = Kind::Follows { undirected: both }.items(&line(text));
            items.map(|items| items.into_iter().map(|item| item.path).collect::<Vec<_>>())
        };
        assert_eq!(paths("1\t2 0.5", false).unwrap(), ["/v1/users/1/following/2"]);
        assert_eq!(paths("1 2", true).unwrap(), ["/v1/users/1/following/2", "/v1/users/2/following/1"]);
        assert!(paths("# 1 2", true).unwrap().is_empty());
        assert!(paths("1", true).is_err() && paths("a b", false).is_err() && paths("-1 2", false).is_err());
    }

    #[test]
    fn posts_of_others_are_picked_apart_and_ours_sent_as_they_are() {
        let text = r#"{"user": {"id": 505874924095815681, "name": "あ"}, "full_text": "hi"}"#;
        for author in ["user.id", "/user/id"] {
            let kind = Kind::posts(author, "full_text", Some("user.name"));
            let item = kind.items(&line(text)).unwrap().remove(0);
            assert_eq!(item.lane, 505_874_924_095_815_681);
            let (body, key) = item.post.unwrap();
            assert_eq!(body, r#"{"actor":"505874924095815681","name":"あ","text":"hi"}"#);
            assert_eq!(key.len(), 32);
        }
        let ours = r#"{"actor": "7", "text": "hi", "n": 1e400}"#;
        let item = Kind::posts("actor", "text", None).items(&line(ours)).unwrap().remove(0);
        assert_eq!(item.post.unwrap().0, ours);
        let wrong = |text| Kind::posts("actor", "text", None).items(&line(text)).err().unwrap().to_string();
        assert_eq!(wrong("{}"), "no `actor`: say with `--author-field` where the author stands");
        assert_eq!(wrong("{"), "not JSON: EOF while parsing an object (column 1)");
        assert_eq!(wrong("17"), "invalid type: integer `17`, expected an object with an `actor` (column 2)");
    }
}
