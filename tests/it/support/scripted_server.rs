//! A server on a real socket that does what each test tells it, well or badly.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::ReceivedRequest;
use super::request::{finish, read_body, read_head};

/// What happens when a request (or a connection) has come: what is sent, and how it ends.
///
/// Made by a constructor that says what is sent, then changed by [`at_accept`](Self::at_accept) or
/// [`before_body`](Self::before_body), which say when, and by [`close`](Self::close), [`reset`](Self::reset) or
/// [`stall`](Self::stall), which say what comes after. By default it comes after the whole request, and the
/// connection is kept.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    when: When,
    acts: Vec<Act>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Accepted,
    Head,
    Request,
}

#[derive(Clone, Debug)]
enum Act {
    Send(Vec<u8>),
    Drip(Vec<u8>, Duration),
    Flood(Vec<u8>),
    Drain,
    Stall,
    Close,
    Reset,
}

impl Reply {
    /// Sends nothing.
    pub(crate) fn nothing() -> Self {
        Self { when: When::Request, acts: Vec::new() }
    }

    /// Sends these bytes, whatever they are.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::nothing().and_raw(bytes)
    }

    /// A well-formed answer.
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut answer = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        answer.push_str("\r\n");
        Self::raw([answer.as_bytes(), body].concat())
    }

    /// A well-formed answer in JSON, as Flink gives it.
    pub(crate) fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::new(status, &[("content-type", "application/json; charset=UTF-8")], body)
    }

    /// A page for people, as proxies and login gateways give it.
    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::new(status, &[("content-type", "text/html; charset=utf-8")], body)
    }

    /// Then these bytes.
    pub(crate) fn and_raw(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.acts.push(Act::Send(bytes.into()));
        self
    }

    /// Then these bytes one by one, with a pause after each.
    pub(crate) fn and_drip(mut self, bytes: impl Into<Vec<u8>>, pause: Duration) -> Self {
        self.acts.push(Act::Drip(bytes.into(), pause));
        self
    }

    /// Then these bytes again and again until the client goes away.
    pub(crate) fn and_flood(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.acts.push(Act::Flood(bytes.into()));
        self
    }

    /// Then reads and forgets what the client still sends, until it stops sending for a moment.
    pub(crate) fn drain(mut self) -> Self {
        self.acts.push(Act::Drain);
        self
    }

    /// Then nothing more, with the connection open.
    pub(crate) fn stall(mut self) -> Self {
        self.acts.push(Act::Stall);
        self
    }

    /// Then an orderly end of the connection.
    pub(crate) fn close(mut self) -> Self {
        self.acts.push(Act::Close);
        self
    }

    /// Then a disorderly end: the client gets a reset.
    pub(crate) fn reset(mut self) -> Self {
        self.acts.push(Act::Reset);
        self
    }

    /// As soon as the connection stands, before anything is read.
    pub(crate) fn at_accept(mut self) -> Self {
        self.when = When::Accepted;
        self
    }

    /// As soon as the head of the request is there; the body is not read.
    pub(crate) fn before_body(mut self) -> Self {
        self.when = When::Head;
        self
    }

    fn resets(&self) -> bool {
        self.acts.iter().any(|act| matches!(act, Act::Reset))
    }
}

type Decide = Box<dyn FnMut(Option<&ReceivedRequest>) -> Option<Reply> + Send>;

/// Listens on a free port of loopback, each connection on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    decides_by_body: bool,
    decide: Mutex<Decide>,
    requests: Mutex<Vec<ReceivedRequest>>,
    connections: AtomicUsize,
    open: Mutex<Vec<Weak<TcpStream>>>,
    serving: Mutex<Vec<JoinHandle<()>>>,
    panicked: AtomicUsize,
    stopped: AtomicBool,
}

impl ScriptedServer {
    /// Gives one reply after the other. A request beyond the last one is answered as one that the test did not expect:
    /// count them.
    pub(crate) fn playing(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        Self::start(
            false,
            Box::new(move |request| {
                let at_accept = replies.front().is_some_and(|reply| reply.when == When::Accepted);
                match request {
                    None if at_accept => replies.pop_front(),
                    None => None,
                    Some(_) => Some(replies.pop_front().unwrap_or_else(unexpected)),
                }
            }),
        )
    }

    /// Gives this reply every time.
    pub(crate) fn always(reply: Reply) -> Self {
        Self::start(
            false,
            Box::new(move |request| match request {
                None if reply.when != When::Accepted => None,
                _ => Some(reply.clone()),
            }),
        )
    }

    /// Replies to each request, once it is there as a whole, as `decide` says.
    pub(crate) fn deciding(mut decide: impl FnMut(&ReceivedRequest) -> Reply + Send + 'static) -> Self {
        Self::start(true, Box::new(move |request| request.map(&mut decide)))
    }

    fn start(decides_by_body: bool, decide: Decide) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let shared = Arc::new(Shared {
            decides_by_body,
            decide: Mutex::new(decide),
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            serving: Mutex::default(),
            panicked: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept(&listener))
        };
        Self { address, shared, accepting: Some(accepting) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What arrived so far: whole requests, and those whose reply came before their body.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// What arrived since this was last asked for. It is forgotten here.
    pub(crate) fn take_requests(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut lock(&self.shared.requests))
    }

    /// `METHOD /path?query` of each.
    pub(crate) fn lines(&self) -> Vec<String> {
        lock(&self.shared.requests).iter().map(ReceivedRequest::line).collect()
    }

    /// How many connections were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections neither side has ended so far.
    pub(crate) fn open_connections(&self) -> usize {
        lock(&self.shared.open).iter().filter(|stream| stream.strong_count() > 0).count()
    }

    /// Ends every connection that is open now, in an orderly way.
    pub(crate) fn close_connections(&self) {
        for stream in lock(&self.shared.open).drain(..).filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.close_connections();
        let serving = std::mem::take(&mut *lock(&self.shared.serving));
        self.shared.join(serving);
        let panicked = self.shared.panicked.load(Ordering::SeqCst);
        assert!(panicked == 0 || thread::panicking(), "the server got what it could not read: see above");
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let number = self.connections.fetch_add(1, Ordering::SeqCst);
            let _ = stream.set_nodelay(true);
            let stream = Arc::new(stream);
            {
                let mut open = lock(&self.open);
                open.retain(|stream| stream.strong_count() > 0);
                open.push(Arc::downgrade(&stream));
            }
            let shared = Arc::clone(self);
            let serving = thread::spawn(move || {
                // A client that goes away is none of the server's business.
                let _ = shared.serve(stream, number);
            });
            let ended = {
                let mut all = lock(&self.serving);
                all.push(serving);
                let (ended, going_on) =
                    std::mem::take(&mut *all).into_iter().partition(JoinHandle::is_finished);
                *all = going_on;
                ended
            };
            self.join(ended);
        }
    }

    fn join(&self, threads: Vec<JoinHandle<()>>) {
        let panicked = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        self.panicked.fetch_add(panicked, Ordering::SeqCst);
    }

    fn serve(&self, stream: Arc<TcpStream>, connection: usize) -> io::Result<()> {
        if let Some(reply) = self.decide(None) {
            return match reply.play(stream, &self.stopped)? {
                Some(stream) => self.serve_requests(&stream, connection),
                None => Ok(()),
            };
        }
        self.serve_requests(&stream, connection)
    }

    fn serve_requests(&self, stream: &Arc<TcpStream>, connection: usize) -> io::Result<()> {
        let mut stream = Arc::clone(stream);
        while let Some(mut request) = read_head(&stream)? {
            request.connection = connection;
            let mut whole = self.decides_by_body;
            if whole {
                read_body(&stream, &mut request)?;
            }
            let reply = self.decide(Some(&request)).unwrap_or_else(unexpected);
            if !whole && reply.when == When::Request {
                read_body(&stream, &mut request)?;
                whole = true;
            }
            lock(&self.requests).push(request);
            if whole && !reply.resets() {
                finish(&stream)?;
            }
            match reply.play(stream, &self.stopped)? {
                Some(kept) => stream = kept,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn decide(&self, request: Option<&ReceivedRequest>) -> Option<Reply> {
        (lock(&self.decide))(request)
    }
}

impl Reply {
    /// Gives the connection back if it goes on.
    fn play(self, stream: Arc<TcpStream>, stopped: &AtomicBool) -> io::Result<Option<Arc<TcpStream>>> {
        let mut socket = &*stream;
        for act in self.acts {
            match act {
                Act::Send(bytes) => socket.write_all(&bytes)?,
                Act::Drip(bytes, pause) => {
                    for byte in bytes {
                        socket.write_all(&[byte])?;
                        thread::sleep(pause);
                    }
                }
                Act::Flood(bytes) => loop {
                    socket.write_all(&bytes)?;
                },
                Act::Drain => {
                    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
                    let mut scrap = vec![0; 64 * 1024];
                    while socket.read(&mut scrap).is_ok_and(|count| count > 0) {}
                    socket.set_read_timeout(None)?;
                }
                Act::Stall => {
                    // Not a read: what the client still sends has to stay where it is.
                    while !stopped.load(Ordering::SeqCst) {
                        thread::sleep(Duration::from_millis(5));
                    }
                    return Ok(None);
                }
                Act::Close => {
                    let _ = socket.shutdown(Shutdown::Both);
                    return Ok(None);
                }
                // What has not been read makes a reset of the close.
                Act::Reset => return Ok(None),
            }
        }
        Ok(Some(stream))
    }
}

fn unexpected() -> Reply {
    Reply::json(500, r#"{"errors":["the test did not expect this request"]}"#).close()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("connections", &self.connections).finish_non_exhaustive()
    }
}
