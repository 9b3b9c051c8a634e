//! From a chain to the inbox shards.

mod body;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use bus::Stored;
use chain::Plan;
use model::{Message, Name, derived_id};
use mpc::{Admit, LaneState, Publication, Routed, Router, ToStreams};
use relations::{
    Accepted, Activity, Control, LiveMap, PostId, UserId, is_reserved,
    stream::{INBOX, POSTS},
};

use crate::{retracted, summary::Shards};

/// Sends posts that passed their chain to every shard that has a follower, and to the author's home shard,
/// which keeps the author's own list. Follows, unfollows and retractions bypass the chain and go to the shards
/// they concern, in order with the author's posts; a post that was taken back before it came goes to none. Outputs that
/// do not lead to `inbox` go where they say.
///
/// Who posted what is taken from the message as it was accepted. A processor may change a post's body, not
/// its identity: `id` and `actor` are put back where it did, so that nobody can post in another's name, and a
/// body that is no JSON object any more makes a dead letter.
#[derive(Clone, Debug)]
pub struct FanOut {
    map: LiveMap,
}

impl FanOut {
    /// A distributor for the shards of `map`.
    #[must_use]
    pub fn new(map: LiveMap) -> Self {
        Self { map }
    }

    fn control(
        &self,
        inbox: &Name,
        routed: Routed<'_>,
        lane: &mut LaneState<'_>,
    ) -> mpc::Result<Vec<Publication>> {
        let control = Control::read(&routed.origin.message).map_err(refuse)?;
        let control = control.ok_or_else(|| refuse("it bypassed the chain and is no control message"))?;
        let author = control.author();
        in_its_partition(&routed, author)?;
        let place = accepted(&routed);
        let mut shards = Shards::default();
        match control {
            Control::Follow(edge) => {
                let mut known = Shards::read(lane, author)?;
                let home = self.home(edge.user)?;
                if known.add(home) {
                    known.keep(lane, author);
                }
                shards.add(home);
            }
            Control::Unfollow(edge, _) => {
                shards.add(self.home(edge.user)?);
            }
            Control::Retract(post) => {
                retracted::mark(lane, post);
                shards = self.audience(post, lane)?;
            }
        }
        let mut message = control.to_message(routed.message.id);
        if let Some(place) = place {
            place.put(&mut message);
        }
        Ok(spread(inbox, &shards, message))
    }

    fn activity(
        &self,
        inbox: &Name,
        routed: Routed<'_>,
        lane: &LaneState<'_>,
    ) -> mpc::Result<Vec<Publication>> {
        let origin = &routed.origin.message;
        let post: PostId = origin.id.parse().map_err(refuse)?;
        if origin.key != post.author.to_string() {
            return Err(refuse("its key is not its author"));
        }
        in_its_partition(&routed, post.author)?;
        if retracted::is_marked(lane, post)? {
            return Ok(Vec::new());
        }
        let place = accepted(&routed);
        let Message { id, headers, body, .. } = routed.message;
        let body = if body == origin.body { body } else { body::belonging_to(post, body).map_err(refuse)? };
        let mut message = Activity { post, verb: origin.kind.clone(), body }.into_message(id);
        // What the center and the processors noted travels along; the first header of a name counts.
        message.headers.0.extend(headers.0);
        if let Some(place) = place {
            place.put(&mut message);
        }
        Ok(spread(inbox, &self.audience(post, lane)?, message))
    }

    /// The shards that may show the post to anyone.
    fn audience(&self, post: PostId, lane: &LaneState<'_>) -> mpc::Result<Shards> {
        let mut shards = Shards::read(lane, post.author)?;
        shards.add(self.home(post.author)?);
        Ok(shards)
    }

    /// The shard that owns `user`. Nobody accepts a message of a user without one: the forwarder that did has a later
    /// map than this process, which is about to get it too.
    fn home(&self, user: UserId) -> mpc::Result<u32> {
        let map = self.map.load();
        map.shard_of(user).ok_or_else(|| mpc::Error::Route {
            reason: format!(
                "no inbox shard owns user {user} in version {} of the shard map; once a later one is live, \
                 replay the message",
                map.version()
            ),
            retryable: true,
        })
    }
}

impl Router for FanOut {
    fn admit(&self, plan: &Plan, message: &Message) -> Admit {
        match is_reserved(&message.kind) {
            false => Admit::Chain,
            true if inbox_of(plan).is_some() => Admit::Direct,
            true => Admit::Ignore,
        }
    }

    fn route(&self, routed: Routed<'_>, lane: &mut LaneState<'_>) -> mpc::Result<Vec<Publication>> {
        match (routed.output, inbox_of(routed.plan)) {
            (None, Some(inbox)) => self.control(inbox, routed, lane),
            (Some(output), Some(inbox)) if leads_to(routed.plan, output) == inbox => {
                self.activity(inbox, routed, lane)
            }
            _ => ToStreams.route(routed, lane),
        }
    }

    /// A shard keeps the ids of its posts, and with each edge where in `posts` its newest follow or unfollow was accepted.
    fn recognises(&self, stream: &str) -> bool {
        stream == INBOX
    }
}

/// The stream `inbox`, if the chain has an output that leads there.
fn inbox_of(plan: &Plan) -> Option<&Name> {
    plan.outputs.iter().map(|output| &output.stream).find(|stream| ***stream == *INBOX)
}

fn leads_to<'a>(plan: &'a Plan, output: &'a Name) -> &'a Name {
    plan.output(output).map_or(output, |declared| &declared.stream)
}

fn spread(inbox: &Name, shards: &Shards, message: Message) -> Vec<Publication> {
    let source = message.id.clone();
    // Most go to one shard: the last one gets the message itself.
    let copies = std::iter::repeat_n(message, shards.iter().count());
    let to = |(shard, message): (u32, Message)| {
        let id = derived_id(&[source.as_bytes(), b"shard", &shard.to_be_bytes()]);
        Publication { stream: inbox.clone(), partition: shard, message: Message { id, ..message } }
    };
    shards.iter().zip(copies).map(to).collect()
}

/// Who follows an author is known where the author's messages are, and nowhere else. Forwarders keep to that; others who write to the stream
/// may not know.
fn in_its_partition(routed: &Routed<'_>, author: UserId) -> mpc::Result<()> {
    let input = &routed.plan.input;
    let Some(partitions) = routed.streams.partitions(input) else { return Ok(()) };
    let own = bus::partition_of(&author.to_string(), partitions);
    if own == routed.partition {
        return Ok(());
    }
    Err(refuse(format_args!(
        "followers of {author} are known in partition {own} of `{input}`, and it came by partition {}: publish it to {own}",
        routed.partition
    )))
}

/// Where it was accepted. Of another stream than `posts` it would not compare with what shards know.
fn accepted(routed: &Routed<'_>) -> Option<Accepted> {
    let Stored { sequence, accepted_at_ms: at_ms, .. } = *routed.origin;
    (*routed.plan.input == *POSTS).then_some(Accepted { sequence, at_ms })
}

/// Trying again would not help: the message is put aside.
fn refuse(problem: impl Display) -> mpc::Error {
    mpc::Error::Route { reason: format!("the message cannot go to an inbox: {problem}"), retryable: false }
}
