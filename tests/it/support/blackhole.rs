//! A port that swallows connections, as a firewall does.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Its queue of connections that nobody accepts is full, so the system answers no more of them: connecting neither
/// succeeds nor fails.
#[derive(Debug)]
pub(crate) struct Blackhole {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Blackhole {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let mut queued = Vec::new();
        // The queue's length is the system's affair. It is full when a connection on loopback takes this long.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(150)) {
            queued.push(stream);
            assert!(queued.len() < 100_000, "a queue without an end");
        }
        Self { address, _listener: listener, _queued: queued }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
