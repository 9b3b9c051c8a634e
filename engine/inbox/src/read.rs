//! Reads: each from one snapshot, so that what a page says is true of one moment.

use std::ops::ControlFlow;

use bytes::Bytes;
use relations::UserId;
use store::{Snapshot, Store, Table};

use crate::{
    Cursor, Error, Result, block,
    page::{Covered, Item, Page},
    position,
    tables::{POSTS, end_of, pair, right},
};

/// Bytes of posts on a page of more than one post: a page has to fit where a post fits, in memory and on its way
/// between processes.
const PAGE_BYTES_MAX: usize = 512 << 10;

/// Up to `limit` entries (at least 1) of `owner`'s index, newest first. Numbers whose post is gone are
/// skipped, so a page is full while there is something to fill it with; large posts fill it earlier.
pub(crate) fn page(
    store: &dyn Store,
    table: Table,
    owner: u64,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Page> {
    let snapshot = store.snapshot()?;
    let below = cursor.map_or(u64::MAX, |cursor| cursor.0);
    let limit = limit.max(1);
    let mut filling = Filling { below, limit, items: Vec::new(), bytes: 0, full: false };
    let mut failure = None;
    snapshot.scan_back(table, &pair(owner, 0), &pair(owner, below), &mut |key, value| match filling
        .take(&*snapshot, table, key, value)
    {
        Ok(flow) => flow,
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    let Filling { items, full, .. } = filling;
    // An activity that is still being spread may be on the page, one above what is applied for all.
    let newest = items.first().map_or(0, |item| item.sequence);
    let to = position::applied(&*snapshot)?.max(newest).min(below.saturating_sub(1));
    let oldest = items.last().filter(|_| full).map(|item| item.sequence);
    let covered = Covered { from: oldest.unwrap_or(1), to };
    Ok(Page { items, next: oldest.map(Cursor), covered })
}

/// A page in the making.
struct Filling {
    below: u64,
    limit: usize,
    items: Vec<Item>,
    bytes: usize,
    /// There was more than fits.
    full: bool,
}

impl Filling {
    /// Adds one block's posts; breaks at the first that no longer fits.
    fn take(
        &mut self,
        snapshot: &dyn Snapshot,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<ControlFlow<()>> {
        let block =
            right(key).and_then(|first| block::decode(first, value)).ok_or(Error::Corrupt { table })?;
        for sequence in block.into_iter().rev().filter(|number| *number < self.below) {
            let Some(post) = snapshot.get(POSTS, &sequence.to_be_bytes())? else { continue };
            self.bytes += post.len();
            let heavy = self.bytes > PAGE_BYTES_MAX && !self.items.is_empty();
            if heavy || self.items.len() == self.limit {
                self.full = true;
                return Ok(ControlFlow::Break(()));
            }
            self.items.push(Item { sequence, post: Bytes::copy_from_slice(&post) });
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Up to `limit` users on the right side of `left` in an edge table, ascending, above `after`.
pub(crate) fn neighbours(
    store: &dyn Store,
    table: Table,
    left: UserId,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<UserId>> {
    let Some(from) = after.map_or(Some(0), |after| after.0.checked_add(1)) else { return Ok(Vec::new()) };
    let mut users = Vec::new();
    if limit == 0 {
        return Ok(users);
    }
    store.snapshot()?.scan(table, &pair(left.0, from), &end_of(left.0), &mut |key, _| {
        users.extend(right(key).map(UserId));
        if users.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(users)
}
