use std::{borrow::Cow, str::FromStr};

use percent_encoding::percent_decode_str;

use crate::Problem;

/// A query string, strictly: each parameter known, at most once, UTF-8.
#[derive(Debug)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Reads what follows the `?`; only `known` parameters may occur.
    ///
    /// # Errors
    /// A [`Problem`] naming the parameter that is unknown, repeated or not UTF-8.
    pub fn parse(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| Problem::parameter(name, "the name is not UTF-8"))?;
            let Some(value) = decode(value) else {
                return Err(Problem::parameter(&name, "the value is not UTF-8"));
            };
            if !known.contains(&&*name) {
                return Err(Problem::parameter(&name, unknown(known)));
            }
            if pairs.iter().any(|(before, _)| *before == name) {
                return Err(Problem::parameter(&name, "given more than once"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of `name` as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// The value of `name` as `T`.
    ///
    /// # Errors
    /// A [`Problem`] with the value and what `T` says of it.
    pub fn get<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: &str| {
            text.parse().map_err(|error: T::Err| {
                let (said, quoted) = (error.to_string(), format!("`{}`", clip(text)));
                let detail = if said.contains(&quoted) { said } else { format!("{quoted}: {said}") };
                Problem::parameter(name, detail)
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// `limit`: 1–200, 20 where it is not given.
    ///
    /// # Errors
    /// A [`Problem`] with the value and what is allowed.
    pub fn limit(&self) -> Result<usize, Problem> {
        self.limit_of(200)
    }

    /// `limit`: 1 to `most`, 20 where it is not given.
    ///
    /// # Errors
    /// As [`limit`](Self::limit).
    pub fn limit_of(&self, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.text("limit") else { return Ok(20) };
        text.parse().ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(|| {
            let detail = format!("`{}` is not a whole number from 1 to {most}", clip(text));
            Problem::parameter("limit", detail)
        })
    }
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

fn unknown(known: &[&str]) -> String {
    if known.is_empty() {
        "this route takes no parameters".to_owned()
    } else {
        format!("unknown; this route takes `{}`", known.join("`, `"))
    }
}

/// Keeps an error that quotes its input short.
fn clip(text: &str) -> &str {
    text.char_indices().nth(40).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(problem: &Problem) -> String {
        serde_json::to_string(problem).unwrap()
    }

    /// Says itself what it was given.
    struct Quoting;

    impl FromStr for Quoting {
        type Err = String;
        fn from_str(text: &str) -> Result<Self, String> {
            Err(format!("`{text}` is none"))
        }
    }

    #[test]
    fn values_are_decoded_and_limits_have_a_default() {
        let query = Query::parse(Some("cursor=a%2Bb&limit=7"), &["cursor", "limit"]).unwrap();
        assert_eq!(query.text("cursor"), Some("a+b"));
        assert_eq!(query.limit().unwrap(), 7);
        assert_eq!(Query::parse(None, &["limit"]).unwrap().limit().unwrap(), 20);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (query, field) in
            [("limt=5", "limt"), ("limit=1&limit=2", "limit"), ("cursor=%ff", "cursor"), ("%00=1", "\\u0000")]
        {
            let problem = Query::parse(Some(query), &["limit", "cursor"]).unwrap_err();
            assert!(detail(&problem).contains(&format!("\"field\":\"{field}\"")), "{}", detail(&problem));
        }
        let query = Query::parse(Some("cursor=x"), &["cursor"]).unwrap();
        let said = detail(&query.get::<u64>("cursor").unwrap_err());
        assert!(said.contains("`x`: invalid digit"), "{said}");
        let said = detail(&query.get::<Quoting>("cursor").map(|_| ()).unwrap_err());
        assert!(said.contains("\"detail\":\"`x` is none\""), "{said}");
        for limit in ["0", "201", "-1", "x", "", "99999999999999999999"] {
            let text = format!("limit={limit}");
            let problem = Query::parse(Some(&text), &["limit"]).unwrap().limit().unwrap_err();
            assert!(detail(&problem).contains("from 1 to 200"), "{}", detail(&problem));
        }
    }
}
