//! Reads Flink's `config.yaml`: nested or flat keys, with scalars as Flink's own parser sees them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned, options};
use thiserror::Error;

use super::node::Node;
use super::secret;

/// Far more than any configuration has, and little enough for the smallest thread's stack.
const MAX_DEPTH: usize = 32;

/// Why a document is no configuration.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub(super) struct YamlError {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) message: String,
}

/// An entry of a document, with the line of its value.
#[derive(Debug, PartialEq)]
pub(super) struct YamlEntry {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) line: u64,
}

/// The entries of `text` in their order; nested keys are joined by dots, lists are one line in flow style.
pub(super) fn parse(text: &str) -> Result<Vec<YamlEntry>, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        merge_keys: serde_saphyr::options::MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        // A snippet in an error would show the values around it.
        with_snippet: false,
    };
    let document: Spanned<Value> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| refusal(text, &error))?;
    let mut entries = Vec::new();
    match document.value {
        Value::Null => {}
        Value::Map(pairs) => flatten(text, "", pairs, &mut entries)?,
        _ => return Err(at(document.referenced, "expected lines of the form `key: value`")),
    }
    Ok(entries)
}

/// A node of the document before its plain scalars are told from quoted ones.
enum Value {
    Null,
    /// A boolean or number, in Rust's text.
    Literal(String),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

fn flatten(
    source: &str,
    prefix: &str,
    pairs: Vec<(Spanned<Value>, Spanned<Value>)>,
    entries: &mut Vec<YamlEntry>,
) -> Result<(), YamlError> {
    for (key, value) in pairs {
        let place = key.referenced;
        let key = key_text(source, key)?;
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        let line = value.referenced.line();
        match value.value {
            Value::Map(pairs) => flatten(source, &path, pairs, entries)?,
            _ => match node(source, value)? {
                Node::Null => {
                    return Err(at(place, format!("{path}: expected a value, got nothing")));
                }
                node => entries.push(YamlEntry { key: path, value: node.into_value(), line }),
            },
        }
    }
    Ok(())
}

/// A key that is a number is what it is written as.
fn key_text(source: &str, key: Spanned<Value>) -> Result<String, YamlError> {
    match key.value {
        Value::Text(text) => Ok(text),
        Value::Literal(text) => Ok(written(source, key.defined).map_or(text, str::to_owned)),
        Value::Null | Value::List(_) | Value::Map(_) => {
            Err(at(key.referenced, "expected a key that is a text"))
        }
    }
}

fn node(source: &str, value: Spanned<Value>) -> Result<Node, YamlError> {
    Ok(match value.value {
        Value::Null => Node::Null,
        // A quoted text is written with its quotes, so it differs from what is written.
        Value::Text(text) => match written(source, value.defined) {
            Some(written) if written == text => Node::from_plain(written),
            _ => Node::Text(text),
        },
        // Explicitly tagged ones, such as `!!int '5'`, are known only as what they are.
        Value::Literal(text) => match written(source, value.defined) {
            Some(written) if !written.starts_with(['\'', '"', '|', '>']) => Node::from_plain(written),
            _ => Node::Literal(text),
        },
        Value::List(items) => {
            Node::List(items.into_iter().map(|item| node(source, item)).collect::<Result<_, _>>()?)
        }
        Value::Map(pairs) => Node::Map(
            pairs
                .into_iter()
                .map(|(key, value)| Ok((key_text(source, key)?, node(source, value)?)))
                .collect::<Result<_, _>>()?,
        ),
    })
}

/// The scalar as the document has it, quotes and all; `None` if a tag before it says how to read it.
fn written(source: &str, location: Location) -> Option<&str> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    let (before, scalar) = source.get(..start.checked_add(length)?)?.split_at_checked(start)?;
    let tagged = before.split_whitespace().next_back().is_some_and(|word| word.starts_with('!'));
    (!tagged).then(|| scalar.trim())
}

fn at(location: Location, message: impl Into<String>) -> YamlError {
    YamlError { line: location.line(), column: location.column(), message: message.into() }
}

/// The parser's words, unless the line that they are about holds a secret.
fn refusal(source: &str, error: &serde_saphyr::Error) -> YamlError {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((1, 1), |location| (location.line(), location.column()));
    let message = match error {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => format!("{key} is set twice"),
        _ if is_secret_line(source, line) => "not valid YAML".to_owned(),
        error => {
            let options = serde_saphyr::RenderOptions::default();
            let rendered = error.render_with_options(options);
            let first = rendered.lines().next().unwrap_or("not valid YAML");
            // The place is told once, before the message.
            first.rsplit_once(" at line ").map_or(first, |(message, _)| message).to_owned()
        }
    };
    YamlError { line, column, message }
}

fn is_secret_line(source: &str, line: u64) -> bool {
    // A quote that is not closed is reported where the document ends, lines after the key.
    source.lines().take(usize::try_from(line).unwrap_or(usize::MAX)).any(secret::is_sensitive)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Literal(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Literal(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Literal(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Literal(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Value::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Result<String, String> {
        match parse(text) {
            Ok(entries) => {
                Ok(entries.iter().map(|entry| format!("<{}={}>", entry.key, entry.value)).collect())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn documents_become_the_entries_that_flink_makes_of_them() {
        // Every row was answered so by GlobalConfiguration.loadConfiguration of 1.20.5 and 2.3.0.
        for (text, entries) in [
            ("", ""),
            ("# c\n", ""),
            ("a: 1", "<a=1>"),
            ("a : 1", "<a=1>"),
            ("a:\n  b:\n    c: 1\n  d: x", "<a.b.c=1><a.d=x>"),
            ("rest:\n  address: h\nrest.port: 8081", "<rest.address=h><rest.port=8081>"),
            ("a.b: 1\na:\n  c: 2", "<a.b=1><a.c=2>"),
            ("a: {b: 1, c: 2}", "<a.b=1><a.c=2>"),
            ("a: {}", ""),
            ("a: []", "<a=[]>"),
            ("a: [x, y]", "<a=[x, y]>"),
            ("a:\n  - x\n  - y: 1", "<a=[x, {y: 1}]>"),
            ("a: [1, true, null, 1.50, 'x', 010]", "<a=[1, true, null, 1.5, x, 10]>"),
            (
                "a: [ 'it''s', \"q\\\"q\", 'a;b', 'c: d', '#x', 'true', '' ]",
                "<a=[it's, q\"q, a;b, 'c: d', '#x', 'true', '']>",
            ),
            ("a: ''", "<a=>"),
            ("a: true", "<a=true>"),
            ("a: True", "<a=true>"),
            ("a: yes", "<a=yes>"),
            ("a: 010", "<a=10>"),
            ("a: '010'", "<a=010>"),
            ("a: 0o10", "<a=8>"),
            ("a: 0x1F", "<a=31>"),
            ("a: 0b11", "<a=0b11>"),
            ("a: -0x1F", "<a=-0x1F>"),
            ("a: 1_000", "<a=1_000>"),
            ("a: 1e3", "<a=1000.0>"),
            ("a: 1.50", "<a=1.5>"),
            ("a: '1.50'", "<a=1.50>"),
            ("a: .nan", "<a=.nan>"),
            ("a: -.inf", "<a=-.inf>"),
            ("a: +1", "<a=1>"),
            ("a: 1E400", "<a=.inf>"),
            ("a: 99999999999999999999999999999", "<a=99999999999999999999999999999>"),
            ("a: 2024-01-01", "<a=2024-01-01>"),
            ("a: 12:30", "<a=12:30>"),
            ("a: \"x\\ny\"", "<a=x\ny>"),
            ("a: |\n  l1\n  l2\n", "<a=l1\nl2\n>"),
            ("a: >\n  l1\n  l2\n", "<a=l1 l2\n>"),
            ("a: &x 1.50\nb: *x", "<a=1.5><b=1.5>"),
            ("base: &b {x: 1}\nc:\n  <<: *b\n  y: 2", "<base.x=1><c.<<.x=1><c.y=2>"),
            ("a: !!str 1.50", "<a=1.50>"),
            ("a: !!int '5'", "<a=5>"),
            ("---\na: 1\n...\n", "<a=1>"),
            ("%YAML 1.2\n---\na: 1", "<a=1>"),
            ("'a b': c", "<a b=c>"),
            ("a: 1 # c", "<a=1>"),
            ("a: x#y", "<a=x#y>"),
            ("a: '  x  '", "<a=  x  >"),
            ("\u{feff}a: 1.50", "<a=1.5>"),
            ("a: \u{e9}\nb: 1.50", "<a=\u{e9}><b=1.5>"),
            ("a: ${x}", "<a=${x}>"),
            ("a.: 1", "<a.=1>"),
            ("A: 1\na: 2", "<A=1><a=2>"),
            ("a: {b: [1, 2], c: {d: e}}", "<a.b=[1, 2]><a.c.d=e>"),
        ] {
            assert_eq!(flat(text).as_deref(), Ok(entries), "{text:?}");
        }
    }

    #[test]
    fn what_flink_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("a: 1\na: 2", "line 2, column 1: a is set twice"),
            ("a: b\na:\n  c: d", "line 2, column 1: a is set twice"),
            ("x: 1\na:", "line 2, column 1: a: expected a value, got nothing"),
            ("a:\n  b: ~", "line 2, column 3: a.b: expected a value, got nothing"),
            ("null: x", "line 1, column 1: expected a key that is a text"),
            ("a: [{? [b] : c}]", "line 1, column 8: expected a key that is a text"),
            ("a: [x", "line 1, column 4: unclosed bracket '['"),
            ("- a\n- b", "line 1, column 1: expected lines of the form `key: value`"),
            ("a:1", "line 1, column 1: expected lines of the form `key: value`"),
        ] {
            assert_eq!(flat(text).as_ref().map_err(String::as_str), Err(line), "{text:?}");
        }
        for text in [
            "a: 1\n---\nb: 2",
            "a: b: c",
            "a: @x",
            "a: `x",
            "a: *nope",
            "a: 'x",
            "a: [x",
            "a:\n b: 1\n   c: 2",
            "a: -",
            "? [a]\n: b",
            "a: !foo 1",
        ] {
            assert!(flat(text).is_err(), "{text:?} was read as {:?}", flat(text));
        }
    }

    #[test]
    fn refusals_show_no_secret() {
        for text in [
            "s3.secret-key: [hunter2",
            "s3.secret-key: 'hunter2\nother: 1\n",
            "s3.secret-key: @hunter2",
            "s3.secret-key: !hunter2 x",
            "s3:\n  secret-key: *hunter2",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:#?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn hostile_documents_end_in_an_error() {
        assert!(parse(&"[".repeat(10_000)).is_err());
        assert!(parse(&"a: {".repeat(10_000)).is_err());
        let mut bomb = "a0: &a0 [x, x]\n".to_owned();
        for level in 1..30 {
            bomb += &format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1);
        }
        assert!(parse(&bomb).is_err());
    }
}
