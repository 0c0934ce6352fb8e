//! Streams that nobody should send, and failures as clusters send them.

use base64::prelude::*;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

const HEADER: &[u8] = b"\xac\xed\0\x05";

fn stream(pieces: &[&[u8]]) -> Vec<u8> {
    [HEADER, &pieces.concat()].concat()
}

/// The description of a class: its flags, its fields as written, and the class above it as written.
fn class(name: &str, flags: u8, fields: &[&[u8]], superclass: &[u8]) -> Vec<u8> {
    let name_length = (name.len() as u16).to_be_bytes();
    let count = (fields.len() as u16).to_be_bytes();
    [b"r", &name_length[..], name.as_bytes(), &[0; 8], &[flags], &count, &fields.concat(), b"x", superclass]
        .concat()
}

fn refusal(bytes: &[u8]) -> String {
    Stream::read(bytes).expect_err("must be refused").to_string()
}

#[test]
fn lengths_are_compared_with_the_input_before_they_are_believed() {
    for (bytes, place) in [
        (stream(&[b"ur", b"\0\x02[J", &[0; 8], b"\x02\0\0xp", b"\x7f\xff\xff\xff"]), 27),
        (stream(&[b"ur", b"\0\x02[B", &[0; 8], b"\x02\0\0xp", b"\x7f\xff\xff\xff"]), 27),
        (stream(&[b"ur", b"\0\x02[L", &[0; 8], b"\x02\0\0xp", b"\0\0\0\x02p"]), 27),
        (stream(&[b"t\xff\xff"]), 7),
        (stream(&[b"|\xff\xff\xff\xff\xff\xff\xff\xff"]), 13),
        (stream(&[b"z\x7f\xff\xff\xff"]), 9),
        (stream(&[b"w\x02."]), 6),
        (stream(&[b"s", &class("A", 2, &[b"I\0\x01i"], b"p")]), 26),
    ] {
        assert_eq!(refusal(&bytes), format!("the serialised Java value is cut off at byte {place}"));
    }
    let negative = stream(&[b"ur", b"\0\x02[J", &[0; 8], b"\x02\0\0xp", b"\xff\xff\xff\xff"]);
    assert_eq!(refusal(&negative), "the serialised Java value has a negative length at byte 27");
}

#[test]
fn what_needs_its_own_class_is_refused() {
    for (bytes, reason) in [
        (b"PK\x03\x04".to_vec(), "does not begin as such values do at byte 0"),
        (Vec::new(), "does not begin as such values do at byte 0"),
        (stream(&[b"s}"]), "holds a proxy, which cannot be read without its interfaces, at byte 6"),
        (stream(&[b"y"]), "was broken off by its writer at byte 5"),
        (stream(&[b"{"]), "was broken off by its writer at byte 5"),
        (stream(&[b"\x01"]), "has an unknown type code at byte 5"),
        (stream(&[b"x"]), "has raw data where a value should be at byte 5"),
        (stream(&[b"sp"]), "has an object without a class at byte 6"),
        (stream(&[b"q\0\x7e\0\0"]), "refers to what was never written at byte 9"),
        (stream(&[b"q\0\0\0\0"]), "refers to what was never written at byte 9"),
        (stream(&[b"t\0\0sq\0\x7e\0\0"]), "refers to something else where a class should be at byte 13"),
        (
            stream(&[b"s", &class("A", 4, &[], b"p")]),
            "holds an object in a form that only its own class can read at byte 22",
        ),
        (stream(&[b"u", &class("A", 2, &[], b"p")]), "has an array of a class that is none at byte 22"),
        (
            stream(&[b"s", &class("A", 2, &[b"?\0\x01i"], b"p"), b"p"]),
            "has a field of an unknown type at byte 26",
        ),
        (stream(&[&class("A", 2, &[b"L\0\x01ip"], b"p")]), "has no text where one should be at byte 23"),
    ] {
        assert_eq!(refusal(&bytes), format!("the serialised Java value {reason}"));
    }
}

#[test]
fn a_class_is_never_above_itself() {
    let own_superclass = class("A", 2, &[], b"q\0\x7e\0\0");
    let reason = "the serialised Java value refers to something else where a class should be at byte 26";
    assert_eq!(refusal(&stream(&[b"s", &own_superclass])), reason);

    // Each class refers to the one before it, without any nesting.
    let mut bytes = stream(&[&class("A", 2, &[], b"p")]);
    for above in 0..=MAX_DEPTH as u32 {
        let reference = [b"q", &(0x7e_0000 + above).to_be_bytes()[..]].concat();
        bytes.extend(class("A", 2, &[], &reference));
    }
    assert!(refusal(&bytes).contains("has too many superclasses"));
}

/// `count` lists in one another, and how deep that is.
fn nested_lists(count: usize) -> Vec<u8> {
    let list = class("java.util.ArrayList", 3, &[], b"p");
    let inner = b"sq\0\x7e\0\0";
    stream(&[b"s", &list, &inner.repeat(count - 1), &b"x".repeat(count)])
}

#[test]
fn nesting_ends_before_the_stack_does() {
    // Far less than the two megabytes of Rust's threads.
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(|| {
        assert!(Stream::read(&nested_lists(MAX_DEPTH)).is_ok());
        assert!(refusal(&nested_lists(MAX_DEPTH + 1)).contains("is nested too deeply"));
        // Every superclass is described within the class below it.
        let mut above = b"p".to_vec();
        for _ in 0..100_000 / 16 {
            above = class("A", 2, &[], &above);
        }
        assert!(refusal(&stream(&[b"s", &above])).contains("is nested too deeply"));
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn the_number_of_values_is_bounded() {
    assert!(Stream::read(&stream(&[&b"p".repeat(MAX_NODES)])).is_ok());
    assert!(refusal(&stream(&[&b"p".repeat(MAX_NODES + 1)])).contains("holds too many values"));
}

#[test]
fn exceptions_that_share_their_causes_are_printed_once() {
    // Each of a hundred exceptions is suppressed by the next, twice: 2^100 lines if each were printed.
    let throwable = class(
        "java.lang.Throwable",
        3,
        &[b"L\0\x05causet\0\x01L", b"L\0\x14suppressedExceptionsq\0\x7e\0\x01"],
        b"p",
    );
    let list = class("java.util.ArrayList", 3, &[], b"p");
    // Handles: the class 0, the text of its field 1, the list's class 2, then of each exception itself and its list.
    let mut bytes = stream(&[&throwable, &list]);
    for number in 0..100_u32 {
        let before = (0x7e_0003 + 2 * number.saturating_sub(1)).to_be_bytes();
        let before = if number == 0 { Vec::new() } else { [b"q", &before[..], b"q", &before[..]].concat() };
        bytes.extend([&b"sq\0\x7e\0\0psq\0\x7e\0\x02"[..], &before, b"xx"].concat());
    }
    let stream = Stream::read(&bytes).unwrap();
    let throwable = stream.throwable(*stream.contents().last().unwrap()).unwrap();
    assert_eq!(throwable.stack_trace.lines().count(), 199);
    assert_eq!(throwable.stack_trace.matches("CIRCULAR REFERENCE").count(), 99);
}

#[test]
fn serialised_throwables_of_failed_jobs_are_read() {
    for version in ["1.20.5", "2.3.0"] {
        let path = format!(
            "{}/tests/fixtures/rest/{version}/execution-result-failed-full.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let recording: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let failure = &recording["body"]["job-execution-result"]["failure-cause"];
        let bytes = BASE64_STANDARD.decode(failure["serialized-throwable"].as_str().unwrap()).unwrap();
        let throwable = throwable(&bytes).unwrap();
        assert_eq!(throwable.class, failure["class"].as_str().unwrap());
        assert_eq!(throwable.stack_trace, failure["stack-trace"].as_str().unwrap());
        assert!(throwable.message.as_deref().unwrap().starts_with("Recovery is suppressed by "));
        assert_eq!(throwable.root().0, "java.lang.ArithmeticException");
        assert_eq!(throwable.causes[0].0, "lab.Failing$Kaput");
        assert_eq!(throwable.causes.len(), throwable.stack_trace.matches("\nCaused by: ").count());
    }
    assert_eq!(throwable(b""), None);
    assert_eq!(throwable(&stream(&[b"t\0\x01a"])), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
        read_all(&stream(&[&bytes]));
    }

    #[test]
    fn anything_like_a_stream_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..60)) {
        read_all(&stream(&[&pieces.concat()]));
    }
}

fn read_all(bytes: &[u8]) {
    if let Ok(stream) = Stream::read(bytes) {
        for &value in stream.contents() {
            stream.throwable(value);
            if let Some(object) = stream.object(value) {
                stream.collection(object);
            }
        }
    }
    leader_information(bytes);
}

/// Pieces that make sense by themselves, so that many of their sequences do.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let handle = (0..12_u8).prop_map(|handle| vec![b'q', 0, 0x7e, 0, handle]);
    let name = prop::sample::select(vec![
        "java.util.ArrayList",
        "java.util.TreeSet",
        "java.util.HashMap",
        "java.util.CollSer",
        "java.lang.Throwable",
        "java.util.Collections$UnmodifiableCollection",
        "[I",
        "[L",
    ]);
    let field = prop::sample::select(vec![
        &b"I\0\x03tag"[..],
        b"L\0\x01ct\0\x01c",
        b"L\0\x05causet\0\x01L",
        b"Z\0\x01b",
        b"[\0\x0astackTraceq\0\x7e\0\x01",
    ]);
    let fields = prop::collection::vec(field, 0..3);
    let class = (name, 0..16_u8, fields, any::<bool>())
        .prop_map(|(name, flags, fields, end)| class(name, flags, &fields, if end { b"p" } else { b"" }));
    let object = class.clone().prop_map(|class| [b"s", &class[..]].concat());
    let byte = prop::sample::select(b"pqrstuvwxz|~\0\x01\x02".to_vec()).prop_map(|byte| vec![byte]);
    let fixed = prop::sample::select(vec![&b"x"[..], b"p", b"t\0\x01a", b"w\x04\0\0\0\x01", b"\0\0\0\x01"]);
    prop_oneof![handle, class, object, byte, fixed.prop_map(<[u8]>::to_vec)]
}
