//! Requests without a client in between.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use flink_client::mini::{MiniCluster, MiniClusterConfiguration};
use serde_json::Value;

pub(super) const LONG: Duration = Duration::from_secs(60);

pub(super) fn served() -> MiniCluster {
    with(MiniClusterConfiguration::new())
}

pub(super) fn with(configuration: MiniClusterConfiguration) -> MiniCluster {
    MiniCluster::start(configuration.rest_port(0)).unwrap()
}

/// A connection to a cluster's REST API.
pub(super) struct Connection {
    stream: TcpStream,
    /// What has come and not been looked at.
    buffer: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The first line and the headers.
    pub(super) head: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The head without what differs from one cluster to the next.
    pub(super) fn shape(&self) -> Vec<&str> {
        let differs = |line: &str| line.starts_with("content-length: ") && line != "content-length: 0";
        self.head.iter().map(String::as_str).filter(|line| !differs(line)).collect()
    }
}

impl Connection {
    pub(super) fn to(cluster: &MiniCluster) -> Self {
        let url = cluster.rest_address().expect("REST is on");
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// The next answer; `None` if the server ends the connection instead. `to_head`: it has no body, whatever it says.
    pub(super) fn answer_to(&mut self, to_head: bool) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.more() {
                assert!(self.buffer.is_empty(), "a cut answer: {:?}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        };
        let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        let head: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| if to_head { 0 } else { length.parse().unwrap() });
        self.buffer.drain(..end + 4);
        while self.buffer.len() < length {
            assert!(self.more(), "a cut body");
        }
        Some(Answer { status, head, body: self.buffer.drain(..length).collect() })
    }

    pub(super) fn answer(&mut self) -> Answer {
        self.answer_to(false).expect("an answer")
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(read) => {
                self.buffer.extend(&piece[..read]);
                read > 0
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }

    /// Waits until the server has ended the connection.
    pub(super) fn is_ended(&mut self) -> bool {
        self.buffer.is_empty() && !self.more()
    }
}

/// Asks once, on a connection of its own.
pub(super) fn ask(cluster: &MiniCluster, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    Connection::to(cluster).send(request).answer()
}

/// A form with these parts: name, file name, content.
pub(super) fn form(path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, content) in parts {
        let file_name = file_name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head =
            format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n");
        body.extend(head.into_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--frontier--\r\n");
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=frontier\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    request
}

/// What real Flink was recorded to do with raw bytes.
pub(super) fn recorded_wire(version: &str) -> BTreeMap<String, Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rest").join(version);
    let text = std::fs::read_to_string(path.join("wire-behaviour.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}
