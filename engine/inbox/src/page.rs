use bytes::Bytes;

use crate::Cursor;

/// One entry of a feed or an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// When it arrived, compared with the other entries of its shard: rises, and never comes twice.
    pub sequence: u64,
    /// The post, one JSON object.
    pub post: Bytes,
}

/// The sequences a page speaks for: whatever arrived in `from..=to` and belongs to the feed is on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The lowest.
    pub from: u64,
    /// The highest; below `from` when the page speaks for nothing.
    pub to: u64,
}

/// Some entries, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub items: Vec<Item>,
    /// Where older ones begin; `None` when there are none.
    pub next: Option<Cursor>,
    /// What the page speaks for.
    pub covered: Covered,
}

impl Item {
    /// Appends the post with `sequence` as its last member: `{…,"sequence":7}`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let open = self.post.trim_ascii_end();
        let open = open.strip_suffix(b"}").unwrap_or(open).trim_ascii_end();
        out.extend_from_slice(open);
        if !open.ends_with(b"{") {
            out.push(b',');
        }
        out.extend_from_slice(format!("\"sequence\":{}}}", self.sequence).as_bytes());
    }
}

impl Page {
    /// The page as JSON: `{"items":[…],"next":"…"|null,"covered":{"from":1,"to":9}}`. Posts are copied as
    /// they are, not parsed.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let posts: usize = self.items.iter().map(|item| item.post.len() + 40).sum();
        let mut out = Vec::with_capacity(posts + 120);
        out.extend_from_slice(b"{\"items\":[");
        for (place, item) in self.items.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            item.write_json(&mut out);
        }
        let next = self.next.map_or_else(|| "null".to_owned(), |cursor| format!("\"{cursor}\""));
        let Covered { from, to } = self.covered;
        let end = format!("],\"next\":{next},\"covered\":{{\"from\":{from},\"to\":{to}}}}}");
        out.extend_from_slice(end.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_json_with_the_sequence_inside_each_post() {
        let item = |sequence, post| Item { sequence, post: Bytes::from_static(post) };
        let items = vec![item(9, b"{\"id\":\"1-a\"}"), item(4, b"{ } "), item(3, b"{\"a\":{}\n}")];
        let page = Page { items, next: Some(Cursor(3)), covered: Covered { from: 3, to: 12 } };
        let json: serde_json::Value = serde_json::from_slice(&page.to_json()).unwrap();
        let expected = serde_json::json!({
            "items": [{"id": "1-a", "sequence": 9}, {"sequence": 4}, {"a": {}, "sequence": 3}],
            "next": Cursor(3).to_string(),
            "covered": {"from": 3, "to": 12},
        });
        assert_eq!(json, expected);
    }
}
