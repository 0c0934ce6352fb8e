//! The accumulators of recorded answers of real clusters, and values that Java wrote.

use std::path::Path;

use serde_json::Value as Json;

use super::AccumulatorValue::{self, Boolean, Bytes, Float, Integer, List, Map, Null, Opaque, Text};
use super::*;

const VERSIONS: [&str; 2] = ["1.20.5", "2.3.0"];

fn fixture(path: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        .unwrap()
}

fn body(version: &str, name: &str) -> Json {
    fixture(&format!("rest/{version}/{name}.json"))["body"].take()
}

fn accumulators(version: &str, name: &str) -> Accumulators {
    serde_json::from_value::<JobAccumulatorsInfo>(body(version, name)).unwrap().into()
}

fn results(version: &str, name: &str) -> Accumulators {
    let results = body(version, name)["job-execution-result"]["accumulator-results"].take();
    Accumulators::from_results(serde_json::from_value(results).unwrap())
}

fn integers(integers: impl IntoIterator<Item = i64>) -> AccumulatorValue {
    List(integers.into_iter().map(Integer).collect())
}

fn text(text: &str) -> AccumulatorValue {
    Text(text.into())
}

/// What the recorded job gave for the numbers 1 to 100. The order of the list is left to chance there.
fn assert_recorded_values(accumulators: &Accumulators) {
    let value = |name| accumulators.value(name).unwrap();
    assert_eq!(
        accumulators.names().collect::<Vec<_>>(),
        ["average", "distinct", "doubles", "histogram", "ints", "list", "longs", "maximum", "minimum"]
    );
    assert_eq!(value("average"), &Float(50.5));
    assert_eq!(value("distinct"), &integers(0..=6));
    assert_eq!(value("doubles"), &Float(2525.0));
    assert_eq!(value("histogram").to_histogram().unwrap(), (0..5).map(|key| (key, 20)).collect());
    assert_eq!(value("ints"), &Integer(100));
    assert_eq!(value("longs"), &Integer(5050));
    assert_eq!(value("maximum"), &Float(100.0));
    assert_eq!(value("minimum"), &Integer(1));
    let mut list: Vec<_> =
        value("list").as_list().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    list.sort_unstable();
    assert_eq!(list, ["r100", "r25", "r50", "r75"]);
}

#[test]
fn serialised_accumulators_have_their_values_texts_and_bytes() {
    for version in VERSIONS {
        let accumulators = accumulators(version, "accumulators");
        assert_recorded_values(&accumulators);
        let body = body(version, "accumulators");
        let shown = body["user-task-accumulators"].as_array().unwrap();
        assert_eq!(shown.len(), accumulators.len());
        for entry in shown {
            let name = entry["name"].as_str().unwrap();
            let accumulator = accumulators.get(name).unwrap();
            assert_eq!(accumulator.type_name(), entry["type"].as_str());
            assert_eq!(accumulator.text(), entry["value"].as_str());
            assert_eq!(accumulator.value().unwrap().to_string(), accumulator.text().unwrap());
            let base64 = body["serialized-user-task-accumulators"][name].as_str().unwrap();
            assert_eq!(BASE64_STANDARD.encode(accumulator.serialized().unwrap()), base64);
        }
    }
}

#[test]
fn results_of_a_finished_job_have_values_and_bytes_only() {
    for version in VERSIONS {
        let accumulators = results(version, "execution-result-finished");
        assert_recorded_values(&accumulators);
        for (name, accumulator) in &accumulators {
            assert_eq!((accumulator.type_name(), accumulator.text()), (None, None), "{name}");
            assert!(accumulator.serialized().unwrap().starts_with(&[0xac, 0xed]));
        }
    }
}

#[test]
fn results_of_stopped_and_cancelled_jobs_are_read() {
    for (version, stopped, cancelled) in [("1.20.5", 1051, 0), ("2.3.0", 1045, 1)] {
        for (name, seen) in [("execution-result-stopped", stopped), ("execution-result-canceled", cancelled)]
        {
            let accumulators = results(version, name);
            assert_eq!(accumulators.len(), 1);
            assert_eq!(accumulators.value("seen").unwrap().as_i64(), Some(seen), "{version} {name}");
        }
    }
}

#[test]
fn without_bytes_flinks_own_accumulators_are_typed_by_their_texts() {
    for version in VERSIONS {
        let accumulators = accumulators(version, "accumulators-no-serialized");
        assert_eq!(accumulators.len(), 9);
        for (name, value) in [
            ("average", Float(50.5)),
            ("doubles", Float(2525.0)),
            ("histogram", Map((0..5).map(|key| (Integer(key), Integer(20))).collect())),
            ("ints", Integer(100)),
            ("longs", Integer(5050)),
            ("maximum", Float(100.0)),
            ("minimum", Integer(1)),
            ("distinct", Opaque { class: "Distinct".into(), text: Some("[0, 1, 2, 3, 4, 5, 6]".into()) }),
        ] {
            assert_eq!(accumulators.value(name).unwrap(), &value);
            assert_eq!(accumulators.get(name).unwrap().serialized(), None);
        }
        let list = accumulators.get("list").unwrap();
        let opaque = Opaque { class: "ListAccumulator".into(), text: list.text().map(str::to_owned) };
        assert_eq!(list.value().unwrap(), &opaque);
        assert!(list.text().unwrap().contains("r75"));
    }
}

#[test]
fn a_broken_accumulator_is_one_entrys_error() {
    for version in VERSIONS {
        let accumulators = accumulators(version, "accumulators-broken-merge");
        let broken = accumulators.get("broken").unwrap();
        let error = accumulators.value("broken").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
        assert_eq!(
            error.to_string(),
            "reading accumulator \"broken\": failed in the cluster with \
             java.lang.UnsupportedOperationException: this accumulator cannot be merged"
        );
        assert_eq!(error.exception_class(), Some("java.lang.UnsupportedOperationException"));
        let trace = error.stack_trace().unwrap();
        assert!(
            trace.contains(
                "\n\tat org.apache.flink.util.OptionalFailure.createFrom(OptionalFailure.java:62)\n"
            )
        );
        assert!(trace.contains("\nCaused by: java.lang.UnsupportedOperationException: this accumulator"));
        assert!(trace.contains("\n\tat lab.Accumulators$Broken.merge(Accumulators.java:89)\n"));
        assert_eq!(broken.type_name(), None);
        assert_eq!(broken.text().unwrap().lines().next(), trace.lines().next());
        assert!(broken.serialized().is_some());

        assert_eq!(accumulators.len(), 10);
        for (name, accumulator) in accumulators.iter().filter(|(name, _)| *name != "broken") {
            assert_eq!(accumulator.value().unwrap().to_string(), accumulator.text().unwrap(), "{name}");
        }
        let json = serde_json::to_value(&accumulators).unwrap();
        assert_eq!(json["ints"], 10);
        assert_eq!(
            json["broken"]["error"],
            "failed in the cluster with java.lang.UnsupportedOperationException: this accumulator cannot be merged"
        );
    }
}

#[test]
fn a_broken_accumulator_without_bytes_has_the_same_error() {
    for version in VERSIONS {
        let mut body = body(version, "accumulators-broken-merge");
        body["serialized-user-task-accumulators"] = serde_json::json!({});
        let accumulators: Accumulators = serde_json::from_value::<JobAccumulatorsInfo>(body).unwrap().into();
        let error = accumulators.value("broken").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
        assert_eq!(error.exception_class(), Some("java.lang.UnsupportedOperationException"));
        assert_eq!(error.stack_trace(), accumulators.get("broken").unwrap().text());
    }
}

#[test]
fn bytes_that_cannot_be_read_leave_the_text_and_the_others() {
    for version in VERSIONS {
        let mut body = body(version, "accumulators");
        let serialized = &mut body["serialized-user-task-accumulators"];
        serialized["ints"] = "rO0ABXNyAA==".into();
        serialized["list"] = "not base64".into();
        serialized["lost"] = "rO0ABXNyAA==".into();
        serialized["null"] = Json::Null;
        let accumulators: Accumulators = serde_json::from_value::<JobAccumulatorsInfo>(body).unwrap().into();
        assert_eq!(accumulators.value("ints").unwrap(), &Integer(100));
        assert!(accumulators.get("ints").unwrap().serialized().is_some());
        assert!(
            matches!(accumulators.value("list").unwrap(), Opaque { class, .. } if class == "ListAccumulator")
        );
        assert_eq!(accumulators.get("list").unwrap().serialized(), None);
        assert_eq!(accumulators.value("longs").unwrap(), &Integer(5050));
        let error = accumulators.value("null").unwrap_err();
        assert_eq!(error.to_string(), "reading accumulator \"null\": the server sent no value");
        let error = accumulators.value("lost").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert_eq!(
            error.to_string(),
            "reading accumulator \"lost\": the serialised Java value is cut off at byte 6"
        );
    }
}

#[test]
fn a_cut_off_result_is_one_entrys_error() {
    for version in VERSIONS {
        // The recording itself is cut: its text ends in a remark of whoever recorded it.
        let accumulators = results(version, "execution-result-broken-accumulator");
        assert_eq!(accumulators.value("broken").unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(accumulators.value("ints").unwrap(), &Integer(10));
    }
}

#[test]
fn jobs_without_accumulators_have_none() {
    for version in VERSIONS {
        for name in ["accumulators-failed-job", "accumulators-initializing", "accumulators-running"] {
            assert!(accumulators(version, name).is_empty());
        }
        assert!(results(version, "execution-result-failed-full").is_empty());
    }
    let error = Accumulators::default().value("typo").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::NotFound, "the job has no accumulator \"typo\"".into())
    );
}

/// Name, text as Java's `toString` wrote it, and the serialised `OptionalFailure`.
fn written_by_java() -> Vec<(String, String, Vec<u8>)> {
    let values = fixture("java/values.json");
    let decode = |json: &Json| BASE64_STANDARD.decode(json.as_str().unwrap()).unwrap();
    let values = values.as_object().unwrap().iter().map(|(name, pieces)| {
        let pieces = pieces.as_array().unwrap();
        let mut text = pieces[0].as_str().unwrap().to_owned();
        let mut bytes = decode(&pieces[1]);
        if let [_, _, run, count, rest] = &pieces[..] {
            text = run.as_str().unwrap().repeat(count.as_u64().unwrap() as usize);
            bytes.extend_from_slice(text.as_bytes());
            bytes.extend(decode(rest));
        }
        (name.clone(), text, bytes)
    });
    values.collect()
}

fn decode_alone(bytes: &[u8]) -> Accumulator {
    Accumulator::new(None, None, Some(&BASE64_STANDARD.encode(bytes)))
}

#[test]
fn what_java_writes_is_read_as_it_was_meant() {
    let opaque = |class: &str| Opaque { class: class.into(), text: None };
    let mut expected: BTreeMap<&str, AccumulatorValue> = [
        ("IntCounter", Integer(42)),
        ("LongCounter", Integer(i64::MIN)),
        ("DoubleCounter", Float(-0.5)),
        ("AverageAccumulator", Float(1.5)),
        ("AverageAccumulator of nothing", Float(0.0)),
        ("IntMinimum", Integer(i32::MAX.into())),
        ("IntMaximum", Integer(-7)),
        ("LongMinimum", Integer(i64::MAX)),
        ("LongMaximum", Integer(1 << 40)),
        ("DoubleMinimum", Float(f64::INFINITY)),
        ("DoubleMaximum", Float(1e300)),
        ("Histogram", Map(vec![(Integer(-3), Integer(1)), (Integer(9), Integer(2))])),
        ("Histogram of nothing", Map(vec![])),
        ("ListAccumulator", List(vec![text("a"), Integer(1), Null, text("a")])),
        ("SerializedListAccumulator", List(vec![Bytes(vec![3, b'a', b'b']), Bytes(vec![1])])),
        ("null", Null),
        ("boolean", Boolean(true)),
        ("byte", Integer(-128)),
        ("short", Integer(-300)),
        ("char", text("ß")),
        ("float", Float(0.25)),
        ("text", text("grün \0 € 😀")),
        ("empty text", text("")),
        ("long text", Text("y".repeat(65_600))),
        ("BigInteger", Integer(-9000)),
        ("BigInteger of zero", Integer(0)),
        ("BigInteger beyond 64 bits", text("-10000000000000000000000000000000000000001")),
        ("BigDecimal", text("-12.50")),
        ("BigDecimal below one", text("0.007")),
        ("BigDecimal of negative scale", text("12E5")),
        ("enum", text("RED")),
        ("enum with a body", text("GREEN")),
        ("UUID", text("01234567-89ab-cdef-8edc-ba9876543210")),
        ("AtomicInteger", Integer(5)),
        ("AtomicLong", Integer(6)),
        ("AtomicBoolean", Boolean(true)),
        ("LongAdder", Integer(8)),
        ("DoubleAdder", Float(1.5)),
        ("IntValue", Integer(11)),
        ("BooleanValue", Boolean(true)),
        ("byte[]", Bytes(vec![0, 255, 2])),
        ("char[]", text("chars €")),
        ("int[]", integers([1, -2])),
        ("long[]", integers([1 << 33])),
        ("short[]", integers([-5])),
        ("float[]", List(vec![Float(1.5)])),
        ("double[]", List(vec![Float(0.1), Float(2.0)])),
        ("boolean[]", List(vec![Boolean(true), Boolean(false)])),
        ("String[]", List(vec![text("a"), Null, text("a")])),
        ("int[][]", List(vec![integers([1]), integers([]), integers([2, 3])])),
        ("empty Object[]", List(vec![])),
        ("Arrays.asList", List(vec![Integer(1), Null])),
        ("List.of", List(vec![text("a"), List(vec![]), integers(1..=3)])),
        ("Stream.toList", List(vec![Integer(1), Null])),
        ("emptyList", List(vec![])),
        ("singletonList", List(vec![text("one")])),
        ("subclass of ArrayList", List(vec![Float(1.5)])),
        ("HashSet", integers([5])),
        ("LinkedHashSet", integers([3, 1, 2])),
        ("TreeSet", integers(1..=3)),
        ("TreeSet in reverse", integers([3, 2, 1])),
        ("Set.of", List(vec![text("only")])),
        ("EnumSet", List(vec![text("RED"), text("GREEN")])),
        ("singleton", integers([4])),
        ("Stack", integers([0, 1])),
        ("Tuple3", List(vec![text("a"), Integer(1), Float(2.5)])),
        ("Tuple11", integers(0..=10)),
        ("ConcurrentSkipListMap", Map(vec![(Integer(1), text("a")), (Integer(2), text("b"))])),
        ("EnumMap", Map(vec![(text("RED"), Integer(1))])),
        ("emptyMap", Map(vec![])),
        ("singletonMap", Map(vec![(text("k"), Null)])),
        (
            "TreeMap of lists",
            Map(vec![(text("a"), integers([1])), (text("b"), Map(vec![(Integer(2), text("c"))]))]),
        ),
        ("LocalDate", opaque("java.time.Ser")),
        ("record", opaque("Values$Point")),
        ("object", opaque("Values$Stats")),
        ("object in a list", List(vec![Integer(1), opaque("Values$Stats")])),
        ("Externalizable", opaque("Values$Raw")),
        ("Class", opaque("java.lang.Class")),
    ]
    .into();
    for name in ["LinkedList", "ArrayDeque", "PriorityQueue", "Vector", "CopyOnWriteArrayList"] {
        expected.insert(name, integers([1, 2]));
    }
    for name in ["ConcurrentLinkedQueue", "unmodifiableList", "synchronizedList"] {
        expected.insert(name, integers([1, 2]));
    }
    for name in ["HashMap", "Hashtable", "ConcurrentHashMap", "Map.of"] {
        expected.insert(name, Map(vec![(text("k"), Integer(1))]));
    }
    for name in ["LinkedHashMap", "unmodifiableMap"] {
        let pairs = vec![(text("z"), Integer(1)), (Integer(2), text("y")), (text("no"), Null)];
        expected.insert(name, Map(pairs));
    }
    // These are asserted elsewhere: the value of the first is not equal to itself, the others have none.
    let elsewhere = ["NaN", "list of itself", "failure", "suppressed", "circular", "serialized", "deep"];

    let written = written_by_java();
    assert_eq!(written.len(), expected.len() + elsewhere.len());
    for (name, _, bytes) in written.iter().filter(|(name, ..)| !elsewhere.contains(&name.as_str())) {
        assert_eq!(decode_alone(bytes).value().unwrap(), &expected[name.as_str()], "{name}");
    }
}

#[test]
fn values_show_as_java_shows_them() {
    // Arrays, tuples and unknown objects have other texts in Java, and so have a few numbers.
    let differ = ["Tuple3", "Tuple11", "BigDecimal of negative scale", "DoubleMinimum", "DoubleMaximum"];
    let differ = |name: &str, value: &AccumulatorValue| {
        name.ends_with("[]")
            || name.starts_with("Serialized")
            || name == "enum with a body"
            || name == "EnumSet"
            || name == "object in a list"
            || differ.contains(&name)
            || matches!(value, Opaque { .. })
    };
    let mut same = 0;
    for (name, text, bytes) in written_by_java() {
        let accumulator = decode_alone(&bytes);
        if let Ok(value) = accumulator.value()
            && !differ(&name, value)
        {
            assert_eq!(value.to_string(), text, "{name}");
            same += 1;
        }
    }
    assert!(same > 60, "only {same} compared");
}

#[test]
fn an_opaque_value_has_the_text_that_the_server_sent() {
    let (_, text, bytes) = written_by_java().into_iter().find(|(name, ..)| name == "object").unwrap();
    let base64 = BASE64_STANDARD.encode(bytes);
    let accumulator = Accumulator::new(Some("Statistics".into()), Some(text), Some(&base64));
    let opaque = Opaque { class: "Values$Stats".into(), text: Some("Stats(3)".into()) };
    assert_eq!(accumulator.value().unwrap(), &opaque);
}

#[test]
fn failures_have_the_trace_that_java_prints() {
    let mut seen = 0;
    for (name, trace, bytes) in written_by_java() {
        let (class, line) = match name.as_str() {
            "failure" => ("java.lang.Error", ""),
            "suppressed" => ("java.io.IOException", ": with others"),
            "circular" => ("java.lang.Exception", ": second"),
            "serialized" => ("java.lang.IllegalStateException", ""),
            "deep" => ("java.lang.NullPointerException", ": nothing there"),
            _ => continue,
        };
        seen += 1;
        let error = decode_alone(&bytes).value().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
        assert_eq!(error.exception_class(), Some(class));
        assert_eq!(error.to_string(), format!("failed in the cluster with {class}{line}"));
        assert_eq!(error.stack_trace(), Some(trace.as_str()));
    }
    assert_eq!(seen, 5);
}

#[test]
fn a_collection_of_itself_is_an_error() {
    let (.., bytes) = written_by_java().into_iter().find(|(name, ..)| name == "list of itself").unwrap();
    let error = decode_alone(&bytes).value().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(error.to_string(), "the serialised Java value is nested too deeply");
    let (.., bytes) = written_by_java().into_iter().find(|(name, ..)| name == "NaN").unwrap();
    assert!(decode_alone(&bytes).value().unwrap().as_f64().unwrap().is_nan());
}

/// A serialised list that holds `count` times what is at `handle`; its class is the first in the stream.
fn list_of(count: usize, handle: u8) -> Vec<u8> {
    [b"sq\0\x7e\0\0", &[b'q', 0, 0x7e, 0, handle].repeat(count)[..], b"x"].concat()
}

#[test]
fn small_streams_of_huge_values_are_refused() {
    let start = b"\xac\xed\0\x05sr\0\x13java.util.ArrayList\0\0\0\0\0\0\0\0\x03\0\0xp";
    // Thirty lists in one another, each with the one before it twice: 2^30 elements.
    let mut doubling = [&start[..], b"t\0\x01a"].concat();
    for handle in 2..32 {
        doubling.extend(list_of(2, handle));
    }
    doubling.push(b'x');
    // A text of a megabyte, a thousand times.
    let long = [b"|\0\0\0\0\0\x10\0\0".to_vec(), vec![b'a'; 1 << 20]].concat();
    let repeated = [&start[..], &long, &list_of(1000, 2), b"x"].concat();
    for bytes in [doubling, repeated] {
        // Not `unwrap_err`, which would write the huge value out.
        let error = decode_alone(&bytes).value().err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the serialised Java value holds too many values"));
    }
    let few = [&start[..], b"t\0\x01a", &list_of(2, 2), b"x"].concat();
    let inner = List(vec![self::text("a"), self::text("a")]);
    assert_eq!(decode_alone(&few).value().unwrap(), &List(vec![self::text("a"), inner]));
}

#[test]
fn cut_or_damaged_streams_never_panic() {
    let mut streams: Vec<Vec<u8>> = written_by_java().into_iter().map(|(.., bytes)| bytes).collect();
    for version in VERSIONS {
        for name in ["accumulators", "accumulators-broken-merge"] {
            let accumulators = accumulators(version, name);
            streams.extend(accumulators.iter().map(|(_, entry)| entry.serialized().unwrap().to_vec()));
        }
    }
    for mut bytes in streams {
        let places: Vec<_> = (0..bytes.len()).step_by(1 + bytes.len() / 600).collect();
        for &at in &places {
            assert!(decode::decode(&bytes[..at]).is_err());
        }
        for &at in &places {
            // Whether a damaged stream has a value is left to chance; that it is looked at to the end is not.
            bytes[at] ^= 1 << (at % 8);
            let _value_or_error = decode::decode(&bytes).map(|decoded| format!("{decoded:?}"));
            bytes[at] ^= 1 << (at % 8);
        }
    }
}
