use proptest::prelude::*;

use super::*;
use crate::{Phase, shard::report, tables::FEEDS};

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![Just(Which::Feed), Just(Which::Posts), Just(Which::Following), Just(Which::Followers)]
}

fn error() -> impl Strategy<Value = Error> {
    let phase = prop_oneof![
        Just(Phase::Absent),
        Just(Phase::Opening),
        any::<u64>().prop_map(|last| Phase::CatchingUp { last }),
    ];
    prop_oneof![
        ".{0,40}".prop_map(|given| Error::Cursor { given }),
        (any::<u32>(), phase).prop_map(|(shard, phase)| Error::NotServing { shard, phase }),
        (any::<u32>(), ".*").prop_map(|(shard, reason)| Error::Stopped { shard, reason }),
        any::<(u32, u64, u64)>().prop_map(|(shard, applied, first)| Error::Gap { shard, applied, first }),
        any::<(u32, u64, u64)>().prop_map(|(shard, applied, last)| Error::Ahead { shard, applied, last }),
        (any::<u32>(), ".*", ".*").prop_map(|(shard, found, wanted)| Error::Users { shard, found, wanted }),
        Just(Error::Corrupt { table: FEEDS }),
        ".*".prop_map(|reason| Error::Foreign { reason }),
    ]
}

proptest! {
    #[test]
    fn questions_survive(which in which(), user: u64, from: Option<u64>, limit in 1..=LIMIT_MAX) {
        let question = Question { which, user: UserId(user), from, limit };
        prop_assert_eq!(Question::decode(&question.encode()).unwrap(), question);
    }

    #[test]
    fn answers_survive(json: Vec<u8>, users: Vec<u64>) {
        let page = Answer::Page(json.into());
        prop_assert_eq!(decode_answer(&encode_answer(Ok(page.clone()))).unwrap(), page);
        let users = Answer::Users(users.into_iter().map(UserId).collect());
        prop_assert_eq!(decode_answer(&encode_answer(Ok(users.clone()))).unwrap(), users);
    }

    #[test]
    fn errors_survive_as_what_they_are(error in error()) {
        let arrived = decode_answer(&encode_answer(Err(error.clone()))).unwrap_err();
        prop_assert_eq!(format!("{arrived:?}"), format!("{error:?}"));
        prop_assert_eq!(arrived.retryable(), error.retryable());
    }

    #[test]
    fn garbage_is_refused_not_feared(bytes: Vec<u8>, what in 0u8..6, json in ".{0,60}") {
        let _ = Question::decode(&bytes);
        let _ = decode_answer(&bytes.clone().into());
        let headed = [&[VERSION, what][..], &bytes].concat();
        if let Ok(question) = Question::decode(&headed) {
            prop_assert_eq!(&question.encode()[..], &headed[..], "one question, one text");
        }
        let _ = decode_answer(&headed.into());
        let told = [&[VERSION, ERROR][..], json.as_bytes()].concat();
        prop_assert!(decode_answer(&told.into()).is_err());
    }

    #[test]
    fn what_is_cut_short_is_no_question(which in which(), user: u64, from: u64, cut in 1usize..20) {
        let whole = Question { which, user: UserId(user), from: Some(from), limit: 7 }.encode();
        let part = Question::decode(&whole[..whole.len() - cut]);
        prop_assert!(part.is_err() || cut == 8);
    }
}

#[test]
fn a_store_that_failed_is_told_with_its_cause() {
    let cause = std::io::Error::from_raw_os_error(5);
    let error = Error::from(store::Error::Read { source: std::sync::Arc::new(cause) });
    let arrived = decode_answer(&encode_answer(Err(error))).unwrap_err();
    assert!(matches!(&arrived, Error::Store { .. }));
    assert!(report(&arrived).contains("failed to read the store: Input/output error"), "{arrived:?}");
}

#[test]
fn another_release_is_told_what_to_do() {
    let mut question =
        Question { which: Which::Feed, user: UserId(1), from: None, limit: 1 }.encode().to_vec();
    question[0] = 2;
    let refused = Question::decode(&question).unwrap_err();
    let arrived = decode_answer(&encode_answer(Err(refused))).unwrap_err();
    assert_eq!(
        arrived.to_string(),
        "an inbox shard was asked in format 2, this process knows 1; bring all processes of the fleet to one release"
    );
    assert!(matches!(decode_answer(&vec![2, PAGE, b'{'].into()), Err(Error::Foreign { .. })));
}
