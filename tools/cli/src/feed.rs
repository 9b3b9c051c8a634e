//! `catena feed`: a page of someone's feed, as a person would like to see it.

mod page;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    exit::Result,
    number::whole,
    output::{Output, talk},
    remote::{Node, answer, block_on},
};

/// Shows a page of a user's feed.
#[derive(Args)]
pub(crate) struct Feed {
    /// The user's id.
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    user: u64,
    /// Their own posts instead of what they follow.
    #[arg(long)]
    posts: bool,
    /// Items on the page, 1 to 200.
    #[arg(long, default_value_t = 20, value_parser = whole::<u32>, allow_negative_numbers = true)]
    limit: u32,
    /// Where the page begins: the `next` of another page.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    node: Node,
}

#[derive(Deserialize, Serialize)]
struct Page {
    items: Vec<Value>,
    next: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

impl Feed {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let page = block_on(self.page())?;
        output.print(&page, |page| page::render(&page.items, console::Term::stdout().size().1.into()))?;
        match (output, &page.next) {
            (Output::Text, _) if page.items.is_empty() => talk("nothing here yet"),
            (Output::Text, Some(next)) => talk(&format!("there is more: call it again with --cursor {next}")),
            _ => {}
        }
        Ok(())
    }

    async fn page(&self) -> Result<Page> {
        let client = self.node.connect()?;
        let path = format!("/v1/users/{}/{}", self.user, if self.posts { "posts" } else { "feed" });
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.cursor.iter().map(|cursor| ("cursor", cursor.clone())));
        Ok(answer(client.request(reqwest::Method::GET, &path).query(&query)).await?.json().await?)
    }
}
