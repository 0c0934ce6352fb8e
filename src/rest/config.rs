//! How a client reaches its cluster, how long it waits, and how often it tries.

mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::builder::RestClusterClientConfigurationBuilder;
use crate::config::Configuration;
use crate::error::Result;
use crate::rest::bearer::Bearer;
use crate::rest::headers::Checked;
use crate::rest::leader::LeaderRetriever;
use crate::rest::request::RetryHook;
use crate::rest::tls::{Tls, TlsSettings};
use crate::rest::transport::Limits;
use crate::retry::WaitStrategy;
use crate::runtime::Runtime;

/// What a [`RestClusterClient`](crate::RestClusterClient) is made from.
///
/// Either from Flink's configuration ([`from_configuration`](Self::from_configuration)) or by hand
/// ([`builder`](Self::builder)). Everything is checked here, before any request. `Debug` shows the values in force,
/// and no secret.
///
/// # Examples
/// ```
/// use flink_client::{Configuration, RestClusterClientConfiguration, options};
///
/// let mut config = Configuration::new();
/// config.set(&options::REST_ADDRESS, "flink.acme.com").set(&options::REST_PORT, 8081u16);
/// let rest = RestClusterClientConfiguration::from_configuration(&config)?;
/// assert_eq!(rest.web_interface_url(), "http://flink.acme.com:8081");
///
/// let rest = RestClusterClientConfiguration::builder()
///     .address("https://gateway.acme.com/flink/prod")
///     .bearer_token("eyJhbGciOi…")
///     .build();
/// # #[cfg(feature = "tls")]
/// assert!(!format!("{:?}", rest?).contains("eyJhbGciOi"));
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone)]
pub struct RestClusterClientConfiguration {
    pub(crate) configuration: Configuration,
    pub(crate) leader: Arc<dyn LeaderRetriever>,
    /// Where the web interface is: the first address.
    address: String,
    pub(crate) headers: Checked,
    pub(crate) limits: Limits,
    pub(crate) await_leader: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) retry_strategy: Arc<dyn WaitStrategy>,
    pub(crate) poll_strategy: Arc<dyn WaitStrategy>,
    pub(crate) retry_hook: Option<RetryHook>,
    pub(crate) runtime: Option<Runtime>,
    tls_settings: TlsSettings,
    pub(crate) tls: Tls,
    pub(crate) bearer: Option<Arc<Bearer>>,
    pub(crate) proxy: Option<ureq::Proxy>,
}

impl RestClusterClientConfiguration {
    /// Reads Flink's own keys; see [`options`](crate::options) for each one's meaning and default. Headers are also taken from the
    /// environment variable `FLINK_REST_CLIENT_HEADERS` (`name:value`, one a line).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration), naming the key, if neither `rest.address` nor
    /// `jobmanager.rpc.address` is set, if a value cannot be used, or if `high-availability.type` asks for a look-up that
    /// this library does not do: it asks ZooKeeper (`zookeeper`) and, inside of a pod, Kubernetes (`kubernetes`).
    pub fn from_configuration(configuration: &Configuration) -> Result<Self> {
        Self::builder().configuration(configuration)?.build()
    }

    /// A configuration made by hand.
    pub fn builder() -> RestClusterClientConfigurationBuilder {
        RestClusterClientConfigurationBuilder::default()
    }

    /// The address that the web interface and the REST API have: the first, if there are several. Where the leader is
    /// looked up, the configured one, which may be empty;
    /// [`ClusterClient::web_interface_url`](crate::ClusterClient::web_interface_url) knows the leader's.
    pub fn web_interface_url(&self) -> &str {
        &self.address
    }

    /// The Flink configuration that this was read from; empty if it was made by hand.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The threads that the client is to use, if not the shared ones.
    pub fn runtime(&self) -> Option<&Runtime> {
        self.runtime.as_ref()
    }
}

impl fmt::Debug for RestClusterClientConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestClusterClientConfiguration")
            .field("leader", &self.leader)
            .field("headers", &self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())
            .field("limits", &self.limits)
            .field("await_leader", &self.await_leader)
            .field("max_attempts", &self.max_attempts)
            .field("retry_strategy", &self.retry_strategy)
            .field("poll_strategy", &self.poll_strategy)
            .field("bearer_token_from", &self.bearer.is_some())
            .field("tls", &self.tls_settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn from(entries: &[(&str, &str)]) -> Result<RestClusterClientConfiguration> {
        RestClusterClientConfiguration::from_configuration(&entries.iter().copied().collect())
    }

    #[test]
    fn the_address_is_made_of_host_port_and_prefixes() {
        for (entries, url) in [
            (&[("rest.address", "h")][..], "http://h:8081"),
            (&[("jobmanager.rpc.address", "jm"), ("rest.port", "80")], "http://jm:80"),
            (&[("rest.address", "::1")], "http://[::1]:8081"),
            (&[("rest.address", "h"), ("rest.path", "/a/"), ("rest.url-prefix", "/b/")], "http://h:8081/a/b"),
        ] {
            assert_eq!(from(entries).unwrap().web_interface_url(), url);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_the_name_of_its_key() {
        for (entries, says) in [
            (&[][..], "neither rest.address nor jobmanager.rpc.address"),
            (&[("rest.address", "h"), ("rest.port", "0")], "rest.port is 0"),
            (&[("rest.address", "h"), ("rest.port", "80a1")], "rest.port"),
            (&[("rest.address", "h x")], "rest.address"),
            (&[("rest.address", "h"), ("rest.connection-timeout", "-1 s")], "rest.connection-timeout"),
            (&[("rest.address", "h"), ("rest.idleness-timeout", "0")], "rest.idleness-timeout is 0"),
            (&[("rest.address", "h"), ("rest.retry.max-attempts", "many")], "rest.retry.max-attempts"),
            (
                &[("rest.address", "h"), ("high-availability.type", "zookeeper")],
                "high-availability.zookeeper.quorum",
            ),
            (&[("rest.address", "h"), ("high-availability.type", "com.acme.Etcd")], "\"com.acme.Etcd\""),
        ] {
            let error = from(entries).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn several_addresses_make_high_availability_harmless() {
        let configuration: Configuration =
            [("rest.address", "h"), ("high-availability.type", "zookeeper")].into_iter().collect();
        let rest = RestClusterClientConfiguration::builder()
            .configuration(&configuration)
            .unwrap()
            .addresses(["a:1", "b:2"])
            .build()
            .unwrap();
        assert_eq!(rest.web_interface_url(), "http://a:1");
    }

    #[test]
    #[cfg(feature = "tls")] // without it an https address is refused, which has its own test
    fn an_address_wins_over_what_the_configuration_says_and_takes_its_scheme() {
        let url = |entries: &[(&str, &str)], address: &str| {
            let configuration: Configuration = entries.iter().copied().collect();
            let builder = RestClusterClientConfiguration::builder().configuration(&configuration).unwrap();
            builder.address(address).build().map(|rest| rest.web_interface_url().to_owned())
        };
        let ha = [("rest.address", "h"), ("high-availability.type", "zookeeper")];
        assert_eq!(url(&ha, "a:1").unwrap(), "http://a:1");
        let tls = [("rest.address", "h"), ("security.ssl.rest.enabled", "true")];
        assert_eq!(url(&tls, "http://a:1").unwrap(), "http://a:1");
        assert_eq!(url(&tls, "a:1").unwrap(), "https://a:1");
        let port = [("rest.address", "h"), ("rest.port", "9081")];
        assert_eq!(url(&port, "a").unwrap(), "http://a:9081");
        assert_eq!(url(&port, "http://a").unwrap(), "http://a");
    }

    #[test]
    fn a_builder_shows_no_password_of_an_address_or_a_proxy() {
        let urls = ["http://user:hunter2@h:1", "user:hunter2@h:1", "https://user:hun@ter2@h/x", "h:1"];
        let builder = RestClusterClientConfiguration::builder()
            .addresses(urls)
            .proxy("http://user:hunter2@proxy:3128")
            .basic_auth("user", "hunter2");
        for shown in [format!("{builder:?}"), format!("{builder:#?}")] {
            assert!(!shown.contains("ter2") && !shown.contains("hun"), "{shown}");
            assert!(shown.contains("http://******@h:1") && shown.contains("\"******@h:1\""), "{shown}");
            assert!(shown.contains("https://******@h/x") && shown.contains("\"h:1\""), "{shown}");
        }
    }
}
