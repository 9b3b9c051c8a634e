use std::path::Path;

use super::*;

/// Sources whose folders exist, with a file of `text`.
fn sources(folder: &Path, text: &str) -> Sources {
    let file = folder.join("catena.toml");
    std::fs::write(&file, text).unwrap();
    let here = folder.display().to_string();
    let flag = |key, flag| Flag { key, flag, value: here.clone() };
    let flags = vec![flag("chains", "--chains"), flag("bundles", "--bundles")];
    Sources { file: Some(file), flags, ..Sources::default() }
}

fn variables(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn refusal(sources: &Sources) -> String {
    Config::load(sources).unwrap_err().to_string()
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = sources(
        folder.path(),
        "[http]\naddress = '127.0.0.1:1'\nconnections_max = 1\n[posts]\npartitions = 7\n[log]\nformat = 'json'",
    );
    sources.environment = variables(&[
        ("CATENA_HTTP_ADDRESS", "127.0.0.1:2"),
        ("CATENA_HTTP_CONNECTIONS_MAX", "2"),
        ("CATENA_INBOX_SHARDS", "[{ first_user = 0 }, { first_user = 500 }]"),
        ("CATENA_TOKEN", "of another tool"),
        ("PATH", "/bin"),
    ]);
    sources.foreign = &["CATENA_TOKEN"];
    sources.flags.push(Flag { key: "http.address", flag: "--http", value: "127.0.0.1:3".to_owned() });
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.http, Http { address: "127.0.0.1:3".parse().unwrap(), connections_max: 2 });
    assert_eq!(config.posts.partitions, 7);
    assert_eq!(config.log.format, telemetry::LogFormat::Json);
    assert_eq!(config.inbox.shards.len(), 2);
    assert_eq!(config.bus, Bus::default());
}

#[test]
fn all_mistakes_are_told_with_key_value_origin_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = sources(folder.path(), "chains = 'nowhere'\n[posts]\npartitions = 0");
    sources.flags.retain(|flag| flag.key != "chains");
    sources.environment =
        variables(&[("CATENA_INBOX_SHARDS", "[{ first_user = 5 }]"), ("CATENA_LOG_FILTER", "mpc=loud")]);
    sources.flags.push(Flag { key: "admin.address", flag: "--admin", value: "127.0.0.1:8080".to_owned() });
    let said = refusal(&sources);
    for part in [
        &format!(
            "`posts.partitions` = `0` (from file `{}:3:14`): must be from 1 to 1024",
            sources.file.as_ref().unwrap().display()
        ),
        "`inbox.shards` = `[5]` (from environment variable `CATENA_INBOX_SHARDS`): the first range must start at user 0",
        "`log.filter` = `mpc=loud` (from environment variable `CATENA_LOG_FILTER`)",
        "`admin.address` = `127.0.0.1:8080` (from flag `--admin`): is the data plane's address",
        "`): is not a folder; make it, or name another with `--chains`",
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

/// `cargo test -p catena-node --config 'profile.dev.package.catena-node.debug-assertions=false'` builds no dependency anew.
#[test]
fn bugs_can_be_planted_in_builds_for_tests_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut in_file = sources(folder.path(), "[planted]\nack_before_durable = true");
    let mut in_environment = sources(folder.path(), "");
    in_environment.environment = variables(&[("CATENA_PLANTED_ACK_BEFORE_DURABLE", "true")]);
    if cfg!(debug_assertions) {
        assert!(Config::load(&in_environment).is_ok());
        return;
    }
    in_file.file = Some(folder.path().join("planted.toml"));
    std::fs::write(folder.path().join("planted.toml"), "[planted]\nack_before_durable = true").unwrap();
    assert!(refusal(&in_file).contains("`planted` (from"), "{}", refusal(&in_file));
    assert!(refusal(&in_environment).contains("there is no such key"), "{}", refusal(&in_environment));
}

#[test]
fn what_is_not_a_key_or_of_another_type_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catena.toml").display().to_string();
    for (text, told) in [
        (
            "partitions = 4\nposts = 4\n[http]\nadress = '1'\naddress = 'here'\n[pots]\n[inbox]\nshards_max = 'many'\n\
             shards = [{ first_user = 'me' }]\n[watch]\nscan_every_ms = -5\nmode = 'pol'\n",
            &[
                "`partitions` (from file `FILE:1:1`): there is no such key; did you mean `posts.partitions`?",
                "`posts` = `4` (from file `FILE:2:9`): is a section: write `[posts]`, and its keys below it",
                "`http.adress` (from file `FILE:4:1`): there is no such key; did you mean `http.address`?",
                "`http.address` = `here` (from file `FILE:5:11`): `here` is not an address and a port",
                "`pots` (from file `FILE:6:2`): there is no such key; did you mean `posts`?",
                "`inbox.shards_max` = `many` (from file `FILE:8:14`): must be a whole number",
                "`inbox.shards` = `[{ first_user = 'me' }]` (from file `FILE:9:10`): must be a list as TOML writes it, such as",
                "`watch.scan_every_ms` = `-5` (from file `FILE:11:17`): is too small or too large",
                "`watch.mode` = `pol` (from file `FILE:12:8`): must be `events` or `poll`",
            ][..],
        ),
        ("[log\n[http]\naddress = \n", &["the configuration file is not TOML:", "FILE:1:5: ", "FILE:3:11: "]),
    ] {
        let said = refusal(&sources(folder.path(), text)).replace(&file, "FILE");
        for part in told {
            assert!(said.contains(part), "{part:?} is missing in:\n{said}");
        }
    }
    let mut sources = sources(folder.path(), "");
    sources.environment = variables(&[
        ("CATENA_HTTP_ADRESS", "x"),
        ("CATENA_POSTS_PARTITIONS", "four"),
        ("CATENA_RUNTIME_INSTANCES_MAX", "-1"),
        ("CATENA_WATCH_SCAN_EVERY_MS", "1"),
        ("CATENA_LOG_FORMAT", "xml"),
        ("CATENA_HTTP_ADDRESS", "localhost"),
    ]);
    let said = refusal(&sources);
    for part in [
        "`CATENA_HTTP_ADRESS` = `x` (from environment variable `CATENA_HTTP_ADRESS`): there is no such key; did you mean `CATENA_HTTP_ADDRESS`?",
        "`posts.partitions` = `four` (from environment variable `CATENA_POSTS_PARTITIONS`): must be a whole number",
        "`runtime.instances_max` = `-1` (from environment variable `CATENA_RUNTIME_INSTANCES_MAX`): is too small or too large",
        // Though others could not even be read.
        "`watch.scan_every_ms` = `1` (from environment variable `CATENA_WATCH_SCAN_EVERY_MS`): must be from 50",
        "`xml` is not a log format",
        "`localhost` is not an address and a port",
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

#[test]
fn part_of_the_work_needs_somebody_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = sources(folder.path(), "roles = ['forwarder', 'inbox']");
    let said = refusal(&sources);
    assert!(said.contains("nobody would be the distributor, gateway"), "{said}");
    assert!(said.contains("--nats"), "{said}");
    sources.flags.push(Flag {
        key: "nats.urls",
        flag: "--nats",
        value: "[\"nats://127.0.0.1:4222\"]".to_owned(),
    });
    assert_eq!(Config::load(&sources).unwrap().roles, [Role::Forwarder, Role::Inbox]);
    sources.flags.push(Flag { key: "roles", flag: "--role", value: "[\"forwader\"]".to_owned() });
    let said = refusal(&sources);
    assert!(said.contains("forwader") && said.contains("--role"), "{said}");
}
