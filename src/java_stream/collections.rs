//! Which of Java's classes are collections, and what is in them.

use super::{Entry, Level, Object, Stream, Value};

/// What a collection holds.
#[derive(Debug)]
pub(crate) enum Collection<'a> {
    /// The elements of a list, set or queue, in the order of its iteration.
    Elements(Vec<Value<'a>>),
    /// Keys and values, in the order of the map's iteration.
    Pairs(Vec<(Value<'a>, Value<'a>)>),
    /// A wrapper around another collection, such as an unmodifiable one.
    Wrapped(Value<'a>),
}

impl<'a> Stream<'a> {
    /// What is in `object`, if it belongs to one of Java's collections or a class derived from one.
    ///
    /// Its cost is the number of values that the object's classes wrote.
    pub(crate) fn collection(&self, object: &Object<'a>) -> Option<Collection<'a>> {
        object.levels.iter().rev().find_map(|level| self.collection_of(level))
    }

    fn collection_of(&self, level: &Level<'a>) -> Option<Collection<'a>> {
        let name = self.class_name(level.class);
        if let Some(arity) = name.strip_prefix(b"org.apache.flink.api.java.tuple.Tuple") {
            return self.tuple(level, arity);
        }
        let name = name.strip_prefix(b"java.util.")?;
        Some(match name {
            b"ArrayList"
            | b"LinkedList"
            | b"ArrayDeque"
            | b"PriorityQueue"
            | b"HashSet"
            | b"concurrent.CopyOnWriteArrayList" => Collection::Elements(level.written().collect()),
            // The comparator comes first.
            b"TreeSet" => Collection::Elements(level.written().skip(1).collect()),
            b"concurrent.ConcurrentLinkedQueue" | b"concurrent.ConcurrentLinkedDeque" => {
                Collection::Elements(without_end_mark(level))
            }
            b"Arrays$ArrayList" => Collection::Elements(self.array(self.field_of(level, "a")?)?.to_vec()),
            b"Vector" => {
                let count = usize::try_from(self.field_of(level, "elementCount")?.as_integer()?).ok()?;
                let elements = self.array(self.field_of(level, "elementData")?)?;
                Collection::Elements(elements.get(..count)?.to_vec())
            }
            b"Collections$EmptyList" | b"Collections$EmptySet" => Collection::Elements(Vec::new()),
            b"Collections$SingletonList" | b"Collections$SingletonSet" => {
                Collection::Elements(vec![self.field_of(level, "element")?])
            }
            b"EnumSet$SerializationProxy" => {
                Collection::Elements(self.array(self.field_of(level, "elements")?)?.to_vec())
            }
            b"HashMap" | b"TreeMap" | b"Hashtable" | b"EnumMap" => {
                Collection::Pairs(pairs(&level.written().collect::<Vec<_>>()))
            }
            b"concurrent.ConcurrentHashMap" | b"concurrent.ConcurrentSkipListMap" => {
                Collection::Pairs(pairs(&without_end_mark(level)))
            }
            b"Collections$EmptyMap" => Collection::Pairs(Vec::new()),
            b"Collections$SingletonMap" => {
                Collection::Pairs(vec![(self.field_of(level, "k")?, self.field_of(level, "v")?)])
            }
            b"Collections$UnmodifiableCollection" | b"Collections$SynchronizedCollection" => {
                Collection::Wrapped(self.field_of(level, "c")?)
            }
            b"Collections$UnmodifiableMap" | b"Collections$SynchronizedMap" => {
                Collection::Wrapped(self.field_of(level, "m")?)
            }
            // What `List.of`, `Set.of`, `Map.of` and their `copyOf` are written as.
            b"CollSer" => match self.field_of(level, "tag")?.as_integer()? & 0xff {
                1 | 2 | 4 => Collection::Elements(level.written().collect()),
                3 => Collection::Pairs(pairs(&level.written().collect::<Vec<_>>())),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Flink's tuples: their fields in the order of their numbers, not in that of the class description.
    fn tuple(&self, level: &Level<'a>, arity: &[u8]) -> Option<Collection<'a>> {
        let arity: usize = std::str::from_utf8(arity).ok()?.parse().ok().filter(|&arity| arity <= 25)?;
        let fields = (0..arity).map(|index| self.field_of(level, &format!("f{index}")));
        Some(Collection::Elements(fields.collect::<Option<_>>()?))
    }

    /// The elements of the array that `value` refers to; not of a `byte[]` or `char[]`.
    pub(super) fn array(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match self.referred(value)? {
            Entry::Array(elements) => Some(elements),
            _ => None,
        }
    }
}

/// The concurrent collections write no size, but one or two nulls after the last element; they hold none.
fn without_end_mark<'a>(level: &Level<'a>) -> Vec<Value<'a>> {
    let mut values: Vec<_> = level.written().collect();
    while values.last().is_some_and(|value| value.is_null()) {
        values.pop();
    }
    values
}

fn pairs<'a>(values: &[Value<'a>]) -> Vec<(Value<'a>, Value<'a>)> {
    values.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}
