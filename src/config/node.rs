//! A value of a YAML document as Flink sees it, and the one line of text that Flink makes of it.

/// A value; scalars are in the text that Flink shows them in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    /// A number or a boolean, in its canonical text.
    Literal(String),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Node {
    /// What an unquoted scalar stands for in YAML's core schema, in the text that Java gives it: `010` is `10`, `1.50`
    /// is `1.5`, `0x1F` is `31`, and `yes` is just text.
    pub(super) fn from_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Literal("true".to_owned()),
            "false" | "False" | "FALSE" => Self::Literal("false".to_owned()),
            ".nan" | ".NaN" | ".NAN" => Self::Literal(".nan".to_owned()),
            _ => integer(text)
                .or_else(|| float(text))
                .map_or_else(|| Self::Text(text.to_owned()), Self::Literal),
        }
    }

    /// The value as a configuration holds it: a scalar as it is, anything else in YAML's flow style on one line.
    pub(super) fn into_value(self) -> String {
        match self {
            Self::Literal(text) | Self::Text(text) => text,
            other => other.to_flow(),
        }
    }

    /// The value in YAML's flow style on one line; texts are quoted where they would be read as something else.
    pub(super) fn to_flow(&self) -> String {
        let mut out = String::new();
        self.write_flow(&mut out);
        out
    }

    fn write_flow(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Literal(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.write_flow(out);
                }
                out.push(']');
            }
            Self::Map(pairs) => {
                out.push('{');
                for (index, (key, value)) in pairs.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    write_text(key, out);
                    out.push_str(": ");
                    value.write_flow(out);
                }
                out.push('}');
            }
        }
    }
}

/// Writes a text unquoted, in single or in double quotes, as Flink's dumper chooses.
pub(super) fn write_text(text: &str, out: &mut String) {
    if text.chars().any(must_be_escaped) {
        write_double_quoted(text, out);
    } else if reads_back_plain(text) {
        out.push_str(text);
    } else {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    }
}

fn must_be_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn reads_back_plain(text: &str) -> bool {
    let starts_badly = text.starts_with([
        '!', '#', '%', '&', '\'', '"', '*', '>', '@', '`', '|', '[', ']', '{', '}', ',', '?', ':', ' ',
    ]) || text.starts_with("---")
        || text.starts_with("...");
    !starts_badly
        && !text.contains([',', '[', ']', '{', '}', '?', ':'])
        && !text.contains(" #")
        && !text.starts_with("- ")
        && text != "-"
        && !text.ends_with(' ')
        && matches!(Node::from_plain(text), Node::Text(_))
}

fn write_double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if must_be_escaped(c) => {
                let code = u32::from(c);
                out.push_str(&if code < 0x100 { format!("\\x{code:02x}") } else { format!("\\u{code:04x}") });
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Decimal, `0o` octal or `0x` hexadecimal, as decimal digits.
fn integer(text: &str) -> Option<String> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            // from_str_radix alone would take a sign here.
            let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return all_digits
                .then(|| u128::from_str_radix(digits, radix).ok())
                .flatten()
                .map(|n| n.to_string());
        }
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    Some(match (significant, negative) {
        ("", _) => "0".to_owned(),
        (digits, true) => format!("-{digits}"),
        (digits, false) => digits.to_owned(),
    })
}

fn float(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { "-.inf" } else { ".inf" }.to_owned());
    }
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let exponent_fits = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    if !has_digits || !digits(whole) || !digits(fraction) || !exponent_fits {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    Some(match (number.is_infinite(), number > 0.0) {
        (true, true) => ".inf".to_owned(),
        (true, false) => "-.inf".to_owned(),
        _ => java_double(number),
    })
}

/// A finite number as Java writes it: `1.0`, `1.0E-4`, `1.2345678E7`.
pub(super) fn java_double(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 || (1e-3..1e7).contains(&magnitude) {
        let text = number.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_become_the_text_that_flink_shows() {
        // Every row was answered so by GlobalConfiguration.loadConfiguration(..).toMap() of 1.20.5 and 2.3.0.
        for (plain, shown) in [
            ("1", "1"),
            ("True", "true"),
            ("FALSE", "false"),
            ("yes", "yes"),
            ("on", "on"),
            ("010", "10"),
            ("00", "0"),
            ("0o10", "8"),
            ("0x1F", "31"),
            ("-0x1F", "-0x1F"),
            ("0b11", "0b11"),
            ("1_000", "1_000"),
            ("-1", "-1"),
            ("+1", "1"),
            ("1e3", "1000.0"),
            ("1e+3", "1000.0"),
            ("1e", "1e"),
            ("1.", "1.0"),
            ("1.50", "1.5"),
            (".5", "0.5"),
            (".nan", ".nan"),
            (".Inf", ".inf"),
            ("-.inf", "-.inf"),
            ("1E400", ".inf"),
            ("12345678901234567890", "12345678901234567890"),
            ("99999999999999999999999999999", "99999999999999999999999999999"),
            ("1.5e300", "1.5E300"),
            ("100000000.0", "1.0E8"),
            ("1234567.0", "1234567.0"),
            ("12345678.0", "1.2345678E7"),
            ("9999999.0", "9999999.0"),
            ("0.001", "0.001"),
            ("0.00099", "9.9E-4"),
            ("0.0001", "1.0E-4"),
            ("-0.0", "-0.0"),
            ("3.14159265358979312", "3.141592653589793"),
            ("1.7976931348623157e308", "1.7976931348623157E308"),
            ("123456789.125", "1.23456789125E8"),
            ("100.0e-2", "1.0"),
            ("2024-01-01", "2024-01-01"),
            ("12:30", "12:30"),
        ] {
            assert_eq!(Node::from_plain(plain).into_value(), shown, "{plain}");
        }
        assert_eq!(Node::from_plain("~"), Node::Null);
    }

    #[test]
    fn texts_are_quoted_as_flink_quotes_them() {
        for (text, dumped) in [
            ("http://x", "'http://x'"),
            ("-a", "-a"),
            ("- a", "'- a'"),
            ("a b", "a b"),
            ("a: b", "'a: b'"),
            ("a #b", "'a #b'"),
            ("a#b", "a#b"),
            ("a,b", "'a,b'"),
            ("a[b", "'a[b'"),
            ("x}", "'x}'"),
            ("a?b", "'a?b'"),
            ("*a", "'*a'"),
            ("`a", "'`a'"),
            ("'a", "'''a'"),
            ("a'b", "a'b"),
            ("1.5", "'1.5'"),
            ("010", "'010'"),
            ("true", "'true'"),
            ("yes", "yes"),
            ("~", "'~'"),
            ("~x", "~x"),
            ("<<", "<<"),
            ("a\\b", "a\\b"),
            ("\u{1f600}", "\u{1f600}"),
            ("a\tb", "\"a\\tb\""),
            ("a\nb", "\"a\\nb\""),
            (" a", "' a'"),
            ("a ", "'a '"),
            ("---", "'---'"),
            ("...", "'...'"),
            ("", "''"),
            (":a", "':a'"),
            ("-", "'-'"),
            ("a;b", "a;b"),
        ] {
            assert_eq!(Node::Text(text.to_owned()).to_flow(), dumped);
        }
    }

    #[test]
    fn nested_values_are_one_line() {
        let pair = |key: &str, value| Node::Map(vec![(key.to_owned(), value)]);
        let node = Node::List(vec![
            Node::List(vec![Node::from_plain("1"), Node::from_plain("2")]),
            pair("b", Node::from_plain("x")),
            Node::Null,
        ]);
        assert_eq!(node.into_value(), "[[1, 2], {b: x}, null]");
    }
}
