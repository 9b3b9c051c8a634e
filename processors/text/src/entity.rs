//! Finds links, mentions and hashtags.
//!
//! After the rules of twitter-text, with the names of UAX #31 for letters of all scripts. One pass,
//! nothing is copied; a link hides what looks like a mention or a hashtag inside it.

use unicode_ident::is_xid_continue;

use crate::script::{is_hangul, is_unspaced};

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `https://…`
    Link,
    /// `@name`
    Mention,
    /// `#name`
    Hashtag,
}

/// One entity in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it stands in the text, sigil included.
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub start: usize,
}

impl<'a> Entity<'a> {
    /// A mention's or hashtag's name without its sigil; a whole link.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self.kind {
            Kind::Link => self.text,
            Kind::Mention => self.text.trim_start_matches(['@', '＠']),
            Kind::Hashtag => self.text.trim_start_matches(['#', '＃']),
        }
    }
}

/// The entities of `text`, in order.
#[must_use]
pub fn entities(text: &str) -> Entities<'_> {
    Entities { text, at: 0, before: None }
}

/// `text` with a space in the place of each entity: what a person wrote in words.
#[must_use]
pub fn without_entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    for entity in entities(text) {
        plain.push_str(text.get(at..entity.start).unwrap_or_default());
        plain.push(' ');
        at = entity.start + entity.text.len();
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    plain
}

/// See [`entities`].
#[derive(Clone, Debug)]
pub struct Entities<'a> {
    text: &'a str,
    at: usize,
    before: Option<char>,
}

impl<'a> Iterator for Entities<'a> {
    type Item = Entity<'a>;

    fn next(&mut self) -> Option<Entity<'a>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            let found = match first {
                'h' | 'H' => link(rest, self.before).map(|length| (Kind::Link, length)),
                '@' | '＠' => mention(rest, self.before).map(|length| (Kind::Mention, length)),
                '#' | '＃' => hashtag(rest, self.before).map(|length| (Kind::Hashtag, length)),
                _ => None,
            };
            let start = self.at;
            let length = found.map_or(first.len_utf8(), |(_, length)| length);
            self.at += length;
            let text = rest.get(..length)?;
            self.before = text.chars().next_back();
            if let Some((kind, _)) = found {
                return Some(Entity { kind, text, start });
            }
        }
    }
}

/// The length of the link at the start of `rest`.
fn link(rest: &str, before: Option<char>) -> Option<usize> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let end = rest.find(|c| !in_link(c)).unwrap_or(rest.len());
    let mut link = rest.get(..end)?;
    // A full stop, or a bracket that was opened before the link, belongs to the sentence.
    while let Some(last) = link.chars().next_back() {
        let open = |open, close| link.matches(open).count() >= link.matches(close).count();
        let part = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' => false,
            ')' => open('(', ')'),
            ']' => open('[', ']'),
            _ => true,
        };
        if part {
            break;
        }
        link = link.get(..link.len() - last.len_utf8())?;
    }
    let host = link.get(scheme.len()..)?;
    host.chars().next().is_some_and(char::is_alphanumeric).then_some(link.len())
}

/// ASCII but what never stands bare in a link, and letters of spaced alphabets: Chinese and Japanese text
/// goes on right behind a link.
fn in_link(c: char) -> bool {
    (c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`'))
        || (c.is_alphanumeric() && ('\u{80}'..'\u{0590}').contains(&c))
}

/// The length of the mention at the start of `rest`.
fn mention(rest: &str, before: Option<char>) -> Option<usize> {
    let joined = |c: char| matches!(c, '!' | '#' | '$' | '%' | '&' | '*' | '@' | '＠' | '/') || in_mention(c);
    if before.is_some_and(joined) {
        return None;
    }
    name(rest, in_mention)
}

fn in_mention(c: char) -> bool {
    is_xid_continue(c) && !is_unspaced(c) && !is_hangul(c)
}

/// The length of the hashtag at the start of `rest`.
fn hashtag(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| matches!(c, '&' | '#' | '＃' | '/') || in_hashtag(c)) {
        return None;
    }
    let length = name(rest, in_hashtag)?;
    rest.get(..length)?.chars().any(char::is_alphabetic).then_some(length)
}

/// Letters, digits and marks of all scripts, and the joiners that Persian and Indic spelling needs.
fn in_hashtag(c: char) -> bool {
    is_xid_continue(c) || is_joiner(c)
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '・')
}

/// The length of a sigil and the name that follows it.
fn name(rest: &str, belongs: fn(char) -> bool) -> Option<usize> {
    let sigil = rest.chars().next()?.len_utf8();
    let after = rest.get(sigil..)?;
    let end = after.find(|c| !belongs(c)).unwrap_or(after.len());
    let name = after.get(..end)?.trim_end_matches(is_joiner);
    (!name.is_empty()).then_some(sigil + name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        entities(text).map(|entity| entity.text).collect()
    }

    #[test]
    fn entities_of_many_languages() {
        for (text, expected) in [
            ("Grüße aus #Köln an @anna und @müller.", &["#Köln", "@anna", "@müller"][..]),
            (
                "RT @KATANA77: えっそれは・・・（一同） http://t.co/PkCJAcSuYK",
                &["@KATANA77", "http://t.co/PkCJAcSuYK"],
            ),
            (
                "@aym0566xさん見てhttp://t.co/abcすごい #東京オリンピック！",
                &["@aym0566x", "http://t.co/abc", "#東京オリンピック"],
            ),
            ("مرحبا @سارة انظر #القاهرة_الكبرى", &["@سارة", "#القاهرة_الكبرى"]),
            ("#می\u{200c}خواهم و #हिन्दी", &["#می\u{200c}خواهم", "#हिन्दी"]),
            ("안녕 @민수님 @kim님 #서울", &["@kim", "#서울"]),
            (
                "(see https://de.wikipedia.org/wiki/Köln_(Stadt)).",
                &["https://de.wikipedia.org/wiki/Köln_(Stadt)"],
            ),
            ("HTTPS://EXAMPLE.ORG/a#b?c=@d, ok", &["HTTPS://EXAMPLE.ORG/a#b?c=@d"]),
            ("＠full ＃幅 😋#emoji", &["＠full", "＃幅", "#emoji"]),
            ("mail me@example.org, #1 on a#b ## @ # http:// https://. ", &[]),
            ("", &[]),
        ] {
            assert_eq!(found(text), expected, "in {text}");
        }
    }

    #[test]
    fn names_have_no_sigil_and_words_remain_without_entities() {
        let names: Vec<_> = entities("@a ＃幅 http://x.y").map(|entity| entity.name()).collect();
        assert_eq!(names, ["a", "幅", "http://x.y"]);
        assert_eq!(without_entities("見て@a http://x.y すごい#タグ"), "見て    すごい#タグ");
        assert_eq!(without_entities("plain"), "plain");
    }
}
