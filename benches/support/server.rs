//! A server for measuring clients: quick, and the same for everyone.
//!
//! A thread for each connection, one read and one write for each request, answers that were made beforehand, and no
//! allocation between the first request of a connection and its end. So what is measured is the client and the kernel,
//! and allocations that are counted while it serves are the client's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// An answer as it goes over the wire, head and body.
pub(crate) type Answer = Arc<[u8]>;

/// Which answer belongs to a method and a target. Called for every request, so it only chooses.
pub(crate) type Route = dyn Fn(&str, &str) -> Answer + Send + Sync;

/// Holds any head, and uploads are read in pieces of it.
const BUFFER: usize = 256 * 1024;

/// Listens on a free port of loopback until it is dropped; connections that are open then end with their clients.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    stopped: AtomicBool,
}

/// A well-formed answer in JSON, as Flink gives it.
pub(crate) fn json(body: &str) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat().into()
}

impl Server {
    /// Answers as `route` says.
    ///
    /// # Errors
    /// No port can be had.
    pub(crate) fn start(route: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let (route, shared): (Arc<Route>, _) = (Arc::new(route), Arc::clone(&counts));
        thread::Builder::new().name("server-accept".into()).spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (route, shared) = (Arc::clone(&route), Arc::clone(&shared));
                // A client that goes away is none of the server's business; a thread that cannot be had ends the
                // connection, which the client reports.
                let _ = thread::Builder::new()
                    .name("server-connection".into())
                    .stack_size(256 * 1024)
                    .spawn(move || serve(stream, &*route, &shared.requests));
            }
        })?;
        Ok(Self { address, counts })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many requests were answered so far.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.counts.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, route: &Route, requests: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        let head_ends = loop {
            if let Some(end) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            let count = stream.read(&mut buffer[filled..])?;
            if count == 0 {
                return Ok(());
            }
            filled += count;
        };
        let head = std::str::from_utf8(&buffer[..head_ends]).map_err(io::Error::other)?;
        let mut words = head.split(' ');
        let answer = route(words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut body_left = content_length(head);
        let closes = head.lines().any(|line| line.eq_ignore_ascii_case("connection: close"));
        if head.lines().any(|line| line.eq_ignore_ascii_case("expect: 100-continue")) {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        // What came with the head may be the body's beginning; nobody here sends the next request before the answer.
        body_left = body_left.saturating_sub((filled - head_ends) as u64);
        filled = 0;
        while body_left > 0 {
            let most = usize::try_from(body_left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let count = stream.read(&mut buffer[..most])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            body_left -= count as u64;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        stream.write_all(&answer)?;
        if closes {
            return Ok(());
        }
    }
}

fn content_length(head: &str) -> u64 {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    value.unwrap_or(0)
}
