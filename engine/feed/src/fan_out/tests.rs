use std::{collections::HashMap, sync::Arc};

use bus::Stored;
use bytes::Bytes;
use chain::{Format, Source};
use model::{BundleRef, Call, Digest, Fault, Outcome, Processor, Refusal, Resolved, Wanted};
use mpc::Streams;
use relations::{Edge, Event, History, ShardMap};
use serde_json::{Value, json};

use super::*;

/// Shards begin at users 0, 10 and 20.
fn fan_out() -> FanOut {
    FanOut::new(LiveMap::new(ShardMap::new(vec![0, 10, 20]).unwrap()))
}

struct Pass;

impl Processor for Pass {
    fn process(&self, _: &Message, _: &mut Call) -> Result<Outcome, Fault> {
        Ok(Outcome::default())
    }
}

impl model::Catalog for Pass {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let bundle = BundleRef {
            name: wanted.name.clone(),
            version: "1.0.0".parse().unwrap(),
            digest: Digest([0; 32]),
        };
        Ok(Resolved { bundle, processor: Arc::new(Pass) })
    }
}

fn plan(output: &str) -> Plan {
    plan_of("posts", output)
}

fn plan_of(input: &str, output: &str) -> Plan {
    let text = format!(
        "[chain]\nid = \"feed\"\ninput = \"{input}\"\noutput = \"{output}\"\n\
         [outputs.audit]\nstream = \"audit\"\n\
         [[step]]\nid = \"pass\"\nuses = \"pass@^1\"\ngrants = [\"output:audit\"]\n"
    );
    let source = Source { name: "feed.toml".into(), format: Format::Toml, text: text.into() };
    chain::compile(&source, &Pass).unwrap()
}

/// A lane's state, and the calls a lane makes.
struct Lane {
    router: FanOut,
    plan: Plan,
    state: HashMap<Bytes, Bytes>,
    /// Of `posts`.
    partitions: u32,
}

impl Lane {
    fn new() -> Self {
        Self { router: fan_out(), plan: plan("inbox"), state: HashMap::new(), partitions: 1 }
    }

    fn route(
        &mut self,
        origin: Message,
        output: Option<&str>,
        message: Message,
    ) -> mpc::Result<Vec<Publication>> {
        let origin = Stored { sequence: 1, accepted_at_ms: 0, message: origin };
        let output = output.map(|name| Name::new(name).unwrap());
        let streams = [("inbox", 3), ("audit", 1), ("posts", self.partitions)];
        let streams: Streams =
            streams.map(|(name, count)| (Name::new(name).unwrap(), count)).into_iter().collect();
        let read = |key: &[u8]| Ok(self.state.get(key).cloned());
        let mut lane = LaneState::new(&read);
        let (plan, output) = (&self.plan, output.as_ref());
        let routed = Routed { plan, origin: &origin, partition: 0, output, message, streams: &streams };
        let publications = self.router.route(routed, &mut lane)?;
        for (key, value) in lane.into_writes() {
            self.state.insert(key, value.unwrap());
        }
        Ok(publications)
    }

    fn direct(&mut self, control: Control) -> Vec<u32> {
        let message = control.to_message("m".into());
        let sent = self.route(message.clone(), None, message).unwrap();
        for publication in &sent {
            assert_eq!(publication.stream.as_str(), "inbox");
            assert_eq!(Event::read(publication.message.clone()), Ok(Event::Control(control)));
        }
        sent.into_iter().map(|publication| publication.partition).collect()
    }

    fn post(&mut self, origin: Message) -> Vec<u32> {
        let message = Message { id: "derived".into(), ..origin.clone() };
        let sent = self.route(origin, Some("inbox"), message).unwrap();
        sent.into_iter().map(|publication| publication.partition).collect()
    }
}

fn post_id(author: u64) -> PostId {
    PostId { author: UserId(author), unique: 1 }
}

fn accepted(author: u64) -> Message {
    let id = post_id(author);
    let body = json!({"id": id, "actor": id.author, "text": "hi"}).to_string().into();
    Message { id: id.to_string(), kind: "note".into(), key: author.to_string(), body, ..Message::default() }
}

fn edge(user: u64, author: u64) -> Edge {
    Edge { user: UserId(user), author: UserId(author) }
}

#[test]
fn a_post_goes_once_to_each_shard_with_a_follower_and_home() {
    let mut lane = Lane::new();
    assert_eq!(lane.post(accepted(12)), [1]);
    assert_eq!(lane.direct(Control::Follow(edge(25, 12))), [2]);
    assert_eq!(lane.direct(Control::Follow(edge(26, 12))), [2]);
    assert_eq!(lane.post(accepted(12)), [1, 2]);
    assert_eq!(lane.direct(Control::Follow(edge(3, 12))), [0]);
    assert_eq!(lane.direct(Control::Unfollow(edge(25, 12), History::Keep)), [2]);
    // A bit is never cleared: another follower may be left.
    assert_eq!(lane.post(accepted(12)), [0, 1, 2]);
    assert_eq!(lane.direct(Control::Retract(post_id(12))), [0, 1, 2]);
    assert_eq!(lane.post(accepted(13)), [1]);
}

#[test]
fn a_user_whom_the_map_does_not_know_yet_waits_for_a_later_one() {
    let range = relations::Range { first_user: UserId(0), shard: 0 };
    let first = ShardMap::from_ranges(1, 3, vec![range], Some(UserId(10))).unwrap();
    let live = LiveMap::new(first.clone());
    let mut lane = Lane { router: FanOut::new(live.clone()), ..Lane::new() };
    let sent = |lane: &mut Lane, message: Message, output| {
        let sent = lane.route(message.clone(), output, message)?;
        Ok::<_, mpc::Error>(sent.into_iter().map(|publication| publication.partition).collect::<Vec<_>>())
    };
    let follow = Control::Follow(edge(12, 3)).to_message("m".into());
    for (message, output) in [(follow.clone(), None), (accepted(12), Some("inbox"))] {
        let refused = sent(&mut lane, message, output).unwrap_err();
        assert!(refused.retryable(), "{refused}");
        assert!(refused.to_string().contains("no inbox shard owns user 12 in version 1"), "{refused}");
    }
    live.adopt(first.extended(Some(UserId(20)), 2).unwrap()).unwrap();
    assert_eq!(sent(&mut lane, follow, None).unwrap(), [2]);
    assert_eq!(sent(&mut lane, accepted(12), Some("inbox")).unwrap(), [2]);
    assert_eq!(sent(&mut lane, accepted(3), Some("inbox")).unwrap(), [0, 2]);
}

#[test]
fn what_comes_by_a_partition_where_followers_are_not_known_is_refused_with_where_it_belongs() {
    let mut lane = Lane { partitions: 4, ..Lane::new() };
    let own = |author: u64| bus::partition_of(&author.to_string(), 4) == 0;
    let (here, elsewhere) =
        ((0..).find(|author| own(*author)).unwrap(), (0..).find(|author| !own(*author)).unwrap());
    assert_eq!(lane.post(accepted(here)).len(), 1);
    let follow = Control::Follow(edge(3, elsewhere)).to_message("m".into());
    for (message, output) in [(follow, None), (accepted(elsewhere), Some("inbox"))] {
        let refused = lane.route(message.clone(), output, message).unwrap_err();
        let belongs = format!("publish it to {}", bus::partition_of(&elsewhere.to_string(), 4));
        assert!(!refused.retryable() && refused.to_string().ends_with(&belongs), "{refused}");
    }
}

#[test]
fn a_post_that_was_taken_back_reaches_nobody_who_comes_later() {
    let mut lane = Lane::new();
    assert_eq!(lane.direct(Control::Retract(post_id(12))), [1]);
    // Its shard was not told, and would take the post for a new one when a dead letter is replayed.
    assert_eq!(lane.direct(Control::Follow(edge(25, 12))), [2]);
    assert_eq!(lane.post(accepted(12)), [] as [u32; 0]);
    let other = PostId { unique: 2, ..post_id(12) };
    let body = json!({"id": other, "actor": other.author}).to_string().into();
    assert_eq!(lane.post(Message { id: other.to_string(), body, ..accepted(12) }), [1, 2]);
    // What goes elsewhere goes on: only inboxes forget.
    let sent = lane.route(accepted(12), Some("audit"), accepted(12)).unwrap();
    assert_eq!(sent.len(), 1);
}

#[test]
fn controls_bypass_the_chains_that_lead_to_inboxes_and_no_other() {
    let follow = Control::Follow(edge(1, 2)).to_message("m".into());
    let unknown = Message { kind: "catena.like".into(), ..accepted(1) };
    assert_eq!(fan_out().admit(&plan("inbox"), &follow), Admit::Direct);
    assert_eq!(fan_out().admit(&plan("archive"), &follow), Admit::Ignore);
    assert_eq!(fan_out().admit(&plan("inbox"), &accepted(1)), Admit::Chain);
    assert_eq!(fan_out().admit(&plan("inbox"), &unknown), Admit::Direct);
    let refused = Lane::new().route(unknown.clone(), None, unknown).unwrap_err();
    assert!(!refused.retryable() && refused.to_string().contains("the kind is unknown"), "{refused}");
}

#[test]
fn shards_get_ids_of_their_own_and_the_same_ones_again() {
    let mut lane = Lane::new();
    lane.direct(Control::Follow(edge(25, 12)));
    let message = Message { id: "derived".into(), ..accepted(12) };
    let first = lane.route(accepted(12), Some("inbox"), message.clone()).unwrap();
    assert_ne!(first[0].message.id, first[1].message.id);
    assert_eq!(lane.route(accepted(12), Some("inbox"), message).unwrap(), first);
}

#[test]
fn shards_learn_where_in_posts_it_was_accepted() {
    let places = |lane: &mut Lane| {
        let follow = Control::Follow(edge(25, 12)).to_message("m".into());
        let mut sent = lane.route(follow.clone(), None, follow).unwrap();
        // Nobody else says so.
        let mut message = Message { id: "derived".into(), ..accepted(12) };
        message.headers.set("catena-accepted", "9 9");
        sent.extend(lane.route(accepted(12), Some("inbox"), message).unwrap());
        sent.iter().map(|sent| Accepted::read(&sent.message)).collect::<Vec<_>>()
    };
    let first = Some(Accepted { sequence: 1, at_ms: 0 });
    assert_eq!(places(&mut Lane::new()), [first, first, first]);
    // Sequences of another stream say nothing beside those of `posts`.
    let mut elsewhere = Lane { plan: plan_of("imports", "inbox"), ..Lane::new() };
    let follow = Control::Follow(edge(25, 12)).to_message("m".into());
    let sent = elsewhere.route(follow.clone(), None, follow).unwrap();
    assert_eq!(Accepted::read(&sent[0].message), None);
}

#[test]
fn other_outputs_go_where_they_say() {
    let message = Message { id: "derived".into(), kind: "note".into(), ..Message::default() };
    let sent = Lane::new().route(accepted(12), Some("audit"), message.clone()).unwrap();
    assert_eq!((sent[0].stream.as_str(), sent[0].partition, &sent[0].message), ("audit", 0, &message));
}

/// What an inbox would read of a post whose body the chain replaced.
fn rewritten(body: &str) -> mpc::Result<(Activity, String)> {
    let mut message = Message { id: "derived".into(), body: body.to_owned().into(), ..accepted(12) };
    // A guest's headers cannot say whose post it is either.
    message.headers.set("post", "13-0000000000000001");
    message.key = "13".into();
    message.kind = "catena.follow".into();
    let mut sent = Lane::new().route(accepted(12), Some("inbox"), message)?;
    let text = String::from_utf8(sent[0].message.body.to_vec()).unwrap();
    match Event::read(sent.remove(0).message) {
        Ok(Event::Activity(activity)) => Ok((activity, text)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_processor_changes_what_a_post_says_but_not_whose_it_is() {
    let (activity, text) = rewritten(r#"{"id":"12-0000000000000001","actor":"12","text":1.50}"#).unwrap();
    assert_eq!((activity.post, activity.verb.as_str()), (post_id(12), "note"));
    assert_eq!(text, r#"{"id":"12-0000000000000001","actor":"12","text":1.50}"#);

    for body in [
        r#"{"id":"13-0000000000000001","actor":"13","text":"x"}"#,
        r#"{"text":"x"}"#,
        r#"{"actor":"12","text":"x","id":"12-0000000000000001","actor":"13"}"#,
        r#"{"id":"12-0000000000000001","actor":"12","sequence":99,"text":"x"}"#,
    ] {
        let (activity, text) = rewritten(body).unwrap();
        assert_eq!(activity.post, post_id(12));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value, json!({"id": post_id(12), "actor": "12", "text": "x"}), "{body}");
        assert_eq!(text.matches("\"actor\"").count(), 1, "{body}");
    }
    for body in ["", "[]", "{", "7", "{\"a\":1} {}", "{\"a\":\"\u{1}\"}"] {
        assert!(!rewritten(body).unwrap_err().retryable(), "{body}");
    }
}

#[test]
fn what_did_not_come_through_the_forwarder_is_refused() {
    let stranger = Message { id: "m-1".into(), ..accepted(12) };
    let refused = Lane::new().route(stranger.clone(), Some("inbox"), stranger).unwrap_err();
    assert!(refused.to_string().contains("`m-1` is not a post id"), "{refused}");
    let borrowed = Message { key: "13".into(), ..accepted(12) };
    assert!(Lane::new().route(borrowed.clone(), Some("inbox"), borrowed).is_err());
}
