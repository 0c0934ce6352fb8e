//! Asks Kubernetes who leads: one GET of the ConfigMap that the JobManagers write it into.
//!
//! From inside of a pod only, with what every pod is given: the API server's address in the environment, and the token
//! of a service account and the authority to trust as files. Both files are replaced while the pod runs, so they are
//! read for each look.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::HeaderValue;
use ureq::http::header::AUTHORIZATION;

use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::pending::operation::Scope;
use crate::rest::endpoint::Method;
use crate::rest::tls::{Setting, TlsSettings};
use crate::rest::transport::{Body, Limits, Request, Setup, Transport};

/// Where every pod finds who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

const LEADER: &str = "org.apache.flink.k8s.leader.restserver";

/// Kubernetes' own limit of a ConfigMap is 1 MiB, before it is written as JSON.
const LARGEST_ANSWER: u64 = 4 << 20;

/// Where a cluster's leader is written in Kubernetes, and how to get there.
pub(super) struct Kubernetes {
    /// `https://host:port`.
    server: String,
    account: PathBuf,
    namespace: String,
    config_map: String,
    limit: Duration,
}

#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// What the API server says instead.
#[derive(Deserialize)]
struct Status {
    message: String,
}

impl Kubernetes {
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key or environment variable.
    pub(super) fn from_configuration(configuration: &Configuration) -> Result<Self> {
        let Some(cluster_id) = configuration.get_optional(&options::KUBERNETES_CLUSTER_ID)? else {
            return Err(Error::new(
                ErrorKind::Configuration,
                "high-availability.type is kubernetes, but kubernetes.cluster-id is not set",
            ));
        };
        let namespace = configuration.get(&options::KUBERNETES_NAMESPACE)?;
        Ok(Self {
            server: server(|name| env::var(name).ok())?,
            account: ACCOUNT.into(),
            namespace: name(options::KUBERNETES_NAMESPACE.key(), namespace)?,
            config_map: format!(
                "{}-cluster-config-map",
                name(options::KUBERNETES_CLUSTER_ID.key(), cluster_id)?
            ),
            limit: configuration.get(&options::REST_CONNECTION_TIMEOUT)?,
        })
    }

    /// The address that the leader has written down.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if nobody has; [`ErrorKind::Authentication`] if the service account may not read it;
    /// [`ErrorKind::LocalFile`] for a token that cannot be read; and how the request failed.
    pub(super) fn leader(&self) -> Result<String> {
        let url =
            format!("{}/api/v1/namespaces/{}/configmaps/{}", self.server, self.namespace, self.config_map);
        let transport = Transport::new(Arc::new(self.setup()?), Arc::new(Scope::default()));
        let request = Request { method: Method::Get, url: &url, body: Body::None, patient: false };
        let received = transport.send(&request).map_err(|failure| {
            let message =
                format!("Kubernetes cannot be asked who leads: {} ({url})", failure.error.message());
            Error::new(failure.error.kind(), message).with_source(failure.error)
        })?;
        let answer = received.answer();
        if answer.status != 200 {
            return Err(self.refused(answer.status, answer.body));
        }
        let config_map: ConfigMap = serde_json::from_slice(answer.body).map_err(|error| {
            Error::new(ErrorKind::Decode, format!("expected a ConfigMap of Kubernetes: {error} ({url})"))
        })?;
        match config_map.data.get(LEADER).map_or("", |written| written.trim()) {
            "" => Err(self.nobody("has no leader")),
            written => match written.split_once(',') {
                Some((_term, address)) => Ok(address.to_owned()),
                None => {
                    let message = format!("{self} has a leader without an address: {written:?}");
                    Err(Error::new(ErrorKind::Decode, message))
                }
            },
        }
    }

    fn setup(&self) -> Result<Setup> {
        let token = self.account.join("token");
        let text = fs::read_to_string(&token).map_err(|error| {
            let message = format!("the service account's token {} cannot be read: {error}", token.display());
            Error::new(ErrorKind::LocalFile, message).with_source(error)
        })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", text.trim())).map_err(|_| {
            let message =
                format!("the service account's token {} has characters that no header has", token.display());
            Error::new(ErrorKind::Configuration, message)
        })?;
        bearer.set_sensitive(true);
        let mut tls = TlsSettings::default();
        tls.trusted =
            Some(Setting { name: "the service account's authority", value: self.account.join("ca.crt") });
        Ok(Setup {
            limits: Limits {
                connect: self.limit,
                idle: self.limit,
                answer: self.limit,
                content: LARGEST_ANSWER,
            },
            headers: vec![(AUTHORIZATION, bearer)],
            bearer: None,
            tls: tls.ready()?,
            proxy: None,
        })
    }

    fn refused(&self, status: u16, body: &[u8]) -> Error {
        let said = serde_json::from_slice::<Status>(body).map(|status| status.message).unwrap_or_default();
        let said = if said.is_empty() { format!("status {status}") } else { said };
        match status {
            404 => self.nobody("is not there"),
            401 | 403 => {
                Error::new(ErrorKind::Authentication, format!("Kubernetes does not tell who leads: {said}"))
                    .with_hint(format!(
                        "let the pod's service account get ConfigMaps in the namespace {}",
                        self.namespace
                    ))
            }
            429 | 500.. => {
                Error::new(ErrorKind::Unavailable, format!("Kubernetes cannot tell now who leads: {said}"))
            }
            _ => Error::new(ErrorKind::Server, format!("Kubernetes does not tell who leads: {said}")),
        }
        .with_status(status)
    }

    fn nobody(&self, what: &str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("nobody leads: {self} {what}"))
            .with_hint("if the cluster runs, check kubernetes.cluster-id and kubernetes.namespace")
    }
}

/// The value of `key`, which becomes part of a path.
fn name(key: &str, value: String) -> Result<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !value.is_empty() && value.chars().all(is_name) {
        return Ok(value);
    }
    let message =
        format!("{key} is {value:?}, and names in Kubernetes are of small letters, digits and hyphens");
    Err(Error::new(ErrorKind::Configuration, message))
}

/// The API server's address, from the environment of a pod.
fn server(variable: impl Fn(&str) -> Option<String>) -> Result<String> {
    let get = |name: &str| {
        variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let message = format!(
                "high-availability.type is kubernetes, and {name} is not set: the leader can be looked up from inside \
                 of a pod only"
            );
            Error::new(ErrorKind::Configuration, message)
                .with_hint("from outside, give the address of the cluster's REST service with `address`")
        })
    };
    let (host, port) = (get("KUBERNETES_SERVICE_HOST")?, get("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    super::base_address(&format!("https://{host}:{port}"), super::Unsaid::default()).map_err(|error| {
        let message = format!("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: {}", error.message());
        Error::new(ErrorKind::Configuration, message)
    })
}

impl fmt::Display for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ConfigMap {} of the namespace {}", self.config_map, self.namespace)
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubernetes")
            .field("server", &self.server)
            .field("namespace", &self.namespace)
            .field("config_map", &self.config_map)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread::{self, JoinHandle};

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("../../../tests/fixtures/tls/loopback.pem");
    const KEY: &[u8] = include_bytes!("../../../tests/fixtures/tls/loopback.key");

    /// An API server that gives these answers, each over a connection of its own, and then what it was asked.
    fn serve(answers: Vec<(u16, String)>) -> (u16, JoinHandle<Vec<String>>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
                PrivateKeyDer::from_pem_slice(KEY).unwrap(),
            )
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = thread::spawn(move || {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (socket, _) = listener.accept().unwrap();
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, socket);
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                if head.is_empty() {
                    continue;
                }
                asked.push(String::from_utf8(head).unwrap());
                let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
            asked
        });
        (port, serving)
    }

    fn of(port: u16, account: &std::path::Path) -> Kubernetes {
        Kubernetes {
            server: format!("https://127.0.0.1:{port}"),
            account: account.to_owned(),
            namespace: "prod".into(),
            config_map: "etl-cluster-config-map".into(),
            limit: Duration::from_secs(30),
        }
    }

    fn account() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "first\n").unwrap();
        fs::write(folder.path().join("ca.crt"), CERTIFICATE).unwrap();
        folder
    }

    fn config_map(leader: &str) -> (u16, String) {
        let data = serde_json::json!({"kind": "ConfigMap", "data": {LEADER: leader, "other": "x"}});
        (200, data.to_string())
    }

    #[test]
    fn the_leader_is_read_from_the_config_map_with_the_token_of_the_moment() {
        let account = account();
        let written = "5c0eb4e2-a4a0-4b44-8f6e-0d2d6c1e9a3f,http://10.1.2.3:8081";
        let (port, serving) = serve(vec![config_map(written), config_map(written)]);
        let kubernetes = of(port, account.path());
        assert_eq!(kubernetes.leader().unwrap(), "http://10.1.2.3:8081");
        fs::write(account.path().join("token"), "second").unwrap();
        assert_eq!(kubernetes.leader().unwrap(), "http://10.1.2.3:8081");
        let asked = serving.join().unwrap();
        for (head, token) in asked.iter().zip(["first", "second"]) {
            let path = "GET /api/v1/namespaces/prod/configmaps/etl-cluster-config-map HTTP/1.1\r\n";
            assert!(head.starts_with(path), "{head}");
            assert!(
                head.to_ascii_lowercase().contains(&format!("authorization: bearer {token}\r\n")),
                "{head}"
            );
        }
    }

    #[test]
    fn what_the_api_server_says_instead_is_told_by_what_it_means() {
        let account = account();
        let status = |code, message: &str| {
            (code, serde_json::json!({"kind": "Status", "message": message, "code": code}).to_string())
        };
        let no_leader = (200, r#"{"kind":"ConfigMap"}"#.to_owned());
        let forbidden = "configmaps \"etl\" is forbidden";
        for (answer, kind, says) in [
            (status(404, "configmaps \"etl\" not found"), ErrorKind::Unavailable, "nobody leads"),
            (no_leader, ErrorKind::Unavailable, "has no leader"),
            (config_map(""), ErrorKind::Unavailable, "has no leader"),
            (config_map("http://10.1.2.3:8081"), ErrorKind::Decode, "without an address"),
            (status(401, "Unauthorized"), ErrorKind::Authentication, "Unauthorized"),
            (status(403, forbidden), ErrorKind::Authentication, forbidden),
            (status(500, "etcd is slow"), ErrorKind::Unavailable, "etcd is slow"),
            ((503, String::new()), ErrorKind::Unavailable, "status 503"),
            ((301, String::new()), ErrorKind::Server, "status 301"),
            ((200, "<html>".into()), ErrorKind::Decode, "expected a ConfigMap"),
        ] {
            let (port, serving) = serve(vec![answer]);
            let error = of(port, account.path()).leader().unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(says), "{error}");
            assert!(!format!("{error:#?}").contains("first"), "{error:#?}");
            serving.join().unwrap();
        }
    }

    #[test]
    fn a_server_that_the_authority_has_not_signed_gets_no_token() {
        let account = account();
        let stranger = include_bytes!("../../../tests/fixtures/tls/stranger.pem");
        fs::write(account.path().join("ca.crt"), stranger).unwrap();
        let (port, serving) = serve(vec![config_map("x,http://10.1.2.3:8081")]);
        let error = of(port, account.path()).leader().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert_eq!(serving.join().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_in_the_pod_is_told() {
        let account = account();
        // Nobody has this port.
        let kubernetes = of(1, account.path());
        let error = kubernetes.leader().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(error.to_string().contains("Kubernetes cannot be asked"), "{error}");
        fs::remove_file(account.path().join("token")).unwrap();
        let error = kubernetes.leader().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalFile, "{error}");
        fs::write(account.path().join("token"), "a\nb").unwrap();
        assert_eq!(kubernetes.leader().unwrap_err().kind(), ErrorKind::Configuration);
        fs::write(account.path().join("ca.crt"), "none").unwrap();
        fs::write(account.path().join("token"), "first").unwrap();
        assert_eq!(kubernetes.leader().unwrap_err().kind(), ErrorKind::Configuration);
    }

    #[test]
    fn the_api_server_is_where_the_environment_of_a_pod_says() {
        let of = |host: Option<&str>, port: Option<&str>| {
            server(|name| match name {
                "KUBERNETES_SERVICE_HOST" => host.map(str::to_owned),
                _ => port.map(str::to_owned),
            })
        };
        assert_eq!(of(Some("10.0.0.1"), Some("443")).unwrap(), "https://10.0.0.1:443");
        assert_eq!(of(Some("fd00::1"), Some("6443")).unwrap(), "https://[fd00::1]:6443");
        for (host, port, says) in [
            (None, Some("443"), "KUBERNETES_SERVICE_HOST is not set"),
            (Some("10.0.0.1"), Some(""), "KUBERNETES_SERVICE_PORT is not set"),
            (Some("10.0.0.1"), Some("https"), "no port"),
        ] {
            let error = of(host, port).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn names_that_would_leave_their_place_in_the_path_are_refused() {
        for value in ["", "../secrets/x", "a b", "ETL"] {
            let error = name("kubernetes.cluster-id", value.into()).unwrap_err();
            assert!(error.to_string().starts_with("kubernetes.cluster-id is"), "{error}");
        }
    }
}
