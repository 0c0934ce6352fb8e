//! Looks the leader up where the cluster has written it, and remembers it until its address fails.
//!
//! # The protocol
//! What is known is under one mutex, held for moments. A look takes as long as the network does, so it is under another
//! one, which also keeps a burst of requests from looking all at once: who had to wait for it takes over what was found
//! meanwhile, be it an error. That somebody looked is told from the count of looks, read before the wait.

use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Mutex, lock};

#[cfg(feature = "tls")]
use super::kubernetes::Kubernetes;
use super::zookeeper::ZooKeeper;
use super::{LeaderRetriever, Unsaid, base_address};

/// A leader that is looked up as `high-availability.type` says.
#[derive(Debug)]
pub(crate) struct Registry {
    directory: Directory,
    /// Put before the path of each request.
    prefix: String,
    /// Whether the connection to the leader has to be secret.
    tls: bool,
    known: Mutex<Known>,
    looking: Mutex<()>,
}

/// Where the leader is written.
#[derive(Debug)]
enum Directory {
    ZooKeeper(ZooKeeper),
    #[cfg(feature = "tls")]
    Kubernetes(Kubernetes),
}

#[derive(Debug, Default)]
struct Known {
    address: Option<String>,
    looks: u64,
    /// Why the last look found none.
    failure: Option<Error>,
}

impl Registry {
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key, for a kind of high availability that has no look-up here, and for
    /// one that lacks what its look-up needs; [`ErrorKind::Unsupported`] for one that this build lacks.
    pub(crate) fn from_configuration(
        configuration: &Configuration,
        prefix: String,
        tls: bool,
    ) -> Result<Self> {
        let kind = configuration.get(&options::HIGH_AVAILABILITY_TYPE)?;
        // Flink takes the names of its own factories as well.
        let name = match &*kind {
            "org.apache.flink.runtime.highavailability.zookeeper.ZooKeeperHaServicesFactory" => "zookeeper",
            "org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory" => "kubernetes",
            other => other,
        };
        let directory = if name.eq_ignore_ascii_case("zookeeper") {
            Directory::ZooKeeper(ZooKeeper::from_configuration(configuration)?)
        } else if name.eq_ignore_ascii_case("kubernetes") {
            kubernetes(configuration)?
        } else {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "high-availability.type is {kind:?}, and this library does not look the leader up there"
                ),
            )
            .with_hint(
                "give the REST addresses of the JobManagers with `addresses`, of which any will do, or a \
                 `leader_retriever`",
            ));
        };
        Ok(Self { directory, prefix, tls, known: Mutex::default(), looking: Mutex::new(()) })
    }

    fn look(&self) -> Result<String> {
        let written = match &self.directory {
            Directory::ZooKeeper(zookeeper) => zookeeper.leader()?,
            #[cfg(feature = "tls")]
            Directory::Kubernetes(kubernetes) => kubernetes.leader()?,
        };
        let address = base_address(&written, Unsaid::default()).map_err(|error| {
            Error::new(ErrorKind::Decode, format!("the leader's address is of no use: {}", error.message()))
        })?;
        if self.tls && !address.starts_with("https:") {
            let message = format!(
                "security.ssl.rest.enabled is set, and the leader's address is {address}: nothing is sent there"
            );
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("set it for the JobManagers as well, or for nobody"));
        }
        Ok(format!("{address}{}", self.prefix))
    }
}

#[cfg(feature = "tls")]
fn kubernetes(configuration: &Configuration) -> Result<Directory> {
    Kubernetes::from_configuration(configuration).map(Directory::Kubernetes)
}

#[cfg(not(feature = "tls"))]
fn kubernetes(_: &Configuration) -> Result<Directory> {
    let message = "high-availability.type is kubernetes, and this build of the library has no TLS, without which nobody \
                   can be asked there";
    Err(Error::new(ErrorKind::Unsupported, message).with_hint("build it with the feature `tls`"))
}

impl LeaderRetriever for Registry {
    fn leader_address(&self) -> Result<String> {
        let looks = {
            let known = lock(&self.known);
            if let Some(address) = &known.address {
                return Ok(address.clone());
            }
            known.looks
        };
        let _alone = lock(&self.looking);
        {
            let known = lock(&self.known);
            if let Some(address) = &known.address {
                return Ok(address.clone());
            }
            if let (Some(failure), true) = (&known.failure, known.looks != looks) {
                return Err(failure.clone());
            }
        }
        let found = self.look();
        match &found {
            Ok(address) => log::debug!("the leader is at {address}"),
            Err(error) => log::debug!("no leader was found: {error}"),
        }
        let mut known = lock(&self.known);
        known.looks += 1;
        known.address = found.as_ref().ok().cloned();
        known.failure = found.as_ref().err().cloned();
        found
    }

    fn address_failed(&self, address: &str) {
        let mut known = lock(&self.known);
        // Another may be known by now.
        if known.address.as_deref() == Some(address) {
            known.address = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_has_no_look_up_here_is_refused_by_its_name() {
        let of = |kind: &str| {
            let configuration: Configuration = [("high-availability.type", kind)].into_iter().collect();
            Registry::from_configuration(&configuration, String::new(), false).unwrap_err()
        };
        let error = of("com.acme.EtcdHaServicesFactory");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("\"com.acme.EtcdHaServicesFactory\""), "{error}");
        for kind in [
            "ZooKeeper",
            "zookeeper",
            "org.apache.flink.runtime.highavailability.zookeeper.ZooKeeperHaServicesFactory",
        ] {
            assert!(of(kind).to_string().contains("high-availability.zookeeper.quorum"), "{kind}");
        }
        for kind in ["KUBERNETES", "org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory"]
        {
            let error = of(kind);
            let says = if cfg!(feature = "tls") { "kubernetes.cluster-id" } else { "no TLS" };
            assert!(error.to_string().contains(says), "{kind}: {error}");
        }
    }
}
