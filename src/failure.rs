//! Why a job failed.

use std::fmt;

use serde::Serialize;

use crate::trace::Trace;

/// Why a job failed, read from the server's stack trace.
///
/// `Display` is one line: the root cause, and what the program itself said about it.
///
/// # Examples
/// ```
/// use flink_client::FailureCause;
///
/// let cause = FailureCause::read(
///     "org.apache.flink.runtime.JobException",
///     "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n\
///      \tat org.apache.flink.runtime.executiongraph.Example.handle(Example.java:1)\n\
///      Caused by: com.acme.BadRecord: record 21 is one too many\n\
///      \tat com.acme.Etl.map(Etl.java:48)\n\
///      Caused by: java.lang.ArithmeticException: / by zero\n\
///      \t... 26 more\n",
/// );
/// assert_eq!(cause.root_class, "java.lang.ArithmeticException");
/// assert_eq!(cause.root_message, "/ by zero");
/// assert_eq!(
///     cause.to_string(),
///     "java.lang.ArithmeticException: / by zero (com.acme.BadRecord: record 21 is one too many)",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailureCause {
    /// The Java class of the failure as a whole; often one that only wraps the cause.
    pub class: String,
    /// What it says.
    pub message: String,
    /// The Java class of the last cause.
    pub root_class: String,
    /// What the last cause says; empty if it says nothing.
    pub root_message: String,
    /// The whole stack trace.
    pub stack_trace: String,
}

impl FailureCause {
    /// Reads a failure of `class` from its stack trace.
    pub fn read(class: &str, stack_trace: &str) -> Self {
        let trace = Trace::parse(stack_trace);
        let root = trace.root();
        let outermost = trace.causes().iter().find(|cause| cause.class == class);
        Self {
            class: class.to_owned(),
            message: outermost.map_or("", |cause| cause.message).to_owned(),
            root_class: if root.class.is_empty() { class } else { root.class }.to_owned(),
            root_message: root.message.to_owned(),
            stack_trace: stack_trace.to_owned(),
        }
    }

    /// The classes and messages of the whole chain, the outermost first.
    pub fn causes(&self) -> Vec<(&str, &str)> {
        Trace::parse(&self.stack_trace).causes().iter().map(|cause| (cause.class, cause.message)).collect()
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace = Trace::parse(&self.stack_trace);
        f.write_str(&trace.summary(trace.first()))
    }
}

/// Without the stack trace, which would bury everything else.
impl fmt::Debug for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureCause")
            .field("class", &self.class)
            .field("root_class", &self.root_class)
            .field("line", &format_args!("{self}"))
            .finish_non_exhaustive()
    }
}
