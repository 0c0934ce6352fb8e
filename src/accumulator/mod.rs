//! The accumulators of a job: what its tasks counted and collected.

mod decode;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::borrow::Cow;
use std::collections::{BTreeMap, btree_map};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde::ser::{Serialize, Serializer};

pub use self::value::AccumulatorValue;

use self::decode::Decoded;
use crate::details::UserAccumulator;
use crate::error::{Error, ErrorKind, Result};
use crate::java_stream::{StreamError, ThrowableInfo};
use crate::trace::Trace;
use crate::wire::null_is_default;

/// The accumulators of a job by their names, in the order of the names.
///
/// An accumulator without a value, because merging its parts threw an exception in the cluster, or because its bytes
/// cannot be read, is an error of its own: the others have their values all the same.
///
/// `Serialize` writes an object of names and [values](AccumulatorValue), with `{"error": …}` for those without one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accumulators(BTreeMap<String, Accumulator>);

/// One accumulator of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Accumulator {
    value: std::result::Result<AccumulatorValue, Failure>,
    serialized: Option<Vec<u8>>,
    type_name: Option<String>,
    text: Option<String>,
}

/// Why an accumulator has no value. Not an [`Error`], as those cannot be cloned.
#[derive(Clone, Debug, PartialEq)]
struct Failure {
    kind: ErrorKind,
    message: Cow<'static, str>,
    exception_class: Option<String>,
    stack_trace: Option<String>,
}

/// The answer to `GET /jobs/:jobid/accumulators`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobAccumulatorsInfo {
    #[serde(default, deserialize_with = "null_is_default")]
    user_task_accumulators: Vec<UserAccumulator>,
    /// Empty unless the request asked for `includeSerializedValue`.
    #[serde(default, deserialize_with = "null_is_default")]
    serialized_user_task_accumulators: BTreeMap<String, Option<String>>,
}

impl Accumulators {
    /// Reads the `accumulator-results` of a job's execution result: for each name the serialised value in base64.
    pub(crate) fn from_results(results: BTreeMap<String, Option<String>>) -> Self {
        let read =
            |(name, base64): (_, Option<String>)| (name, Accumulator::new(None, None, base64.as_deref()));
        Self(results.into_iter().map(read).collect())
    }

    /// The accumulator called `name`, if the job has one.
    ///
    /// A job has an accumulator once one of its tasks has registered it.
    pub fn get(&self, name: &str) -> Option<&Accumulator> {
        self.0.get(name)
    }

    /// The value of the accumulator called `name`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the job has no such accumulator; else as [`Accumulator::value`].
    pub fn value(&self, name: &str) -> Result<&AccumulatorValue> {
        match self.get(name) {
            Some(accumulator) => accumulator
                .value()
                .map_err(|error| error.with_operation(format!("reading accumulator {name:?}"))),
            None => Err(Error::new(ErrorKind::NotFound, format!("the job has no accumulator {name:?}"))),
        }
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names and accumulators, in the order of the names.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Accumulator> {
        self.0.iter()
    }

    /// How many accumulators there are, those without a value among them.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<JobAccumulatorsInfo> for Accumulators {
    fn from(info: JobAccumulatorsInfo) -> Self {
        let mut serialized = info.serialized_user_task_accumulators;
        let mut accumulators = Self::default();
        for UserAccumulator { name, class, value } in info.user_task_accumulators {
            let serialized = serialized.remove(&name).flatten();
            accumulators.0.insert(name, Accumulator::new(Some(class), Some(value), serialized.as_deref()));
        }
        // The two lists are made one after the other while the job runs; a name may be in the second only.
        for (name, accumulator) in Self::from_results(serialized) {
            accumulators.0.entry(name).or_insert(accumulator);
        }
        accumulators
    }
}

impl Accumulator {
    fn new(type_name: Option<String>, text: Option<String>, base64: Option<&str>) -> Self {
        let bytes = base64.map(|base64| BASE64_STANDARD.decode(base64));
        let decoded = match &bytes {
            Some(Ok(bytes)) => Some(decode::decode(bytes)),
            Some(Err(_)) => Some(Err(StreamError::new("is not in base64"))),
            None => None,
        };
        let from_text = || Some(from_texts(type_name.as_deref()?, text.as_deref()?));
        let value = match decoded {
            Some(Ok(Decoded::Value(AccumulatorValue::Opaque { class, .. }))) => {
                Ok(AccumulatorValue::Opaque { class, text: text.clone() })
            }
            Some(Ok(Decoded::Value(value))) => Ok(value),
            Some(Ok(Decoded::Failed(failure))) => Err(Failure::from(failure)),
            Some(Err(error)) => from_text().unwrap_or_else(|| Err(Failure::undecodable(error.to_string()))),
            None => from_text().unwrap_or_else(|| Err(Failure::undecodable("the server sent no value"))),
        };
        Self { value, serialized: bytes.and_then(std::result::Result::ok), type_name, text }
    }

    /// The value.
    ///
    /// It is read from the serialised bytes. If the server sent none, or they cannot be read, the value of Flink's
    /// own counters is read from their text, and any other is [`AccumulatorValue::Opaque`] with its text.
    ///
    /// # Errors
    /// [`ErrorKind::Server`] if the accumulator failed in the cluster: merging the parts of its tasks threw an
    /// exception, which [`Error::exception_class`] and [`Error::stack_trace`] give. The job may have succeeded.
    /// [`ErrorKind::Decode`] if there is neither a text nor bytes that can be read;
    /// [`serialized`](Self::serialized) has the bytes.
    pub fn value(&self) -> Result<&AccumulatorValue> {
        self.value.as_ref().map_err(Failure::to_error)
    }

    /// What the cluster serialised: an `org.apache.flink.util.OptionalFailure` around the value, in the format of
    /// Java's `ObjectOutputStream`. `None` if the server did not send it.
    pub fn serialized(&self) -> Option<&[u8]> {
        self.serialized.as_deref()
    }

    /// The class of the accumulator without its package, such as `IntCounter`. `None` in a job's result, and if it
    /// failed.
    pub fn type_name(&self) -> Option<&str> {
        self.type_name.as_deref().filter(|&name| name != FAILED_TYPE)
    }

    /// The value as Java writes it, or the stack trace of a failed accumulator. `None` in a job's result.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

/// The type that Flink names for an accumulator that failed, or that has no value.
const FAILED_TYPE: &str = "null";

fn from_texts(type_name: &str, text: &str) -> std::result::Result<AccumulatorValue, Failure> {
    if type_name == FAILED_TYPE && text != "null" {
        return Err(Failure::from_trace(text));
    }
    Ok(text::from_text(type_name, text))
}

impl Failure {
    fn undecodable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: ErrorKind::Decode, message: message.into(), exception_class: None, stack_trace: None }
    }

    fn from_trace(trace: &str) -> Self {
        let root = Trace::parse(trace).root();
        Self::failed(root.class, Some(root.message).filter(|message| !message.is_empty()), trace.into())
    }

    fn failed(class: &str, message: Option<&str>, stack_trace: String) -> Self {
        let message = match message {
            Some(message) => format!("failed in the cluster with {class}: {message}"),
            None => format!("failed in the cluster with {class}"),
        };
        Self {
            kind: ErrorKind::Server,
            message: message.into(),
            exception_class: Some(class.into()),
            stack_trace: Some(stack_trace),
        }
    }

    #[cold]
    fn to_error(&self) -> Error {
        let mut error = Error::new(self.kind, self.message.clone());
        if let Some(class) = &self.exception_class {
            error = error.with_exception_class(class);
        }
        if let Some(trace) = &self.stack_trace {
            error = error.with_stack_trace(trace);
        }
        error
    }
}

impl From<ThrowableInfo> for Failure {
    fn from(throwable: ThrowableInfo) -> Self {
        let (class, message) = throwable.root();
        Self::failed(class, message, throwable.stack_trace.clone())
    }
}

impl IntoIterator for Accumulators {
    type Item = (String, Accumulator);
    type IntoIter = btree_map::IntoIter<String, Accumulator>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Accumulators {
    type Item = (&'a String, &'a Accumulator);
    type IntoIter = btree_map::Iter<'a, String, Accumulator>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Accumulators {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl Serialize for Accumulator {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.value {
            Ok(value) => value.serialize(serializer),
            Err(failure) => serializer.collect_map([("error", &failure.message)]),
        }
    }
}
