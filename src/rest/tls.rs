//! TLS towards the REST endpoint: whom to trust and who to be, checked before the first request.

use std::fmt;
use std::path::PathBuf;

use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};

/// `security.ssl.rest.*` as far as a client needs it.
#[derive(Clone, Default)]
pub(crate) struct TlsSettings {
    enabled: bool,
    /// Certificates to trust, PEM. Without it, the usual public authorities.
    trusted: Option<PathBuf>,
    /// Our own certificate chain and key, one PEM file.
    identity: Option<PathBuf>,
}

impl TlsSettings {
    /// # Errors
    /// [`ErrorKind::Configuration`] or [`ErrorKind::Unsupported`], naming the key.
    pub(crate) fn from_configuration(configuration: &Configuration) -> Result<Self> {
        if !configuration.get(&options::SECURITY_SSL_REST_ENABLED)? {
            return Ok(Self::default());
        }
        let trusted = configuration
            .get_optional(&options::SECURITY_SSL_REST_TRUSTSTORE)?
            .or(configuration.get_optional(&options::SECURITY_SSL_TRUSTSTORE)?);
        let identity = if configuration.get(&options::SECURITY_SSL_REST_AUTHENTICATION_ENABLED)? {
            configuration
                .get_optional(&options::SECURITY_SSL_REST_KEYSTORE)?
                .or(configuration.get_optional(&options::SECURITY_SSL_KEYSTORE)?)
        } else {
            None
        };
        if configuration.get_optional(&options::SECURITY_SSL_REST_CERT_FINGERPRINT)?.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "security.ssl.rest.cert.fingerprint is set, and this library does not pin certificates",
            ));
        }
        Ok(Self { enabled: true, trusted: trusted.map(Into::into), identity: identity.map(Into::into) })
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key, if a file cannot be read or is not PEM.
    #[cfg(feature = "tls")]
    pub(crate) fn check(&self) -> Result<()> {
        self.config().map(drop)
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`] if TLS is asked for.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn check(&self) -> Result<()> {
        if !self.enabled {
            return Ok(());
        }
        let message = "security.ssl.rest.enabled is set, and this build of the library has no TLS";
        Err(Error::new(ErrorKind::Unsupported, message).with_hint("build it with the feature `tls`"))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn config(&self) -> Result<Option<ureq::tls::TlsConfig>> {
        use ureq::tls::{ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

        let items = |key: &str, path: &PathBuf| -> Result<Vec<PemItem<'static>>> {
            let refuse = |what: String| {
                Error::new(ErrorKind::Configuration, format!("{key}: {} {what}", path.display())).with_hint(
                    "convert a key store with `openssl pkcs12 -in STORE -out STORE.pem -nodes`, a JKS one first with \
                     `keytool -importkeystore -srckeystore STORE -destkeystore STORE.p12 -deststoretype PKCS12`",
                )
            };
            let bytes = std::fs::read(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
            let items: Vec<_> = parse_pem(&bytes)
                .collect::<std::result::Result<_, _>>()
                .map_err(|error| refuse(format!("is not PEM: {error}")))?;
            if items.is_empty() {
                return Err(refuse("holds nothing in PEM form".into()));
            }
            Ok(items)
        };
        let certificates = |items: Vec<PemItem<'static>>| -> Vec<_> {
            items
                .into_iter()
                .filter_map(|item| match item {
                    PemItem::Certificate(certificate) => Some(certificate),
                    _ => None,
                })
                .collect()
        };
        if !self.enabled {
            return Ok(None);
        }
        let mut config = TlsConfig::builder();
        if let Some(path) = &self.trusted {
            let roots = certificates(items("security.ssl.rest.truststore", path)?);
            config = config.root_certs(RootCerts::new_with_certs(&roots));
        }
        if let Some(path) = &self.identity {
            let key = "security.ssl.rest.keystore";
            let chain = certificates(items(key, path)?);
            let private = std::fs::read(path)
                .ok()
                .and_then(|bytes| PrivateKey::from_pem(&bytes).ok())
                .ok_or_else(|| {
                    let message = format!("{key}: {} holds no private key in PEM form", path.display());
                    Error::new(ErrorKind::Configuration, message)
                })?;
            if chain.is_empty() {
                let message = format!("{key}: {} holds no certificate in PEM form", path.display());
                return Err(Error::new(ErrorKind::Configuration, message));
            }
            config = config.client_cert(Some(ClientCert::new_with_certs(&chain, private)));
        }
        Ok(Some(config.build()))
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("enabled", &self.enabled)
            .field("trusted", &self.trusted)
            .field("identity", &self.identity)
            .finish()
    }
}
