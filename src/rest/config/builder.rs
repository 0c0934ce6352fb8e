//! The settings of a client, each with its default, and what cannot be used of them.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::RestClusterClientConfiguration;
use crate::config::secret::{HIDDEN, shown};
use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::rest::bearer::Bearer;
use crate::rest::headers::{Authorization, Headers};
use crate::rest::leader::{AddressList, FixedAddress, LeaderRetriever, Registry, Unsaid};
use crate::rest::request::{RetryEvent, RetryHook};
use crate::rest::tls::{Setting, TlsSettings};
use crate::rest::transport::Limits;
use crate::retry::{ExponentialWaitStrategy, FixedWaitStrategy, WaitStrategy};
use crate::runtime::Runtime;
use crate::runtime::timer::CENTURY;

/// The first wait before a retry; the longest is `rest.retry.delay`.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// Builds a [`RestClusterClientConfiguration`]. What cannot be used is told by [`build`](Self::build).
#[derive(Clone, Default)]
#[must_use]
pub struct RestClusterClientConfigurationBuilder {
    configuration: Configuration,
    addresses: Vec<String>,
    leader: Option<Arc<dyn LeaderRetriever>>,
    /// Whether the configuration says that the leader is to be looked up.
    high_availability: bool,
    headers: Headers,
    connection_timeout: Option<Duration>,
    idleness_timeout: Option<Duration>,
    answer_timeout: Option<Duration>,
    await_leader_timeout: Option<Duration>,
    max_content_length: Option<u64>,
    max_attempts: Option<u32>,
    retry_delay: Option<Duration>,
    retry_strategy: Option<Arc<dyn WaitStrategy>>,
    poll_strategy: Option<Arc<dyn WaitStrategy>>,
    retry_hook: Option<RetryHook>,
    runtime: Option<Runtime>,
    tls: TlsSettings,
    proxy: Option<String>,
}

impl RestClusterClientConfigurationBuilder {
    /// Takes over what Flink's configuration sets; what is set afterwards wins.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key, for a value that cannot be read.
    pub fn configuration(mut self, configuration: &Configuration) -> Result<Self> {
        self.connection_timeout = Some(configuration.get(&options::REST_CONNECTION_TIMEOUT)?);
        self.idleness_timeout = Some(configuration.get(&options::REST_IDLENESS_TIMEOUT)?);
        self.answer_timeout = Some(configuration.get(&options::CLIENT_TIMEOUT)?);
        self.await_leader_timeout = Some(configuration.get(&options::REST_AWAIT_LEADER_TIMEOUT)?);
        self.max_content_length = Some(configuration.get(&options::REST_CLIENT_MAX_CONTENT_LENGTH)?.into());
        self.max_attempts = Some(configuration.get(&options::REST_RETRY_MAX_ATTEMPTS)?);
        self.retry_delay = Some(configuration.get(&options::REST_RETRY_DELAY)?);
        let ha = configuration.get(&options::HIGH_AVAILABILITY_TYPE)?;
        self.high_availability = !ha.is_empty() && !ha.eq_ignore_ascii_case("none");
        self.tls = TlsSettings::from_configuration(configuration)?;
        if let Some(address) = configured_address(configuration, self.tls.is_enabled())? {
            self.addresses = vec![address];
        }
        self.configuration = configuration.clone();
        self.headers.add_of_environment()?;
        Ok(self)
    }

    /// The cluster's address: `host`, `host:port`, `http(s)://host:port` or `http(s)://host:port/prefix`.
    ///
    /// Without a scheme it is `https` if [`configuration`](Self::configuration) sets `security.ssl.rest.enabled`, else
    /// `http`; without scheme and port, the port is the configuration's `rest.port`, 8081 by default. After a scheme it
    /// is the scheme's own, 80 or 443. What the configuration says about high availability no longer counts.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.addresses = vec![address.into()];
        self.high_availability = false;
        self
    }

    /// Several addresses of one cluster, as its JobManagers have under high availability. One is used until it fails,
    /// then the next. What the configuration says about high availability no longer counts.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.addresses = addresses.into_iter().map(Into::into).collect();
        self.high_availability = false;
        self
    }

    /// Finds the address in a way of its own. Defaults to the address, or one of the addresses, that are given, or to
    /// where the configuration's `high-availability.type` has it.
    pub fn leader_retriever(mut self, leader: Arc<dyn LeaderRetriever>) -> Self {
        self.leader = Some(leader);
        self
    }

    /// Adds a header to every request. Its value is treated as a secret: it is shown nowhere, and sent to the addresses
    /// of the cluster and nowhere else. Where the leader changes, those include the ones that were the cluster's before: a
    /// jar that a submission left there is removed there, with a few attempts.
    ///
    /// The header `authorization` takes the place of what [`basic_auth`](Self::basic_auth) and the like have set.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.add(name.into(), value.into());
        self
    }

    /// Sends `authorization: Basic …` with every request. The user's name cannot have a colon.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.headers.authorize(Authorization::Basic { user: user.to_owned(), password: password.to_owned() });
        self
    }

    /// Sends `authorization: Bearer …` with every request. For a token that expires there is
    /// [`bearer_token_from`](Self::bearer_token_from).
    pub fn bearer_token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends `authorization: Bearer …` with every request, with a token that `source` gives.
    ///
    /// Asked at the first request, and again after an answer 401: then that request is sent once more with the new
    /// token, unless it is the old one. Called on the thread that sends; other requests without a token wait for it, so
    /// it must not use this client. An error of it ends the operation, unless its kind is one that passes
    /// ([`ErrorKind::Connect`], [`ErrorKind::Unavailable`] and the like), which counts as a failed attempt.
    ///
    /// # Examples
    /// ```no_run
    /// use flink_client::{Error, RestClusterClientConfiguration};
    ///
    /// let rest = RestClusterClientConfiguration::builder()
    ///     .address("https://gateway.acme.com/flink")
    ///     .bearer_token_from(|| std::fs::read_to_string("/var/run/secrets/token").map_err(Error::other))
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn bearer_token_from(mut self, source: impl Fn() -> Result<String> + Send + Sync + 'static) -> Self {
        self.headers.authorize(Authorization::From(Arc::new(Bearer::new(source))));
        self
    }

    /// A PEM file with the certificates of those who may sign the server's. Defaults to Flink's
    /// `security.ssl.rest.truststore` (or `security.ssl.truststore`), if `security.ssl.rest.enabled`; else the public
    /// authorities that browsers trust.
    ///
    /// Read by [`build`](Self::build), which tells for a Java key store how to convert it.
    pub fn trusted_certificates(mut self, pem: impl Into<PathBuf>) -> Self {
        self.tls.trusted = Some(Setting { name: "trusted_certificates", value: pem.into() });
        self
    }

    /// Who the client is, for servers that ask for a certificate (mutual TLS): PEM files with the certificate (and
    /// those that lead to its authority) and with its key, without a password. Both may be one file. Defaults to
    /// Flink's `security.ssl.rest.keystore` (or `security.ssl.keystore`), which has both, if
    /// `security.ssl.rest.authentication-enabled`; else none.
    ///
    /// Read and checked by [`build`](Self::build).
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.certificate = Some(Setting { name: "client_certificate", value: certificate.into() });
        self.tls.key = Some(Setting { name: "client_certificate", value: key.into() });
        self
    }

    /// Whether the server's certificate must be for the name that it is reached by. Who signed it is checked in any
    /// case. Defaults to Flink's `security.ssl.rest.verify-hostname`, then `security.ssl.verify-hostname`, else true
    /// (Flink 2.3's own client: false), but false with [`certificate_fingerprint`](Self::certificate_fingerprint).
    pub fn verify_host_name(mut self, verify: bool) -> Self {
        self.tls.verify_host_name = Some(verify);
        self
    }

    /// The SHA-1 or SHA-256 digest that the server's certificate must have, in hexadecimal digits with or without
    /// colons; several, separated by commas, while a certificate is being replaced. Defaults to Flink's
    /// `security.ssl.rest.cert.fingerprint`, else any certificate that is trusted.
    ///
    /// With [`trusted_certificates`](Self::trusted_certificates) the certificate must also be signed by one of those;
    /// without, the digest alone decides, as in Flink. `openssl x509 -in server.pem -noout -fingerprint -sha256` tells
    /// it. Prefer SHA-256.
    pub fn certificate_fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.tls.fingerprints = Some(Setting { name: "certificate_fingerprint", value: fingerprint.into() });
        self
    }

    /// How long resolving and connecting may take. Defaults to 15 s, Flink's `rest.connection-timeout`.
    pub fn connection_timeout(mut self, limit: Duration) -> Self {
        self.connection_timeout = Some(limit);
        self
    }

    /// How long a connection may be silent while something is under way. Defaults to 5 min, Flink's
    /// `rest.idleness-timeout`.
    pub fn idleness_timeout(mut self, limit: Duration) -> Self {
        self.idleness_timeout = Some(limit);
        self
    }

    /// How long one attempt of a request may wait for its answer to begin; uploads and runs of a program's main
    /// method, which take as long as they take, are limited by [`idleness_timeout`](Self::idleness_timeout) only. Not
    /// a limit of operations: a savepoint may take hours. Defaults to 60 s, Flink's `client.timeout`.
    ///
    /// Under high availability, a request that a leader takes with it when it dies is never answered, also by a standby
    /// that passed it on: until this limit its operation stands still, then it looks what became of it. Lower it there
    /// (5 s, say) to be back soon after a failover; a request that does take longer is only asked about once more.
    pub fn answer_timeout(mut self, limit: Duration) -> Self {
        self.answer_timeout = Some(limit);
        self
    }

    /// How long a request keeps trying while the cluster has no leader. Defaults to 30 s, Flink's
    /// `rest.await-leader-timeout`.
    pub fn await_leader_timeout(mut self, limit: Duration) -> Self {
        self.await_leader_timeout = Some(limit);
        self
    }

    /// The largest answer that is read, in bytes. Defaults to 100 MiB, Flink's `rest.client.max-content-length`.
    pub fn max_content_length(mut self, bytes: u64) -> Self {
        self.max_content_length = Some(bytes);
        self
    }

    /// How often a request that failed for a passing reason is tried again; 0 fails at once. Defaults to 20, Flink's
    /// `rest.retry.max-attempts`: with the default waits an address where nobody listens is given up after some 48 s.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// The longest wait between two attempts; the first waits are shorter, from 100 ms on and doubling. Defaults to
    /// 3 s, Flink's `rest.retry.delay`.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }

    /// Waits between attempts in a way of its own, instead of [`retry_delay`](Self::retry_delay). Defaults to waits that
    /// double from 100 ms up to that delay, each up to a tenth longer or shorter.
    pub fn retry_strategy(mut self, strategy: impl WaitStrategy + 'static) -> Self {
        self.retry_strategy = Some(Arc::new(strategy));
        self
    }

    /// Waits between two looks at an operation that goes on in the cluster (a savepoint, a job's end) in a way of its
    /// own. Defaults to a wait of 10 ms that grows by 8 %, up to 10 s: an end is noticed within 50 ms or a tenth of
    /// the time that the operation took.
    ///
    /// A list of all jobs, which is how several jobs are waited for, is followed by a pause of at least eight times what
    /// it took: where a list takes longer than 5 ms, ends are noticed that much later.
    pub fn poll_strategy(mut self, strategy: impl WaitStrategy + 'static) -> Self {
        self.poll_strategy = Some(Arc::new(strategy));
        self
    }

    /// Hears of every failed attempt that will be followed by another: of the first one at once. Called on a request
    /// thread, so it should return quickly and must not wait for a handle. None by default; `log` hears of the same, as
    /// warnings.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{RestClusterClient, RestClusterClientConfiguration, StandaloneClusterId};
    ///
    /// let rest = RestClusterClientConfiguration::builder().address("localhost").on_retry(|event| {
    ///     eprintln!("{}: {} (again in {:?})", event.operation, event.error, event.wait);
    /// });
    /// let client = RestClusterClient::new(rest.build()?, StandaloneClusterId)?;
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn on_retry(mut self, hook: impl Fn(&RetryEvent<'_>) + Send + Sync + 'static) -> Self {
        self.retry_hook = Some(Arc::new(hook));
        self
    }

    /// Threads of its own. Defaults to those that all clients of the process share.
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// A proxy for all requests, as `http://host:port` or `http://user:password@host:port`; it is asked for a tunnel
    /// (`CONNECT`). None by default, whatever the environment says.
    pub fn proxy(mut self, proxy: impl Into<String>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// # Errors
    /// [`ErrorKind::Configuration`] or [`ErrorKind::InvalidArgument`], naming the key or setting that is missing or
    /// cannot be used.
    pub fn build(self) -> Result<RestClusterClientConfiguration> {
        let (leader, address) = self.leader()?;
        if address.starts_with("https:") && cfg!(not(feature = "tls")) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{address} needs TLS, which this build lacks"),
            )
            .with_hint("build flink-client with its feature `tls`"));
        }
        let limits = Limits {
            connect: positive("rest.connection-timeout", self.connection_timeout, 15)?,
            idle: positive("rest.idleness-timeout", self.idleness_timeout, 300)?,
            answer: positive("client.timeout", self.answer_timeout, 60)?,
            content: self.max_content_length.unwrap_or(100 * 1024 * 1024),
        };
        if limits.content == 0 {
            return Err(Error::new(ErrorKind::Configuration, "rest.client.max-content-length is 0"));
        }
        let retry_strategy = match self.retry_strategy {
            Some(strategy) => strategy,
            None => default_retry(self.retry_delay.unwrap_or(Duration::from_secs(3)))?,
        };
        let poll_strategy = match self.poll_strategy {
            Some(strategy) => strategy,
            None => default_poll()?,
        };
        let proxy = self.proxy.as_deref().map(proxy).transpose()?;
        let tls = self.tls.ready()?;
        let (headers, bearer) = self.headers.ready()?;
        Ok(RestClusterClientConfiguration {
            headers,
            configuration: self.configuration,
            leader,
            address,
            limits,
            await_leader: self.await_leader_timeout.unwrap_or(Duration::from_secs(30)),
            max_attempts: self.max_attempts.unwrap_or(20),
            retry_strategy,
            poll_strategy,
            retry_hook: self.retry_hook,
            runtime: self.runtime,
            tls_settings: self.tls,
            tls,
            bearer,
            proxy,
        })
    }

    fn leader(&self) -> Result<(Arc<dyn LeaderRetriever>, String)> {
        let unsaid =
            Unsaid { tls: self.tls.is_enabled(), port: self.configuration.get(&options::REST_PORT)? };
        let first = match &self.addresses[..] {
            [] => None,
            [address] => {
                let fixed = FixedAddress::completed(address, unsaid)?;
                let address = fixed.as_str().to_owned();
                Some((Arc::new(fixed) as Arc<dyn LeaderRetriever>, address))
            }
            several => {
                let list = AddressList::completed(several, unsaid)?;
                let address = list.addresses()[0].clone();
                Some((Arc::new(list) as Arc<dyn LeaderRetriever>, address))
            }
        };
        if self.high_availability && self.leader.is_none() {
            let prefix = configured_prefix(&self.configuration)?;
            let registry = Registry::from_configuration(&self.configuration, prefix, self.tls.is_enabled())?;
            return Ok((Arc::new(registry), first.map(|(_, address)| address).unwrap_or_default()));
        }
        match (&self.leader, first) {
            (Some(leader), Some((_, address))) => Ok((Arc::clone(leader), address)),
            (Some(leader), None) => Ok((Arc::clone(leader), String::new())),
            (None, Some(first)) => Ok(first),
            (None, None) => Err(Error::new(
                ErrorKind::Configuration,
                "no address: neither rest.address nor jobmanager.rpc.address is set",
            )
            .with_hint(
                "set rest.address (and rest.port, by default 8081) to where the cluster's web interface is",
            )),
        }
    }
}

impl fmt::Debug for RestClusterClientConfigurationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestClusterClientConfigurationBuilder")
            .field(
                "addresses",
                &self.addresses.iter().map(|address| shown_address(address)).collect::<Vec<_>>(),
            )
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// What stands before an @ may be a password, which `build` refuses, but only then.
fn shown_address(address: &str) -> Cow<'_, str> {
    match address.split_once("://") {
        Some(_) => shown("address", address),
        None => match address.rfind('@') {
            Some(at) => Cow::Owned(format!("{HIDDEN}{}", &address[at..])),
            None => Cow::Borrowed(address),
        },
    }
}

fn configured_address(configuration: &Configuration, tls: bool) -> Result<Option<String>> {
    let Some(host) = configuration.get_optional(&options::REST_ADDRESS)? else {
        return Ok(None);
    };
    let port = configuration.get(&options::REST_PORT)?;
    if port == 0 {
        return Err(Error::new(ErrorKind::Configuration, "rest.port is 0, which only a server can use"));
    }
    let scheme = if tls { "https" } else { "http" };
    let bracketed = host.contains(':') && !host.starts_with('[');
    let host = if bracketed { format!("[{host}]") } else { host };
    let address = format!("{scheme}://{host}:{port}{}", configured_prefix(configuration)?);
    let refuse = |error: Error| {
        Error::new(ErrorKind::Configuration, format!("rest.address is {host:?}: {}", error.message()))
    };
    FixedAddress::new(&address).map_err(refuse)?;
    Ok(Some(address))
}

/// What stands before the path of each request.
fn configured_prefix(configuration: &Configuration) -> Result<String> {
    let mut path = String::new();
    for prefix in [configuration.get(&options::REST_PATH)?, configuration.get(&options::REST_URL_PREFIX)?] {
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() {
            path.push('/');
            path.push_str(prefix);
        }
    }
    Ok(path)
}

/// The address may hold a password, so errors do not show it.
fn proxy(address: &str) -> Result<ureq::Proxy> {
    let refuse = || {
        Error::new(ErrorKind::Configuration, "the proxy's address cannot be used")
            .with_hint("write http://host:port")
    };
    // The library takes a port that is none for no port.
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    FixedAddress::new(host).map_err(|_| refuse())?;
    let proxy = ureq::Proxy::new(address).map_err(|_| refuse())?;
    match proxy.protocol() {
        ureq::ProxyProtocol::Http => Ok(proxy),
        // SOCKS would be left out silently, and an https proxy be shown the client's certificate for the cluster.
        _ => Err(refuse()),
    }
}

fn positive(key: &str, limit: Option<Duration>, default_seconds: u64) -> Result<Duration> {
    match limit {
        Some(Duration::ZERO) => Err(Error::new(
            ErrorKind::Configuration,
            format!("{key} is 0, so nothing could ever be done in time"),
        )),
        // Deadlines are made of them, which no clock has for all that a `Duration` can say.
        Some(limit) => Ok(limit.min(CENTURY)),
        None => Ok(Duration::from_secs(default_seconds)),
    }
}

fn default_retry(longest: Duration) -> Result<Arc<dyn WaitStrategy>> {
    if longest.is_zero() {
        return Ok(Arc::new(FixedWaitStrategy(longest)));
    }
    Ok(Arc::new(ExponentialWaitStrategy::new(FIRST_RETRY.min(longest), longest, 2.0)?.with_jitter(0.1)?))
}

/// A look after 10 ms, and each wait 8 % longer than the one before: so at any time the next look is no further away
/// than 8 % of what has passed, plus 10 ms.
fn default_poll() -> Result<Arc<dyn WaitStrategy>> {
    Ok(Arc::new(ExponentialWaitStrategy::new(Duration::from_millis(10), Duration::from_secs(10), 1.08)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_never_further_apart_than_a_tenth_of_the_time_or_fifty_milliseconds() {
        let strategy = default_poll().unwrap();
        let mut passed = Duration::ZERO;
        for attempt in 1..200 {
            let wait = strategy.wait_time(attempt);
            assert!(wait <= (passed / 10).max(Duration::from_millis(50)), "{wait:?} after {passed:?}");
            passed += wait;
        }
    }
}
