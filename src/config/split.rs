//! Flink's older structured values: text split at a delimiter, parts in quotes.

use thiserror::Error;

/// Why a text cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum SplitError {
    #[error("a quote is not closed")]
    Unclosed,
    #[error("a closing quote is followed by more text at character {0}")]
    TextAfterQuote(usize),
}

/// Splits `text` at `delimiter`; parts may be in single or double quotes, doubled to stand for themselves.
///
/// As in Flink, a quote inside an unquoted part is an ordinary character, unquoted parts are trimmed, and a part that
/// is empty counts only between two delimiters: `a;;b` has three parts, `a;` one.
pub(super) fn split(text: &str, delimiter: char) -> Result<Vec<String>, SplitError> {
    let mut parts = Vec::new();
    let mut after_delimiter = false;
    let mut characters = text.chars().enumerate().peekable();
    while let Some((_, c)) = characters.next() {
        if c == delimiter {
            if after_delimiter {
                parts.push(String::new());
            }
            after_delimiter = true;
            continue;
        }
        if c.is_whitespace() {
            continue;
        }
        after_delimiter = false;
        let mut part = String::new();
        if c == '\'' || c == '"' {
            loop {
                let (_, next) = characters.next().ok_or(SplitError::Unclosed)?;
                if next != c {
                    part.push(next);
                } else if characters.next_if(|(_, doubled)| *doubled == c).is_some() {
                    part.push(c);
                } else {
                    break;
                }
            }
            while characters.next_if(|(_, space)| space.is_whitespace()).is_some() {}
            if let Some((position, _)) = characters.peek().filter(|(_, next)| *next != delimiter) {
                return Err(SplitError::TextAfterQuote(*position));
            }
        } else {
            part.push(c);
            while let Some((_, next)) = characters.next_if(|(_, next)| *next != delimiter) {
                part.push(next);
            }
            part.truncate(part.trim_end().len());
        }
        parts.push(part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_flink_does() {
        // What StructuredOptionsSplitter of 1.20.5 and 2.3.0 made of these.
        for (text, parts) in [
            ("a;b", &["a", "b"][..]),
            ("a;;b", &["a", "", "b"]),
            ("'a;b';c", &["a;b", "c"]),
            ("\"a;b\";c", &["a;b", "c"]),
            ("'a''b';c", &["a'b", "c"]),
            ("a'b", &["a'b"]),
            ("a; b ;c", &["a", "b", "c"]),
            ("a; 'b;c' ;d", &["a", "b;c", "d"]),
            ("a 'b';c", &["a 'b'", "c"]),
            ("", &[]),
            (" ", &[]),
            (";", &[]),
            (";;", &[""]),
            (";a", &["a"]),
            ("a;", &["a"]),
            ("a;;", &["a", ""]),
            ("''", &[""]),
            ("'';''", &["", ""]),
        ] {
            assert_eq!(split(text, ';').unwrap(), parts, "{text:?}");
        }
        assert_eq!(split("'a", ';'), Err(SplitError::Unclosed));
        assert_eq!(split("'a'b;c", ';'), Err(SplitError::TextAfterQuote(3)));
    }
}
