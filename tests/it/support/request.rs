//! A request as a server sees it, byte for byte.

use std::io::{self, Read};
use std::net::TcpStream;

/// More than any client sends before its body.
const LONGEST_HEAD: usize = 1 << 20;

/// What arrived, taken apart as strictly as a server may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReceivedRequest {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) version: String,
    /// Names as they were sent, in their order.
    pub(crate) headers: Vec<(String, String)>,
    /// As far as it arrived.
    pub(crate) body: Vec<u8>,
}

impl ReceivedRequest {
    /// `METHOD /path?query`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The only header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "header {name} was sent twice: {:?}", self.headers);
        value
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", self.line(), String::from_utf8_lossy(&self.body))
        })
    }

    /// The same, or `null` where there is none.
    pub(crate) fn json_or_null(&self) -> serde_json::Value {
        if self.body.is_empty() { serde_json::Value::Null } else { self.json() }
    }

    pub(super) fn content_length(&self) -> usize {
        assert_eq!(self.header("transfer-encoding"), None, "every body has its length announced");
        self.header("content-length").map_or(0, |length| length.parse().expect("a length"))
    }

    /// Takes the bytes up to the empty line apart. Panics on anything that is not HTTP/1.1 to the letter.
    fn parse(head: &[u8]) -> Self {
        let head = std::str::from_utf8(head).expect("a head in ASCII");
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        let [method, target, version] = words[..] else { panic!("no request line: {line:?}") };
        let headers = lines
            .map(|line| {
                assert!(!line.contains(['\r', '\n']), "a bare line break: {line:?}");
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
                (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
            })
            .collect();
        Self {
            connection: 0,
            method: method.into(),
            target: target.into(),
            version: version.into(),
            headers,
            body: Vec::new(),
        }
    }
}

/// Reads the next request's head without its last byte, which stays unread (see [`finish`]); `None` if the client
/// closes before it.
pub(super) fn read_head(mut stream: &TcpStream) -> io::Result<Option<ReceivedRequest>> {
    let mut head = Vec::new();
    let mut seen = vec![0; 16 * 1024];
    loop {
        let count = stream.peek(&mut seen)?;
        if count == 0 {
            return Ok(None);
        }
        let before = head.len();
        head.extend_from_slice(&seen[..count]);
        // Its end may have begun with what came before.
        let from = before.saturating_sub(3);
        if let Some(end) = head[from..].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            stream.read_exact(&mut seen[..from + end + 3 - before])?;
            return Ok(Some(ReceivedRequest::parse(&head[..from + end])));
        }
        // None of this is the last byte.
        stream.read_exact(&mut seen[..count])?;
        assert!(head.len() < LONGEST_HEAD, "an endless head");
    }
}

/// Reads the body into `request`, again without the last byte of it all: a socket that is closed with something
/// unread resets its connection.
pub(super) fn read_body(stream: &TcpStream, request: &mut ReceivedRequest) -> io::Result<()> {
    let length = request.content_length();
    if length == 0 {
        return Ok(());
    }
    finish(stream)?;
    let mut body = vec![0; 64 * 1024];
    while request.body.len() + 1 < length {
        let most = (length - 1 - request.body.len()).min(body.len());
        let count = (&*stream).read(&mut body[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.body.extend_from_slice(&body[..count]);
    }
    if stream.peek(&mut body[..1])? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    request.body.push(body[0]);
    Ok(())
}

/// Reads the byte that was left.
pub(super) fn finish(mut stream: &TcpStream) -> io::Result<()> {
    stream.read_exact(&mut [0])
}
