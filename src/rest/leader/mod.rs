//! Where the cluster's REST endpoint is now.

mod jute;
#[cfg(feature = "tls")]
mod kubernetes;
mod registry;
mod zookeeper;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use self::registry::Registry;
use crate::error::{Error, ErrorKind, Result};

/// Finds the address of the cluster's REST endpoint.
///
/// Asked before every attempt of every request, on a request thread, so an implementation may do a short look-up
/// itself, and should remember its answer. ZooKeeper and Kubernetes are asked by the library itself, if
/// `high-availability.type` says so; implement this to look a leader up elsewhere, as in a service registry.
///
/// The address decides about more than where to send: whether a job that is not found was never submitted, or was taken
/// by somebody who is gone. A new address counts for a new leader, so give the same one as long as the same leads.
///
/// # Examples
/// ```
/// use flink_client::{LeaderRetriever, Result};
///
/// #[derive(Debug)]
/// struct FromFile(std::path::PathBuf);
///
/// impl LeaderRetriever for FromFile {
///     fn leader_address(&self) -> Result<String> {
///         std::fs::read_to_string(&self.0)
///             .map(|text| text.trim().to_owned())
///             .map_err(flink_client::Error::other)
///     }
/// }
/// ```
pub trait LeaderRetriever: fmt::Debug + Send + Sync {
    /// The address to send to now: `http(s)://host:port`, with a path if the REST API has one before it.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there is no leader now, which is tried again within `rest.await-leader-timeout`, and
    /// the kinds of a network that fails, which are tried again as often as any request; any other kind ends the
    /// operation.
    fn leader_address(&self) -> Result<String>;

    /// A request to `address` found nobody there or nobody who leads. The next answer may be another address.
    fn address_failed(&self, address: &str) {
        let _ = address;
    }
}

/// One address for ever. A host name is resolved anew for every connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAddress(String);

impl FixedAddress {
    /// Takes `host`, `host:port`, `http(s)://host:port` and `http(s)://host:port/prefix`. Without a scheme it is
    /// `http`, and without both scheme and port the port is 8081, Flink's `rest.port`; after a scheme it is 80 or 443.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for anything else.
    pub fn new(address: impl AsRef<str>) -> Result<Self> {
        Self::completed(address.as_ref(), Unsaid::default())
    }

    pub(crate) fn completed(address: &str, unsaid: Unsaid) -> Result<Self> {
        base_address(address, unsaid).map(Self)
    }

    /// What some [`LeaderRetriever`] has given.
    pub(crate) fn of_base(address: String) -> Self {
        Self(address)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl LeaderRetriever for FixedAddress {
    fn leader_address(&self) -> Result<String> {
        Ok(self.0.clone())
    }
}

/// Several addresses, of which one is used until it fails, then the next.
///
/// Under high availability every JobManager's REST endpoint serves, with the leader's data, so any that answers will
/// do.
#[derive(Debug)]
pub struct AddressList {
    addresses: Vec<String>,
    current: AtomicUsize,
}

impl AddressList {
    /// Takes each address as [`FixedAddress::new`] does.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an address that is none, or for no address at all.
    pub fn new(addresses: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        Self::completed(addresses, Unsaid::default())
    }

    pub(crate) fn completed(
        addresses: impl IntoIterator<Item = impl AsRef<str>>,
        unsaid: Unsaid,
    ) -> Result<Self> {
        let addresses: Vec<String> = addresses
            .into_iter()
            .map(|address| base_address(address.as_ref(), unsaid))
            .collect::<Result<_>>()?;
        if addresses.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "the list of addresses is empty"));
        }
        Ok(Self { addresses, current: AtomicUsize::new(0) })
    }

    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

impl LeaderRetriever for AddressList {
    fn leader_address(&self) -> Result<String> {
        let current = self.current.load(Ordering::Relaxed) % self.addresses.len();
        Ok(self.addresses[current].clone())
    }

    fn address_failed(&self, address: &str) {
        let current = self.current.load(Ordering::Relaxed);
        // Only whoever found the current one failing moves on: ten requests that fail together skip nobody.
        if self.addresses[current % self.addresses.len()] == address {
            let _ = self.current.compare_exchange(
                current,
                current.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

/// What an address without a scheme leaves to be known from elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Unsaid {
    pub(crate) tls: bool,
    /// If that is not said either.
    pub(crate) port: u16,
}

impl Default for Unsaid {
    fn default() -> Self {
        Self { tls: false, port: 8081 }
    }
}

/// `scheme://host:port/prefix` without a slash at its end, from what people write.
fn base_address(text: &str, unsaid: Unsaid) -> Result<String> {
    let text = text.trim();
    let refuse = |reason: String| {
        // What stands before an @ may be a password.
        let shown = text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, host)| format!("…@{host}"));
        Err(Error::new(ErrorKind::InvalidArgument, format!("the address {shown:?} cannot be used: {reason}"))
            .with_hint("write host:port, or http(s)://host:port/prefix"))
    };
    // A URL without a port means its scheme's own, as in a browser; a mere host means the cluster's.
    let (scheme, rest, unsaid_port) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest, None),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest, None),
        Some((scheme, _)) => return refuse(format!("its scheme is {scheme:?}, not http or https")),
        None => (if unsaid.tls { "https" } else { "http" }, text, Some(unsaid.port.to_string())),
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    if authority.contains('@') {
        return refuse("it holds credentials, which belong into a header".into());
    }
    if let Some(odd) =
        rest.chars().find(|c| c.is_whitespace() || c.is_control() || "?#\\\"<>^`{|}".contains(*c))
    {
        return refuse(format!("it contains {odd:?}"));
    }
    let path = path.trim_end_matches('/');
    if path.contains("//") {
        return refuse("there is nothing between two slashes of its path".into());
    }
    if !rest.is_ascii() {
        return refuse("a host name beyond ASCII must be written in its xn-- form".into());
    }
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return refuse("it has no host".into());
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return refuse("an IPv6 address must be in brackets".into());
    }
    let port = port.or(unsaid_port.as_deref());
    if let Some(port) = port {
        match port.parse::<u16>() {
            Ok(1..) => {}
            _ => return refuse(format!("{port:?} is no port from 1 to 65535")),
        }
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{host}{port}{path}"))
}

/// Splits `host:port`, knowing that a bracketed IPv6 address has colons of its own.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_brackets = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[after_brackets..].rfind(':') {
        Some(colon)
            if authority[..after_brackets + colon].matches(':').count() == 0 || after_brackets > 0 =>
        {
            let colon = after_brackets + colon;
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_becomes_a_base_address() {
        for (text, base) in [
            ("localhost:8081", "http://localhost:8081"),
            (" http://localhost:8081/ ", "http://localhost:8081"),
            ("HTTPS://flink.acme.com", "https://flink.acme.com"),
            ("https://gw.acme.com:8443/flink/prod//", "https://gw.acme.com:8443/flink/prod"),
            ("[::1]:8081", "http://[::1]:8081"),
            ("http://[fe80::1]", "http://[fe80::1]"),
            ("10.0.0.1:1", "http://10.0.0.1:1"),
            ("localhost", "http://localhost:8081"),
            ("[::1]", "http://[::1]:8081"),
            ("gw/flink", "http://gw:8081/flink"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(base_address(text, Unsaid::default()).unwrap(), base, "{text}");
        }
        let unsaid = Unsaid { tls: true, port: 9 };
        for (text, base) in [
            ("h", "https://h:9"),
            ("h:1", "https://h:1"),
            ("http://h", "http://h"),
            ("https://h", "https://h"),
        ] {
            assert_eq!(base_address(text, unsaid).unwrap(), base, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no host"),
            (":8081", "no host"),
            ("http://", "no host"),
            ("ftp://h:1", "scheme is \"ftp\""),
            ("h:0", "\"0\" is no port"),
            ("h:70000", "\"70000\" is no port"),
            ("h:80a1", "\"80a1\" is no port"),
            ("::1", "must be in brackets"),
            ("http://user:secret@h:1", "holds credentials"),
            ("http//h:1", "nothing between two slashes"),
            ("http://h:1/a//b", "nothing between two slashes"),
            ("http://h:1/a b", "contains ' '"),
            ("http://h:1/a?b", "contains '?'"),
            ("http://h:1/a\r\nX: y", "contains '\\r'"),
            ("http://bücher:1", "xn--"),
        ] {
            let error = base_address(text, Unsaid::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(reason), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(AddressList::new(Vec::<String>::new()).is_err());
    }

    #[test]
    fn a_list_moves_on_only_from_the_address_that_failed() {
        let list = AddressList::new(["a:1", "b:2"]).unwrap();
        assert_eq!(list.leader_address().unwrap(), "http://a:1");
        list.address_failed("http://b:2");
        assert_eq!(list.leader_address().unwrap(), "http://a:1");
        list.address_failed("http://a:1");
        assert_eq!(list.leader_address().unwrap(), "http://b:2");
        list.address_failed("http://b:2");
        assert_eq!(list.leader_address().unwrap(), "http://a:1");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_yields_a_line_break(text in ".*") {
            if let Ok(base) = base_address(&text, Unsaid::default()) {
                prop_assert!(base.starts_with("http"));
                prop_assert!(!base.contains(char::is_whitespace));
            }
        }
    }
}
