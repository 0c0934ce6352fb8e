//! One request over HTTP. This file and [`connect`] are the only ones that know which HTTP library there is.
//!
//! Says of every failure what happened and whether the request may have reached the server; whether to try again is
//! decided elsewhere.

use std::error::Error as _;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::http::{self, HeaderName, HeaderValue, Request as HttpRequest};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, SendBody};

use crate::error::{Error, ErrorKind};
use crate::pending::operation::Scope;
use crate::rest::answer::{Answer, USE_HTTPS};
use crate::rest::bearer::Bearer;
use crate::rest::connect::{self, HandshakeBroke, SpeaksTls};
use crate::rest::endpoint::Method;
use crate::rest::multipart::{Body as MultipartBody, Multipart};
use crate::rest::tls::Tls;

/// What every connection and request of a client is held to.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connecting, TLS included: `rest.connection-timeout`.
    pub(crate) connect: Duration,
    /// Between two bytes: `rest.idleness-timeout`.
    pub(crate) idle: Duration,
    /// From the end of a request to the first byte of its answer, where the server answers without running a program.
    pub(crate) answer: Duration,
    /// The size of an answer: `rest.client.max-content-length`.
    pub(crate) content: u64,
}

/// How long an unused connection is kept, well below the five minutes after which Flink closes it.
const KEEP_IDLE: Duration = Duration::from_secs(60);

/// Connections kept at most: one for each request thread and for some threads that wait and send themselves.
const KEEP_CONNECTIONS: usize = 32;

/// JSON is small and answers are read whole: the library's default of 128 KiB each way would be most of a client's
/// memory.
const INPUT_BUFFER: usize = 32 * 1024;
const OUTPUT_BUFFER: usize = 16 * 1024;

/// A long answer is not copied again and again while it grows; but what a server merely announces takes no more memory
/// than this.
const RESERVED: u64 = 8 << 20;

/// Of an answer, before its body. Less than the input buffer: a larger head would look like the connection's end.
const LARGEST_HEAD: usize = 24 * 1024;

/// An answer may be twice as long on the wire as its content may be, for chunks, and have this much besides, for its
/// head and for interim answers. Real ones have a hundredth of it.
const WRAPPING: u64 = 256 * 1024;

/// Headers that are no secrets, and that the library would add if it did not see them.
const KNOWN_TO_THE_LIBRARY: [HeaderName; 3] =
    [http::header::USER_AGENT, http::header::ACCEPT, http::header::ACCEPT_ENCODING];

pub(crate) struct Transport {
    /// Empty once shut down.
    agent: Mutex<Option<Agent>>,
    setup: Arc<Setup>,
    scope: Arc<Scope>,
}

/// What agents are made of.
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    /// Sent with every request. May be secret.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Where the authorization comes from if it is not among the headers.
    pub(crate) bearer: Option<Arc<Bearer>>,
    pub(crate) tls: Tls,
    pub(crate) proxy: Option<ureq::Proxy>,
}

pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) body: Body<'a>,
    /// The server may run a program before it answers: only silence on the wire is limited.
    pub(crate) patient: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    None,
    Json(&'a [u8]),
    Multipart(&'a Multipart),
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Received {
    status: u16,
    https: bool,
    content_type: Option<String>,
    location: Option<String>,
    retry_after: Option<String>,
    /// In what the body is packed, though it was not asked for.
    encoding: Option<String>,
    body: Vec<u8>,
}

impl Received {
    pub(crate) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            https: self.https,
            content_type: self.content_type.as_deref(),
            location: self.location.as_deref(),
            retry_after: self.retry_after.as_deref(),
            encoding: self.encoding.as_deref(),
            body: &self.body,
        }
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) sent: Sent,
    /// The same request would fail the same way.
    pub(crate) lasting: bool,
}

/// How far a request without an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing of it reached the server.
    No,
    /// It may have arrived and taken effect.
    Perhaps,
}

impl Setup {
    fn agent(&self) -> Agent {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(self.proxy.clone())
            .user_agent(concat!("flink-client/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .accept_encoding("")
            .timeout_connect(Some(self.limits.connect))
            .timeout_recv_response(Some(self.limits.answer))
            .timeout_per_read(Some(self.limits.idle))
            .timeout_per_write(Some(self.limits.idle))
            .max_idle_connections(KEEP_CONNECTIONS)
            .max_idle_connections_per_host(KEEP_CONNECTIONS)
            .max_idle_age(KEEP_IDLE)
            .max_response_header_size(LARGEST_HEAD)
            .input_buffer_size(INPUT_BUFFER)
            .output_buffer_size(OUTPUT_BUFFER);
        let most = self.limits.content.saturating_mul(2).saturating_add(WRAPPING);
        connect::agent(config.build(), &self.tls, DefaultResolver::default(), most)
    }
}

impl Transport {
    pub(crate) fn new(setup: Arc<Setup>, scope: Arc<Scope>) -> Self {
        Self { agent: Mutex::new(Some(setup.agent())), setup, scope }
    }

    /// Another one to the same server that outlives the closing of this one.
    pub(crate) fn independent(&self) -> Self {
        Self::new(Arc::clone(&self.setup), Arc::new(Scope::default()))
    }

    /// Interrupts what is under way and refuses what comes. A thread that is just resolving a name or connecting
    /// notices when that ends.
    pub(crate) fn shut_down(&self) {
        self.scope.no_connection();
        let agent = self.agent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }

    /// Sends one request and reads its answer whole.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Received, Failure> {
        let agent = self.agent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let Some(agent) = agent else {
            return Err(closed());
        };
        let sent = self.authorized(&agent, request);
        match &sent {
            Ok((_, true)) => self.scope.connection_is_free(KEEP_IDLE - Duration::from_secs(5)),
            Ok((_, false)) => {}
            Err(_) => self.scope.no_connection(),
        }
        sent.map(|(answer, _)| answer)
    }

    /// With the bearer token, if there is a source of them. A server that refuses the token has done nothing, so the
    /// request is sent again with another, once.
    fn authorized(&self, agent: &Agent, request: &Request<'_>) -> Result<(Received, bool), Failure> {
        let Some(bearer) = &self.setup.bearer else {
            return self.exchange(agent, request, None);
        };
        let token = || bearer.header().map_err(|error| Failure { error, sent: Sent::No, lasting: false });
        let first = token()?;
        let (received, kept) = self.exchange(agent, request, Some(&first))?;
        if received.status != 401 {
            return Ok((received, kept));
        }
        bearer.refused(&first);
        let second = token()?;
        if second == first { Ok((received, kept)) } else { self.exchange(agent, request, Some(&second)) }
    }

    /// The answer, and whether the connection is kept.
    fn exchange(
        &self,
        agent: &Agent,
        request: &Request<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<(Received, bool), Failure> {
        let mut builder = HttpRequest::builder().method(request.method.as_str()).uri(request.url);
        let mut secret_lines = Vec::new();
        let authorization = authorization.map(|value| (&http::header::AUTHORIZATION, value));
        for (name, value) in self.setup.headers.iter().map(|(name, value)| (name, value)).chain(authorization)
        {
            if KNOWN_TO_THE_LIBRARY.contains(name) {
                builder = builder.header(name, value);
            } else {
                let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
                secret_lines.extend(line.concat());
            }
        }
        connect::begin(secret_lines);
        let response = match request.body {
            // Without a length the library would announce chunks, of which there are none: servers take it, but not
            // every gateway does.
            Body::None if matches!(request.method, Method::Post | Method::Put | Method::Patch) => {
                self.run(agent, request, builder.body(&[][..]))
            }
            Body::None => self.run(agent, request, builder.body(())),
            Body::Json(json) => {
                let builder = builder.header("content-type", "application/json; charset=UTF-8");
                self.run(agent, request, builder.body(json))
            }
            Body::Multipart(multipart) => {
                let body =
                    multipart.open().map_err(|error| Failure { error, sent: Sent::No, lasting: true })?;
                let builder = builder
                    .header("content-type", multipart.content_type())
                    .header("content-length", body.length());
                let mut upload = Upload { left: body.length(), body, failed: None };
                let sent = self.run(agent, request, builder.body(SendBody::from_reader(&mut upload)));
                match upload.failed {
                    // The server waits in vain for the rest, so nothing comes of it.
                    Some(error) => Err(Failure { error, sent: Sent::No, lasting: true }),
                    None => sent,
                }
            }
        }?;
        self.read(request, response)
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        agent: &Agent,
        request: &Request<'_>,
        built: Result<HttpRequest<B>, http::Error>,
    ) -> Result<http::Response<ureq::Body>, Failure> {
        let built = built.map_err(|error| invalid(request, &error))?;
        let limits = &self.setup.limits;
        // A configuration of its own costs a request a copy of the agent's.
        let (ready, limit) = if request.patient {
            (agent.configure_request(built).timeout_recv_response(Some(limits.idle)).build(), limits.idle)
        } else {
            (built, limits.answer)
        };
        agent.run(ready).map_err(|error| self.failure(request, error, limit))
    }

    fn read(
        &self,
        request: &Request<'_>,
        mut response: http::Response<ureq::Body>,
    ) -> Result<(Received, bool), Failure> {
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let cut_off = connect::is_cut_off();
        let kept = response.version() == http::Version::HTTP_11
            && !cut_off
            && !header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let content_type = header("content-type").map(str::to_owned);
        let location = header("location").map(str::to_owned);
        let retry_after = header("retry-after").map(str::to_owned);
        let encoding = header("content-encoding")
            .filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
            .map(str::to_owned);
        let status = response.status().as_u16();
        if cut_off && (200..300).contains(&status) {
            return Err(Failure {
                error: Error::new(
                    ErrorKind::ConnectionLost,
                    format!("the server answered {status} to a request that it had not read to its end"),
                ),
                sent: Sent::Perhaps,
                lasting: false,
            });
        }
        let limit = self.setup.limits.content;
        let announced = response.body().content_length().unwrap_or(0).min(RESERVED);
        let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        response
            .body_mut()
            .with_config()
            .limit(limit)
            .reader()
            .read_to_end(&mut body)
            .map_err(|error| self.failure(request, error.into(), self.setup.limits.idle))?;
        if encoding.is_some() {
            body.clear();
        }
        let https = is_https(request);
        Ok((Received { status, https, content_type, location, retry_after, encoding, body }, kept))
    }

    /// Whether the address of the cluster itself answered that nobody listens there: a proxy that refuses says nothing of
    /// who is behind it.
    pub(crate) fn is_refused(&self, error: &Error) -> bool {
        let source = error.source().and_then(|source| source.downcast_ref());
        self.setup.proxy.is_none()
            && matches!(source, Some(TransportError(ureq::Error::Io(io))) if io.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// The one table from what the network did to what happened.
    fn failure(&self, request: &Request<'_>, error: ureq::Error, limit: Duration) -> Failure {
        use ErrorKind::{Connect, ConnectionLost, Decode, TooLarge};
        use Sent::{No, Perhaps};
        let https = is_https(request);
        let upload = matches!(request.body, Body::Multipart(_));
        let (kind, sent, lasting, message, hint): (_, _, _, String, Option<&'static str>) = match &error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => (
                Connect,
                No,
                false,
                format!("no connection within {:?}", self.setup.limits.connect),
                Some(
                    "check the address, and that no firewall swallows it; the limit is rest.connection-timeout",
                ),
            ),
            ureq::Error::Timeout(_) => {
                (ErrorKind::Timeout, Perhaps, false, format!("no answer within {limit:?}"), None)
            }
            ureq::Error::HostNotFound => {
                (Connect, No, true, "the host has no usable address".into(), Some(CHECK_ADDRESS))
            }
            ureq::Error::Io(io) => return io_failure(io, https, upload).with_source(error),
            ureq::Error::TlsRequired => (
                ErrorKind::Unsupported,
                No,
                true,
                "this build of the library has no TLS".into(),
                Some("build it with the feature `tls`"),
            ),
            ureq::Error::Tls(what) => (ErrorKind::Tls, No, true, (*what).to_owned(), None),
            ureq::Error::Other(other) if other.is::<HandshakeBroke>() => {
                (Connect, No, false, other.to_string(), Some("does the server speak TLS on this port?"))
            }
            ureq::Error::BodyExceedsLimit(limit) => (
                TooLarge,
                Perhaps,
                true,
                format!("the answer is larger than {} bytes", (*limit).min(self.setup.limits.content)),
                Some("raise rest.client.max-content-length"),
            ),
            ureq::Error::LargeResponseHeader(..) => {
                (Decode, Perhaps, true, format!("the answer is no Flink's: {error}"), None)
            }
            ureq::Error::Protocol(_) => (
                Decode,
                Perhaps,
                true,
                format!("the server does not speak HTTP here: {error}"),
                Some("is this the port of Flink's REST API?"),
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                (ErrorKind::InvalidArgument, No, true, format!("the address cannot be used: {error}"), None)
            }
            ureq::Error::Other(other) if other.is::<SpeaksTls>() => {
                (ErrorKind::Tls, No, true, other.to_string(), Some(USE_HTTPS))
            }
            ureq::Error::ConnectProxyFailed(what) => {
                let unknown_user = what.contains("407");
                let kind = if unknown_user { ErrorKind::Authentication } else { Connect };
                (kind, No, unknown_user, format!("no way through the proxy: {what}"), None)
            }
            ureq::Error::BodyStalled => (ConnectionLost, Perhaps, false, BROKE.into(), None),
            other => (ConnectionLost, Perhaps, false, other.to_string(), None),
        };
        let mut failed = Error::new(kind, message);
        if let Some(hint) = hint {
            failed = failed.with_hint(hint);
        }
        Failure { error: failed, sent, lasting }.with_source(error)
    }
}

fn is_https(request: &Request<'_>) -> bool {
    request.url.starts_with("https:")
}

const BROKE: &str = "the connection broke before the answer was complete";

const CHECK_ADDRESS: &str = "check the cluster's address (rest.address)";

fn io_failure(io: &io::Error, https: bool, upload: bool) -> Failure {
    use io::ErrorKind::{
        AddrNotAvailable, BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
        InvalidData, NetworkDown, NetworkUnreachable, NotConnected, PermissionDenied, UnexpectedEof,
    };
    let failure =
        |kind, sent, lasting, message: String| Failure { error: Error::new(kind, message), sent, lasting };
    match io.kind() {
        NotConnected => closed(),
        ConnectionRefused => {
            let mut refused = failure(ErrorKind::Connect, Sent::No, false, "connection refused".into());
            refused.error = refused.error.with_hint("is the cluster running, and is this its REST address?");
            refused
        }
        HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable | PermissionDenied => {
            failure(ErrorKind::Connect, Sent::No, false, format!("cannot connect: {io}"))
        }
        InvalidData if https => tls_failure(io),
        // The standard library has no kind for a name that cannot be resolved, only this text.
        _ if io.raw_os_error().is_none() && io.to_string().starts_with("failed to lookup address") => {
            // What getaddrinfo of glibc, and of musl, says when no name server answered.
            let passing = ["emporary failure", "ry again"].iter().any(|text| io.to_string().contains(text));
            let what = if passing { "no name server answered" } else { "the host name is not known" };
            let mut unresolved = failure(ErrorKind::Connect, Sent::No, !passing, what.into());
            unresolved.error = unresolved.error.with_hint(CHECK_ADDRESS);
            unresolved
        }
        _ if !connect::has_begun() => {
            failure(ErrorKind::Connect, Sent::No, false, format!("cannot connect: {io}"))
        }
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => {
            let mut lost = failure(ErrorKind::ConnectionLost, Sent::Perhaps, false, BROKE.into());
            if upload {
                lost.error = lost
                    .error
                    .with_hint("the upload may be over the server's limit, rest.server.max-content-length");
            }
            lost
        }
        _ => failure(ErrorKind::ConnectionLost, Sent::Perhaps, false, format!("the connection failed: {io}")),
    }
}

#[cfg(not(feature = "tls"))]
fn tls_failure(io: &io::Error) -> Failure {
    Failure { error: Error::new(ErrorKind::Tls, io.to_string()), sent: Sent::No, lasting: true }
}

/// Who does not trust whom. A server that refuses the client's certificate has not looked at the request, though some of
/// that may be under way already.
#[cfg(feature = "tls")]
fn tls_failure(io: &io::Error) -> Failure {
    use rustls::CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, Other, UnknownIssuer,
    };
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};

    let tls = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let refused = matches!(tls, Some(AlertReceived(alert)) if is_about_the_client(*alert));
    let sent = if refused || !connect::has_begun() { Sent::No } else { Sent::Perhaps };
    let (message, hint) = match tls {
        Some(InvalidCertificate(Other(other))) => (
            other.to_string(),
            Some("if the server's certificate was replaced, change security.ssl.rest.cert.fingerprint"),
        ),
        Some(InvalidCertificate(UnknownIssuer | BadSignature)) => (
            "the server's certificate is signed by nobody who is trusted".into(),
            Some("give the certificate of who signed it, in PEM form: security.ssl.rest.truststore"),
        ),
        Some(InvalidCertificate(error @ (NotValidForName | NotValidForNameContext { .. }))) => (
            format!("the server's certificate is for another name: {error}"),
            Some(
                "reach the server by a name of its certificate, or set security.ssl.rest.verify-hostname to false",
            ),
        ),
        Some(InvalidCertificate(error @ (Expired | ExpiredContext { .. }))) => {
            (format!("the server's certificate has expired: {error}"), None)
        }
        Some(InvalidCertificate(error @ (NotValidYet | NotValidYetContext { .. }))) => {
            (format!("the server's certificate is not valid yet: {error}"), Some("do the clocks agree?"))
        }
        Some(InvalidCertificate(error)) => (format!("the server's certificate is refused: {error}"), None),
        Some(AlertReceived(alert)) if sent == Sent::Perhaps => {
            (format!("the server ended the TLS connection: {alert:?}"), None)
        }
        Some(AlertReceived(alert)) => (
            format!("the server ended the TLS handshake: {alert:?}"),
            Some(
                "it may want a certificate of the client's, by somebody whom it trusts: \
                 security.ssl.rest.authentication-enabled and security.ssl.rest.keystore",
            ),
        ),
        Some(InvalidMessage(_)) => (
            "the server does not speak TLS here".into(),
            Some("it may speak plain HTTP: use an http address, or leave security.ssl.rest.enabled unset"),
        ),
        Some(error) => (format!("TLS failed: {error}"), None),
        None => (format!("TLS failed: {io}"), None),
    };
    let mut error = Error::new(ErrorKind::Tls, message);
    if let Some(hint) = hint {
        error = error.with_hint(hint);
    }
    Failure { error, sent, lasting: true }
}

/// What servers say of a client's certificate, or of its absence. Under TLS 1.3 that comes when the client has begun.
#[cfg(feature = "tls")]
fn is_about_the_client(alert: rustls::AlertDescription) -> bool {
    use rustls::AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, DecryptError, HandshakeFailure, NoCertificate, UnknownCA, UnsupportedCertificate,
    };
    matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | DecryptError
            | HandshakeFailure
            | NoCertificate
            | UnknownCA
            | UnsupportedCertificate
    )
}

fn closed() -> Failure {
    Failure { error: crate::pending::operation::closed(), sent: Sent::Perhaps, lasting: true }
}

fn invalid(request: &Request<'_>, error: &http::Error) -> Failure {
    let message = format!("the address {:?} cannot be used: {error}", request.url);
    Failure { error: Error::new(ErrorKind::InvalidArgument, message), sent: Sent::No, lasting: true }
}

impl Failure {
    fn with_source(mut self, source: ureq::Error) -> Self {
        if self.error.source().is_none() {
            self.error = self.error.with_source(TransportError(source));
        }
        self
    }
}

/// A body on its way. What fails in reading it is the caller's file, whatever it looks like in an error of the network.
struct Upload {
    body: MultipartBody,
    left: u64,
    failed: Option<Error>,
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = if connect::is_cut_off() {
            // Nobody reads this any more, but the library goes on to the announced end before it looks for an answer.
            let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
            buffer[..most].fill(0);
            most
        } else {
            // It tells the caller's code how far it is, which may send requests by this thread.
            connect::aside(|| self.body.read(buffer)).inspect_err(|error| {
                self.failed = Some(Error::new(ErrorKind::LocalFile, error.to_string()));
            })?
        };
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// Keeps the library's own error for the chain, without making its type part of this crate's interface.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TransportError(ureq::Error);

impl fmt::Debug for Transport {
    /// Headers may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("limits", &self.setup.limits).finish_non_exhaustive()
    }
}
