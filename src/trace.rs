//! Reads the chain of causes from the text of a Java stack trace.
//!
//! Only the text is read, never a serialised exception: it is all that is needed, and nothing in it can do harm.

use crate::error::OneLine;

/// What a line shows of one text at most; everything is in the stack trace.
const LONGEST_TEXT: usize = 1000;

/// A chain of causes, the outermost first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace<'a> {
    causes: Vec<Cause<'a>>,
}

/// One exception of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause<'a> {
    /// The Java class; empty for a text that is no stack trace.
    pub(crate) class: &'a str,
    /// Its message, which may have several lines. Empty if it has none, or only the next cause's text.
    pub(crate) message: &'a str,
}

/// Exceptions that say nothing but that there is another one.
const WRAPPERS: [&str; 5] = [
    "java.util.concurrent.CompletionException",
    "java.util.concurrent.ExecutionException",
    "java.lang.RuntimeException",
    "java.lang.Exception",
    "org.apache.flink.util.SerializedThrowable",
];

impl<'a> Trace<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let text = without_frame(text);
        let mut trace = Self { causes: Vec::new() };
        // The head of a cause is its class and message: from `start` to the first line that is a stack frame.
        let mut start = 0;
        let mut head = None;
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            if let Some(next) = line.strip_prefix("Caused by: ").filter(|_| offset > 0) {
                trace.push(head.unwrap_or(&text[start..offset]), start > 0 || head.is_some());
                start = offset + (line.len() - next.len());
                head = None;
            } else if head.is_none() && is_frame(line) {
                head = Some(&text[start..offset]);
            }
            offset += line.len();
        }
        trace.push(head.unwrap_or(&text[start..]), start > 0 || head.is_some());
        trace
    }

    /// Adds what a head says: one cause, or several when messages are nothing but the text of the next exception.
    fn push(&mut self, head: &'a str, is_exception: bool) {
        let mut rest = head.trim();
        let mut outer = None;
        while let Some((class, message)) = class_and_message(rest) {
            if !is_nested_class(class, outer, is_exception) {
                break;
            }
            if let Some(outer) = outer {
                self.add(Cause { class: outer, message: "" });
            }
            outer = Some(class);
            rest = message;
        }
        self.add(Cause { class: outer.unwrap_or(""), message: rest });
    }

    /// A nested text is usually followed by the same exception as a cause of its own.
    fn add(&mut self, cause: Cause<'a>) {
        if self.causes.last() != Some(&cause) {
            self.causes.push(cause);
        }
    }

    pub(crate) fn causes(&self) -> &[Cause<'a>] {
        &self.causes
    }

    /// The last cause.
    pub(crate) fn root(&self) -> Cause<'a> {
        self.causes.last().copied().unwrap_or(Cause { class: "", message: "" })
    }

    /// The first cause that says more than that there is another one.
    pub(crate) fn first(&self) -> Cause<'a> {
        self.causes.iter().copied().find(|cause| !cause.is_wrapper()).unwrap_or_else(|| self.root())
    }

    /// The root cause in a line's length, with what `decisive` says beside it where that adds something.
    pub(crate) fn summary(&self, decisive: Cause<'_>) -> String {
        let root = self.root();
        let text =
            if decisive == root || decisive.message.is_empty() || root.message.contains(decisive.message) {
                root.text()
            } else if !root.message.is_empty() && decisive.message.contains(root.message) {
                decisive.text()
            } else {
                format!("{} ({})", root.text(), decisive.text())
            };
        if text.is_empty() { "the server gives no reason".into() } else { text }
    }
}

impl Cause<'_> {
    /// The name of the class without its package.
    pub(crate) fn simple_class(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    pub(crate) fn is_flinks(&self) -> bool {
        self.class.starts_with("org.apache.flink.")
    }

    fn is_wrapper(&self) -> bool {
        self.message.is_empty()
            || WRAPPERS.contains(&self.class)
            || self.is_flinks()
                && self.simple_class() == "JobException"
                && self.message.starts_with("Recovery is suppressed by")
    }

    /// What it says, on one line that has an end and may go on (so without a full stop). Flink's own exceptions speak for themselves; the message of others
    /// (`lab.NoSuch` of a `ClassNotFoundException`) is often nothing without the class.
    pub(crate) fn text(&self) -> String {
        let mut text = if self.message.is_empty() {
            self.class.to_owned()
        } else if self.class.is_empty() || self.is_flinks() {
            OneLine(self.message).to_string()
        } else {
            format!("{}: {}", self.class, OneLine(self.message))
        };
        if text.ends_with('.') && !text.ends_with("..") {
            text.pop();
        }
        if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

/// Flink puts the stack traces of internal errors between two such lines.
fn without_frame(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("<Exception on server side:").unwrap_or(text);
    text.strip_suffix("End of exception on server side>").unwrap_or(text).trim()
}

/// Whether a line belongs to the frames of a stack trace, not to a message. Messages of the JSON library have lines
/// that begin with ` at [Source`.
fn is_frame(line: &str) -> bool {
    let text = line.trim();
    let frame = line.starts_with([' ', '\t']) && text.starts_with("at ") && !text.starts_with("at [");
    let other = line.starts_with('\t')
        && (text.starts_with("... ") || text.starts_with("Suppressed: ") || text.starts_with('['));
    frame || other
}

/// Splits `org.acme.SomeException: what happened` and `org.acme.SomeException`.
fn class_and_message(text: &str) -> Option<(&str, &str)> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (token, rest) = text.split_at(end);
    match token.strip_suffix(':') {
        Some(class) => Some((class, rest.trim())),
        None if rest.trim().is_empty() => Some((token, "")),
        None => None,
    }
    .filter(|(class, _)| is_java_name(class))
}

fn is_java_name(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut letters = part.chars();
        letters.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
            && letters.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    })
}

/// Whether `class` names an exception, and is not just a word before a colon.
///
/// Where a stack trace has its exceptions every name is one. Anywhere else (a sentence that is no stack trace, the
/// message of an exception) it must look like one: in a package, with a capital, and either named as exceptions are
/// or inside an exception that is known to quote others.
fn is_nested_class(class: &str, outer: Option<&str>, is_exception: bool) -> bool {
    if outer.is_none() && is_exception {
        return true;
    }
    let Some((_, simple)) = class.rsplit_once('.') else { return false };
    let like_a_class = simple.starts_with(char::is_uppercase);
    let like_an_exception = ["Exception", "Error", "Throwable"].iter().any(|end| simple.ends_with(end));
    like_a_class
        && (like_an_exception || outer.is_some_and(|outer| outer == class || WRAPPERS.contains(&outer)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(text: &str) -> Vec<(String, String)> {
        let trace = Trace::parse(text);
        trace.causes().iter().map(|cause| (cause.class.to_owned(), cause.message.to_owned())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(class, message)| ((*class).to_owned(), (*message).to_owned())).collect()
    }

    #[test]
    fn the_last_unindented_cause_is_the_root() {
        let text = "<Exception on server side:\norg.acme.Outer: it broke\n\tat org.acme.A.a(A.java:1)\n\t... 3 more\n\
            \tSuppressed: java.io.IOException: aside\n\t\tat org.acme.A.b(A.java:2)\n\tCaused by: java.lang.Error: aside\n\
            Caused by: org.acme.Inner\n\tat org.acme.C.c(C.java:3)\n\nEnd of exception on server side>";
        assert_eq!(chain(text), pairs(&[("org.acme.Outer", "it broke"), ("org.acme.Inner", "")]));
    }

    #[test]
    fn nested_class_names_are_peeled_off_and_not_counted_twice() {
        let text = "java.util.concurrent.CompletionException: java.util.concurrent.CompletionException: \
            org.acme.LostException: gone\n\tat a.B.c(B.java)\nCaused by: java.util.concurrent.CompletionException: \
            org.acme.LostException: gone\n\tat a.B.c(B.java)\nCaused by: org.acme.LostException: gone\n\tat a.B.c(B.java)\n";
        let trace = Trace::parse(text);
        assert_eq!(trace.root(), Cause { class: "org.acme.LostException", message: "gone" });
        assert_eq!(trace.first(), trace.root());
        assert_eq!(trace.summary(trace.first()), "org.acme.LostException: gone");
        let quoted =
            "org.apache.flink.util.SerializedThrowable: lab.Failing$Kaput: record 21\n\tat a.B.c(B.java)";
        assert_eq!(Trace::parse(quoted).root(), Cause { class: "lab.Failing$Kaput", message: "record 21" });
    }

    #[test]
    fn messages_may_have_several_lines_and_colons() {
        let text =
            "a.BadException: first: line\nsecond line\n at [Source: (x); line: 1]\n\tat a.B.c(B.java:1)\n";
        assert_eq!(
            chain(text),
            pairs(&[("a.BadException", "first: line\nsecond line\n at [Source: (x); line: 1]")])
        );
        assert_eq!(
            Trace::parse(text).root().text(),
            "a.BadException: first: line second line at [Source: (x); line: 1]"
        );
    }

    #[test]
    fn a_sentence_is_not_taken_for_a_class() {
        for text in [
            "Not found: /overview",
            "Unable to load requested file /nosuch.",
            "Received unknown attribute jarfile.",
            "state.backend.type: not set",
            "Error: something",
            "localhost: refused",
            "",
        ] {
            assert_eq!(chain(text), pairs(&[("", text)]), "{text}");
        }
        assert_eq!(chain("Kaput: boom\n\tat Kaput.main(Kaput.java:1)"), pairs(&[("Kaput", "boom")]));
        assert_eq!(
            chain("a.SomeException: b.Config: is missing"),
            pairs(&[("a.SomeException", "b.Config: is missing")])
        );
    }

    #[test]
    fn summary_says_each_thing_once() {
        let summary = |text: &str, decisive: usize| {
            let trace = Trace::parse(text);
            trace.summary(trace.causes()[decisive])
        };
        let text = "org.apache.flink.client.program.ProgramInvocationException: no class 'lab.NoSuch' in it\n\tat a.B(C)\n\
            Caused by: java.lang.ClassNotFoundException: lab.NoSuch\n\tat a.B(C)";
        assert_eq!(summary(text, 0), "no class 'lab.NoSuch' in it");
        let text = "org.apache.flink.util.FlinkException: could not write\n\tat a.B(C)\nCaused by: java.io.IOException: full\n";
        assert_eq!(summary(text, 0), "java.io.IOException: full (could not write)");
        assert_eq!(summary("", 0), "the server gives no reason");
    }

    #[test]
    fn a_long_message_ends_somewhere() {
        let text = "é".repeat(100_000);
        assert_eq!(Trace::parse(&text).root().text().chars().count(), LONGEST_TEXT + 1);
    }

    proptest! {
        #[test]
        fn any_text_has_a_root_and_a_summary(text in any::<String>(), lines in proptest::collection::vec("(Caused by: |\tat |a\\.B: |\\.|: |\n|\r|\\PC)*", 0..8)) {
            for text in [text, lines.join("\n")] {
                let trace = Trace::parse(&text);
                prop_assert!(!trace.causes().is_empty());
                for cause in trace.causes() {
                    prop_assert!(!trace.summary(*cause).contains('\n'));
                }
            }
        }
    }
}
