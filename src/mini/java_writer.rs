//! Writes the few values that a cluster sends in Java's serialization format, for clients of Java.
//!
//! Only what an accumulator can hold is written: boxed numbers, texts, lists and maps, inside of Flink's
//! `OptionalFailure`, and an exception in place of a value. Class descriptions are Java's own, with its numbers.

use std::collections::HashMap;

use super::exception::JavaException;
use crate::accumulator::AccumulatorValue;

const STREAM: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const BLOCK: u8 = 0x77;
const END: u8 = 0x78;
const LONG_STRING: u8 = 0x7c;

/// A class that objects are written of: name, number, flags, fields (type, name, class), and the class above it.
struct Class {
    name: &'static str,
    number: u64,
    /// 2: plain. 3: it writes more than its fields, after them.
    flags: u8,
    fields: &'static [(u8, &'static str, &'static str)],
    above: Option<&'static Self>,
}

static NUMBER: Class =
    Class { name: "java.lang.Number", number: 0x86ac_951d_0b94_e08b, flags: 2, fields: &[], above: None };
static INTEGER: Class = Class {
    name: "java.lang.Integer",
    number: 0x12e2_a0a4_f781_8738,
    flags: 2,
    fields: &[(b'I', "value", "")],
    above: Some(&NUMBER),
};
static LONG: Class = Class {
    name: "java.lang.Long",
    number: 0x3b8b_e490_cc8f_23df,
    flags: 2,
    fields: &[(b'J', "value", "")],
    above: Some(&NUMBER),
};
static DOUBLE: Class = Class {
    name: "java.lang.Double",
    number: 0x80b3_c24a_296b_fb04,
    flags: 2,
    fields: &[(b'D', "value", "")],
    above: Some(&NUMBER),
};
static BOOLEAN: Class = Class {
    name: "java.lang.Boolean",
    number: 0xcd20_7280_d59c_faee,
    flags: 2,
    fields: &[(b'Z', "value", "")],
    above: None,
};
static BYTES: Class = Class { name: "[B", number: 0xacf3_17f8_0608_54e0, flags: 2, fields: &[], above: None };
static ARRAY_LIST: Class = Class {
    name: "java.util.ArrayList",
    number: 0x7881_d21d_99c7_619d,
    flags: 3,
    fields: &[(b'I', "size", "")],
    above: None,
};
static TREE_MAP: Class = Class {
    name: "java.util.TreeMap",
    number: 0x0cc1_f63e_2d25_6ae6,
    flags: 3,
    fields: &[(b'L', "comparator", "Ljava/util/Comparator;")],
    above: None,
};
static OPTIONAL_FAILURE: Class = Class {
    name: "org.apache.flink.util.OptionalFailure",
    number: 1,
    flags: 3,
    fields: &[(b'L', "failureCause", "Ljava/lang/Throwable;")],
    above: None,
};
static THROWABLE: Class = Class {
    name: "java.lang.Throwable",
    number: 0xd5c6_3527_3977_b8cb,
    flags: 3,
    fields: &[
        (b'L', "cause", "Ljava/lang/Throwable;"),
        (b'L', "detailMessage", "Ljava/lang/String;"),
        (b'[', "stackTrace", "[Ljava/lang/StackTraceElement;"),
        (b'L', "suppressedExceptions", "Ljava/util/List;"),
    ],
    above: None,
};
static EXCEPTION: Class = Class {
    name: "java.lang.Exception",
    number: 0xd0fd_1f3e_1a3b_1cc4,
    flags: 2,
    fields: &[],
    above: Some(&THROWABLE),
};
static SERIALIZED_THROWABLE: Class = Class {
    name: "org.apache.flink.util.SerializedThrowable",
    number: 0x6516_9df5_1fa7_13f3,
    flags: 2,
    fields: &[
        (b'L', "fullStringifiedStackTrace", "Ljava/lang/String;"),
        (b'L', "originalErrorClassName", "Ljava/lang/String;"),
        (b'[', "serializedException", "[B"),
    ],
    above: Some(&EXCEPTION),
};

/// An accumulator's value as a job's result has it. `int`: integers are Java's `Integer`, else `Long`; those in maps
/// are `Integer`, as a histogram's.
pub(crate) fn success(value: &AccumulatorValue, int: bool) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.object(&OPTIONAL_FAILURE);
    writer.bytes.push(NULL);
    writer.value(value, int);
    writer.bytes.push(END);
    writer.bytes
}

/// An accumulator that failed.
pub(crate) fn failure(failure: &JavaException) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.object(&OPTIONAL_FAILURE);
    writer.exception(failure);
    writer.bytes.push(NULL);
    writer.bytes.push(END);
    writer.bytes
}

/// An exception, as Flink sends one whose class the reader may not have: what stands for it says its class and its
/// stack trace.
pub(crate) fn exception(exception: &JavaException) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.exception(exception);
    writer.bytes
}

struct Writer {
    bytes: Vec<u8>,
    handles: u32,
    classes: HashMap<&'static str, u32>,
    texts: HashMap<String, u32>,
}

impl Writer {
    fn new() -> Self {
        Self { bytes: STREAM.to_vec(), handles: 0, classes: HashMap::new(), texts: HashMap::new() }
    }

    fn handle(&mut self) -> u32 {
        self.handles += 1;
        self.handles - 1
    }

    fn reference(&mut self, handle: u32) {
        self.bytes.push(REFERENCE);
        self.bytes.extend_from_slice(&(0x007e_0000 + handle).to_be_bytes());
    }

    fn name(&mut self, text: &str) {
        let bytes = modified_utf8(text);
        self.bytes.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(&bytes);
    }

    fn text(&mut self, text: &str) {
        if let Some(&handle) = self.texts.get(text) {
            self.reference(handle);
            return;
        }
        let bytes = modified_utf8(text);
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.bytes.push(STRING);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                self.bytes.push(LONG_STRING);
                self.bytes.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(&bytes);
        let handle = self.handle();
        self.texts.insert(text.to_owned(), handle);
    }

    fn class(&mut self, class: &'static Class) {
        if let Some(&handle) = self.classes.get(class.name) {
            self.reference(handle);
            return;
        }
        self.bytes.push(CLASS);
        self.name(class.name);
        self.bytes.extend_from_slice(&class.number.to_be_bytes());
        let handle = self.handle();
        self.classes.insert(class.name, handle);
        self.bytes.push(class.flags);
        self.bytes.extend_from_slice(&(class.fields.len() as u16).to_be_bytes());
        for (kind, name, of) in class.fields {
            self.bytes.push(*kind);
            self.name(name);
            if matches!(kind, b'L' | b'[') {
                self.text(of);
            }
        }
        self.bytes.push(END);
        match class.above {
            Some(above) => self.class(above),
            None => self.bytes.push(NULL),
        }
    }

    /// Begins an object: its fields follow.
    fn object(&mut self, class: &'static Class) {
        self.bytes.push(OBJECT);
        self.class(class);
        self.handle();
    }

    fn value(&mut self, value: &AccumulatorValue, int: bool) {
        match value {
            AccumulatorValue::Boolean(boolean) => {
                self.object(&BOOLEAN);
                self.bytes.push(u8::from(*boolean));
            }
            AccumulatorValue::Integer(integer) => match i32::try_from(*integer) {
                Ok(integer) if int => {
                    self.object(&INTEGER);
                    self.bytes.extend_from_slice(&integer.to_be_bytes());
                }
                _ => {
                    self.object(&LONG);
                    self.bytes.extend_from_slice(&integer.to_be_bytes());
                }
            },
            AccumulatorValue::Float(float) => {
                self.object(&DOUBLE);
                self.bytes.extend_from_slice(&float.to_bits().to_be_bytes());
            }
            AccumulatorValue::Text(text) => self.text(text),
            AccumulatorValue::List(elements) => {
                self.object(&ARRAY_LIST);
                self.length(elements.len());
                self.block_with_length(elements.len());
                for element in elements {
                    self.value(element, int);
                }
                self.bytes.push(END);
            }
            AccumulatorValue::Map(pairs) => {
                self.object(&TREE_MAP);
                self.bytes.push(NULL);
                self.block_with_length(pairs.len());
                for (key, value) in pairs {
                    self.value(key, true);
                    self.value(value, true);
                }
                self.bytes.push(END);
            }
            AccumulatorValue::Bytes(bytes) => {
                self.bytes.push(ARRAY);
                self.class(&BYTES);
                self.handle();
                self.length(bytes.len());
                self.bytes.extend_from_slice(bytes);
            }
            // An object of a class that is not known here cannot be written.
            AccumulatorValue::Null | AccumulatorValue::Opaque { .. } => self.bytes.push(NULL),
        }
    }

    fn length(&mut self, length: usize) {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
    }

    fn block_with_length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&[BLOCK, 4]);
        self.length(length);
    }

    fn exception(&mut self, exception: &JavaException) {
        self.object(&SERIALIZED_THROWABLE);
        match exception.cause() {
            Some(cause) => self.exception(cause),
            None => self.bytes.push(NULL),
        }
        self.text(&exception.to_string());
        // No stack trace of its own, nothing suppressed.
        self.bytes.extend_from_slice(&[NULL, NULL, END]);
        self.text(&exception.stack_trace());
        self.text(exception.class());
        // Nor the exception itself, whose class nobody has.
        self.bytes.push(NULL);
    }
}

/// Java's own form of UTF-8: zero in two bytes, and characters beyond the first plane as two surrogates.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            1..=0x7f => bytes.push(unit as u8),
            0 | 0x80..=0x7ff => bytes.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            _ => bytes.extend([
                0xe0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3f) as u8,
                0x80 | (unit & 0x3f) as u8,
            ]),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;
    use crate::accumulator::Accumulators;
    use crate::java_stream::throwable;

    fn read_back(bytes: &[u8]) -> Accumulators {
        Accumulators::from_results([("a".to_owned(), Some(BASE64_STANDARD.encode(bytes)))].into())
    }

    #[test]
    fn numbers_and_texts_are_the_very_bytes_that_flink_writes() {
        let long = "aced0005737200256f72672e6170616368652e666c696e6b2e7574696c2e4f7074696f6e616c4661696c757265\
            00000000000000010300014c000c6661696c75726543617573657400154c6a6176612f6c616e672f5468726f7761626c653b7870\
            707372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c7565787200106a6176612e6c616e672e\
            4e756d62657286ac951d0b94e08b020000787000000000000013ba78";
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&success(&AccumulatorValue::Integer(5050), false)), long);
        let texts = ["r25", "r50"].map(|text| AccumulatorValue::Text(text.into())).to_vec();
        let list = hex(&success(&AccumulatorValue::List(texts), false));
        assert!(list.ends_with("73697a657870000000027704000000027400037232357400037235307878"), "{list}");
    }

    #[test]
    fn every_kind_of_value_is_read_back() {
        use AccumulatorValue::{Boolean, Bytes, Float, Integer, List, Map, Text};
        for value in [
            Integer(-7),
            Integer(i64::MIN),
            Float(-0.5),
            Boolean(true),
            Bytes(vec![0, 255, 7]),
            Text("nul \0, é, 😀, ".repeat(9000)),
            List(vec![Text("a".into()), Text("a".into()), Integer(1)]),
            Map(vec![(Integer(0), Integer(20)), (Integer(7), Integer(1))]),
        ] {
            for int in [true, false] {
                assert_eq!(read_back(&success(&value, int)).value("a").unwrap(), &value);
            }
        }
    }

    #[test]
    fn a_failure_is_read_back_with_its_causes() {
        let cause = JavaException::new("java.lang.UnsupportedOperationException", "not merged");
        let thrown = JavaException::new("a.B", "outer").caused_by(cause);
        let error = read_back(&failure(&thrown)).value("a").unwrap_err();
        assert!(error.to_string().contains("java.lang.UnsupportedOperationException: not merged"), "{error}");
        let read = throwable(&exception(&thrown)).unwrap();
        assert_eq!((&*read.class, read.message.as_deref()), ("a.B", Some("outer")));
        assert_eq!(read.root(), ("java.lang.UnsupportedOperationException", Some("not merged")));
        assert_eq!(read.stack_trace, thrown.stack_trace());
    }
}
