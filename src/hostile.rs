//! What real clusters and real programs wrote, damaged: whatever it has become, it is read or refused, and nothing
//! panics.
//!
//! Some cases of each run with every test. More, for as long as one likes: `PROPTEST_CASES=100000 cargo test hostile`,
//! which `tests/all.sh` does with a number that takes a minute or so.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use base64::prelude::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::Configuration;
use crate::accumulator::{Accumulators, JobAccumulatorsInfo};
use crate::details::{ClusterOverview, DashboardConfiguration, JobDetails};
use crate::java_stream::Stream;
use crate::rest::answer::Answer;
use crate::rest::recordings::{self, Read};

/// What can be in the place of a value.
fn odd_value() -> impl Strategy<Value = Value> {
    let long = "x".repeat(100_000);
    let deep = (0..100).fold(Value::Null, |inner, _| json!([inner]));
    prop_oneof![
        6 => select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(u32::MAX),
            json!(1e308),
            json!(-0.5),
            json!(""),
            json!("NaN"),
            json!("-1"),
            json!("\0\u{2028}\n\tat a.B.c(D.java:1)\nCaused by: a.B: c"),
            json!("99999999999999999999999999999"),
            json!("/../../etc/passwd"),
            json!([]),
            json!({}),
            json!([null]),
            json!({"errors": ["x"]}),
            json!({"id": "COMPLETED"}),
            json!(long),
            deep,
        ]),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
    ]
}

/// Where in a value something happens: at each level, which of its members.
type Way = Vec<Index>;

#[derive(Clone, Debug)]
enum Damage {
    Replace(Way, Value),
    Remove(Way),
    /// The name of a member.
    Rename(Way, String),
}

fn damage() -> impl Strategy<Value = Damage> {
    let way = || proptest::collection::vec(any::<Index>(), 0..9);
    prop_oneof![
        4 => (way(), odd_value()).prop_map(|(way, value)| Damage::Replace(way, value)),
        1 => way().prop_map(Damage::Remove),
        1 => (way(), any::<String>()).prop_map(|(way, name)| Damage::Rename(way, name)),
    ]
}

/// Goes `way` as far as there are members.
fn place<'a>(value: &'a mut Value, way: &[Index]) -> &'a mut Value {
    let Some((first, rest)) = way.split_first() else { return value };
    let length = match &*value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    if length == 0 {
        return value;
    }
    let at = first.index(length);
    let member = match value {
        Value::Array(items) => items.get_mut(at),
        Value::Object(members) => members.values_mut().nth(at),
        _ => None,
    };
    place(member.expect("it was counted"), rest)
}

impl Damage {
    fn to(self, value: &mut Value) {
        match self {
            Self::Replace(way, with) => *place(value, &way) = with,
            Self::Remove(way) => match place(value, &way) {
                Value::Object(members) => {
                    if let Some(key) = members.keys().next().cloned() {
                        members.remove(&key);
                    }
                }
                Value::Array(items) => {
                    items.pop();
                }
                other => *other = Value::Null,
            },
            Self::Rename(way, name) => {
                if let Value::Object(members) = place(value, &way)
                    && let Some(key) = members.keys().next().cloned()
                    && let Some(member) = members.remove(&key)
                {
                    members.insert(name, member);
                }
            }
        }
    }
}

/// Bytes that are changed, taken away, or put in.
#[derive(Clone, Debug)]
enum Wear {
    Change(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn wear() -> impl Strategy<Value = Wear> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..9),
        Just(vec![0xff; 4]),
        Just(vec![0x7f, 0xff])
    ];
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Wear::Change(at, byte)),
        1 => any::<Index>().prop_map(Wear::Cut),
        2 => (any::<Index>(), bytes).prop_map(|(at, bytes)| Wear::Insert(at, bytes)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Wear::Repeat(from, to)),
    ]
}

fn worn(mut bytes: Vec<u8>, wears: Vec<Wear>) -> Vec<u8> {
    for wear in wears {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match wear {
            Wear::Change(at, byte) => bytes[at.index(length)] = byte,
            Wear::Cut(at) => bytes.truncate(at.index(length)),
            Wear::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more);
            }
            Wear::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

fn answers() -> &'static [(Read, u16, Value)] {
    static ANSWERS: OnceLock<Vec<(Read, u16, Value)>> = OnceLock::new();
    ANSWERS.get_or_init(|| recordings::readable().collect())
}

/// What Java wrote: values of accumulators.
fn serialised() -> &'static [Vec<u8>] {
    static SERIALISED: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SERIALISED.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/java/values.json");
        let values: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let texts = values.as_object().unwrap().values().filter_map(|value| value[1].as_str());
        texts.map(|text| BASE64_STANDARD.decode(text).unwrap()).collect()
    })
}

fn read(read: Read, status: u16, body: &[u8]) -> Result<(), TestCaseError> {
    if let Err(error) = read(&Answer::new(status, body)) {
        let shown = format!("{error} {error:?} {:?}", error.stack_trace());
        prop_assert!(!error.to_string().contains(['\n', '\r']), "{shown}");
    }
    // What is computed from a server's numbers.
    if let Ok(details) = serde_json::from_slice::<JobDetails>(body) {
        let _ = (details.tasks(), format!("{details:?}"));
        details.plan.nodes.iter().for_each(|node| drop(node.description_text()));
    }
    if let Ok(overview) = serde_json::from_slice::<ClusterOverview>(body) {
        let _ = format!("{overview:?}");
    }
    if let Ok(configuration) = serde_json::from_slice::<DashboardConfiguration>(body) {
        let _ = configuration.version();
    }
    Ok(())
}

fn decode(bytes: &[u8]) {
    if let Ok(stream) = Stream::read(bytes) {
        for &value in stream.contents() {
            stream.throwable(value);
            if let Some(object) = stream.object(value) {
                stream.collection(object);
            }
        }
    }
    let body = json!({
        "job-accumulators": [],
        "user-task-accumulators": [],
        "serialized-user-task-accumulators": {"a": BASE64_STANDARD.encode(bytes)},
    });
    let accumulators: Accumulators = serde_json::from_value::<JobAccumulatorsInfo>(body).unwrap().into();
    let _ = format!("{:?} {accumulators:?}", accumulators.value("a"));
}

/// The configuration files of Flink's own distributions, in a few lines each.
const CONFIGURATIONS: [(&str, &str); 2] = [
    (
        "config.yaml",
        "env:\n  java:\n    opts:\n      all: --add-exports=java.base/sun.net.util=ALL-UNNAMED # why\njobmanager:\n  \
         rpc.address: 'localhost'\n  memory: {process: {size: 1600m}}\npipeline.jars: [\"a.jar\", 'b.jar']\nlist:\n- 1\n- \
         {k: v}\ntext: |\n  two\n  lines\nfolded: >-\n  a\n  b\n? odd\n: &anchor value\nalias: *anchor\n",
    ),
    (
        "flink-conf.yaml",
        "# comment\njobmanager.rpc.address: localhost # why\nenv.java.opts: -Dkey=\"a: b\"\ntaskmanager.numberOfTaskSlots:1\n\
         \tparallelism.default: 1\nlist: a;b;c\n: nothing\nrest.port: 8081-8090\n",
    ),
];

proptest! {
    #[test]
    fn a_damaged_answer_is_read_or_is_an_error_in_one_line(
        which in any::<Index>(),
        damages in proptest::collection::vec(damage(), 0..4),
        wears in proptest::collection::vec(wear(), 0..3),
        status in prop_oneof![3 => Just(None), 1 => (100_u16..1000).prop_map(Some)],
    ) {
        let (how, recorded, body) = which.get(answers());
        let mut body = body.clone();
        damages.into_iter().for_each(|damage| damage.to(&mut body));
        let bytes = match body {
            Value::String(text) => text.into_bytes(),
            json => serde_json::to_vec(&json).unwrap(),
        };
        read(*how, status.unwrap_or(*recorded), &worn(bytes, wears))?;
    }

    #[test]
    fn a_damaged_value_of_javas_is_read_or_refused(
        which in any::<Index>(),
        wears in proptest::collection::vec(wear(), 1..5),
    ) {
        decode(&worn(which.get(serialised()).clone(), wears));
    }

    #[test]
    fn a_damaged_configuration_is_read_or_refused(
        which in any::<Index>(),
        wears in proptest::collection::vec(wear(), 1..6),
    ) {
        let (name, text) = which.get(&CONFIGURATIONS);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, worn(text.as_bytes().to_vec(), wears)).unwrap();
        match Configuration::from_file(&path) {
            Ok(configuration) => drop(format!("{configuration:?}")),
            Err(error) => prop_assert!(!error.to_string().contains(['\n', '\r']), "{error}"),
        }
    }
}

#[test]
fn there_is_something_to_damage() {
    assert!(answers().len() > 300 && serialised().len() > 20, "{} {}", answers().len(), serialised().len());
    for (name, text) in CONFIGURATIONS {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let read = Configuration::from_file(folder.path().join(name));
        assert_eq!(read.is_ok(), name != "config.yaml" || cfg!(feature = "yaml"), "{read:?}");
    }
}
