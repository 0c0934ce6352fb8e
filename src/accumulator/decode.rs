//! What the serialised values of accumulators mean.

use super::AccumulatorValue;
use crate::java_stream::{
    Budget, Collection, Entry, MAX_DEPTH, Object, Stream, StreamError, ThrowableInfo, Value, big_decimal,
    big_integer, from_char_array, from_modified_utf8, uuid,
};

/// What Flink serialises for an accumulator: its value, or why there is none.
#[derive(Debug)]
pub(super) enum Decoded {
    Value(AccumulatorValue),
    Failed(ThrowableInfo),
}

/// Reads a serialised `OptionalFailure`, or a value without one around it.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, StreamError> {
    let stream = Stream::read(bytes)?;
    let &[mut value] = stream.contents() else {
        return Err(StreamError::new("is not one value"));
    };
    if let Some(object) = stream.object(value)
        && let Some(level) = stream.level(object, b"org.apache.flink.util.OptionalFailure")
    {
        if let Some(failure) = stream.field_of(level, "failureCause").filter(|cause| !cause.is_null()) {
            let failure = stream.throwable(failure);
            return failure
                .map(Decoded::Failed)
                .ok_or_else(|| StreamError::new("failed for no known reason"));
        }
        value = level.written().next().ok_or_else(|| StreamError::new("holds neither value nor failure"))?;
    }
    Interpreter { stream: &stream, budget: Budget::new(), depth: 0 }.value(value).map(Decoded::Value)
}

struct Interpreter<'s, 'a> {
    stream: &'s Stream<'a>,
    budget: Budget,
    depth: usize,
}

impl<'a> Interpreter<'_, 'a> {
    fn value(&mut self, value: Value<'a>) -> Result<AccumulatorValue, StreamError> {
        self.budget.take(1)?;
        let handle = match value {
            Value::Null => return Ok(AccumulatorValue::Null),
            Value::Boolean(boolean) => return Ok(AccumulatorValue::Boolean(boolean)),
            Value::Char(unit) => return Ok(AccumulatorValue::Text(from_char_array(&unit.to_be_bytes()))),
            Value::Integer(integer) => return Ok(AccumulatorValue::Integer(integer)),
            Value::Float(float) => return Ok(AccumulatorValue::Float(float)),
            Value::Block(_) => return Err(StreamError::new("has raw data where a value should be")),
            Value::Ref(handle) => handle,
        };
        // Also ends the walk through a collection that contains itself.
        if self.depth == MAX_DEPTH {
            return Err(StreamError::new("is nested too deeply"));
        }
        self.depth += 1;
        let value = match self.stream.entry(handle) {
            Some(Entry::Text(text)) => self.text(text),
            Some(Entry::Enum(name)) => match self.stream.raw_text(*name) {
                Some(name) => self.text(name),
                None => Err(StreamError::new("has an enum constant without a name")),
            },
            Some(Entry::Bytes(bytes)) => {
                self.budget.take_bytes(bytes.len())?;
                Ok(AccumulatorValue::Bytes(bytes.to_vec()))
            }
            Some(Entry::Chars(chars)) => {
                self.budget.take_bytes(chars.len())?;
                Ok(AccumulatorValue::Text(from_char_array(chars)))
            }
            Some(Entry::Array(elements)) => self.list(elements),
            Some(Entry::Object(object)) => self.object(object),
            Some(Entry::ClassLiteral | Entry::Class(_)) => self.opaque(b"java.lang.Class"),
            Some(Entry::Pending) | None => Err(StreamError::new("refers to what was never written")),
        };
        self.depth -= 1;
        value
    }

    fn text(&mut self, text: &[u8]) -> Result<AccumulatorValue, StreamError> {
        self.budget.take_bytes(text.len())?;
        Ok(AccumulatorValue::Text(from_modified_utf8(text)))
    }

    fn opaque(&mut self, class: &[u8]) -> Result<AccumulatorValue, StreamError> {
        self.budget.take_bytes(class.len())?;
        Ok(AccumulatorValue::Opaque { class: from_modified_utf8(class), text: None })
    }

    fn list(&mut self, elements: &[Value<'a>]) -> Result<AccumulatorValue, StreamError> {
        let elements = elements.iter().map(|&element| self.value(element));
        elements.collect::<Result<_, _>>().map(AccumulatorValue::List)
    }

    fn object(&mut self, object: &Object<'a>) -> Result<AccumulatorValue, StreamError> {
        // Taken before the values are gathered, not only as they are visited.
        self.budget.take(object.size())?;
        if let Some(scalar) = self.scalar(object) {
            return Ok(scalar);
        }
        match self.stream.collection(object) {
            Some(Collection::Elements(elements)) => self.list(&elements),
            Some(Collection::Pairs(pairs)) => {
                let pairs = pairs.into_iter().map(|(key, value)| Ok((self.value(key)?, self.value(value)?)));
                pairs.collect::<Result<_, _>>().map(AccumulatorValue::Map)
            }
            Some(Collection::Wrapped(collection)) => self.value(collection),
            None => self.opaque(self.stream.name_of(object)),
        }
    }

    /// The value of an object that stands for a number, a truth value or a short text.
    fn scalar(&mut self, object: &Object<'a>) -> Option<AccumulatorValue> {
        match self.stream.name_of(object) {
            b"java.lang.Boolean"
            | b"java.lang.Byte"
            | b"java.lang.Character"
            | b"java.lang.Double"
            | b"java.lang.Float"
            | b"java.lang.Integer"
            | b"java.lang.Long"
            | b"java.lang.Short"
            | b"java.util.concurrent.atomic.AtomicInteger"
            | b"java.util.concurrent.atomic.AtomicLong"
            | b"java.util.concurrent.atomic.LongAdder$SerializationProxy"
            | b"java.util.concurrent.atomic.DoubleAdder$SerializationProxy"
            | b"org.apache.flink.types.BooleanValue"
            | b"org.apache.flink.types.ByteValue"
            | b"org.apache.flink.types.DoubleValue"
            | b"org.apache.flink.types.FloatValue"
            | b"org.apache.flink.types.IntValue"
            | b"org.apache.flink.types.LongValue"
            | b"org.apache.flink.types.ShortValue" => match self.stream.field(object, "value")? {
                Value::Boolean(boolean) => Some(AccumulatorValue::Boolean(boolean)),
                Value::Char(unit) => Some(AccumulatorValue::Text(from_char_array(&unit.to_be_bytes()))),
                Value::Integer(integer) => Some(AccumulatorValue::Integer(integer)),
                Value::Float(float) => Some(AccumulatorValue::Float(float)),
                Value::Null | Value::Block(_) | Value::Ref(_) => None,
            },
            b"java.util.concurrent.atomic.AtomicBoolean" => {
                let value = self.stream.field(object, "value")?.as_integer()?;
                Some(AccumulatorValue::Boolean(value != 0))
            }
            b"java.math.BigInteger" => {
                let digits = big_integer(self.stream, object, &mut self.budget)?;
                Some(digits.parse().map_or(AccumulatorValue::Text(digits), AccumulatorValue::Integer))
            }
            b"java.math.BigDecimal" => {
                big_decimal(self.stream, object, &mut self.budget).map(AccumulatorValue::Text)
            }
            b"java.util.UUID" => {
                let id = u128::from_be_bytes(uuid(self.stream, object)?);
                Some(AccumulatorValue::Text(format!(
                    "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                    id >> 96,
                    id >> 80 & 0xffff,
                    id >> 64 & 0xffff,
                    id >> 48 & 0xffff,
                    id & 0xffff_ffff_ffff,
                )))
            }
            _ => None,
        }
    }
}
