//! Keys for clusters whose REST endpoint speaks TLS.

use std::fs;
use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::Environment;

/// Who has to prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// The server alone.
    Server,
    /// The client as well. Flink offers only TLS 1.2 then.
    Mutual,
}

/// PEM files for a client of a cluster with TLS.
#[derive(Debug, Clone)]
pub(crate) struct ClientKeys {
    /// The server's certificate, self-signed, for `localhost` and `127.0.0.1`: the root to trust.
    pub(crate) server_certificate: PathBuf,
    /// A certificate that the server trusts.
    pub(crate) certificate: PathBuf,
    /// The key of it.
    pub(crate) key: PathBuf,
    /// A certificate that the server does not trust.
    pub(crate) stranger_certificate: PathBuf,
    /// The key of that.
    pub(crate) stranger_key: PathBuf,
}

impl ClientKeys {
    /// Makes keys and key stores in `folder`.
    pub(crate) fn make(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("the folder can be made");
        let environment = Environment::get();
        let output = environment
            .java()
            .args(["-cp", &environment.cluster_class_path(), "cluster.Keys"])
            .arg(folder)
            .output()
            .expect("java starts");
        assert!(output.status.success(), "making keys: {}", String::from_utf8_lossy(&output.stderr));
        Self {
            server_certificate: folder.join("server.pem"),
            certificate: folder.join("client.pem"),
            key: folder.join("client.key"),
            stranger_certificate: folder.join("stranger.pem"),
            stranger_key: folder.join("stranger.key"),
        }
    }

    /// Flink's configuration for a server with the keys in `folder`.
    pub(crate) fn settings(folder: &Path, mode: TlsMode) -> Vec<(String, String)> {
        let mut settings = vec![
            ("enabled", "true".to_owned()),
            ("keystore", folder.join("server.p12").display().to_string()),
            ("keystore-type", "PKCS12".to_owned()),
            ("keystore-password", "changeit".to_owned()),
            ("key-password", "changeit".to_owned()),
            ("truststore", folder.join("trust.p12").display().to_string()),
            ("truststore-type", "PKCS12".to_owned()),
            ("truststore-password", "changeit".to_owned()),
        ];
        if mode == TlsMode::Mutual {
            settings.push(("authentication-enabled", "true".to_owned()));
        }
        settings.into_iter().map(|(key, value)| (format!("security.ssl.rest.{key}"), value)).collect()
    }

    pub(super) fn tls_config(&self) -> TlsConfig {
        let read = |path: &Path| fs::read(path).expect("the key file is there");
        let root = Certificate::from_pem(&read(&self.server_certificate)).expect("a certificate");
        let own = Certificate::from_pem(&read(&self.certificate)).expect("a certificate");
        let key = PrivateKey::from_pem(&read(&self.key)).expect("a key");
        TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[root]))
            .client_cert(Some(ClientCert::new_with_certs(&[own], key)))
            .build()
    }
}
