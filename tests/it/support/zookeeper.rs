//! A ZooKeeper on a real socket that knows one node, or says and does what else a test tells it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::prelude::*;

/// What a session gets.
#[derive(Clone, Debug)]
pub(crate) enum Session {
    /// The node holds this leader's address, as Flink writes it.
    Leader(String),
    /// The node holds these bytes.
    Data(Vec<u8>),
    /// Every request of the session, but the credentials, is answered with this error.
    Refused(i32),
    /// The credentials are refused.
    Unauthorized,
    /// No session is opened, since this one is over.
    Expired,
    /// These bytes, instead of opening a session, and the end.
    Raw(Vec<u8>),
    /// Byte by byte, and never the last one.
    Drip,
}

/// Gives each session what is next; the last one for ever.
#[derive(Debug)]
pub(crate) struct ScriptedZooKeeper {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    sessions: Mutex<VecDeque<Session>>,
    seen: Mutex<Vec<Seen>>,
    stopped: Mutex<bool>,
}

/// What a session asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) credentials: Vec<(String, String)>,
    pub(crate) path: Option<String>,
    pub(crate) closed: bool,
}

impl ScriptedZooKeeper {
    pub(crate) fn playing(sessions: impl IntoIterator<Item = Session>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let shared = Arc::new(Shared {
            sessions: Mutex::new(sessions.into_iter().collect()),
            seen: Mutex::default(),
            stopped: Mutex::new(false),
        });
        let serving = Arc::clone(&shared);
        // One session after the other: what was seen is complete when the next one is.
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if *lock(&serving.stopped) {
                    return;
                }
                let number = {
                    let mut seen = lock(&serving.seen);
                    seen.push(Seen::default());
                    seen.len() - 1
                };
                // A client that is gone is its own affair.
                let _ = stream.and_then(|stream| serving.serve(stream, number));
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The next session gets this, and all that follow.
    pub(crate) fn now(&self, session: Session) {
        *lock(&self.shared.sessions) = [session].into();
    }
}

impl Drop for ScriptedZooKeeper {
    fn drop(&mut self) {
        *lock(&self.shared.stopped) = true;
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let panicked = accepting.join().is_err();
            assert!(!panicked || thread::panicking(), "ZooKeeper got what it could not read: see above");
        }
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream, number: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let session = {
            let mut sessions = lock(&self.sessions);
            if sessions.len() > 1 { sessions.pop_front() } else { sessions.front().cloned() }
        };
        let session = session.expect("a session");
        let Some(hello) = message(&mut stream)? else { return Ok(()) };
        // Protocol version, last change, time-out, session, password, reads only.
        assert_eq!(hello.len(), 4 + 8 + 4 + 8 + 4 + 16 + 1, "{hello:?}");
        match &session {
            Session::Raw(bytes) => return stream.write_all(bytes),
            Session::Drip => {
                // Announces more than it will ever send.
                stream.write_all(&[0, 0, 0x0f, 0xff])?;
                while !*lock(&self.stopped) {
                    stream.write_all(&[0])?;
                    thread::sleep(Duration::from_millis(20));
                }
                return Ok(());
            }
            _ => {}
        }
        let timeout = if matches!(session, Session::Expired) { 0 } else { int(&hello[12..]) };
        let opened =
            [&int_bytes(0), &int_bytes(timeout), &[7; 8][..], &int_bytes(16), &[1; 16], &[0]].concat();
        send(&mut stream, &opened)?;
        while let Some(request) = message(&mut stream)? {
            let (id, kind) = (int(&request), int(&request[4..]));
            let answer =
                |code: i32, body: &[u8]| [&int_bytes(id), &[0; 8][..], &int_bytes(code), body].concat();
            match (kind, &session) {
                (100, _) => {
                    let (scheme, rest) = text(&request[12..]);
                    let (credentials, _) = text(rest);
                    lock(&self.seen)[number].credentials.push((scheme, credentials));
                    let code = if matches!(session, Session::Unauthorized) { -115 } else { 0 };
                    // What the client did not ask for comes first: an event of a watch.
                    send(&mut stream, &[&int_bytes(-1), &[0; 8][..], &int_bytes(0), b"event"].concat())?;
                    send(&mut stream, &answer(code, &[]))?;
                }
                (4, Session::Refused(code)) => {
                    lock(&self.seen)[number].path = Some(text(&request[8..]).0);
                    send(&mut stream, &answer(*code, &[]))?;
                }
                (4, _) => {
                    lock(&self.seen)[number].path = Some(text(&request[8..]).0);
                    let data = match &session {
                        Session::Leader(address) => leader_node(address),
                        Session::Data(data) => data.clone(),
                        other => panic!("{other:?} has no node"),
                    };
                    let length = int_bytes(i32::try_from(data.len()).expect("a small node"));
                    send(&mut stream, &answer(0, &[&length[..], &data, &[0; 68]].concat()))?;
                }
                (-11, _) => lock(&self.seen)[number].closed = true,
                (other, _) => panic!("a request of type {other}"),
            }
        }
        Ok(())
    }
}

/// A leader's node as Flink has it: the address, then the id of its term, which is taken from a recorded one.
fn leader_node(address: &str) -> Vec<u8> {
    let recording: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/rest/2.3.0/ha-zookeeper-leader-znodes.json"))
            .unwrap();
    let node = recording["znodes"].as_object().unwrap().values().next().unwrap();
    let recorded = BASE64_STANDARD.decode(node["base64"].as_str().unwrap()).unwrap();
    let header = 4;
    let block = 2 + usize::from(recorded[header + 1]);
    let length = u8::try_from(address.len()).expect("a short address");
    [&recorded[..header], &[0x77, length + 2, 0, length], address.as_bytes(), &recorded[header + block..]]
        .concat()
}

/// The next message, without its length; none at the end of the connection.
fn message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

fn send(stream: &mut TcpStream, record: &[u8]) -> io::Result<()> {
    let length = u32::try_from(record.len()).expect("a small record").to_be_bytes();
    stream.write_all(&[&length, record].concat())
}

fn int(bytes: &[u8]) -> i32 {
    i32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}

fn int_bytes(number: i32) -> [u8; 4] {
    number.to_be_bytes()
}

/// A text and what follows it.
fn text(bytes: &[u8]) -> (String, &[u8]) {
    let length = usize::try_from(int(bytes)).expect("a length");
    let (text, rest) = bytes[4..].split_at(length);
    (String::from_utf8(text.to_vec()).expect("a text"), rest)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
