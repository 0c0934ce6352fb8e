//! The grammar of the stream, as "Java Object Serialization Specification", chapter 6, states it.

use super::{Budget, ClassDesc, Entry, Field, Handle, Level, MAX_DEPTH, Object, Stream, StreamError, Value};

const MAGIC_AND_VERSION: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const BASE_HANDLE: u32 = 0x7e_0000;

const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_STRING: u8 = 0x74;
const TC_ARRAY: u8 = 0x75;
const TC_CLASS: u8 = 0x76;
const TC_BLOCKDATA: u8 = 0x77;
const TC_ENDBLOCKDATA: u8 = 0x78;
const TC_RESET: u8 = 0x79;
const TC_BLOCKDATALONG: u8 = 0x7a;
const TC_EXCEPTION: u8 = 0x7b;
const TC_LONGSTRING: u8 = 0x7c;
const TC_PROXYCLASSDESC: u8 = 0x7d;
const TC_ENUM: u8 = 0x7e;

const SC_WRITE_METHOD: u8 = 0x01;
const SC_SERIALIZABLE: u8 = 0x02;
const SC_EXTERNALIZABLE: u8 = 0x04;
const SC_BLOCK_DATA: u8 = 0x08;

type Result<T> = std::result::Result<T, StreamError>;

/// Reads a stream from its magic number to its last byte.
pub(super) fn read(bytes: &[u8]) -> Result<Stream<'_>> {
    let mut reader = Reader { input: bytes, offset: 0, entries: Vec::new(), budget: Budget::new(), depth: 0 };
    if reader.take(4).ok() != Some(&MAGIC_AND_VERSION[..]) {
        return Err(StreamError::at(0, "does not begin as such values do"));
    }
    let mut contents = Vec::new();
    while let Some(code) = reader.peek() {
        contents.push(match code {
            TC_BLOCKDATA | TC_BLOCKDATALONG => reader.block()?,
            _ => reader.content()?,
        });
    }
    Ok(Stream { contents, entries: reader.entries })
}

struct Reader<'a> {
    input: &'a [u8],
    offset: usize,
    entries: Vec<Entry<'a>>,
    budget: Budget,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Reads what may stand in a field of an object's type, or in an array.
    fn content(&mut self) -> Result<Value<'a>> {
        self.budget.take(1)?;
        let code = self.byte()?;
        match code {
            TC_NULL => Ok(Value::Null),
            TC_REFERENCE => Ok(Value::Ref(self.reference()?)),
            TC_STRING => self.string(false),
            TC_LONGSTRING => self.string(true),
            TC_OBJECT => self.nested(Self::object),
            TC_ARRAY => self.nested(Self::array),
            TC_ENUM => self.nested(Self::enum_constant),
            TC_CLASS => {
                self.class_desc()?;
                Ok(Value::Ref(self.new_entry(Entry::ClassLiteral)))
            }
            TC_CLASSDESC => {
                self.offset -= 1;
                Ok(self.class_desc()?.map_or(Value::Null, Value::Ref))
            }
            TC_PROXYCLASSDESC => {
                Err(self.refuse("holds a proxy, which cannot be read without its interfaces,"))
            }
            TC_RESET | TC_EXCEPTION => Err(self.refuse("was broken off by its writer")),
            TC_BLOCKDATA | TC_BLOCKDATALONG | TC_ENDBLOCKDATA => {
                Err(self.refuse("has raw data where a value should be"))
            }
            _ => Err(self.refuse("has an unknown type code")),
        }
    }

    fn object(&mut self) -> Result<Value<'a>> {
        let class = self.known_class()?;
        let handle = self.new_entry(Entry::Pending);
        let mut hierarchy = Vec::new();
        let mut next = Some(class);
        while let Some(handle) = next {
            hierarchy.push(handle);
            next = self.described(handle)?.superclass;
        }
        // Each class counts, as one that wrote nothing takes no input of its own.
        self.budget.take(hierarchy.len())?;
        let mut levels = Vec::with_capacity(hierarchy.len());
        for &handle in hierarchy.iter().rev() {
            levels.push(self.level(handle)?);
        }
        Ok(self.complete(handle, Entry::Object(Object { class, levels })))
    }

    fn level(&mut self, class: Handle) -> Result<Level<'a>> {
        let desc = self.described(class)?;
        let flags = desc.flags;
        let count = desc.fields.len();
        let mut level = Level { class, fields: Vec::new(), written: Vec::new() };
        if flags & SC_EXTERNALIZABLE != 0 {
            if flags & SC_BLOCK_DATA == 0 {
                return Err(self.refuse("holds an object in a form that only its own class can read"));
            }
            level.written = self.annotation()?;
        } else if flags & SC_SERIALIZABLE != 0 {
            // Every field takes at least one byte.
            self.announce(count)?;
            self.budget.take(count)?;
            level.fields.reserve_exact(count);
            for index in 0..count {
                let type_code = self.described(class)?.fields.get(index).map_or(0, |field| field.type_code);
                level.fields.push(self.typed(type_code)?);
            }
            if flags & SC_WRITE_METHOD != 0 {
                level.written = self.annotation()?;
            }
        }
        Ok(level)
    }

    /// Reads what stands until the end mark: values and raw data.
    fn annotation(&mut self) -> Result<Vec<Value<'a>>> {
        let mut written = Vec::new();
        loop {
            match self.peek() {
                Some(TC_ENDBLOCKDATA) => {
                    self.offset += 1;
                    return Ok(written);
                }
                Some(TC_BLOCKDATA | TC_BLOCKDATALONG) => written.push(self.block()?),
                _ => written.push(self.content()?),
            }
        }
    }

    fn block(&mut self) -> Result<Value<'a>> {
        self.budget.take(1)?;
        let length = match self.byte()? {
            TC_BLOCKDATALONG => self.int()? as usize,
            _ => usize::from(self.byte()?),
        };
        self.take(length).map(Value::Block)
    }

    /// Reads a field or array element of this type.
    fn typed(&mut self, type_code: u8) -> Result<Value<'a>> {
        Ok(match type_code {
            b'B' => Value::Integer(i64::from(self.byte()? as i8)),
            b'C' => Value::Char(u16::from_be_bytes(self.fixed()?)),
            b'D' => Value::Float(f64::from_be_bytes(self.fixed()?)),
            b'F' => Value::Float(f64::from(f32::from_be_bytes(self.fixed()?))),
            b'I' => Value::Integer(i64::from(i32::from_be_bytes(self.fixed()?))),
            b'J' => Value::Integer(i64::from_be_bytes(self.fixed()?)),
            b'S' => Value::Integer(i64::from(i16::from_be_bytes(self.fixed()?))),
            b'Z' => Value::Boolean(self.byte()? != 0),
            b'L' | b'[' => self.content()?,
            _ => return Err(self.refuse("has a field of an unknown type")),
        })
    }

    fn array(&mut self) -> Result<Value<'a>> {
        let class = self.known_class()?;
        let element = match self.described(class)?.name {
            [b'[', element, ..] => *element,
            _ => return Err(self.refuse("has an array of a class that is none")),
        };
        let handle = self.new_entry(Entry::Pending);
        let count = self.int()? as usize;
        let entry = match element {
            b'B' => Entry::Bytes(self.take(count)?),
            b'C' => Entry::Chars(self.take(count.saturating_mul(2))?),
            _ => {
                let width = match element {
                    b'D' | b'J' => 8,
                    b'F' | b'I' => 4,
                    b'S' => 2,
                    _ => 1,
                };
                self.announce(count.saturating_mul(width))?;
                self.budget.take(count)?;
                let mut elements = Vec::with_capacity(count);
                for _ in 0..count {
                    elements.push(self.typed(element)?);
                }
                Entry::Array(elements)
            }
        };
        Ok(self.complete(handle, entry))
    }

    fn enum_constant(&mut self) -> Result<Value<'a>> {
        self.known_class()?;
        let handle = self.new_entry(Entry::Pending);
        let name = self.text_content()?;
        Ok(self.complete(handle, Entry::Enum(name)))
    }

    fn string(&mut self, long: bool) -> Result<Value<'a>> {
        let length = if long {
            // A length beyond the address space is beyond the input as well.
            usize::try_from(u64::from_be_bytes(self.fixed()?)).unwrap_or(usize::MAX)
        } else {
            usize::from(u16::from_be_bytes(self.fixed()?))
        };
        let text = self.take(length)?;
        Ok(Value::Ref(self.new_entry(Entry::Text(text))))
    }

    /// Reads a text where only a text may stand.
    fn text_content(&mut self) -> Result<Value<'a>> {
        let start = self.offset;
        let value = match self.peek() {
            Some(TC_STRING | TC_LONGSTRING | TC_REFERENCE) => self.content()?,
            _ => return Err(self.refuse("has no text where one should be")),
        };
        match value {
            Value::Ref(handle) if matches!(self.entries.get(handle.0 as usize), Some(Entry::Text(_))) => {
                Ok(value)
            }
            _ => Err(StreamError::at(start, "refers to something else where a text should be")),
        }
    }

    /// Reads the description of a class, or the reference to one.
    fn class_desc(&mut self) -> Result<Option<Handle>> {
        self.budget.take(1)?;
        match self.byte()? {
            TC_NULL => Ok(None),
            TC_REFERENCE => {
                let handle = self.reference()?;
                // Also refuses a class among its own superclasses, which would have no end.
                self.described(handle)?;
                Ok(Some(handle))
            }
            TC_CLASSDESC => self.nested(Self::new_class_desc).map(Some),
            TC_PROXYCLASSDESC => {
                Err(self.refuse("holds a proxy, which cannot be read without its interfaces,"))
            }
            _ => Err(self.refuse("has no class where one should be")),
        }
    }

    fn new_class_desc(&mut self) -> Result<Handle> {
        let name = self.short_text()?;
        let _serial_version: [u8; 8] = self.fixed()?;
        let handle = self.new_entry(Entry::Pending);
        let flags = self.byte()?;
        let count = usize::from(u16::from_be_bytes(self.fixed()?));
        self.budget.take(count)?;
        let mut fields = Vec::new();
        for _ in 0..count {
            let type_code = self.byte()?;
            let name = self.short_text()?;
            if matches!(type_code, b'L' | b'[') {
                self.text_content()?;
            }
            fields.push(Field { type_code, name });
        }
        self.annotation()?;
        let superclass = self.class_desc()?;
        let ancestors = match superclass {
            Some(superclass) => self.described(superclass)?.ancestors + 1,
            None => 0,
        };
        // References make long chains of superclasses without any nesting.
        if ancestors > MAX_DEPTH {
            return Err(self.refuse("has too many superclasses"));
        }
        self.complete(handle, Entry::Class(ClassDesc { name, flags, fields, superclass, ancestors }));
        Ok(handle)
    }

    /// Reads the class of something that must have one.
    fn known_class(&mut self) -> Result<Handle> {
        match self.class_desc()? {
            Some(handle) => Ok(handle),
            None => Err(self.refuse("has an object without a class")),
        }
    }

    fn described(&self, handle: Handle) -> Result<&ClassDesc<'a>> {
        match self.entries.get(handle.0 as usize) {
            Some(Entry::Class(class)) => Ok(class),
            _ => Err(self.refuse("refers to something else where a class should be")),
        }
    }

    fn reference(&mut self) -> Result<Handle> {
        let handle = u32::from_be_bytes(self.fixed()?).wrapping_sub(BASE_HANDLE);
        if (handle as usize) < self.entries.len() {
            Ok(Handle(handle))
        } else {
            Err(self.refuse("refers to what was never written"))
        }
    }

    fn new_entry(&mut self, entry: Entry<'a>) -> Handle {
        // Fits, as every entry took a step of a budget far below 2^32.
        let handle = Handle(self.entries.len() as u32);
        self.entries.push(entry);
        handle
    }

    fn complete(&mut self, handle: Handle, entry: Entry<'a>) -> Value<'a> {
        if let Some(place) = self.entries.get_mut(handle.0 as usize) {
            *place = entry;
        }
        Value::Ref(handle)
    }

    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse("is nested too deeply"));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn short_text(&mut self) -> Result<&'a [u8]> {
        let length = u16::from_be_bytes(self.fixed()?);
        self.take(usize::from(length))
    }

    fn int(&mut self) -> Result<u32> {
        let number = u32::from_be_bytes(self.fixed()?);
        // Java's `int`: what looks larger is negative, and no length is.
        if number > i32::MAX as u32 { Err(self.refuse("has a negative length")) } else { Ok(number) }
    }

    fn byte(&mut self) -> Result<u8> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        self.announce(length)?;
        let bytes = &self.input[self.offset..self.offset + length];
        self.offset += length;
        Ok(bytes)
    }

    /// Fails unless `length` more bytes are there, so that nothing is allocated for what never comes.
    fn announce(&self, length: usize) -> Result<()> {
        if length <= self.input.len() - self.offset { Ok(()) } else { Err(self.refuse("is cut off")) }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.offset).copied()
    }

    #[cold]
    fn refuse(&self, what: &'static str) -> StreamError {
        StreamError::at(self.offset, what)
    }
}
