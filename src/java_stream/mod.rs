//! Reads what Java's `ObjectOutputStream` writes, as data: a tree of classes, fields and written values.
//!
//! Flink sends accumulators and failures in this format only. Nothing in such a stream is ever executed, loaded
//! or looked up by name: the classes named in it describe their own fields, and this module reads them without
//! knowing what they mean. What the well-known classes mean is said by [`collections`], [`throwable`],
//! [`leader`] and the accumulators.
//!
//! A stream comes over the network, so it is read within bounds: no length is believed before the remaining
//! input has been compared with it, nesting ends at [`MAX_DEPTH`], and the number of values at [`MAX_NODES`].
//! Objects refer to each other by handle and may form circles; whoever walks them must count steps too, by a
//! [`Budget`].

mod collections;
mod graph;
mod leader;
mod numbers;
mod reader;
#[cfg(test)]
mod tests;
mod text;
mod throwable;

use std::borrow::Cow;
use std::fmt;

pub(crate) use self::collections::Collection;
pub(crate) use self::graph::graph_job_id;
pub(crate) use self::leader::leader_information;
pub(crate) use self::leader::uuid;
pub(crate) use self::numbers::{big_decimal, big_integer};
pub(crate) use self::text::{from_char_array, from_modified_utf8};
pub(crate) use self::throwable::ThrowableInfo;
#[cfg(test)]
pub(crate) use self::throwable::throwable;

/// How deep values may be nested. Java's own writer recurses too and overflows its stack at a few thousand; real
/// values have less than ten levels, causes of causes some more.
pub(crate) const MAX_DEPTH: usize = 100;

/// How many values one stream may hold, or one walk through it may visit: some hundred megabytes at worst.
pub(crate) const MAX_NODES: usize = 1 << 22;

/// A stream that has been read whole. `'a` is the input's life: texts and bytes are not copied.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    contents: Vec<Value<'a>>,
    entries: Vec<Entry<'a>>,
}

/// One written value: a primitive, a piece of raw data, or a reference to an [`Entry`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    Char(u16),
    /// `byte`, `short`, `int` and `long`.
    Integer(i64),
    /// `float` (widened, which loses nothing) and `double`.
    Float(f64),
    /// What an object wrote by hand, such as its size; never the value of a field.
    Block(&'a [u8]),
    Ref(Handle),
}

/// Where an entry is in the stream's table of handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle(u32);

/// What the stream can refer back to.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// Announced, not read to its end yet. Not found in a finished stream.
    Pending,
    Class(ClassDesc<'a>),
    /// A `Class` object.
    ClassLiteral,
    /// A text in Java's modified UTF-8.
    Text(&'a [u8]),
    Object(Object<'a>),
    /// A `byte[]`.
    Bytes(&'a [u8]),
    /// A `char[]`: big-endian UTF-16.
    Chars(&'a [u8]),
    Array(Vec<Value<'a>>),
    /// The name of an enum's constant, a reference to a text.
    Enum(Value<'a>),
}

/// A class as its writer described it.
#[derive(Debug)]
pub(crate) struct ClassDesc<'a> {
    name: &'a [u8],
    flags: u8,
    fields: Vec<Field<'a>>,
    superclass: Option<Handle>,
    /// How many superclasses follow.
    ancestors: usize,
}

#[derive(Debug)]
struct Field<'a> {
    /// `B`, `C`, `D`, `F`, `I`, `J`, `S`, `Z`, `L` or `[`.
    type_code: u8,
    name: &'a [u8],
}

/// An object: what each class of its hierarchy wrote, the topmost first.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    class: Handle,
    levels: Vec<Level<'a>>,
}

/// What one class of an object's hierarchy wrote.
#[derive(Debug)]
pub(crate) struct Level<'a> {
    class: Handle,
    /// In the order of the class description.
    fields: Vec<Value<'a>>,
    /// What `writeObject` or `writeExternal` wrote besides.
    written: Vec<Value<'a>>,
}

/// Why a stream cannot be read.
#[derive(Debug)]
pub(crate) struct StreamError {
    offset: Option<usize>,
    what: Cow<'static, str>,
}

/// How many steps a walk through a stream may still take. Needed because a few bytes can refer to the same large
/// value again and again.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl<'a> Stream<'a> {
    /// Reads `bytes` to the last.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, StreamError> {
        reader::read(bytes)
    }

    /// The values at the top, as written one after the other.
    pub(crate) fn contents(&self) -> &[Value<'a>] {
        &self.contents
    }

    pub(crate) fn entry(&self, handle: Handle) -> Option<&Entry<'a>> {
        self.entries.get(handle.0 as usize)
    }

    /// The object that `value` refers to.
    pub(crate) fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match self.referred(value)? {
            Entry::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The raw text that `value` refers to.
    pub(crate) fn raw_text(&self, value: Value<'a>) -> Option<&'a [u8]> {
        match self.referred(value)? {
            Entry::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text that `value` refers to.
    pub(crate) fn text(&self, value: Value<'a>) -> Option<String> {
        self.raw_text(value).map(from_modified_utf8)
    }

    /// The name of the class described at `handle`, in Java's modified UTF-8; empty if there is none.
    pub(crate) fn class_name(&self, handle: Handle) -> &'a [u8] {
        match self.entry(handle) {
            Some(Entry::Class(class)) => class.name,
            _ => &[],
        }
    }

    /// The name of an object's class.
    pub(crate) fn name_of(&self, object: &Object<'a>) -> &'a [u8] {
        self.class_name(object.class)
    }

    /// What the class called `name` wrote of `object`, be it the object's class or one above it.
    pub(crate) fn level<'s>(&self, object: &'s Object<'a>, name: &[u8]) -> Option<&'s Level<'a>> {
        object.levels.iter().rev().find(|level| self.class_name(level.class) == name)
    }

    /// The value of a field. A field of the object's own class is preferred to one of the same name above it.
    pub(crate) fn field(&self, object: &Object<'a>, name: &str) -> Option<Value<'a>> {
        object.levels.iter().rev().find_map(|level| self.field_of(level, name))
    }

    /// The value of a field that this very class declares.
    pub(crate) fn field_of(&self, level: &Level<'a>, name: &str) -> Option<Value<'a>> {
        let Some(Entry::Class(class)) = self.entry(level.class) else { return None };
        let index = class.fields.iter().position(|field| field.name == name.as_bytes())?;
        level.fields.get(index).copied()
    }

    fn referred(&self, value: Value<'a>) -> Option<&Entry<'a>> {
        match value {
            Value::Ref(handle) => self.entry(handle),
            _ => None,
        }
    }
}

impl Object<'_> {
    /// How many values its classes wrote.
    pub(crate) fn size(&self) -> usize {
        self.levels.iter().map(|level| level.fields.len() + level.written.len()).sum()
    }
}

impl<'a> Level<'a> {
    /// The values that the class wrote by hand, without the raw data between them.
    pub(crate) fn written(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        self.written.iter().copied().filter(|value| !matches!(value, Value::Block(_)))
    }
}

impl<'a> Value<'a> {
    pub(crate) fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_integer(self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self(MAX_NODES)
    }

    /// Takes `steps`, or fails if so many are not left.
    pub(crate) fn take(&mut self, steps: usize) -> Result<(), StreamError> {
        self.0 = self.0.checked_sub(steps).ok_or_else(|| StreamError::new("holds too many values"))?;
        Ok(())
    }

    /// Takes the steps for a text or byte array of `length` bytes, such that copying them is bounded as well.
    pub(crate) fn take_bytes(&mut self, length: usize) -> Result<(), StreamError> {
        self.take(1 + length / 32)
    }
}

impl StreamError {
    pub(crate) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { offset: None, what: what.into() }
    }

    fn at(offset: usize, what: impl Into<Cow<'static, str>>) -> Self {
        Self { offset: Some(offset), what: what.into() }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the serialised Java value ")?;
        f.write_str(&self.what)?;
        match self.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StreamError {}
