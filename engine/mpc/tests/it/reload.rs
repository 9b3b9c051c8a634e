//! Changes of chains and bundles, and the receipts they leave.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use mpc::{
    NotReady,
    receipt::{Change, Verdict},
};

use crate::support::{Diary, FlakyBus, Setup, bundle, chain, found, message, step, until};

fn feed(version: &str) -> String {
    chain("", &[step("a", &format!("a@{version}"), "")])
}

/// Another chain over the same stream.
fn other(steps: &[String]) -> String {
    chain("", steps).replace("\"feed\"", "\"other\"").replace("\"out\"", "\"elsewhere\"")
}

async fn setup() -> Setup {
    Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "mark")),
        ("bundles/b.wasm", &bundle("b", "1.0.0", "mark")),
        ("chains/feed.toml", &feed("^1")),
    ])
}

#[tokio::test]
async fn an_output_that_the_bus_does_not_make_refuses_its_own_chain_and_no_other() {
    let mut setup = setup().await.with(&[("chains/other.toml", &other(&[step("b", "b@^1", "")]))]);
    let mut bus = FlakyBus::new(Arc::clone(&setup.bus), Diary::default());
    bus.denied = Some("elsewhere");
    setup.bus = Arc::new(bus);
    let node = setup.start().await;
    let receipts = node.center.receipts(10);
    let refused = receipts.iter().find(|receipt| receipt.verdict == Verdict::Refused).unwrap();
    assert_eq!(refused.faults.len(), 1);
    assert!(refused.faults[0].message.contains("this user may not make `elsewhere`"), "{:?}", refused.faults);
    let mut sink = node.sink("out").await;
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|a@1.0.0");
}

#[tokio::test]
async fn the_start_leaves_a_receipt_for_each_chain_and_the_good_ones_run() {
    let broken = format!("{}\nsurprise = true\n", other(&[step("x", "nowhere@^1", "")]));
    let setup = setup().await.with(&[("chains/other.toml", &broken), ("bundles/junk.wasm", "junk")]);
    let node = setup.start().await;
    let receipts = node.center.receipts(10);
    let of = |verdict| receipts.iter().find(|receipt| receipt.verdict == verdict).unwrap();
    let (live, refused) = (of(Verdict::Live), of(Verdict::Refused));
    assert_eq!(receipts.len(), 2);
    assert_eq!((live.chain.as_deref(), live.generation), (Some("feed"), Some(1)));
    assert_eq!(live.changes, ["new chain: a (a@1.0.0)"]);
    assert!(live.cause.iter().all(|cause| cause.change == Change::Started));
    assert_eq!(refused.faults.len(), 2, "all mistakes at once: {:?}", refused.faults);
    assert!(refused.faults.iter().all(|mistake| mistake.line > 0 && mistake.file.ends_with("other.toml")));
    assert!(refused.report.as_deref().unwrap().contains("surprise"));
    assert_eq!(refused.refused[0].path, node.path("bundles/junk.wasm"));
    assert_eq!(node.center.ready(), Ok(()));
    assert_eq!(node.center.bundles().present.len(), 2);
    let chains = node.center.chains();
    assert_eq!((&*chains[0].id, chains[0].lanes.len(), chains[0].refused.is_none()), ("feed", 4, true));
    assert_eq!(chains[0].path, node.path("chains/feed.toml"));
    assert_eq!((&*chains[1].id, chains[1].generation, chains[1].refused.is_some()), ("other", None, true));
}

#[tokio::test]
async fn a_node_without_a_chain_is_not_ready_until_one_comes() {
    let mut node = Setup::new().await.start().await;
    assert_eq!(node.center.ready(), Err(NotReady::NoChain { refused: Vec::new() }));
    node.put("bundles/a.wasm", &bundle("a", "1.0.0", "mark"));
    node.put("chains/feed.toml", &feed("^1"));
    node.receipt(Verdict::Live).await;
    assert_eq!(node.center.ready(), Ok(()));
}

#[tokio::test]
async fn a_broken_chain_leaves_the_old_one_running_and_mending_it_is_no_change() {
    let mut node = setup().await.start().await;
    let mut sink = node.sink("out").await;
    node.put("chains/feed.toml", &format!("{}\nsurprise = true\n", feed("^1")));
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!(
        (refused.chain.as_deref(), refused.generation),
        (Some("feed"), Some(1)),
        "what runs is still there"
    );
    assert_eq!(refused.faults[0].code, "chain::unknown-key");
    assert!(node.center.chains()[0].refused.is_some());
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|a@1.0.0");
    node.put("chains/feed.toml", &feed("^1"));
    let mended = node.receipt(Verdict::Unchanged).await;
    assert_eq!((mended.chain.as_deref(), mended.generation), (Some("feed"), Some(1)));
    assert_eq!(mended.changes, ["the file is in order again"]);
    assert!(node.center.chains()[0].refused.is_none());
}

#[tokio::test]
async fn a_new_bundle_reloads_the_chains_that_take_it_and_no_other() {
    let text = other(&[step("b", "b@^1", "")]);
    let mut node = setup().await.with(&[("chains/other.toml", &text)]).start().await;
    let before = node.center.chains();
    node.put("bundles/a-1.1.wasm", &bundle("a", "1.1.0", "mark"));
    let receipt = node.receipt(Verdict::Live).await;
    assert_eq!(receipt.chain.as_deref(), Some("feed"));
    assert_eq!(receipt.changes, ["a: a 1.0.0 → 1.1.0"]);
    assert_eq!((receipt.replaced, receipt.drained), (before[0].generation, true));
    let causes: Vec<_> = receipt.cause.iter().map(|cause| cause.change).collect();
    assert_eq!(causes, [Change::Affected, Change::Added]);
    // Older than what is taken, of interest to nobody, no bundle at all: each is accounted for.
    node.put("bundles/a-0.9.wasm", &bundle("a", "1.0.9", "mark"));
    let receipt = node.receipt(Verdict::Unchanged).await;
    assert_eq!(receipt.cause[0].path, node.path("bundles/a-0.9.wasm"));
    assert_eq!(receipt.changes, ["feed: generation 3 runs on"], "the chain that takes bundles of that name");
    node.put("bundles/c.wasm", &bundle("c", "1.0.0", "mark"));
    assert_eq!(node.receipt(Verdict::Unchanged).await.changes, ["no chain depends on it"]);
    node.put("bundles/junk.wasm", "junk");
    let receipt = node.receipt(Verdict::Refused).await;
    assert_eq!((&receipt.chain, receipt.refused[0].reason.as_str()), (&None, "it is no script"));
    assert_eq!(receipt.subject(), node.path("bundles/junk.wasm").display().to_string());
    assert_eq!(receipt.outcome(), "refused, nothing that runs has changed");
    let after = node.center.chains();
    assert_eq!(before[1].generation, after[1].generation, "chain `other` was left alone");
}

#[tokio::test]
async fn a_bundle_that_is_broken_and_mended_names_what_ran_on_meanwhile() {
    let mut node = setup().await.start().await;
    node.put("bundles/a.wasm", "junk");
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!(refused.subject(), node.path("bundles/a.wasm").display().to_string());
    assert_eq!(
        refused.changes,
        ["a@1.0.0, which was there before, stays in use", "feed: generation 1 runs on"]
    );
    node.put("bundles/a.wasm", &bundle("a", "1.0.0", "mark"));
    let mended = node.receipt(Verdict::Unchanged).await;
    assert_eq!(mended.subject(), refused.subject());
    assert_eq!(mended.changes, ["feed: generation 1 runs on"]);
}

#[tokio::test]
async fn a_text_that_is_refused_is_about_the_chain_that_runs_from_its_file() {
    let mut node = setup().await.start().await;
    node.put("chains/feed.toml", &other(&[step("x", "nowhere@^1", "")]));
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!((refused.subject(), refused.generation), ("feed".to_owned(), Some(1)));
    assert_eq!(refused.outcome(), "refused, generation 1 runs on");
    let chains = node.center.chains();
    assert_eq!((chains.len(), &*chains[0].id, chains[0].refused.is_some()), (1, "feed", true));
    // A file from which nothing ever ran.
    node.put("chains/new.toml", &other(&[step("x", "nowhere@^1", "")]));
    let refused = node.receipt_where(|receipt| receipt.chain.as_deref() == Some("other")).await;
    assert_eq!(refused.outcome(), "refused, the chain does not run");
}

#[tokio::test]
async fn a_bundle_that_goes_is_missed_only_when_something_else_changes() {
    let mut node = setup().await.start().await;
    let mut sink = node.sink("out").await;
    std::fs::remove_file(node.path("bundles/a.wasm")).unwrap();
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!((refused.generation, refused.faults[0].code.as_str()), (Some(1), "chain::unknown-bundle"));
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|a@1.0.0", "what runs holds on to its code");
    node.put("bundles/a.wasm", &bundle("a", "1.2.0", "mark"));
    assert_eq!(node.receipt(Verdict::Live).await.changes, ["a: a 1.0.0 → 1.2.0"]);
}

#[tokio::test]
async fn a_chain_whose_tests_fail_does_not_go_live() {
    let mut node = setup().await.start().await;
    let test = "[[test]]\nname = \"ends\"\ninput = { body = {} }\nexpect = { verdict = \"term\" }\n";
    node.put("chains/feed.toml", &format!("{}{test}", feed("^1")));
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!(refused.faults[0].code, "mpc::test-failed");
    assert!(refused.faults[0].message.contains("expected term, got output"), "{refused:?}");
    let (line, column) = (feed("^1").lines().count() + 2, 8);
    assert_eq!((refused.faults[0].line, refused.faults[0].column), (line, column));
    assert!(refused.report.unwrap().contains(&format!("feed.toml:{line}:{column}: test `ends` failed")));
    assert_eq!(node.center.chains()[0].generation, Some(1));
}

#[tokio::test]
async fn a_chain_that_reads_nothing_is_refused_with_the_streams_there_are() {
    let mut node = setup().await.start().await;
    node.put("chains/feed.toml", &feed("^1").replace("\"posts\"", "\"post\""));
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!(refused.faults[0].code, "mpc::unknown-input");
    assert!(refused.faults[0].hint.as_deref().unwrap().contains("`posts`"), "{refused:?}");
}

#[tokio::test]
async fn a_removed_file_takes_its_chain_along_once_its_messages_have_ended() {
    let mut node = setup().await.start().await;
    let mut sink = node.sink("out").await;
    node.post((0..500).map(|n| message(n, "k", "x")).collect()).await;
    std::fs::remove_file(node.path("chains/feed.toml")).unwrap();
    let receipt = node.receipt(Verdict::Removed).await;
    let tally = receipt.messages.unwrap();
    assert_eq!(
        (receipt.chain.as_deref(), receipt.generation, receipt.replaced),
        (Some("feed"), None, Some(1))
    );
    assert!(receipt.drained && tally.balances() && tally.out > 0, "{tally:?}");
    assert!(node.center.chains().is_empty() && node.center.generations().is_empty());
    node.put("chains/feed.toml", &feed("^1"));
    assert_eq!(node.receipt(Verdict::Live).await.generation, Some(2));
    assert_eq!(sink.take(500).await.len(), 500, "it goes on where it was");
    node.center.drain().await;
    assert!(sink.rest().is_empty());
}

#[tokio::test]
async fn two_files_of_one_chain_are_one_too_many_and_a_renamed_file_is_not() {
    let mut node = setup().await.start().await;
    node.put("chains/zoo.toml", &feed("^1"));
    let refused = node.receipt(Verdict::Refused).await;
    assert_eq!(refused.faults[0].code, "mpc::duplicate-chain");
    assert_eq!(node.center.chains().len(), 1);
    std::fs::remove_file(node.path("chains/zoo.toml")).unwrap();
    std::fs::rename(node.path("chains/feed.toml"), node.path("chains/posts.toml")).unwrap();
    let receipt = node.receipt_where(|receipt| receipt.chain.is_some()).await;
    assert_eq!((receipt.verdict, receipt.generation), (Verdict::Unchanged, Some(1)), "{receipt:?}");
    assert_eq!(node.center.chains()[0].path, node.path("chains/posts.toml"));
    // The old file's absence is settled later, and means nothing any more.
    node.put("chains/posts.toml", &chain("hops_max = 9", &[step("a", "a@^1", "")]));
    assert_eq!(node.receipt(Verdict::Live).await.changes, ["hops_max: 32 → 9"]);
}

#[tokio::test]
async fn a_chain_may_read_another_stream_from_one_generation_to_the_next() {
    let mut node = setup().await.start().await;
    let mut sink = node.sink("out").await;
    let spec = bus::StreamSpec::new(model::Name::new("notes").unwrap(), 2);
    node.bus.provision(&spec).await.unwrap();
    node.bus.publish("notes", 1, vec![message(1, "k", "x")]).await.unwrap();
    node.put("chains/feed.toml", &feed("^1").replace("\"posts\"", "\"notes\""));
    let receipt = node.receipt(Verdict::Live).await;
    assert_eq!(receipt.changes, ["input: posts → notes"]);
    assert_eq!(sink.take(1).await[0].body, "x|a@1.0.0");
    assert_eq!(node.center.chains()[0].lanes.len(), 2);
}

#[tokio::test]
async fn outputs_keep_what_they_are_told_to_and_other_streams_what_they_were_made_to() {
    let spec = async |setup: &Setup, name: &str| {
        setup.bus.streams().await.unwrap().into_iter().find(|spec| &*spec.name == name).unwrap()
    };
    let made = |name: &str, retain| {
        bus::StreamSpec::new(model::Name::new(name).unwrap(), 4).retaining(retain).letting_go()
    };
    let mut setup = setup().await;
    let text = other(&[step("b", "b@^1", "")]).replace("elsewhere", "mine");
    let mine = bus::StreamSpec::new(model::Name::new("mine").unwrap(), 1);
    setup.bus.provision(&mine).await.unwrap();
    setup = setup.with(&[("chains/other.toml", &text)]);
    for retain in [1_000_000, 7] {
        setup.options.outputs_retain_messages = retain;
        let node = setup.start().await;
        assert_eq!(spec(&setup, "out").await, made("out", retain));
        assert_eq!(spec(&setup, "mine").await, mine, "made by somebody else");
        node.center.drain().await;
    }
}

#[tokio::test]
async fn an_output_into_a_stream_that_nobody_reads_goes_live_with_a_warning() {
    let text = |output: &str, more: &str| feed("^1").replace("\"out\"", &format!("\"{output}\"")) + more;
    let mut setup = setup().await;
    let inbox = bus::StreamSpec::new(model::Name::new("inbox").unwrap(), 1);
    setup.bus.provision(&inbox).await.unwrap();
    setup = setup.with(&[("chains/feed.toml", &text("inbox", "\n[outputs.quarantine]\n"))]);
    let mut node = setup.start().await;
    assert_eq!(node.center.receipts(1)[0].warnings, []);
    // Twice: that the stream is there by then makes nobody read it.
    for generation in [2, 3] {
        node.put("chains/feed.toml", &text("inbxo", &format!("# {generation}\n")));
        let live = node.receipt(Verdict::Live).await;
        assert_eq!(live.generation, Some(generation));
        let [warning] = &live.warnings[..] else { panic!("{:?}", live.warnings) };
        assert_eq!((&*warning.code, warning.line, warning.column), ("chain::unread-output", 4, 10));
        assert_eq!(warning.hint.as_deref(), Some("did you mean `inbox`?"));
    }
    // Another chain reads it.
    let reader = other(&[step("b", "b@^1", "")])
        .replace("\"posts\"", "\"inbxo\"")
        .replace("\"elsewhere\"", "\"inbox\"");
    node.put("chains/other.toml", &reader);
    node.receipt(Verdict::Live).await;
    node.put("chains/feed.toml", &text("inbxo", "# read\n"));
    assert_eq!(node.receipt(Verdict::Live).await.warnings, []);
}

#[tokio::test]
async fn of_a_storm_of_changes_the_last_one_wins() {
    let mut node = setup().await.start().await;
    let last = 60;
    for n in 1..=last {
        node.put("bundles/a.wasm", &bundle("a", &format!("1.0.{n}"), "mark"));
        tokio::task::yield_now().await;
    }
    let version = format!("1.0.{last}");
    let receipt = node.receipt_where(|receipt| receipt.steps[0].version.to_string() == version).await;
    assert!(receipt.number < last, "taken together: {} receipts", receipt.number);
    assert_eq!(node.center.chains()[0].steps[0].version.to_string(), version);
}

#[tokio::test]
async fn generations_and_receipts_go_on_after_a_restart() {
    let setup = setup().await;
    let mut node = setup.start().await;
    node.put("bundles/a.wasm", &bundle("a", "1.1.0", "mark"));
    let live = node.receipt(Verdict::Live).await;
    node.center.drain().await;
    drop(node);
    let node = setup.start().await;
    let receipts = node.center.receipts(10);
    assert_eq!(receipts[0].generation, Some(3));
    assert_eq!(receipts[1], live);
    assert_eq!(receipts.iter().map(|receipt| receipt.number).collect::<Vec<_>>(), [3, 2, 1]);
}

#[tokio::test]
async fn a_chain_whose_input_comes_later_goes_live_by_itself() {
    let mut setup =
        setup().await.with(&[("chains/feed.toml", &feed("^1").replace("\"posts\"", "\"later\""))]);
    setup.options.watch = mpc::Watch::Events(std::time::Duration::from_millis(20));
    let mut node = setup.start().await;
    assert_eq!(node.center.receipts(9)[0].verdict, Verdict::Refused);
    node.bus.provision(&bus::StreamSpec::new(model::Name::new("later").unwrap(), 1)).await.unwrap();
    assert_eq!(
        node.receipt_where(|_| true).await.verdict,
        Verdict::Live,
        "and it was not refused again and again"
    );
}

#[tokio::test]
async fn a_chain_that_found_no_instance_left_is_tried_again() {
    let mut setup = setup().await;
    setup.options.watch = mpc::Watch::Events(std::time::Duration::from_millis(20));
    let mut node = setup.start().await;
    node.bundles.crowded.store(true, Relaxed);
    node.put("chains/other.toml", &other(&[step("b", "b@^1", "")]));
    let refused = node.receipt_where(|receipt| receipt.chain.as_deref() == Some("other")).await;
    assert_eq!((refused.verdict, &*refused.faults[0].code), (Verdict::Refused, "chain::no-instance"));
    assert!(refused.report.unwrap().contains("runtime.instances_max"));
    node.bundles.crowded.store(false, Relaxed);
    let live = node.receipt_where(|receipt| receipt.chain.as_deref() == Some("other")).await;
    assert_eq!(live.verdict, Verdict::Live);
}

#[tokio::test]
async fn a_chain_that_closes_a_ring_waits_until_another_lets_go() {
    let to_posts =
        other(&[step("b", "b@^1", "")]).replace("\"posts\"", "\"out\"").replace("elsewhere", "posts");
    let mut node = setup().await.start().await;
    node.put("chains/other.toml", &to_posts);
    let refused = node.receipt_where(|receipt| receipt.chain.as_deref() == Some("other")).await;
    assert_eq!((refused.verdict, &*refused.faults[0].code), (Verdict::Refused, "mpc::loop"));
    assert!(refused.faults[0].message.contains("`out` → `posts` → `out`"), "{:?}", refused.faults);
    node.put("chains/feed.toml", &feed("^1").replace("\"out\"", "\"elsewhere\""));
    let live = node.receipt_where(|receipt| receipt.chain.as_deref() == Some("other")).await;
    assert_eq!(live.verdict, Verdict::Live);
}

#[tokio::test]
async fn a_text_that_is_refused_opens_no_ring_for_another() {
    let to_posts =
        other(&[step("b", "b@^1", "")]).replace("\"posts\"", "\"out\"").replace("elsewhere", "posts");
    let mut node = setup().await.start().await;
    let nowhere = feed("^1").replace("\"out\"", "\"elsewhere\"").replace("\"posts\"", "\"nowhere\"");
    node.put("chains/feed.toml", &nowhere);
    node.put("chains/other.toml", &to_posts);
    let refused = node.receipt_where(|receipt| receipt.chain.as_deref() == Some("other")).await;
    assert_eq!((refused.verdict, &*refused.faults[0].code), (Verdict::Refused, "mpc::loop"));
}

#[tokio::test]
async fn of_a_refused_file_that_goes_it_is_told_that_it_is_gone() {
    let mut node = setup().await.start().await;
    node.put("chains/bad.toml", "not a chain");
    node.receipt(Verdict::Refused).await;
    std::fs::remove_file(node.path("chains/bad.toml")).unwrap();
    let gone = node.receipt_where(|_| true).await;
    assert_eq!((gone.verdict, &gone.chain, gone.outcome()), (Verdict::Removed, &None, "removed".to_owned()));
    assert_eq!(gone.subject(), node.path("chains/bad.toml").display().to_string());
    assert_eq!(node.center.chains().len(), 1);
    // Where a chain still ran from it, the end of that one is what is told, once.
    node.put("chains/feed.toml", "not a chain");
    node.receipt(Verdict::Refused).await;
    std::fs::remove_file(node.path("chains/feed.toml")).unwrap();
    let gone = node.receipt_where(|_| true).await;
    assert_eq!((gone.chain.as_deref(), gone.replaced), (Some("feed"), Some(1)), "{gone:?}");
    assert_eq!(node.center.receipts(9).len(), 5);
}

#[tokio::test]
async fn a_folder_that_is_away_is_noted_and_forgotten_once_it_is_back() {
    let node = setup().await.start().await;
    for folder in ["chains", "bundles"] {
        assert_eq!(node.center.away(), []);
        std::fs::rename(node.path(folder), node.path("elsewhere")).unwrap();
        node.center.rescan();
        let away = found("the folder is noted", async || node.center.away().pop()).await;
        assert_eq!(away.path, node.path(folder));
        assert!(away.reason.contains(&format!("{folder}`: No such file")), "{}", away.reason);
        assert_eq!(node.center.ready(), Ok(()), "what runs stays");
        std::fs::rename(node.path("elsewhere"), node.path(folder)).unwrap();
        node.center.rescan();
        until("it is forgotten", async || node.center.away().is_empty()).await;
    }
    assert_eq!(node.center.receipts(9).len(), 1, "nothing changed");
}
