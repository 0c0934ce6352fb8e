//! Connections: TCP, TLS over it, and what a server says before it has heard everything.
//!
//! The HTTP library's own connections lack some things. A server that refuses an upload early (a proxy with a limit)
//! answers and closes while the client still sends; the answer is there to be read, and must not be lost to the error
//! of the write. A handshake that breaks is told from a request that breaks: nothing was sent. TLS is set up before
//! the first request, with checks of certificates that the library does not offer. And a host's name is looked up when
//! a connection is made, within the limit for that, not before every request and for as long as the system likes. Two
//! more that it has are kept from it: an answer without an end is not read for ever, and what is secret in a request is
//! put in where the library, which logs what it writes, does not see it. All of it is made of parts of the library that
//! may change in its minor versions: the manifest names one.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};

use crate::rest::tls::Tls;

thread_local! {
    /// How far the request is that this thread sends. A request is sent and its answer read by one thread, and the
    /// library's interfaces leave no other way to say it.
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Connecting) };

    /// Lines of the request's head that are still to be put in.
    static SECRET_LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// Something of it was given to the connection.
    Sending,
    /// The server stopped reading it.
    CutOff,
}

/// Before a request. `secret_lines` are whole lines of its head, each with its end.
pub(crate) fn begin(secret_lines: Vec<u8>) {
    STAGE.set(Stage::Connecting);
    SECRET_LINES.set(secret_lines);
}

/// Whether something of the request that this thread sends, or has sent, may have arrived.
pub(crate) fn has_begun() -> bool {
    STAGE.get() != Stage::Connecting
}

/// Whether the request that this thread sends, or has sent, did not go out whole.
pub(crate) fn is_cut_off() -> bool {
    STAGE.get() == Stage::CutOff
}

/// Runs what may send requests of its own on this thread, in the midst of one, and goes on with that one's stage.
pub(crate) fn aside<T>(run: impl FnOnce() -> T) -> T {
    let (stage, lines) = (STAGE.get(), SECRET_LINES.take());
    let result = run();
    STAGE.set(stage);
    SECRET_LINES.set(lines);
    result
}

/// The addresses of a host. A look-up that takes longer than the limit goes on in a thread of its own, which nobody waits
/// for.
pub(crate) fn resolve(host: &str, port: u16, limit: std::time::Duration) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let uri = format!("http://{host}:{port}").parse::<Uri>();
    let uri = uri.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let limit = NextTimeout { after: limit.into(), reason: ureq::Timeout::Resolve, ..NextTimeout::default() };
    match DefaultResolver::default().resolve(&uri, &Config::default(), limit) {
        Ok(addresses) => Ok(addresses.to_vec()),
        Err(ureq::Error::Timeout(_)) => Err(io::ErrorKind::TimedOut.into()),
        Err(error) => Err(error.into_io()),
    }
}

/// `most` is how many bytes an answer may have on the wire, head and all.
pub(crate) fn agent(config: Config, tls: &Tls, resolver: impl Resolver, most: u64) -> Agent {
    let dial = Dial { resolver, tcp: TcpConnector::default() };
    let tcp = ().chain(ConnectProxyConnector::default()).chain(dial);
    #[cfg(feature = "tls")]
    let secured = tcp.chain(secure::Secure(tls.0.clone()));
    #[cfg(not(feature = "tls"))]
    let (secured, Tls()) = (tcp, tls);
    Agent::with_parts(config, secured.chain(Listen { most }), NotYet)
}

/// The library resolves before it looks for a connection that is kept. Whoever makes a connection resolves then.
#[derive(Debug)]
struct NotYet;

impl Resolver for NotYet {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Looks the host up and connects to the first of its addresses that answers.
#[derive(Debug)]
struct Dial<R> {
    resolver: R,
    tcp: TcpConnector,
}

impl<In: Transport, R: Resolver> Connector<In> for Dial<R> {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        inner: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let addrs = if inner.is_some() {
            self.resolver.empty()
        } else if let Some(address) = literal(details.uri) {
            let mut one = self.resolver.empty();
            one.push(address);
            one
        } else {
            self.resolver.resolve(details.uri, details.config, details.timeout)?
        };
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: (details.current_time)(),
            timeout: NextTimeout { after: left(details)?, ..details.timeout },
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        };
        self.tcp.connect(&details, inner)
    }
}

/// An address that is none to be looked up, for which the resolver would start a thread.
fn literal(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = uri.port_u16().or(match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    })?;
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
}

/// What is left of the one limit that resolving, connecting and the handshake have.
fn left(details: &ConnectionDetails) -> Result<Duration, ureq::Error> {
    let (Duration::Exact(limit), Instant::Exact(begun), Instant::Exact(now)) =
        (details.timeout.after, details.now, (details.current_time)())
    else {
        return Ok(details.timeout.after);
    };
    match limit.checked_sub(now.saturating_duration_since(begun)) {
        Some(left) if !left.is_zero() => Ok(Duration::Exact(left)),
        _ => Err(ureq::Error::Timeout(ureq::Timeout::Connect)),
    }
}

/// A handshake that ended without a word, as when the server closes the connection. Nothing of the request was sent.
#[derive(Debug, thiserror::Error)]
#[error("the TLS handshake broke: {0}")]
pub(crate) struct HandshakeBroke(pub(crate) io::Error);

/// What came back for a request in plain HTTP is a message of TLS.
#[derive(Debug, thiserror::Error)]
#[error("the server speaks TLS here")]
pub(crate) struct SpeaksTls;

/// Makes every connection one that still reads when it cannot write, and that does not read for ever: the library limits
/// an answer's head and its content, but not what stands between and after chunks.
#[derive(Debug)]
struct Listen {
    most: u64,
}

impl<In: Transport> Connector<In> for Listen {
    type Out = Listening<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        inner: Option<In>,
    ) -> Result<Option<Listening<In>>, ureq::Error> {
        let most = self.most;
        Ok(inner.map(|inner| Listening {
            inner,
            cut_off: false,
            heard: false,
            fresh: false,
            received: 0,
            most,
        }))
    }
}

#[derive(Debug)]
struct Listening<T> {
    inner: T,
    cut_off: bool,
    heard: bool,
    /// It was read from since it was last asked whether it is open.
    fresh: bool,
    /// Since something was last sent.
    received: u64,
    most: u64,
}

impl<T: Transport> Transport for Listening<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.received = 0;
        let output = &self.inner.buffers().output()[..amount];
        // A tunnel through a proxy, and a handshake in it, are made with connections of this kind too.
        if has_begun() || !begins_request(output) {
            return self.transmit(amount, timeout);
        }
        STAGE.set(Stage::Sending);
        let lines = SECRET_LINES.take();
        // The library gives the first line as a whole.
        let Some(end) = output.windows(2).position(|pair| pair == b"\r\n").filter(|_| !lines.is_empty())
        else {
            return self.transmit(amount, timeout);
        };
        let (first, rest) = output.split_at(end + 2);
        for piece in [first, &lines, rest].concat().chunks(amount) {
            self.inner.buffers().output()[..piece.len()].copy_from_slice(piece);
            self.transmit(piece.len(), timeout)?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let before = self.inner.buffers().input().len();
        let more = self.inner.await_input(coarse(timeout))?;
        self.fresh = more;
        let arrived = self.inner.buffers().input().len().saturating_sub(before);
        self.received = self.received.saturating_add(arrived as u64);
        if self.received > self.most {
            return Err(ureq::Error::BodyExceedsLimit(self.most));
        }
        if !self.heard && more && !self.inner.is_tls() {
            self.heard = true;
            // The alert of a server that was not greeted as TLS does.
            if self.inner.buffers().input().starts_with(&[0x15, 0x03]) {
                return Err(ureq::Error::Other(Box::new(SpeaksTls)));
            }
        }
        Ok(more)
    }

    /// To look costs three calls of the system. The library looks twice for each request: when it puts a connection back,
    /// right after its answer, and when it takes it out. What came or ended until then the second look finds.
    fn is_open(&mut self) -> bool {
        let fresh = std::mem::take(&mut self.fresh);
        !self.cut_off && (fresh || self.inner.is_open())
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T: Transport> Listening<T> {
    fn transmit(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.cut_off {
            return Ok(());
        }
        match self.inner.transmit_output(amount, coarse(timeout)) {
            Err(ureq::Error::Io(error)) if is_broken(&error) => {
                // Why, the next read tells: an answer, or the end of the connection.
                self.cut_off = true;
                if has_begun() {
                    STAGE.set(Stage::CutOff);
                }
                Ok(())
            }
            other => other,
        }
    }
}

fn begins_request(output: &[u8]) -> bool {
    ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|method| output.starts_with(method.as_bytes()))
}

/// A limit that is longer by a sixteenth at most. What is left of one shrinks all the time, and the library sets a
/// socket's limit, by a call of the system, whenever it is another than before: this one stays the same for a while.
fn coarse(timeout: NextTimeout) -> NextTimeout {
    let Duration::Exact(left) = timeout.after else { return timeout };
    let Ok(nanoseconds) = u64::try_from(left.as_nanos()) else { return timeout };
    let step = 1_u64 << nanoseconds.max(16).ilog2().saturating_sub(4);
    let Some(rounded) = nanoseconds.checked_next_multiple_of(step) else { return timeout };
    NextTimeout { after: Duration::Exact(std::time::Duration::from_nanos(rounded)), ..timeout }
}

fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

#[cfg(feature = "tls")]
mod secure {
    use std::fmt;
    use std::io::{Read, Write};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, Stream};
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
            socket.set_timeout(NextTimeout { after: left(details)?, ..details.timeout });
            connection.complete_io(&mut socket).map_err(broke)?;
            let (input, output) = (details.config.input_buffer_size(), details.config.output_buffer_size());
            let buffers = LazyBuffers::new(input, output);
            Ok(Some(Either::B(Secured { buffers, connection, socket })))
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
mod tests;
