//! Accumulators as Flink has them: counted in each task, merged over all.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use crate::accumulator::AccumulatorValue;
use crate::mini::exception::{JavaException, TaskResult};
use crate::mini::{lock, wording};

/// Which of Flink's accumulators one is; two of different kinds cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccumulatorKind {
    IntCounter,
    LongCounter,
    DoubleCounter,
    IntMinimum,
    IntMaximum,
    LongMinimum,
    LongMaximum,
    DoubleMinimum,
    DoubleMaximum,
    Average,
    Histogram,
    List,
    /// A program's own, by its class.
    Own(&'static str),
}

/// How two values of a program's own accumulator become one.
pub(super) type MergeFn = fn(&mut AccumulatorValue, &AccumulatorValue) -> TaskResult;

impl AccumulatorKind {
    /// The class, without its package.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::IntCounter => "IntCounter",
            Self::LongCounter => "LongCounter",
            Self::DoubleCounter => "DoubleCounter",
            Self::IntMinimum => "IntMinimum",
            Self::IntMaximum => "IntMaximum",
            Self::LongMinimum => "LongMinimum",
            Self::LongMaximum => "LongMaximum",
            Self::DoubleMinimum => "DoubleMinimum",
            Self::DoubleMaximum => "DoubleMaximum",
            Self::Average => "AverageAccumulator",
            Self::Histogram => "Histogram",
            Self::List => "ListAccumulator",
            Self::Own(class) => class.rsplit(['.', '$']).next().unwrap_or(class),
        }
    }

    fn class_with_package(self) -> String {
        match self {
            Self::Own(class) => class.into(),
            flinks => format!("org.apache.flink.api.common.accumulators.{}", flinks.class()),
        }
    }

    /// Whether its value is a Java `int`: its counting wraps at 32 bits, as Java's does.
    pub(crate) fn is_int(self) -> bool {
        matches!(self, Self::IntCounter | Self::IntMinimum | Self::IntMaximum)
    }

    fn initial(self) -> Content {
        match self {
            Self::IntCounter | Self::LongCounter => Content::Integer(0),
            Self::DoubleCounter => Content::Float(0.0),
            Self::IntMinimum => Content::Integer(i64::from(i32::MAX)),
            Self::IntMaximum => Content::Integer(i64::from(i32::MIN)),
            Self::LongMinimum => Content::Integer(i64::MAX),
            Self::LongMaximum => Content::Integer(i64::MIN),
            Self::DoubleMinimum => Content::Float(f64::INFINITY),
            Self::DoubleMaximum => Content::Float(f64::NEG_INFINITY),
            Self::Average => Content::Average { count: 0, sum: 0.0 },
            Self::Histogram => Content::Histogram(BTreeMap::new()),
            Self::List => Content::List(Vec::new()),
            Self::Own(_) => Content::Own { value: AccumulatorValue::Null, merge: |_, _| Ok(()) },
        }
    }
}

/// An accumulator of a task, or of several merged.
#[derive(Clone, Debug)]
pub(crate) struct AccumulatorState {
    kind: AccumulatorKind,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Integer(i64),
    Float(f64),
    Average { count: i64, sum: f64 },
    Histogram(BTreeMap<i32, i32>),
    List(Vec<AccumulatorValue>),
    Own { value: AccumulatorValue, merge: MergeFn },
}

impl AccumulatorState {
    pub(crate) fn new(kind: AccumulatorKind) -> Self {
        Self { kind, content: kind.initial() }
    }

    pub(super) fn own(class: &'static str, value: AccumulatorValue, merge: MergeFn) -> Self {
        Self { kind: AccumulatorKind::Own(class), content: Content::Own { value, merge } }
    }

    pub(crate) fn kind(&self) -> AccumulatorKind {
        self.kind
    }

    fn add_integer(&mut self, integer: i64) {
        use AccumulatorKind as Kind;
        let Content::Integer(value) = &mut self.content else { return };
        *value = match self.kind {
            Kind::IntCounter => i64::from((*value as i32).wrapping_add(integer as i32)),
            Kind::IntMinimum | Kind::LongMinimum => (*value).min(integer),
            Kind::IntMaximum | Kind::LongMaximum => (*value).max(integer),
            _ => value.wrapping_add(integer),
        };
    }

    fn add_float(&mut self, float: f64) {
        match (&mut self.content, self.kind) {
            (Content::Float(value), AccumulatorKind::DoubleMinimum) => *value = value.min(float),
            (Content::Float(value), AccumulatorKind::DoubleMaximum) => *value = value.max(float),
            (Content::Float(value), _) => *value += float,
            (Content::Average { count, sum }, _) => {
                *count += 1;
                *sum += float;
            }
            _ => {}
        }
    }

    /// # Errors
    /// Flink's, if the two are not of the same kind; what the merging of a program's own accumulator fails with.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), JavaException> {
        self.merged_with(other).map_err(|cause| JavaException::wrapping(wording::FLINK, cause))
    }

    fn merged_with(&mut self, other: &Self) -> Result<(), JavaException> {
        if self.kind != other.kind {
            return Err(JavaException::new(
                "java.lang.UnsupportedOperationException",
                format!(
                    "The accumulators have different types: {} and {}",
                    self.kind.class_with_package(),
                    other.kind.class_with_package()
                ),
            ));
        }
        match (&mut self.content, &other.content) {
            (Content::Integer(_), Content::Integer(integer)) => self.add_integer(*integer),
            (Content::Float(_), Content::Float(float)) => self.add_float(*float),
            (Content::Average { count, sum }, Content::Average { count: more, sum: plus }) => {
                *count += more;
                *sum += plus;
            }
            (Content::Histogram(counts), Content::Histogram(more)) => {
                for (value, count) in more {
                    let own = counts.entry(*value).or_default();
                    *own = own.wrapping_add(*count);
                }
            }
            (Content::List(list), Content::List(more)) => list.extend_from_slice(more),
            (Content::Own { value, merge }, Content::Own { value: more, .. }) => {
                // The one function of a caller's that runs under the cluster's lock: it has nothing but the values.
                return catch_unwind(AssertUnwindSafe(|| merge(value, more)))
                    .unwrap_or_else(|payload| Err(JavaException::from_panic(&*payload)))
                    .map_err(|thrown| {
                        thrown.thrown_in(&format!("{}.merge", self.kind.class_with_package()))
                    });
            }
            _ => {}
        }
        Ok(())
    }

    /// What Java's `getLocalValue` gives.
    pub(crate) fn value(&self) -> AccumulatorValue {
        match &self.content {
            Content::Integer(integer) => AccumulatorValue::Integer(*integer),
            Content::Float(float) => AccumulatorValue::Float(*float),
            Content::Average { count: 0, .. } => AccumulatorValue::Float(0.0),
            Content::Average { count, sum } => AccumulatorValue::Float(sum / *count as f64),
            Content::Histogram(counts) => {
                let integer = |n: &i32| AccumulatorValue::Integer(i64::from(*n));
                AccumulatorValue::Map(counts.iter().map(|(k, v)| (integer(k), integer(v))).collect())
            }
            Content::List(list) => AccumulatorValue::List(list.clone()),
            Content::Own { value, .. } => value.clone(),
        }
    }
}

pub(super) type Shared = Arc<Mutex<AccumulatorState>>;

macro_rules! accumulators {
    ($( $(#[$doc:meta])* $name:ident: $kind:ident, $number:ty, $add:ident; )*) => { $(
        $(#[$doc])*
        ///
        /// Clones are the same accumulator, and so is another of the same name in this task. Values of all tasks are
        /// merged.
        #[derive(Clone)]
        pub struct $name(pub(super) Shared);

        impl $name {
            pub(super) const KIND: AccumulatorKind = AccumulatorKind::$kind;

            /// Adds a number.
            pub fn add(&self, number: $number) {
                lock(&self.0).$add(number.into());
            }
        }

        accumulators!(@debug $name);
    )* };
    (@debug $name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&lock(&self.0).value()).finish()
            }
        }
    };
}

accumulators! {
    /// Adds up integers of 32 bits.
    IntCounter: IntCounter, i32, add_integer;
    /// Adds up integers of 64 bits.
    LongCounter: LongCounter, i64, add_integer;
    /// Adds up floating-point numbers.
    DoubleCounter: DoubleCounter, f64, add_float;
    /// The least of integers of 32 bits.
    IntMinimum: IntMinimum, i32, add_integer;
    /// The greatest of integers of 32 bits.
    IntMaximum: IntMaximum, i32, add_integer;
    /// The least of integers of 64 bits.
    LongMinimum: LongMinimum, i64, add_integer;
    /// The greatest of integers of 64 bits.
    LongMaximum: LongMaximum, i64, add_integer;
    /// The least of floating-point numbers.
    DoubleMinimum: DoubleMinimum, f64, add_float;
    /// The greatest of floating-point numbers.
    DoubleMaximum: DoubleMaximum, f64, add_float;
    /// The mean of floating-point numbers.
    AverageAccumulator: Average, f64, add_float;
}

/// Counts how often each integer was added.
///
/// Clones are the same accumulator, and so is another of the same name in this task. Values of all tasks are merged.
#[derive(Clone)]
pub struct HistogramAccumulator(pub(super) Shared);

impl HistogramAccumulator {
    pub(super) const KIND: AccumulatorKind = AccumulatorKind::Histogram;

    /// Counts `value` once more.
    pub fn add(&self, value: i32) {
        if let Content::Histogram(counts) = &mut lock(&self.0).content {
            let count = counts.entry(value).or_default();
            *count = count.wrapping_add(1);
        }
    }
}

accumulators!(@debug HistogramAccumulator);

/// Collects values. Those of several tasks follow each other in the order of the tasks.
///
/// Clones are the same accumulator, and so is another of the same name in this task.
#[derive(Clone)]
pub struct ListAccumulator(pub(super) Shared);

impl ListAccumulator {
    pub(super) const KIND: AccumulatorKind = AccumulatorKind::List;

    /// Adds a text at the end.
    pub fn add(&self, text: impl Into<String>) {
        self.push(AccumulatorValue::Text(text.into()));
    }

    /// Adds an integer at the end.
    pub fn add_integer(&self, integer: i64) {
        self.push(AccumulatorValue::Integer(integer));
    }

    fn push(&self, value: AccumulatorValue) {
        if let Content::List(list) = &mut lock(&self.0).content {
            list.push(value);
        }
    }
}

accumulators!(@debug ListAccumulator);

/// An accumulator of a class of the program's own.
///
/// Clones are the same accumulator, and so is another of the same name in this task. Values of all tasks are merged by
/// the function that it was made with.
#[derive(Clone)]
pub struct OwnAccumulator(pub(super) Shared);

impl OwnAccumulator {
    /// Changes the value.
    pub fn update(&self, change: impl FnOnce(&mut AccumulatorValue)) {
        // Not under the lock: it is the caller's code.
        let mut value = lock(&self.0).value();
        change(&mut value);
        if let Content::Own { value: own, .. } = &mut lock(&self.0).content {
            *own = value;
        }
    }
}

accumulators!(@debug OwnAccumulator);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: AccumulatorKind, fill: impl FnOnce(Shared)) -> AccumulatorState {
        let shared = Arc::new(Mutex::new(AccumulatorState::new(kind)));
        fill(Arc::clone(&shared));
        lock(&shared).clone()
    }

    #[test]
    fn tasks_are_merged_as_flink_merges_them() {
        let merged = |mut one: AccumulatorState, other: AccumulatorState| {
            one.merge(&other).unwrap();
            one.value().to_string()
        };
        let ints = |n| of(IntCounter::KIND, |shared| IntCounter(shared).add(n));
        assert_eq!(merged(ints(40), ints(2)), "42");
        assert_eq!(merged(ints(i32::MAX), ints(1)), i32::MIN.to_string());
        let least = |n| of(DoubleMinimum::KIND, |shared| DoubleMinimum(shared).add(n));
        assert_eq!(merged(least(2.5), least(-1.0)), "-1.0");
        let mean = |n| of(AverageAccumulator::KIND, |shared| AverageAccumulator(shared).add(n));
        assert_eq!(merged(mean(1.0), mean(2.0)), "1.5");
        let histogram = |n| of(HistogramAccumulator::KIND, |shared| HistogramAccumulator(shared).add(n));
        assert_eq!(merged(histogram(7), histogram(7)), "{7=2}");
        let list = |text: &str| of(ListAccumulator::KIND, |shared| ListAccumulator(shared).add(text));
        assert_eq!(merged(list("a"), list("b")), "[a, b]");
    }

    #[test]
    fn a_programs_own_is_merged_by_its_function() {
        let own = |merge: MergeFn, integer| {
            AccumulatorState::own("com.acme.Jobs$Greatest", AccumulatorValue::Integer(integer), merge)
        };
        let greatest: MergeFn = |value, more| {
            *value = AccumulatorValue::Integer(value.as_i64().max(more.as_i64()).unwrap_or(0));
            Ok(())
        };
        let mut one = own(greatest, 3);
        one.merge(&own(greatest, 7)).unwrap();
        assert_eq!((one.value().as_i64(), one.kind().class()), (Some(7), "Greatest"));

        let refuses: MergeFn = |_, _| Err(JavaException::new("a.B", "not these"));
        let refused = own(refuses, 3).merge(&own(refuses, 7)).unwrap_err();
        assert_eq!(refused.to_string(), "org.apache.flink.util.FlinkException: a.B: not these");
        assert!(refused.stack_trace().contains("\tat com.acme.Jobs$Greatest.merge("), "{refused:?}");
        let panics: MergeFn = |_, _| panic!("on purpose");
        let refused = own(panics, 3).merge(&own(panics, 7)).unwrap_err();
        assert!(refused.root().to_string().contains("on purpose"), "{refused:?}");
    }

    #[test]
    fn different_kinds_are_not_merged() {
        let mut counter = AccumulatorState::new(AccumulatorKind::IntCounter);
        let refused = counter.merge(&AccumulatorState::new(AccumulatorKind::List)).unwrap_err();
        assert!(refused.to_string().contains("accumulators.ListAccumulator"), "{refused}");
    }
}
