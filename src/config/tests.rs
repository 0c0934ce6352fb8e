//! What a configuration promises as a whole; the grammar of each kind of value is tested beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/fixtures/config", name].iter().collect();
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn in_directory(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Configuration>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let configuration = Configuration::from_dir(directory.path());
    (directory, configuration)
}

fn message<T: ConfigValue + std::fmt::Debug>(
    configuration: &Configuration,
    option: &ConfigOption<T>,
) -> String {
    let error = configuration.get(option).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    error.to_string()
}

/// Where a default differs on purpose from what both versions of Flink say; the option's documentation says why.
const OWN_DEFAULTS: [&str; 3] =
    ["security.ssl.rest.verify-hostname", "security.ssl.verify-hostname", "io.tmp.dirs"];

#[test]
fn every_option_has_the_keys_and_the_default_that_flink_has() {
    let table = fixture("options.tsv");
    let mut rows = BTreeMap::<&str, Vec<Vec<&str>>>::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split('\t').collect();
        rows.entry(columns[1]).or_default().push(columns);
    }
    let mut seen = BTreeSet::new();
    for (key, keys, default) in options::all() {
        assert!(seen.insert(key), "{key} is declared twice");
        let rows = rows.get(key).unwrap_or_else(|| panic!("no Flink has {key}"));
        for row in rows {
            let [version, _, kind, flink_default, other_keys] = row[..] else { panic!("{row:?}") };
            let others: Vec<_> = other_keys
                .split(',')
                .filter(|key| !key.is_empty())
                .map(|key| key.split_once(':').unwrap().1)
                .collect();
            assert_eq!(keys[1..], others, "{key} in {version}");
            let in_our_text = |text: &str| match kind {
                "Duration" => Duration::parse_value(text).unwrap().format_value(),
                "MemorySize" => MemorySize::parse_value(text).unwrap().format_value(),
                _ => text.to_owned(),
            };
            let expected = match flink_default {
                _ if OWN_DEFAULTS.contains(&key) => None,
                "-" => None,
                "\"\"" => Some(String::new()),
                text => Some(in_our_text(text)),
            };
            assert_eq!(default, expected, "default of {key} in {version}");
        }
    }
    assert_eq!(seen.len(), rows.len(), "the table has options that are not declared");
}

#[test]
fn other_keys_are_read_in_order_and_named_in_errors() {
    let mut configuration = Configuration::new();
    assert_eq!(
        message(&configuration, &options::REST_ADDRESS),
        "rest.address is not set, nor is jobmanager.rpc.address"
    );
    assert_eq!(
        message(&configuration, &options::EXECUTION_CHECKPOINTING_SAVEPOINT_DIR),
        "execution.checkpointing.savepoint-dir is not set, nor is state.savepoints.dir or savepoints.state.backend.fs.dir"
    );
    configuration.set_raw("jobmanager.rpc.address", "jm");
    assert_eq!(configuration.get(&options::REST_ADDRESS).unwrap(), "jm");
    configuration.set(&options::REST_ADDRESS, "rest");
    assert_eq!(configuration.get(&options::REST_ADDRESS).unwrap(), "rest");
    configuration.set_raw("web.port", "-1");
    assert_eq!(
        message(&configuration, &options::REST_PORT),
        "web.port: expected a whole number from 0 to 65535, got \"-1\""
    );
    assert!(configuration.contains(&options::REST_PORT));
    assert!(configuration.remove(&options::REST_PORT));
    assert_eq!(configuration.get_optional(&options::REST_PORT).unwrap(), None);
    assert_eq!(configuration.get(&options::REST_PORT).unwrap(), 8081);
}

#[test]
fn errors_say_key_value_expectation_and_reason_and_keep_the_cause() {
    let mut configuration = Configuration::new();
    for (key, value, line) in [
        (
            "client.timeout",
            "1 month",
            "client.timeout: expected a duration such as 500 ms, 30 s or 1 min, got \"1 month\": the unit is unknown",
        ),
        (
            "rest.retry.delay",
            "-3 s",
            "rest.retry.delay: expected a duration such as 500 ms, 30 s or 1 min, got \"-3 s\": the text does not start with a number",
        ),
        (
            "rest.connection-timeout",
            "PT-1M",
            "rest.connection-timeout: expected a duration such as 500 ms, 30 s or 1 min, got \"PT-1M\": the duration is negative",
        ),
    ] {
        configuration.set_raw(key, value);
        let option = ConfigOption::<Duration>::new(key.to_owned().leak());
        assert_eq!(message(&configuration, &option), line);
    }
    let error = configuration.get(&options::CLIENT_TIMEOUT).unwrap_err();
    let invalid = error.source().unwrap();
    assert!(invalid.is::<InvalidValue>());
    let cause = invalid.source().unwrap();
    assert_eq!(cause.source().unwrap().to_string(), "the unit is unknown");

    configuration.set_raw("rest.retry.max-attempts", "-1").set_raw("jobmanager.memory.process.size", "-1g");
    assert_eq!(
        message(&configuration, &options::REST_RETRY_MAX_ATTEMPTS),
        "rest.retry.max-attempts: expected a whole number from 0 to 2147483647, got \"-1\""
    );
    assert_eq!(
        message(&configuration, &options::JOBMANAGER_MEMORY_PROCESS_SIZE),
        "jobmanager.memory.process.size: expected a memory size such as 1600m or 4 gb, got \"-1g\": the text does not start with a number"
    );
}

#[test]
fn errors_name_where_the_value_came_from() {
    let (directory, configuration) = in_directory(&[("flink-conf.yaml", "# c\n\nrest.port: 99999\n")]);
    let mut configuration = configuration.unwrap();
    let path = directory.path().join("flink-conf.yaml");
    let expectation = "rest.port: expected a whole number from 0 to 65535, got \"99999\"";
    assert_eq!(message(&configuration, &options::REST_PORT), format!("{}:3: {expectation}", path.display()));

    let mut merged = Configuration::new();
    merged.merge(&configuration);
    assert_eq!(message(&merged, &options::REST_PORT), format!("{}:3: {expectation}", path.display()));

    configuration.apply_dynamic_properties(["-Drest.port=99999"]).unwrap();
    assert_eq!(message(&configuration, &options::REST_PORT), format!("-D{expectation}"));
    configuration.set_raw("rest.port", "99999");
    assert_eq!(message(&configuration, &options::REST_PORT), expectation);
}

#[test]
fn secrets_are_shown_nowhere() {
    let mut configuration = Configuration::new();
    configuration
        .set_raw("security.ssl.rest.key-password", "hunter2")
        .set_raw("my.token.lifetime", "hunter2")
        .set_raw("rest.address", "https://me:hunter2@h");
    let shown = format!("{configuration:?}");
    assert_eq!(
        shown,
        "{\"my.token.lifetime\": \"******\", \"rest.address\": \"https://******@h\", \"security.ssl.rest.key-password\": \"******\"}"
    );
    let error = configuration.get(&ConfigOption::<Duration>::new("my.token.lifetime")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "my.token.lifetime: expected a duration such as 500 ms, 30 s or 1 min, got \"******\": the text does not start with a number"
    );
    assert!(!format!("{error:#?}").contains("hunter2"));
    assert_eq!(configuration.get(&options::SECURITY_SSL_REST_KEY_PASSWORD).unwrap(), "hunter2");
}

#[test]
fn long_values_are_cut_in_errors() {
    let mut configuration = Configuration::new();
    configuration.set_raw("rest.port", "\u{1f600}".repeat(10_000));
    let line = message(&configuration, &options::REST_PORT);
    assert!(line.ends_with("\"…") && line.chars().count() < 200, "{line}");
}

#[test]
fn maps_are_also_read_from_an_entry_for_each_part() {
    const MAP: ConfigOption<BTreeMap<String, String>> = ConfigOption::new("m");
    let mut configuration: Configuration =
        [("m.b", "2"), ("m.a.c", "1"), ("mm", "x"), ("m.", "x")].into_iter().collect();
    let parts = configuration.get(&MAP).unwrap();
    assert_eq!(parts, BTreeMap::from([("a.c".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]));
    configuration.set_raw("m", "k:v");
    assert_eq!(configuration.get(&MAP).unwrap(), BTreeMap::from([("k".to_owned(), "v".to_owned())]));
    // Only maps are.
    assert_eq!(
        Configuration::from_iter([("s.a", "x")]).get_optional(&ConfigOption::<String>::new("s")).unwrap(),
        None
    );
}

#[test]
fn unknown_keys_are_kept_and_equality_ignores_where_entries_came_from() {
    let (_directory, from_file) = in_directory(&[("flink-conf.yaml", "b: 2\nx.unknown: y\n")]);
    let from_file = from_file.unwrap();
    assert_eq!(from_file.get_raw("x.unknown"), Some("y"));
    let made: Configuration = [("x.unknown", "y"), ("b", "2")].into_iter().collect();
    assert_eq!(made, from_file);
    assert_eq!(made.keys().collect::<Vec<_>>(), ["b", "x.unknown"]);
    assert_ne!(made, Configuration::new());
    assert_eq!((made.len(), Configuration::new().is_empty()), (2, true));
}

#[test]
fn without_a_configuration_directory_the_configuration_is_empty() {
    assert_eq!(Configuration::load_from(None).unwrap(), Configuration::new());
    assert_eq!(Configuration::load_from(Some(OsString::new())).unwrap(), Configuration::new());
    let (directory, _) = in_directory(&[("flink-conf.yaml", "a: 1")]);
    let loaded = Configuration::load_from(Some(directory.path().into())).unwrap();
    assert_eq!(loaded.get_raw("a"), Some("1"));
}

#[test]
fn the_legacy_file_wins_in_a_directory_with_both() {
    let (_directory, both) = in_directory(&[("flink-conf.yaml", "a: legacy"), ("config.yaml", "a: [")]);
    assert_eq!(both.unwrap().get_raw("a"), Some("legacy"));
}

#[test]
fn missing_files_are_named() {
    let (directory, none) = in_directory(&[]);
    let error = none.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile);
    assert!(error.to_string().contains("there is neither config.yaml nor flink-conf.yaml in it"), "{error}");
    let error = Configuration::from_file(directory.path().join("x.yaml")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile);
    assert!(error.to_string().contains("x.yaml: cannot be read: "), "{error}");
    assert!(error.source().unwrap().is::<std::io::Error>());
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flink-conf.yaml");
    fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    let error = Configuration::from_file(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.to_string(), format!("{}:2: not UTF-8", path.display()));
}

#[cfg(feature = "yaml")]
#[test]
fn yaml_files_may_be_nested_and_errors_name_file_line_and_column() {
    let (_directory, nested) = in_directory(&[(
        "config.yaml",
        "rest:\n  address: h\n  port: 8443\npipeline.jars: [a.jar, 'b;c.jar']\ntaskmanager:\n  numberOfTaskSlots: 4\n",
    )]);
    let nested = nested.unwrap();
    assert_eq!(nested.get(&options::REST_PORT).unwrap(), 8443);
    assert_eq!(nested.get(&options::PIPELINE_JARS).unwrap(), ["a.jar", "b;c.jar"]);
    assert_eq!(nested.get(&options::TASKMANAGER_NUMBER_OF_TASK_SLOTS).unwrap(), 4);

    let (directory, twice) = in_directory(&[("config.yaml", "rest:\n  port: 1\n  port: 2\n")]);
    let error = twice.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let path = directory.path().join("config.yaml");
    assert_eq!(error.to_string(), format!("{}:3:3: port is set twice", path.display()));
}

#[cfg(not(feature = "yaml"))]
#[test]
fn without_the_feature_yaml_files_are_refused_by_name() {
    let (_directory, refused) = in_directory(&[("config.yaml", "a: 1\n")]);
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("feature `yaml`"), "{error}");
}

/// Text that parsers may stumble over more often than over random characters.
fn awkward() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                Just(" "),
                Just(":"),
                Just(": "),
                Just(";"),
                Just(","),
                Just("'"),
                Just("\""),
                Just("["),
                Just("]"),
                Just("{"),
                Just("}"),
                Just("#"),
                Just("\n"),
                Just("\r"),
                Just("-"),
                Just("="),
                Just("-D"),
                Just("\\"),
                Just("0"),
                Just("9"),
                Just("."),
                Just("e"),
                Just("P"),
                Just("T"),
                Just("S"),
                Just("d"),
                Just("ms"),
                Just("kb"),
                Just("é"),
                Just("!"),
                Just("&a"),
                Just("*a"),
                Just("?"),
                Just("|"),
                Just("~"),
                Just("0x"),
                Just("<<"),
                Just("://"),
                Just("@"),
                Just("a"),
            ],
            0..24,
        )
        .prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in awkward()) {
        let _ = bool::parse_value(&text);
        let _ = u16::parse_value(&text);
        let _ = i64::parse_value(&text);
        let _ = f64::parse_value(&text);
        let _ = Duration::parse_value(&text);
        let _ = MemorySize::parse_value(&text);
        let _ = Vec::<String>::parse_value(&text);
        let _ = Vec::<Duration>::parse_value(&text);
        let _ = BTreeMap::<String, String>::parse_value(&text);
        let _ = Node::from_plain(&text).to_flow();
        let _ = secret::shown(&text, &text);
        let _ = Configuration::from_dynamic_properties([&text]);
        #[cfg(feature = "yaml")]
        let _ = yaml::parse(&text);
    }

    #[test]
    fn no_bytes_in_a_file_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), text in awkward()) {
        let directory = tempfile::tempdir().unwrap();
        for name in ["flink-conf.yaml", "config.yaml"] {
            for content in [&bytes[..], text.as_bytes()] {
                let path = directory.path().join(name);
                fs::write(&path, content).unwrap();
                if let Ok(configuration) = Configuration::from_file(&path) {
                    let _ = format!("{configuration:?}");
                }
            }
        }
    }

    #[test]
    fn durations_come_back(seconds in 0..=i64::MAX.unsigned_abs(), nanos in 0..1_000_000_000_u32, whole in any::<bool>()) {
        let duration = Duration::new(seconds, if whole { 0 } else { nanos });
        prop_assert_eq!(Duration::parse_value(&duration.format_value()).unwrap(), duration);
    }

    #[test]
    fn memory_sizes_come_back(bytes in 0..=i64::MAX.unsigned_abs(), shift in 0..63) {
        let size = MemorySize::from_bytes(bytes >> shift << shift).unwrap();
        prop_assert_eq!(size.to_string().parse::<MemorySize>().unwrap(), size);
    }

    #[test]
    fn numbers_come_back(number in any::<f64>(), integer in any::<i64>(), port in any::<u16>()) {
        let back = f64::parse_value(&number.format_value()).unwrap();
        prop_assert!(back == number || back.is_nan() && number.is_nan());
        prop_assert_eq!(i64::parse_value(&integer.format_value()).unwrap(), integer);
        prop_assert_eq!(u16::parse_value(&port.format_value()).unwrap(), port);
    }

    #[test]
    fn lists_and_maps_come_back(
        list in proptest::collection::vec(awkward(), 0..6),
        map in proptest::collection::btree_map(awkward(), awkward(), 0..6),
    ) {
        prop_assert_eq!(Vec::<String>::parse_value(&list.format_value()).unwrap(), list);
        prop_assert_eq!(BTreeMap::<String, String>::parse_value(&map.format_value()).unwrap(), map);
    }
}

#[cfg(feature = "yaml")]
proptest! {
    #[test]
    fn a_configuration_comes_back_from_its_yaml(
        entries in proptest::collection::btree_map(awkward(), awkward(), 0..8),
    ) {
        let configuration: Configuration = entries.into_iter().collect();
        let text = configuration.to_yaml();
        let back: Configuration = yaml::parse(&text)
            .unwrap_or_else(|error| panic!("{error} in {text:?}"))
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect();
        prop_assert!(back == configuration, "{text:?}");
    }
}
