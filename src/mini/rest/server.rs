//! The port: connections are taken, counted, served on threads, and ended.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::connection;
use super::endpoint::Endpoint;
use crate::mini::lock;
use crate::mini::threads::Threads;
use crate::runtime::timer::after;

/// A port that is taken, while there is nothing to serve on it yet.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// # Errors
    /// The operating system's: the port is in use, or the address is not this machine's.
    pub(crate) fn bind(address: IpAddr, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((address, port))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where programs of this machine reach it: what listens on all addresses does so on loopback too.
    pub(crate) fn reachable(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }
}

/// How much is served at a time, and how long is waited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// So many are served at a time, each on a thread. Of more, those that are idle make room.
    pub(crate) connections: usize,
    /// The longest body that is no upload.
    pub(crate) content: u64,
    /// The longest upload.
    pub(crate) upload: u64,
    /// How long a connection may be silent between two requests.
    pub(crate) idle: Duration,
    /// How long a request may take to arrive, and an answer to be taken, before its bytes are counted. A new connection
    /// is not silent for longer, either.
    pub(crate) patience: Duration,
    /// How long an operation may take (`web.timeout`).
    pub(crate) operation: Duration,
}

/// The REST API of one cluster, while it is served.
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    threads: Arc<Threads>,
}

/// The connections that are open.
struct Connections {
    state: Mutex<State>,
    most: usize,
}

#[derive(Default)]
struct State {
    closing: bool,
    numbered: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    stream: Arc<TcpStream>,
    /// Since when nothing has been asked for; not while it waits for a thread.
    idle: Option<Instant>,
}

impl Server {
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(bound: Bound, endpoint: Arc<Endpoint>) -> io::Result<Self> {
        let address = bound.reachable();
        let most = endpoint.limits.connections;
        let connections = Arc::new(Connections { state: Mutex::default(), most });
        // One more for who takes the connections.
        let threads = Threads::new("flink-mini-rest", most + 1);
        let (taking, serving) = (Arc::clone(&connections), Arc::clone(&threads));
        threads.run(move || take(&bound.listener, &taking, &serving, &endpoint))?;
        Ok(Self { address, connections, threads })
    }

    /// Where it is reached.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections are counted, and how many of them are idle.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = lock(&self.connections.state);
        (state.open.len(), state.open.values().filter(|open| open.idle.is_some()).count())
    }

    /// Takes no more connections, lets requests in flight be answered, and ends the others; whether its threads have
    /// ended within `patience`.
    pub(crate) fn close(&self, patience: Duration) -> bool {
        // Whoever is counted later sees `closing`, under the same lock, and is not served.
        {
            let mut state = lock(&self.connections.state);
            state.closing = true;
            state.end(Shutdown::Read);
        }
        let deadline = after(patience);
        // What is left when connections are ended that are still being answered.
        let last = Duration::from_secs(1).min(patience / 2);
        // Nothing but a connection wakes who waits for one. If it cannot be made, the next one will.
        if let Err(error) = TcpStream::connect_timeout(&self.address, last) {
            log::debug!("the mini cluster's REST port is not reached to be closed: {error}");
        }
        let left = || deadline.saturating_duration_since(Instant::now());
        if self.threads.close(left().saturating_sub(last)) {
            return true;
        }
        lock(&self.connections.state).end(Shutdown::Both);
        self.threads.close(left())
    }
}

impl State {
    fn end(&self, how: Shutdown) {
        for open in self.open.values() {
            // One that the other side has ended already says so.
            let _ = open.stream.shutdown(how);
        }
    }
}

impl Connections {
    /// Counts a connection: `None` if there are too many, or no more are wanted.
    fn count(self: &Arc<Self>, stream: TcpStream) -> Option<Connection> {
        let stream = Arc::new(stream);
        let mut state = lock(&self.state);
        if state.closing {
            return None;
        }
        if state.open.len() >= self.most {
            let idle = state.open.iter().filter_map(|(number, open)| Some((open.idle?, *number))).min();
            match idle {
                Some((_, number)) => {
                    if let Some(open) = state.open.remove(&number) {
                        let _ = open.stream.shutdown(Shutdown::Both);
                    }
                }
                // As many may wait for a thread.
                None if state.open.len() >= 2 * self.most => return None,
                None => {}
            }
        }
        state.numbered += 1;
        let number = state.numbered;
        state.open.insert(number, Open { stream: Arc::clone(&stream), idle: None });
        Some(Connection { stream, number, connections: Arc::clone(self) })
    }
}

/// A connection that is counted for as long as this is there.
pub(super) struct Connection {
    pub(super) stream: Arc<TcpStream>,
    number: u64,
    connections: Arc<Connections>,
}

impl Connection {
    /// Whether another request is waited for, or the first: if not, the connection is to end.
    ///
    /// When a connection came that had to wait for a thread, none was idle. So whichever is so first makes room, but not
    /// before it has been `answered`: the first request of one that has waited itself has most likely been sent.
    pub(super) fn idle(&self, answered: bool) -> bool {
        let mut state = lock(&self.connections.state);
        if state.closing || answered && state.open.len() > self.connections.most {
            return false;
        }
        match state.open.get_mut(&self.number) {
            Some(open) => open.idle = Some(Instant::now()),
            None => return false,
        }
        true
    }

    pub(super) fn busy(&self) {
        if let Some(open) = lock(&self.connections.state).open.get_mut(&self.number) {
            open.idle = None;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        lock(&self.connections.state).closing
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.connections.state).open.remove(&self.number);
    }
}

fn take(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    threads: &Arc<Threads>,
    endpoint: &Arc<Endpoint>,
) {
    loop {
        let accepted = listener.accept();
        if lock(&connections.state).closing {
            return;
        }
        match accepted {
            Ok((stream, _)) => {
                let Some(connection) = connections.count(stream) else { continue };
                let endpoint = Arc::clone(endpoint);
                if let Err(error) = threads.run(move || connection::serve(&connection, &endpoint)) {
                    log::warn!("the mini cluster has no thread for a connection: {error}");
                }
            }
            Err(error) => {
                log::debug!("the mini cluster takes no connection: {error}");
                // Out of file handles, most likely: that passes, but not by asking at once.
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
