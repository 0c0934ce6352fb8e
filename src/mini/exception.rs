//! Exceptions as Flink shows them: a class, a message, a chain of causes.

use std::error::Error as StdError;
use std::fmt;

/// What a stand-in program or task fails with, and what the mini cluster answers with: an exception of a Java class.
///
/// Any Rust error becomes one by `?`: a `java.lang.RuntimeException` with its text, and its sources as causes.
/// `Display` is Java's `toString`: the class and the message.
///
/// # Examples
/// ```
/// use flink_client::mini::JavaException;
///
/// let exception = JavaException::new("com.acme.BadRecord", "record 21 is one too many")
///     .caused_by(JavaException::new("java.lang.ArithmeticException", "/ by zero"));
/// assert_eq!(exception.to_string(), "com.acme.BadRecord: record 21 is one too many");
/// assert_eq!(exception.root().message(), Some("/ by zero"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JavaException {
    class: String,
    message: Option<String>,
    cause: Option<Box<Self>>,
    /// The Java method that it stands for an exception of, where that is known.
    method: Option<String>,
}

/// What a task's function and most of what it calls return.
pub type TaskResult<T = ()> = Result<T, JavaException>;

/// Real frames name Java code. These are honest, and enough for those who read stack traces by machine.
const FRAME: &str = "\tat flink_client.mini.MiniCluster(Unknown Source)\n";

/// A chain of Rust errors longer than this is cut: it may be a circle.
const MOST_SOURCES: usize = 32;

impl JavaException {
    /// An exception of the Java class `class`, with its package, that says `message`.
    pub fn new(class: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class: class.into(), message: Some(message.into()), cause: None, method: None }
    }

    /// Adds what caused it, at the end of the chain.
    #[must_use]
    pub fn caused_by(mut self, cause: Self) -> Self {
        match &mut self.cause {
            Some(own) => {
                let outer = std::mem::replace(&mut **own, Self::new("", ""));
                **own = outer.caused_by(cause);
            }
            none => *none = Some(Box::new(cause)),
        }
        self
    }

    /// An exception that only wraps another, as Java's `new Wrapper(cause)`: its message is the other's text.
    pub(crate) fn wrapping(class: &str, cause: Self) -> Self {
        let message = Some(cause.to_string());
        Self { class: class.into(), message, cause: Some(Box::new(cause)), method: None }
    }

    /// Wrapped as Java's futures wrap what they failed with.
    pub(crate) fn completion(cause: Self) -> Self {
        Self::wrapping("java.util.concurrent.CompletionException", cause)
    }

    /// Tells that it came out of this Java method, and its causes, of which that is not known yet, too.
    pub(crate) fn thrown_in(mut self, method: &str) -> Self {
        let mut exception = Some(&mut self);
        while let Some(this) = exception {
            this.method.get_or_insert_with(|| method.to_owned());
            exception = this.cause.as_deref_mut();
        }
        self
    }

    /// The Java class.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The message, if there is one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What caused it, if that is known.
    pub fn cause(&self) -> Option<&Self> {
        self.cause.as_deref()
    }

    /// The last cause; itself if there is none.
    pub fn root(&self) -> &Self {
        let mut exception = self;
        while let Some(cause) = &exception.cause {
            exception = cause;
        }
        exception
    }

    /// The first of this class, of it and its causes.
    pub(crate) fn find(&self, class: &str) -> Option<&Self> {
        std::iter::successors(Some(self), |exception| exception.cause()).find(|this| this.class == class)
    }

    /// Whether it or a cause is of this class.
    #[cfg(test)]
    pub(crate) fn is_or_has(&self, class: &str) -> bool {
        self.find(class).is_some()
    }

    /// The text that Java prints for it: each exception of the chain with a stack frame.
    pub fn stack_trace(&self) -> String {
        let mut text = String::new();
        let mut exception = Some(self);
        while let Some(this) = exception {
            if !text.is_empty() {
                text.push_str("Caused by: ");
            }
            text.push_str(&this.to_string());
            text.push('\n');
            if let Some(method) = &this.method {
                text.push_str("\tat ");
                text.push_str(method);
                text.push_str("(Unknown Source)\n");
            }
            text.push_str(FRAME);
            exception = this.cause();
        }
        text
    }

    /// What a panic becomes: Rust's nearest to Java's `Error`.
    pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        Self::new("java.lang.Error", crate::Error::from_panic(payload).to_string())
    }
}

impl<E: StdError> From<E> for JavaException {
    fn from(error: E) -> Self {
        let mut exception = Self::new("java.lang.RuntimeException", error.to_string());
        let mut source = error.source();
        for _ in 0..MOST_SOURCES {
            let Some(error) = source else { break };
            exception = exception.caused_by(Self::new("java.lang.RuntimeException", error.to_string()));
            source = error.source();
        }
        exception
    }
}

impl fmt::Display for JavaException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.class),
            None => f.write_str(&self.class),
        }
    }
}

impl fmt::Debug for JavaException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.cause();
        while let Some(exception) = cause {
            write!(f, " <- {exception}")?;
            cause = exception.cause();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureCause;

    #[test]
    fn a_stack_trace_is_read_back_as_the_same_chain() {
        let exception = JavaException::completion(
            JavaException::new("com.acme.Outer", "it: broke")
                .caused_by(JavaException::new("java.io.IOException", "two\nlines")),
        );
        let cause = FailureCause::read(exception.class(), &exception.stack_trace());
        assert_eq!(
            cause.causes(),
            [
                ("java.util.concurrent.CompletionException", ""),
                ("com.acme.Outer", "it: broke"),
                ("java.io.IOException", "two\nlines")
            ]
        );
    }

    #[test]
    fn the_method_that_threw_is_in_the_stack_trace() {
        let exception = JavaException::new("a.A", "1").caused_by(JavaException::new("b.B", "2"));
        let trace = exception.thrown_in("com.acme.Etl.main").thrown_in("com.acme.Other.main").stack_trace();
        assert_eq!(trace.matches("\tat com.acme.Etl.main(Unknown Source)\n").count(), 2, "{trace}");
        assert!(!trace.contains("Other"), "{trace}");
    }

    #[test]
    fn a_rust_error_keeps_its_sources() {
        let error = crate::Error::other("outer").with_source(std::io::Error::other("inner"));
        let exception = JavaException::from(error);
        assert_eq!(
            format!("{exception:?}"),
            "java.lang.RuntimeException: outer <- java.lang.RuntimeException: inner"
        );
    }

    #[test]
    fn a_cause_is_added_at_the_end_of_the_chain() {
        let exception = JavaException::new("a.A", "1")
            .caused_by(JavaException::new("b.B", "2"))
            .caused_by(JavaException::new("c.C", "3"));
        assert_eq!(format!("{exception:?}"), "a.A: 1 <- b.B: 2 <- c.C: 3");
        assert!(exception.is_or_has("c.C") && !exception.is_or_has("d.D"));
    }
}
