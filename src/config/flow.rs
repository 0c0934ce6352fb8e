//! Reads YAML's flow style, `[a, 'b c']` and `{k: v}`, from a value that a configuration holds as text.
//!
//! It needs no YAML parser, so lists and maps mean the same with and without the feature `yaml`.

use std::iter::Peekable;
use std::str::Chars;

use super::node::Node;

/// Deeper nesting than any configuration has; keeps a hostile text from exhausting the stack.
const MAX_DEPTH: u32 = 32;

/// The list or map that `text` is in flow style; `None` if it is anything else, malformed, or uses anchors or tags.
pub(super) fn parse(text: &str) -> Option<Node> {
    let mut reader = Reader { rest: text.chars().peekable(), depth: 0 };
    reader.skip_space();
    if !matches!(reader.rest.peek(), Some('[' | '{')) {
        return None;
    }
    let node = reader.node()?;
    reader.skip_space();
    reader.rest.next().is_none().then_some(node)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: u32,
}

impl Reader<'_> {
    fn node(&mut self) -> Option<Node> {
        match self.rest.peek()? {
            '[' => self.nested(Self::list),
            '{' => self.nested(Self::map),
            '\'' | '"' => self.quoted().map(Node::Text),
            _ => self.plain().map(|text| Node::from_plain(&text)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Node>) -> Option<Node> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        self.rest.next();
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn list(&mut self) -> Option<Node> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.rest.next_if_eq(&']').is_some() {
                return Some(Node::List(items));
            }
            let quoted_key = matches!(self.rest.peek(), Some('\'' | '"'));
            let item = self.node()?;
            self.skip_space();
            let is_pair = self.rest.peek() == Some(&':');
            items.push(if is_pair { self.single_pair(item, quoted_key)? } else { item });
            self.skip_space();
            match self.rest.next()? {
                ',' => {}
                ']' => return Some(Node::List(items)),
                _ => return None,
            }
        }
    }

    /// `[a: b]` is a list of one map.
    fn single_pair(&mut self, key: Node, quoted_key: bool) -> Option<Node> {
        let key = scalar(key)?;
        Some(Node::Map(vec![(key, self.value(quoted_key)?)]))
    }

    fn map(&mut self) -> Option<Node> {
        let mut pairs: Vec<(String, Node)> = Vec::new();
        loop {
            self.skip_space();
            if self.rest.next_if_eq(&'}').is_some() {
                return Some(Node::Map(pairs));
            }
            let quoted_key = matches!(self.rest.peek(), Some('\'' | '"'));
            let key = scalar(self.node()?)?;
            self.skip_space();
            let value = self.value(quoted_key)?;
            if pairs.iter().any(|(existing, _)| *existing == key) {
                return None;
            }
            pairs.push((key, value));
            self.skip_space();
            match self.rest.next()? {
                ',' => {}
                '}' => return Some(Node::Map(pairs)),
                _ => return None,
            }
        }
    }

    /// The `: value` after a key; only a quoted key may do without the space.
    fn value(&mut self, quoted_key: bool) -> Option<Node> {
        self.rest.next_if_eq(&':')?;
        match self.rest.peek()? {
            ',' | ']' | '}' => return Some(Node::Null),
            c if quoted_key || c.is_ascii_whitespace() => {}
            _ => return None,
        }
        self.skip_space();
        match self.rest.peek()? {
            ',' | ']' | '}' => Some(Node::Null),
            _ => self.node(),
        }
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.next()?;
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                c if c == quote => {
                    if quote == '\'' && self.rest.next_if_eq(&quote).is_some() {
                        text.push(quote);
                    } else {
                        return Some(text);
                    }
                }
                '\\' if quote == '"' => text.push(self.escaped()?),
                // Folding of line breaks inside quotes is of no use in a configuration's value.
                '\n' | '\r' => return None,
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let digits = match self.rest.next()? {
            '0' => return Some('\0'),
            'a' => return Some('\u{7}'),
            'b' => return Some('\u{8}'),
            't' | '\t' => return Some('\t'),
            'n' => return Some('\n'),
            'v' => return Some('\u{b}'),
            'f' => return Some('\u{c}'),
            'r' => return Some('\r'),
            'e' => return Some('\u{1b}'),
            'N' => return Some('\u{85}'),
            '_' => return Some('\u{a0}'),
            'L' => return Some('\u{2028}'),
            'P' => return Some('\u{2029}'),
            c @ (' ' | '"' | '/' | '\\') => return Some(c),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return None,
        };
        let mut code = 0_u32;
        for _ in 0..digits {
            code = code.checked_mul(16)? + self.rest.next()?.to_digit(16)?;
        }
        char::from_u32(code)
    }

    fn plain(&mut self) -> Option<String> {
        let first = *self.rest.peek()?;
        if matches!(first, '!' | '#' | '%' | '&' | '*' | '>' | '@' | '`' | '|' | ',' | ']' | '}') {
            return None;
        }
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, ',' | '[' | ']' | '{' | '}' | ':')) {
            if c == '#' && text.ends_with([' ', '\t', '\n']) {
                return None;
            }
            text.push(c);
            if self.rest.peek() == Some(&':') {
                let mut ahead = self.rest.clone();
                ahead.next();
                if ahead
                    .peek()
                    .is_none_or(|c| c.is_ascii_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'))
                {
                    break;
                }
                self.rest.next();
                text.push(':');
            }
        }
        // `[a]b` and `a[b]` are malformed: what follows the text is for the caller to refuse.
        // A line break folds into a space; spaces within a line are the text's own.
        let lines: Vec<_> = text.lines().map(|line| line.trim_matches([' ', '\t', '\r'])).collect();
        let text = lines.join(" ").trim_matches([' ', '\t']).to_owned();
        let indicator_alone =
            (text.starts_with(['-', '?']) && text[1..].starts_with(' ')) || text == "-" || text == "?";
        (!text.is_empty() && !indicator_alone).then_some(text)
    }

    fn skip_space(&mut self) {
        while self.rest.next_if(char::is_ascii_whitespace).is_some() {}
    }
}

fn scalar(node: Node) -> Option<String> {
    match node {
        Node::Literal(text) | Node::Text(text) => Some(text),
        Node::Null | Node::List(_) | Node::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumped(text: &str) -> Option<String> {
        parse(text).map(|node| node.to_flow())
    }

    #[test]
    fn reads_lists_and_maps() {
        for (text, expected) in [
            ("[a, b]", "[a, b]"),
            ("[]", "[]"),
            ("[ ]", "[]"),
            ("[0  A, b\n  c]", "[0  A, b c]"),
            ("[a,]", "[a]"),
            ("['a;b', \"b\\n\", c d]", "[a;b, \"b\\n\", c d]"),
            ("[a: b, c]", "[{a: b}, c]"),
            ("[a:b]", "['a:b']"),
            ("[http://x:1, b]", "['http://x:1', b]"),
            ("[1.50, 0x1F, true, null]", "[1.5, 31, true, null]"),
            ("[\"a\\u00e9\"]", "[a\u{e9}]"),
            ("['it''s']", "[it's]"),
            ("[a\nb]", "[a b]"),
            ("[x, ''] ", "[x, '']"),
            ("[[a,b],c]", "[[a, b], c]"),
            ("[-a]", "[-a]"),
            ("{}", "{}"),
            ("{a: 1, b: {c: d}}", "{a: 1, b: {c: d}}"),
            ("{\"a\":'b c'}", "{a: b c}"),
            ("{a: , b:}", "{a: null, b: null}"),
            ("{1: x}", "{'1': x}"),
        ] {
            assert_eq!(dumped(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_flow_value() {
        for text in [
            "",
            "a",
            "[a",
            "[a, b] x",
            "[a]b",
            "[]]",
            "[a,,b]",
            "[a #c, b]",
            "['a' b]",
            "[- b]",
            "[?]",
            "[!x a]",
            "[&a b, *a]",
            "[a, [b, c]",
            "{a",
            "{a}",
            "{a:1}",
            "{a: 1, a: 2}",
            "{[a]: b}",
            "[\"\\q\"]",
            "['a",
            "[\"\\ud800\"]",
            "[::1]:8081",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
