//! What each event does to a shard, gathered into one store batch.

use std::ops::ControlFlow;

use bytes::Bytes;
use relations::{Accepted, Activity, Control, Edge, Event, History, PostId, UserId};
use store::{Batch, Snapshot, Table};

use crate::{
    Error, Result,
    draft::Draft,
    index::Index,
    position::Position,
    tables::{
        FEEDS, FOLLOWERS, FOLLOWING, IDS, OUTBOXES, POSTS, UNFOLLOWED, end_of, id_key, number, pair, right,
    },
    users::Users,
};

/// What makes a shard this shard.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its place in the map, and its partition.
    pub(crate) number: u32,
    /// The users it owns.
    pub(crate) users: Users,
    /// Numbers in an index block at most.
    pub(crate) block_max: usize,
    /// Feed entries touched by one store batch at most.
    pub(crate) entries_max: usize,
}

/// Whether an event's effects are all in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// All of them.
    Everyone,
    /// The batch is full; followers after this one are left.
    UpTo(UserId),
}

/// What a batch does, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) inserts: u64,
    pub(crate) activities: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
}

/// One store batch in the making.
pub(crate) struct Change<'s> {
    place: &'s Place,
    draft: Draft<'s>,
    feeds: Index,
    outboxes: Index,
    /// Entries that still fit.
    room: usize,
    pub(crate) tally: Tally,
}

impl<'s> Change<'s> {
    pub(crate) fn over(place: &'s Place, snapshot: &'s dyn Snapshot) -> Self {
        Self {
            place,
            draft: Draft::over(snapshot),
            feeds: Index::new(FEEDS, place.block_max),
            outboxes: Index::new(OUTBOXES, place.block_max),
            room: place.entries_max.max(1),
            tally: Tally::default(),
        }
    }

    /// Whether the batch should be written before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Adds the effects of the event at `sequence`, which was `accepted` there, or what is left of them after the follower it
    /// `paused` at. The batch must not be full.
    pub(crate) fn add(
        &mut self,
        sequence: u64,
        accepted: Option<Accepted>,
        event: &Event,
        paused: Option<UserId>,
    ) -> Result<Reached> {
        match event {
            Event::Activity(activity) => self.activity(sequence, accepted, activity, paused),
            Event::Control(Control::Retract(post)) => self.retract(*post, paused),
            Event::Control(Control::Follow(edge)) => self.follow(*edge, accepted),
            Event::Control(Control::Unfollow(edge, history)) => self.unfollow(*edge, *history, accepted),
        }
    }

    /// Notes that the store holds more users from here on.
    pub(crate) fn grow(&mut self) {
        self.place.users.put(&mut self.draft);
    }

    /// The batch, with the position it brings the shard to.
    pub(crate) fn into_batch(mut self, position: Position) -> Result<Batch> {
        self.feeds.flush(&mut self.draft)?;
        self.outboxes.flush(&mut self.draft)?;
        position.put(&mut self.draft);
        Ok(self.draft.into_batch())
    }

    fn activity(
        &mut self,
        sequence: u64,
        accepted: Option<Accepted>,
        activity: &Activity,
        paused: Option<UserId>,
    ) -> Result<Reached> {
        let author = activity.post.author;
        if paused.is_none() {
            if self.draft.has(IDS, &id_key(activity.post))? {
                return Ok(self.pass_over());
            }
            let Some(post) = object(&activity.body) else {
                return Ok(self.refuse("its post is no JSON object"));
            };
            // The distributor's summary of shards may be too wide: a post nobody here can see is not kept.
            if !self.owns(author) && self.followers(author, accepted, None, 1)?.is_empty() {
                return Ok(Reached::Everyone);
            }
            self.draft.put(IDS, &id_key(activity.post), sequence.to_be_bytes().to_vec());
            self.draft.put(POSTS, &sequence.to_be_bytes(), post);
            self.outboxes.push(author.0, sequence);
            self.tally.activities += 1;
        }
        let users = self.followers(author, accepted, paused, self.room)?;
        for user in &users {
            self.feeds.push(user.0, sequence);
        }
        self.tally.inserts += users.len() as u64;
        Ok(self.reached(&users))
    }

    fn retract(&mut self, post: PostId, paused: Option<UserId>) -> Result<Reached> {
        let known =
            self.draft.get(IDS, &id_key(post))?.map(|row| number(&row).ok_or(Error::Corrupt { table: IDS }));
        let Some(sequence) = known.transpose()? else {
            // It may still come, out of a dead letter that is replayed: then it is not let in.
            self.draft.put(IDS, &id_key(post), 0u64.to_be_bytes().to_vec());
            return Ok(Reached::Everyone);
        };
        if paused.is_none() {
            if !self.draft.has(POSTS, &sequence.to_be_bytes())? {
                return Ok(Reached::Everyone);
            }
            self.draft.delete(POSTS, &sequence.to_be_bytes());
            self.outboxes.remove(&mut self.draft, post.author.0, &[sequence])?;
        }
        let users = self.followers(post.author, None, paused, self.room)?;
        for user in &users {
            self.feeds.remove(&mut self.draft, user.0, &[sequence])?;
        }
        Ok(self.reached(&users))
    }

    fn follow(&mut self, edge: Edge, accepted: Option<Accepted>) -> Result<Reached> {
        if !self.owns(edge.user) {
            return Ok(self.refuse("its user belongs to another shard"));
        }
        let (following, follower) = keys(edge);
        let Newest::Is(newest) = self.newest(edge, accepted)? else { return Ok(self.pass_over()) };
        // Who follows already follows since then.
        if !self.draft.has(FOLLOWERS, &follower)? {
            self.draft.put(FOLLOWERS, &follower, row_of(newest));
        }
        self.draft.put(FOLLOWING, &following, row_of(newest));
        self.draft.delete(UNFOLLOWED, &follower);
        Ok(Reached::Everyone)
    }

    fn unfollow(&mut self, edge: Edge, history: History, accepted: Option<Accepted>) -> Result<Reached> {
        if !self.owns(edge.user) {
            return Ok(self.refuse("its user belongs to another shard"));
        }
        let (following, follower) = keys(edge);
        let Newest::Is(newest) = self.newest(edge, accepted)? else { return Ok(self.pass_over()) };
        if self.draft.has(FOLLOWERS, &follower)? || self.draft.has(UNFOLLOWED, &follower)? {
            self.draft.put(UNFOLLOWED, &follower, row_of(newest));
        }
        self.draft.delete(FOLLOWING, &following);
        self.draft.delete(FOLLOWERS, &follower);
        if history == History::Purge {
            let posts = self.outboxes.all(&mut self.draft, edge.author.0)?;
            let removed = self.feeds.remove(&mut self.draft, edge.user.0, &posts)?;
            self.room = self.room.saturating_sub(removed);
        }
        Ok(Reached::Everyone)
    }

    /// What is known of an edge once a follow or unfollow of it that was `accepted` there has had its effects.
    fn newest(&self, edge: Edge, accepted: Option<Accepted>) -> Result<Newest> {
        let (following, follower) = keys(edge);
        let known = match self.draft.get(FOLLOWING, &following)? {
            Some(row) => accepted_in(FOLLOWING, &row)?,
            None => match self.draft.get(UNFOLLOWED, &follower)? {
                Some(row) => accepted_in(UNFOLLOWED, &row)?,
                None => None,
            },
        };
        Ok(match (accepted, known) {
            (Some(at), Some(known)) if at.is_past(known) => Newest::WasThere,
            (Some(at), Some(known)) => Newest::Is(Some(at.after(known))),
            (at, known) => Newest::Is(at.or(known)),
        })
    }

    /// Takes note of an event that was here before: whatever had its effects since must not be undone.
    fn pass_over(&mut self) -> Reached {
        self.tally.repeated += 1;
        Reached::Everyone
    }

    /// Takes note of an event that no correct distributor sends; it must not stop those behind it.
    pub(crate) fn refuse(&mut self, reason: &str) -> Reached {
        tracing::error!(shard = self.place.number, reason, "an inbox message was refused");
        self.tally.refused += 1;
        Reached::Everyone
    }

    fn owns(&self, user: UserId) -> bool {
        self.place.users.own(user)
    }

    /// Up to `max` local followers above `after`, ascending; of something that was accepted `at` some place those who followed by then: it may
    /// come again, or late.
    fn followers(
        &self,
        author: UserId,
        at: Option<Accepted>,
        after: Option<UserId>,
        max: usize,
    ) -> Result<Vec<UserId>> {
        let mut users = Vec::new();
        let Some(from) = after.map_or(Some(0), |after| after.0.checked_add(1)) else { return Ok(users) };
        let mut problem = None;
        self.draft.scan(FOLLOWERS, &pair(author.0, from), &end_of(author.0), &mut |key, since| {
            match accepted_in(FOLLOWERS, since) {
                Ok(since) if at.zip(since).is_some_and(|(at, since)| at.is_past(since)) => {}
                Ok(_) => users.extend(right(key).map(UserId)),
                Err(error) => problem = Some(error),
            }
            if users.len() < max && problem.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        problem.map_or(Ok(users), Err)
    }

    /// Spends room on `users`. All of it spent means that there may be more of them.
    fn reached(&mut self, users: &[UserId]) -> Reached {
        self.room = self.room.saturating_sub(users.len());
        match users.last() {
            Some(last) if self.room == 0 => Reached::UpTo(*last),
            _ => Reached::Everyone,
        }
    }
}

/// Where the newest follow or unfollow of an edge was accepted, as far as anybody said.
enum Newest {
    Is(Option<Accepted>),
    /// This one comes again: it, or a later one, was there before.
    WasThere,
}

/// An edge as its user has it, and as its author has it.
fn keys(edge: Edge) -> ([u8; 16], [u8; 16]) {
    (pair(edge.user.0, edge.author.0), pair(edge.author.0, edge.user.0))
}

fn row_of(accepted: Option<Accepted>) -> Vec<u8> {
    accepted.map(|at| at.to_bytes().to_vec()).unwrap_or_default()
}

fn accepted_in(table: Table, row: &[u8]) -> Result<Option<Accepted>> {
    if row.is_empty() {
        return Ok(None);
    }
    Accepted::from_bytes(row).map(Some).ok_or(Error::Corrupt { table })
}

/// The body without blanks around it, if it looks like a JSON object (the distributor has parsed it).
fn object(body: &Bytes) -> Option<Bytes> {
    let trimmed = body.trim_ascii();
    (trimmed.starts_with(b"{") && trimmed.ends_with(b"}")).then(|| body.slice_ref(trimmed))
}
