//! Reads a serialised exception: its class, its message, its causes, its stack trace.

use std::collections::HashSet;
use std::fmt::{self, Write};

use super::{Collection, Handle, Level, MAX_DEPTH, Object, Stream, Value, from_modified_utf8};

const THROWABLE: &[u8] = b"java.lang.Throwable";

/// Where a message or a stack trace that is put together here is cut at the latest, in bytes. A few bytes of a
/// stream can refer to the same text many times.
const MAX_TEXT: usize = 1 << 20;

/// How many bytes of frames are looked at for one trace. More than are printed, as shared frames are only counted.
const MAX_FRAMES: usize = 16 * MAX_TEXT;

/// An exception of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ThrowableInfo {
    /// Its class, such as `org.apache.flink.util.FlinkException`.
    pub(crate) class: String,
    pub(crate) message: Option<String>,
    /// The trace with its causes, as Java prints it.
    pub(crate) stack_trace: String,
    /// Class and message of its causes, the root last.
    pub(crate) causes: Vec<(String, Option<String>)>,
}

/// Reads a serialised `Throwable`, or Flink's `SerializedThrowable`, which stands for one.
///
/// `None` if the bytes are something else or cannot be read.
#[cfg(test)]
pub(crate) fn throwable(bytes: &[u8]) -> Option<ThrowableInfo> {
    let stream = Stream::read(bytes).ok()?;
    stream.throwable(*stream.contents().first()?)
}

impl ThrowableInfo {
    /// Class and message of the last cause, or of the exception itself if it has none.
    pub(crate) fn root(&self) -> (&str, Option<&str>) {
        match self.causes.last() {
            Some((class, message)) => (class, message.as_deref()),
            None => (&self.class, self.message.as_deref()),
        }
    }
}

impl<'a> Stream<'a> {
    /// Reads the exception that `value` refers to.
    pub(crate) fn throwable(&self, value: Value<'a>) -> Option<ThrowableInfo> {
        let chain = self.chain(value);
        let mut described = chain.iter().map(|object| self.describe(object));
        let (class, message) = described.next()?;
        Some(ThrowableInfo { class, message, causes: described.collect(), stack_trace: self.trace(value)? })
    }

    /// The exception and its causes. Ends where one is its own cause.
    fn chain(&self, mut value: Value<'a>) -> Vec<&Object<'a>> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        while let Value::Ref(handle) = value
            && seen.insert(handle)
            && let Some(object) = self.object(value)
            && let Some(level) = self.level(object, THROWABLE)
            && chain.len() < MAX_DEPTH
        {
            chain.push(object);
            value = self.field_of(level, "cause").unwrap_or(Value::Null);
        }
        chain
    }

    /// The class and the message of an exception, for a `SerializedThrowable` those of what it stands for.
    fn describe(&self, object: &Object<'a>) -> (String, Option<String>) {
        let message = self
            .level(object, THROWABLE)
            .and_then(|level| self.field_of(level, "detailMessage"))
            .and_then(|message| self.cut_text(message));
        let original = self.serialized_throwable(object, "originalErrorClassName");
        if let Some(class) = original.and_then(|class| self.cut_text(class)) {
            // Flink puts the class before the message.
            let message = message.and_then(|message| match message.strip_prefix(&class) {
                Some("" | ": null") => None,
                Some(rest) => Some(rest.strip_prefix(": ").unwrap_or(&message).to_owned()),
                None => Some(message),
            });
            return (class, message);
        }
        (from_modified_utf8(self.name_of(object)), message)
    }

    fn serialized_throwable(&self, object: &Object<'a>, field: &str) -> Option<Value<'a>> {
        let level = self.level(object, b"org.apache.flink.util.SerializedThrowable")?;
        self.field_of(level, field)
    }

    fn cut_text(&self, value: Value<'a>) -> Option<String> {
        self.raw_text(value).map(|text| from_modified_utf8(&text[..text.len().min(MAX_TEXT)]))
    }

    /// The stack trace as Java prints it.
    fn trace(&self, value: Value<'a>) -> Option<String> {
        let object = self.object(value)?;
        let complete = self.serialized_throwable(object, "fullStringifiedStackTrace");
        if let Some(trace) = complete.and_then(|trace| self.text(trace)) {
            return Some(trace);
        }
        let mut printer = Printer { stream: self, out: String::new(), seen: HashSet::new(), looked_at: 0 };
        // Fails when the trace has reached its greatest length: what is there is kept.
        if printer.print(value, "", "", &[], 0).is_err() {
            printer.out += "\n[the rest of the trace is left out]\n";
        }
        Some(printer.out)
    }
}

/// Prints as `Throwable.printStackTrace` does: the frames that a cause shares with what it caused are counted only.
struct Printer<'s, 'a> {
    stream: &'s Stream<'a>,
    out: String,
    seen: HashSet<Handle>,
    /// The bytes of all frames so far.
    looked_at: usize,
}

impl<'a> Printer<'_, 'a> {
    fn print(
        &mut self,
        value: Value<'a>,
        prefix: &str,
        caption: &str,
        enclosing: &[String],
        depth: usize,
    ) -> fmt::Result {
        let Value::Ref(handle) = value else { return Ok(()) };
        let Some((object, level)) = self
            .stream
            .object(value)
            .and_then(|object| Some((object, self.stream.level(object, THROWABLE)?)))
        else {
            return Ok(());
        };
        let (class, message) = self.stream.describe(object);
        let headline = match message {
            Some(message) => format!("{class}: {message}"),
            None => class,
        };
        if depth > MAX_DEPTH || !self.seen.insert(handle) {
            return self.line(format_args!("{prefix}{caption}[CIRCULAR REFERENCE: {headline}]"));
        }
        self.line(format_args!("{prefix}{caption}{headline}"))?;

        let frames = self.frames(level)?;
        let shared = frames.iter().rev().zip(enclosing.iter().rev()).take_while(|(a, b)| a == b).count();
        for frame in &frames[..frames.len() - shared] {
            self.line(format_args!("{prefix}\tat {frame}"))?;
        }
        if shared > 0 {
            self.line(format_args!("{prefix}\t... {shared} more"))?;
        }
        for suppressed in self.suppressed(level) {
            self.print(suppressed, &format!("{prefix}\t"), "Suppressed: ", &frames, depth + 1)?;
        }
        match self.stream.field_of(level, "cause") {
            // An exception whose cause was never set is its own cause.
            Some(cause @ Value::Ref(of)) if of != handle => {
                self.print(cause, prefix, "Caused by: ", &frames, depth + 1)
            }
            _ => Ok(()),
        }
    }

    fn suppressed(&self, level: &Level<'a>) -> Vec<Value<'a>> {
        let list =
            self.stream.field_of(level, "suppressedExceptions").and_then(|list| self.stream.object(list));
        match list.and_then(|list| self.stream.collection(list)) {
            Some(Collection::Elements(suppressed)) => suppressed,
            _ => Vec::new(),
        }
    }

    /// The frames of an exception, each as Java writes it.
    fn frames(&mut self, level: &Level<'a>) -> Result<Vec<String>, fmt::Error> {
        let frames = self.stream.field_of(level, "stackTrace").and_then(|trace| self.stream.array(trace));
        let mut written = Vec::new();
        for frame in frames.unwrap_or_default().iter().filter_map(|&frame| self.stream.object(frame)) {
            let frame = self.frame(frame);
            self.looked_at += frame.len();
            if self.looked_at > MAX_FRAMES {
                return Err(fmt::Error);
            }
            written.push(frame);
        }
        Ok(written)
    }

    fn frame(&self, frame: &Object<'a>) -> String {
        const BUILT_IN_CLASS_LOADER: i64 = 1;
        const MODULE_OF_THE_JDK: i64 = 2;

        let text = |name| {
            let value = self.stream.field(frame, name)?;
            self.stream.cut_text(value).filter(|text| !text.is_empty())
        };
        let integer = |name| self.stream.field(frame, name).and_then(Value::as_integer);
        let format = integer("format").unwrap_or(0);
        let mut written = String::new();
        if let Some(loader) = text("classLoaderName").filter(|_| format & BUILT_IN_CLASS_LOADER == 0) {
            written += &loader;
            written.push('/');
        }
        if let Some(module) = text("moduleName") {
            written += &module;
            if let Some(version) = text("moduleVersion").filter(|_| format & MODULE_OF_THE_JDK == 0) {
                written.push('@');
                written += &version;
            }
        }
        if !written.is_empty() {
            written.push('/');
        }
        written += &text("declaringClass").unwrap_or_default();
        written.push('.');
        written += &text("methodName").unwrap_or_default();
        let place = match (integer("lineNumber"), text("fileName")) {
            (Some(-2), _) => "Native Method".into(),
            (Some(line @ 0..), Some(file)) => format!("{file}:{line}"),
            (_, Some(file)) => file,
            (_, None) => "Unknown Source".into(),
        };
        written + "(" + &place + ")"
    }

    fn line(&mut self, line: fmt::Arguments<'_>) -> fmt::Result {
        writeln!(self.out, "{line}")?;
        if self.out.len() > MAX_TEXT { Err(fmt::Error) } else { Ok(()) }
    }
}
