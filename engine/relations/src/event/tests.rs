use proptest::prelude::*;

use super::*;

fn post() -> impl Strategy<Value = PostId> {
    any::<(u64, u64)>().prop_map(|(author, unique)| PostId { author: UserId(author), unique })
}

fn control() -> impl Strategy<Value = Control> {
    let edge =
        any::<(u64, u64)>().prop_map(|(user, author)| Edge { user: UserId(user), author: UserId(author) });
    let history = prop_oneof![Just(History::Purge), Just(History::Keep)];
    prop_oneof![
        edge.clone().prop_map(Control::Follow),
        (edge, history).prop_map(|(edge, history)| Control::Unfollow(edge, history)),
        post().prop_map(Control::Retract),
    ]
}

fn over_the_wire(message: &Message) -> Message {
    let mut out = Vec::new();
    message.encode_into(&mut out);
    Message::decode(out.into()).unwrap()
}

proptest! {
    #[test]
    fn controls_survive_the_wire(control in control()) {
        let message = over_the_wire(&control.to_message("m".into()));
        prop_assert_eq!(&message.key, &control.author().to_string());
        prop_assert_eq!(Control::read(&message), Ok(Some(control)));
        prop_assert_eq!(Event::read(message), Ok(Event::Control(control)));
    }

    #[test]
    fn activities_survive_the_wire(post in post(), verb in "[a-z]{1,9}", body in "\\{\"text\":\"[a-z]{0,9}\"\\}") {
        let activity = Activity { post, verb, body: body.into() };
        let message = over_the_wire(&activity.clone().into_message("m".into()));
        prop_assert_eq!(Control::read(&message), Ok(None));
        prop_assert_eq!(Event::read(message), Ok(Event::Activity(activity)));
    }
}

#[test]
fn messages_that_say_too_little_are_refused_with_a_reason() {
    let post = PostId { author: UserId(4), unique: 1 };
    let follow = Control::Follow(Edge { user: UserId(3), author: UserId(4) }).to_message("m".into());
    let refused = |change: &dyn Fn(&mut Message)| {
        let mut message = follow.clone();
        change(&mut message);
        Event::read(message).unwrap_err().problem
    };
    assert_eq!(refused(&|m| m.headers.0.clear()), "the header `user` is missing");
    assert_eq!(refused(&|m| m.kind = "catena.like".into()), "the kind is unknown");
    assert_eq!(refused(&|m| m.kind = UNFOLLOW.into()), "the header `history` is missing");
    assert_eq!(refused(&|m| m.kind = "note".into()), "the header `post` is missing");
    assert!(refused(&|m| m.key = "me".into()).contains("`me` is not a user id"));

    let mut foreign = Activity { post, verb: "note".into(), body: "{}".into() }.into_message("m".into());
    foreign.key = "5".into();
    assert_eq!(Event::read(foreign).unwrap_err().problem, "the key is not the post's author");
}
