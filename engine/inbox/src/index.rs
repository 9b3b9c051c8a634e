//! A sorted set of numbers for each owner (a user's feed, an author's outbox), kept in [blocks](crate::block).
//!
//! Numbers arrive in ascending order, thousands at a time, spread over the owners. They wait beside the
//! draft and reach the blocks once, so that a batch writes each owner's last block once however many numbers
//! it got. Anything else first brings the owner's waiting numbers in.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use store::Table;

use crate::{
    Error, Result, block,
    draft::Draft,
    tables::{end_of, pair, right},
};

/// The changes of one batch to one index table.
pub(crate) struct Index {
    table: Table,
    /// Numbers in a block at most.
    block_max: usize,
    waiting: HashMap<u64, Vec<u64>>,
}

impl Index {
    pub(crate) fn new(table: Table, block_max: usize) -> Self {
        Self { table, block_max: block_max.max(1), waiting: HashMap::new() }
    }

    /// Adds `number`, which is above all that were pushed before it.
    pub(crate) fn push(&mut self, owner: u64, number: u64) {
        self.waiting.entry(owner).or_default().push(number);
    }

    /// Every number of `owner`, ascending.
    pub(crate) fn all(&mut self, draft: &mut Draft<'_>, owner: u64) -> Result<Vec<u64>> {
        self.bring_in(draft, owner)?;
        let mut blocks = Vec::new();
        draft.scan(self.table, &pair(owner, 0), &end_of(owner), &mut |key, value| {
            blocks.push(self.block(key, value));
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(blocks.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    /// Removes those of `numbers`, ascending, that `owner` has, and answers how many.
    pub(crate) fn remove(&mut self, draft: &mut Draft<'_>, owner: u64, numbers: &[u64]) -> Result<usize> {
        self.bring_in(draft, owner)?;
        let mut removed = 0;
        let mut numbers = numbers;
        while let Some(lowest) = numbers.first() {
            let Some(block) = self.at_or_before(draft, owner, *lowest)? else {
                numbers = numbers.get(1..).unwrap_or_default();
                continue;
            };
            let last = block.last().copied().unwrap_or_default();
            let (here, later) = numbers.split_at(numbers.partition_point(|number| *number <= last).max(1));
            let kept: Vec<u64> =
                block.iter().copied().filter(|number| here.binary_search(number).is_err()).collect();
            if kept.len() < block.len() {
                removed += block.len() - kept.len();
                self.shrink(draft, owner, &block, kept)?;
            }
            numbers = later;
        }
        Ok(removed)
    }

    /// Brings everything that waits into the blocks.
    pub(crate) fn flush(&mut self, draft: &mut Draft<'_>) -> Result<()> {
        for (owner, numbers) in std::mem::take(&mut self.waiting) {
            self.insert(draft, owner, &numbers)?;
        }
        Ok(())
    }

    fn bring_in(&mut self, draft: &mut Draft<'_>, owner: u64) -> Result<()> {
        match self.waiting.remove(&owner) {
            Some(numbers) => self.insert(draft, owner, &numbers),
            None => Ok(()),
        }
    }

    /// Inserts `numbers`, ascending. What lies above all others is appended, filling blocks to the brim; a
    /// number in between splits a full block in halves.
    fn insert(&self, draft: &mut Draft<'_>, owner: u64, numbers: &[u64]) -> Result<()> {
        let tail = draft.last(self.table, &pair(owner, 0), &end_of(owner))?;
        let mut tail = tail.map(|(key, value)| self.block(&key, &value)).transpose()?.unwrap_or_default();
        let between = tail.last().map_or(0, |last| numbers.partition_point(|number| number <= last));
        let (between, above) = numbers.split_at(between);
        for number in between {
            self.insert_between(draft, owner, *number)?;
        }
        if !between.is_empty() {
            let last = draft.last(self.table, &pair(owner, 0), &end_of(owner))?;
            tail = last.map(|(key, value)| self.block(&key, &value)).transpose()?.unwrap_or_default();
        }
        if !above.is_empty() {
            tail.extend_from_slice(above);
            tail.chunks(self.block_max).for_each(|block| self.put(draft, owner, block));
        }
        Ok(())
    }

    fn insert_between(&self, draft: &mut Draft<'_>, owner: u64, number: u64) -> Result<()> {
        let mut block = match self.at_or_before(draft, owner, number)? {
            Some(block) => block,
            None => self.from(draft, owner, number)?.unwrap_or_default(),
        };
        let Err(place) = block.binary_search(&number) else { return Ok(()) };
        self.delete(draft, owner, &block);
        block.insert(place, number);
        let half = if block.len() > self.block_max { block.len().div_ceil(2) } else { block.len() };
        block.chunks(half).for_each(|block| self.put(draft, owner, block));
        Ok(())
    }

    /// Puts `kept` in the place of `block`, joined to a neighbour once it is small and both fit.
    fn shrink(&self, draft: &mut Draft<'_>, owner: u64, block: &[u64], mut kept: Vec<u64>) -> Result<()> {
        self.delete(draft, owner, block);
        let (Some(first), Some(last)) = (kept.first().copied(), kept.last().copied()) else { return Ok(()) };
        if kept.len() <= self.block_max / 4 {
            let fits = |other: &Vec<u64>| other.len() + kept.len() <= self.block_max;
            let before =
                first.checked_sub(1).map(|below| self.at_or_before(draft, owner, below)).transpose()?;
            if let Some(before) = before.flatten().filter(fits) {
                kept.splice(0..0, before);
            } else if let Some(after) = self.from(draft, owner, last)?.filter(fits) {
                self.delete(draft, owner, &after);
                kept.extend(after);
            }
        }
        self.put(draft, owner, &kept);
        Ok(())
    }

    /// The block that has `number`, if any has.
    fn at_or_before(&self, draft: &Draft<'_>, owner: u64, number: u64) -> Result<Option<Vec<u64>>> {
        let to = number.checked_add(1).map_or_else(|| end_of(owner), |next| pair(owner, next).to_vec());
        let row = draft.last(self.table, &pair(owner, 0), &to)?;
        row.map(|(key, value)| self.block(&key, &value)).transpose()
    }

    /// The first block that begins at `number` or above.
    fn from(&self, draft: &Draft<'_>, owner: u64, number: u64) -> Result<Option<Vec<u64>>> {
        let row = draft.first(self.table, &pair(owner, number), &end_of(owner))?;
        row.map(|(key, value)| self.block(&key, &value)).transpose()
    }

    fn block(&self, key: &[u8], value: &[u8]) -> Result<Vec<u64>> {
        right(key).and_then(|first| block::decode(first, value)).ok_or(Error::Corrupt { table: self.table })
    }

    fn put(&self, draft: &mut Draft<'_>, owner: u64, numbers: &[u64]) {
        if let Some((first, rest)) = numbers.split_first() {
            draft.put(self.table, &pair(owner, *first), block::encode(*first, rest));
        }
    }

    fn delete(&self, draft: &mut Draft<'_>, owner: u64, numbers: &[u64]) {
        if let Some(first) = numbers.first() {
            draft.delete(self.table, &pair(owner, *first));
        }
    }
}
