//! The head of a request: read within bounds, and parsed.

use std::io::{self, BufRead};

/// Netty's own bound is about this, and Flink's clients stay far below.
const MOST_IN_REQUEST_LINE: usize = 8 << 10;
const MOST_IN_HEAD: usize = 64 << 10;
const MOST_FIELDS: usize = 128;

/// What a request says before its body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    /// As it was sent: not decoded, with its query.
    pub(super) target: String,
    pub(super) keep_alive: bool,
    pub(super) framing: Framing,
    pub(super) expects_continue: bool,
    pub(super) content_type: Option<String>,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Head(Head),
    /// The other side has nothing more to say.
    End,
    /// No HTTP, or more of it than is taken. What follows cannot be told apart.
    Malformed,
}

/// Reads the next head.
///
/// # Errors
/// The connection's own. One that ends within a head is malformed.
pub(super) fn next(reader: &mut impl BufRead) -> io::Result<Next> {
    let mut head = Vec::new();
    // Bytes of the current line, line ends aside.
    let mut line = 0_usize;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(if head.is_empty() { Next::End } else { Next::Malformed });
        }
        let mut taken = 0;
        let mut whole = false;
        for &byte in available {
            taken += 1;
            // Empty lines before a request are skipped, as every server does.
            if head.is_empty() && matches!(byte, b'\r' | b'\n') {
                continue;
            }
            head.push(byte);
            match byte {
                b'\n' if line == 0 => {
                    whole = true;
                    break;
                }
                b'\n' => line = 0,
                b'\r' => {}
                _ => line += 1,
            }
            if head.len() > MOST_IN_HEAD || (head.len() > MOST_IN_REQUEST_LINE && line == head.len()) {
                return Ok(Next::Malformed);
            }
        }
        reader.consume(taken);
        if whole {
            return Ok(parse(&head).map_or(Next::Malformed, Next::Head));
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    if !request.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let mut head = Head {
        method: request.method?.to_owned(),
        target: request.path?.to_owned(),
        keep_alive: request.version? == 1,
        framing: Framing::Length(0),
        expects_continue: false,
        content_type: None,
    };
    let mut length = None;
    let mut chunked = false;
    for field in request.headers {
        let value = field.value.trim_ascii();
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let told =
                std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
            let told = told.parse::<u64>().ok()?;
            // Two that differ would let two servers see two different requests.
            if length.replace(told).is_some_and(|before| before != told) {
                return None;
            }
        } else if is("transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            chunked = true;
        } else if is("connection") {
            for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if token.eq_ignore_ascii_case(b"close") {
                    head.keep_alive = false;
                } else if token.eq_ignore_ascii_case(b"keep-alive") && request.version == Some(0) {
                    head.keep_alive = true;
                }
            }
        } else if is("expect") {
            head.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
        } else if is("content-type") && head.content_type.is_none() {
            head.content_type = Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    head.framing = match (chunked, length) {
        (true, None) => Framing::Chunked,
        // The same: which of the two a server believes is how requests are smuggled.
        (true, Some(_)) => return None,
        (false, length) => Framing::Length(length.unwrap_or(0)),
    };
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Next {
        next(&mut io::BufReader::with_capacity(7, bytes)).unwrap()
    }

    fn head(bytes: &[u8]) -> Head {
        match read(bytes) {
            Next::Head(head) => head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line_and_what_follows_stays() {
        let mut reader = io::BufReader::new(&b"\r\nPOST /a?b HTTP/1.1\r\ncontent-LENGTH: 2\r\n\r\n{}"[..]);
        let Next::Head(head) = next(&mut reader).unwrap() else { panic!() };
        assert_eq!((head.method.as_str(), head.target.as_str()), ("POST", "/a?b"));
        assert_eq!((head.framing, head.keep_alive), (Framing::Length(2), true));
        assert_eq!(reader.fill_buf().unwrap(), b"{}");
    }

    #[test]
    fn a_connection_is_kept_as_its_version_and_its_headers_say() {
        let kept = |head_text: &str| head(head_text.as_bytes()).keep_alive;
        assert!(kept("GET / HTTP/1.1\r\n\r\n"));
        assert!(!kept("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n"));
        assert!(!kept("GET / HTTP/1.0\r\n\r\n"));
        assert!(kept("GET / HTTP/1.0\nConnection: Keep-Alive\n\n"));
    }

    #[test]
    fn a_body_of_two_lengths_is_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            let request = format!("POST / HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(read(request.as_bytes()), Next::Malformed, "{fields}");
        }
        let same = head(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
        assert_eq!(same.framing, Framing::Length(1));
        assert_eq!(head(b"POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n").framing, Framing::Chunked);
    }

    #[test]
    fn what_is_no_http_or_too_long_is_malformed() {
        assert_eq!(read(b""), Next::End);
        assert_eq!(read(b"\r\n\r\n"), Next::End);
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a"), Next::Malformed);
        assert_eq!(read(b"\x16\x03\x01\x02\x00garbage\r\n\r\n"), Next::Malformed);
        assert_eq!(read(b"GET / HTTP/2.0\r\n\r\n"), Next::Malformed);
        let line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9000));
        assert_eq!(read(line.as_bytes()), Next::Malformed);
        let header = format!("GET / HTTP/1.1\r\nX-Big: {}\r\n\r\n", "a".repeat(20_000));
        assert_eq!(head(header.as_bytes()).target, "/");
        let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MOST_FIELDS + 1));
        assert_eq!(read(headers.as_bytes()), Next::Malformed);
        assert_eq!(read(&[b'a'; MOST_IN_HEAD + 10]), Next::Malformed);
    }
}
