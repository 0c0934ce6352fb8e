//! TLS towards the REST endpoint: whom to trust and who to be, made ready before the first request.

use std::fmt;
use std::path::PathBuf;
#[cfg(feature = "tls")]
use std::sync::Arc;

use crate::config::{ConfigOption, Configuration, options};
use crate::error::{Error, ErrorKind, Result};

/// What a client's connections to `https` addresses are made with.
#[cfg(feature = "tls")]
#[derive(Clone)]
pub(crate) struct Tls(pub(crate) Arc<rustls::ClientConfig>);

/// This build has no TLS.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Default)]
pub(crate) struct Tls();

/// `security.ssl.rest.*` as far as a client needs it, or the same by hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    enabled: bool,
    /// Certificates to trust, PEM. Without it, the usual public authorities.
    pub(crate) trusted: Option<Setting<PathBuf>>,
    /// Our own certificate, with those that lead to its authority, PEM.
    pub(crate) certificate: Option<Setting<PathBuf>>,
    /// Its key, PEM. Without it, in the same file.
    pub(crate) key: Option<Setting<PathBuf>>,
    /// On unless it is set.
    pub(crate) verify_host_name: Option<bool>,
    /// Digests of the certificate that the server must have.
    pub(crate) fingerprints: Option<Setting<String>>,
}

/// A value and what it is called where it was set.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    pub(crate) name: &'static str,
    #[cfg_attr(not(feature = "tls"), expect(dead_code))]
    pub(crate) value: T,
}

impl TlsSettings {
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key.
    pub(crate) fn from_configuration(configuration: &Configuration) -> Result<Self> {
        if !configuration.get(&options::SECURITY_SSL_REST_ENABLED)? {
            return Ok(Self::default());
        }
        let first = |keys: [&'static ConfigOption<String>; 2]| -> Result<Option<Setting<PathBuf>>> {
            for key in keys {
                if let Some(path) = configuration.get_optional(key)?.filter(|path| !path.is_empty()) {
                    return Ok(Some(Setting { name: key.key(), value: path.into() }));
                }
            }
            Ok(None)
        };
        let trusted = first([&options::SECURITY_SSL_REST_TRUSTSTORE, &options::SECURITY_SSL_TRUSTSTORE])?;
        let certificate = if configuration.get(&options::SECURITY_SSL_REST_AUTHENTICATION_ENABLED)? {
            let keystore = first([&options::SECURITY_SSL_REST_KEYSTORE, &options::SECURITY_SSL_KEYSTORE])?;
            if keystore.is_none() {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    "security.ssl.rest.authentication-enabled is set, but security.ssl.rest.keystore is not",
                ));
            }
            keystore
        } else {
            None
        };
        let fingerprints = configuration
            .get_optional(&options::SECURITY_SSL_REST_CERT_FINGERPRINT)?
            .map(|value| Setting { name: options::SECURITY_SSL_REST_CERT_FINGERPRINT.key(), value });
        let verify_host_name =
            match configuration.get_optional(&options::SECURITY_SSL_REST_VERIFY_HOSTNAME)? {
                Some(verify) => Some(verify),
                None => configuration.get_optional(&options::SECURITY_SSL_VERIFY_HOSTNAME)?,
            };
        Ok(Self { enabled: true, trusted, certificate, key: None, verify_host_name, fingerprints })
    }

    /// Whether an address without a scheme is one with TLS.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`] if anything of TLS is asked for.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn ready(&self) -> Result<Tls> {
        let set = [&self.trusted, &self.certificate, &self.key].into_iter().flatten().next().map(|s| s.name);
        let set = set.or(self.fingerprints.as_ref().map(|setting| setting.name));
        let set = set.or(self.verify_host_name.map(|_| "verify_host_name"));
        let Some(name) = self.enabled.then_some("security.ssl.rest.enabled").or(set) else {
            return Ok(Tls());
        };
        let message = format!("{name} is set, and this build of the library has no TLS");
        Err(Error::new(ErrorKind::Unsupported, message).with_hint("build it with the feature `tls`"))
    }

    /// Reads the files and checks that they fit.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the setting and never what is in a file of keys.
    #[cfg(feature = "tls")]
    pub(crate) fn ready(&self) -> Result<Tls> {
        use rustls::{ClientConfig, RootCertStore};

        use crate::rest::pem::Use;
        use crate::rest::verify::{Fingerprint, Verifier};

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pinned = match &self.fingerprints {
            Some(Setting { name, value }) => value
                .split(',')
                .map(|text| {
                    Fingerprint::parse(text).ok_or_else(|| {
                        Error::new(ErrorKind::Configuration, format!("{name}: {text:?} is no fingerprint"))
                            .with_hint(
                                "write the SHA-1 or SHA-256 digest of the certificate in hexadecimal digits",
                            )
                    })
                })
                .collect::<Result<Vec<_>>>()?,
            None => Vec::new(),
        };
        let roots = match &self.trusted {
            Some(setting) => {
                let mut roots = RootCertStore::empty();
                for certificate in setting.certificates(Use::Trust)? {
                    roots.add(certificate).map_err(|error| {
                        setting.refuse(format_args!("has a certificate that cannot be used: {error}"))
                    })?;
                }
                Some(roots)
            }
            // The certificate itself is known, which says more than any signature on it.
            None if !pinned.is_empty() => None,
            None => Some(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()),
        };
        let verifier = Verifier {
            // As in Flink's own client, what is pinned may have any name, unless the names are to be checked.
            name: self.verify_host_name.unwrap_or(pinned.is_empty()),
            roots,
            pinned,
            algorithms: provider.signature_verification_algorithms,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Other, "TLS cannot be set up").with_source(error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match &self.certificate {
            Some(setting) => {
                let chain = setting.certificates(Use::Identity)?;
                let key_setting = self.key.as_ref().unwrap_or(setting);
                let key = key_setting.key()?;
                config.with_client_auth_cert(chain, key).map_err(|error| {
                    key_setting.refuse(format_args!("has a key that cannot be used: {error}"))
                })?
            }
            None => match &self.key {
                Some(key) => return Err(key.refuse(format_args!("is a key without its certificate"))),
                None => config.with_no_client_auth(),
            },
        };
        Ok(Tls(Arc::new(config)))
    }
}

#[cfg(all(test, feature = "tls"))]
impl Default for Tls {
    fn default() -> Self {
        TlsSettings::default().ready().unwrap()
    }
}

impl fmt::Debug for Tls {
    /// It holds a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
