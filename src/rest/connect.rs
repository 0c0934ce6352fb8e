//! Connections: TCP, TLS over it, and what a server says before it has heard everything.
//!
//! The HTTP library's own connections lack three things. A server that refuses an upload early (a proxy with a limit)
//! answers and closes while the client still sends; the answer is there to be read, and must not be lost to the error
//! of the write. A handshake that breaks is told from a request that breaks: nothing was sent. And TLS is set up before
//! the first request, with checks of certificates that the library does not offer. All of it is made of parts of the
//! library that may change in its minor versions: the manifest names one.

use std::cell::Cell;
use std::io;

use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::Resolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};

use crate::rest::tls::Tls;

thread_local! {
    /// Whether the server stopped reading the request that this thread is sending. A request is sent and its answer
    /// read by one thread, and the library's interfaces leave no other way to say it.
    static CUT_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Before a request.
pub(crate) fn begin() {
    CUT_OFF.set(false);
}

/// Whether the request that this thread sends, or has sent, did not go out whole.
pub(crate) fn is_cut_off() -> bool {
    CUT_OFF.get()
}

pub(crate) fn agent(config: Config, tls: &Tls, resolver: impl Resolver) -> Agent {
    let tcp = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
    #[cfg(feature = "tls")]
    let secured = tcp.chain(secure::Secure(tls.0.clone()));
    #[cfg(not(feature = "tls"))]
    let (secured, Tls()) = (tcp, tls);
    Agent::with_parts(config, secured.chain(Listen), resolver)
}

/// A handshake that ended without a word, as when the server closes the connection. Nothing of the request was sent.
#[derive(Debug, thiserror::Error)]
#[error("the TLS handshake broke: {0}")]
pub(crate) struct HandshakeBroke(pub(crate) io::Error);

/// What came back for a request in plain HTTP is a message of TLS.
#[derive(Debug, thiserror::Error)]
#[error("the server speaks TLS here")]
pub(crate) struct SpeaksTls;

/// Makes every connection one that still reads when it cannot write.
#[derive(Debug)]
struct Listen;

impl<In: Transport> Connector<In> for Listen {
    type Out = Listening<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        inner: Option<In>,
    ) -> Result<Option<Listening<In>>, ureq::Error> {
        Ok(inner.map(|inner| Listening { inner, cut_off: false, heard: false }))
    }
}

#[derive(Debug)]
struct Listening<T> {
    inner: T,
    cut_off: bool,
    heard: bool,
}

impl<T: Transport> Transport for Listening<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.cut_off {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(ureq::Error::Io(error)) if is_broken(&error) => {
                // Why, the next read tells: an answer, or the end of the connection.
                self.cut_off = true;
                CUT_OFF.set(true);
                Ok(())
            }
            other => other,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let more = self.inner.await_input(timeout)?;
        if !self.heard && more && !self.inner.is_tls() {
            self.heard = true;
            // The alert of a server that was not greeted as TLS does.
            if self.inner.buffers().input().starts_with(&[0x15, 0x03]) {
                return Err(ureq::Error::Other(Box::new(SpeaksTls)));
            }
        }
        Ok(more)
    }

    fn is_open(&mut self) -> bool {
        !self.cut_off && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

#[cfg(feature = "tls")]
mod secure {
    use std::fmt;
    use std::io::{Read, Write};
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, Stream};
    use ureq::unversioned::transport::time::Duration;
    use ureq::unversioned::transport::{Either, LazyBuffers, TransportAdapter};

    use super::*;

    /// Puts TLS over connections to `https` addresses.
    pub(super) struct Secure(pub(super) Arc<ClientConfig>);

    impl fmt::Debug for Secure {
        /// The configuration holds a key.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Secure").finish_non_exhaustive()
        }
    }

    impl<In: Transport> Connector<In> for Secure {
        type Out = Either<In, Secured>;

        fn connect(
            &self,
            details: &ConnectionDetails,
            inner: Option<In>,
        ) -> Result<Option<Self::Out>, ureq::Error> {
            let Some(inner) = inner else { return Ok(None) };
            if !details.needs_tls() || inner.is_tls() {
                return Ok(Some(Either::A(inner)));
            }
            let host = details.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| ureq::Error::Tls("the host's name is none that a certificate could have"))?;
            let mut connection = ClientConnection::new(Arc::clone(&self.0), name)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let mut socket = TransportAdapter::new(inner.boxed(), Arc::clone(&details.current_time));
            // One limit for connecting and the handshake.
            let mut timeout = details.timeout;
            timeout.after = left(timeout.after, details)?;
            socket.set_timeout(timeout);
            connection.complete_io(&mut socket).map_err(broke)?;
            let (input, output) = (details.config.input_buffer_size(), details.config.output_buffer_size());
            let buffers = LazyBuffers::new(input, output);
            Ok(Some(Either::B(Secured { buffers, connection, socket })))
        }
    }

    fn left(limit: Duration, details: &ConnectionDetails) -> Result<Duration, ureq::Error> {
        use ureq::unversioned::transport::time::Instant::Exact;
        let Duration::Exact(limit) = limit else { return Ok(limit) };
        let (Exact(begun), Exact(now)) = (details.now, (details.current_time)()) else {
            return Ok(Duration::Exact(limit));
        };
        match limit.checked_sub(now.saturating_duration_since(begun)) {
            Some(left) if !left.is_zero() => Ok(Duration::Exact(left)),
            _ => Err(ureq::Error::Timeout(ureq::Timeout::Connect)),
        }
    }

    fn broke(error: io::Error) -> ureq::Error {
        match ureq::Error::from(error) {
            ureq::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                ureq::Error::Other(Box::new(HandshakeBroke(error)))
            }
            other => other,
        }
    }

    pub(super) struct Secured {
        buffers: LazyBuffers,
        connection: ClientConnection,
        socket: TransportAdapter,
    }

    impl fmt::Debug for Secured {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Secured").field("over", self.socket.get_ref()).finish_non_exhaustive()
        }
    }

    impl Transport for Secured {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
            self.socket.set_timeout(timeout);
            let output = &self.buffers.output()[..amount];
            Stream::new(&mut self.connection, &mut self.socket).write_all(output)?;
            Ok(())
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
            self.socket.set_timeout(timeout);
            let input = self.buffers.input_append_buf();
            loop {
                match self.connection.reader().read(input) {
                    Ok(count) => {
                        self.buffers.input_appended(count);
                        return Ok(count > 0);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
                // A server that reads no more may have said why: what cannot be written does not keep from reading.
                while self.connection.wants_write() && self.connection.write_tls(&mut self.socket).is_ok() {}
                self.connection.read_tls(&mut self.socket)?;
                if let Err(error) = self.connection.process_new_packets() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error).into());
                }
            }
        }

        fn is_open(&mut self) -> bool {
            self.socket.get_mut().is_open()
        }

        fn is_tls(&self) -> bool {
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::Mutex;
    use std::thread;

    use ureq::http::Uri;
    use ureq::unversioned::resolver::ResolvedSocketAddrs;

    use super::*;

    /// A host with several addresses.
    #[derive(Debug)]
    struct Several(Vec<SocketAddr>);

    impl Resolver for Several {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut all = self.empty();
            self.0.iter().for_each(|address| all.push(*address));
            Ok(all)
        }
    }

    /// Answers one request, and ends its connection.
    fn answering_once(listener: TcpListener) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        })
    }

    /// A host that moves with every look.
    #[derive(Debug)]
    struct Moving(Mutex<Vec<SocketAddr>>);

    impl Resolver for Moving {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut all = self.empty();
            all.push(self.0.lock().unwrap().remove(0));
            Ok(all)
        }
    }

    #[test]
    fn a_host_is_resolved_anew_for_every_connection() {
        let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let config = Config::builder().proxy(None).build();
        let agent = agent(config, &Tls::default(), Moving(Mutex::new(addresses)));
        for server in listeners.map(answering_once) {
            assert_eq!(agent.get("http://moving.test/").call().unwrap().status(), 204);
            // Its connection is closed by now, and is not used again.
            server.join().unwrap();
        }
    }

    #[test]
    fn a_host_with_a_dead_address_is_reached_by_another() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let live = listener.local_addr().unwrap();
        let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let dead_6: SocketAddr = ([0, 0, 0, 0, 0, 0, 0, 1], dead.port()).into();
        let server = answering_once(listener);
        let config = Config::builder().proxy(None).build();
        let agent = agent(config, &Tls::default(), Several(vec![dead_6, dead, live]));
        assert_eq!(agent.get("http://several.test/").call().unwrap().status(), 204);
        server.join().unwrap();
    }
}
