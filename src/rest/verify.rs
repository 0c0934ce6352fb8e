//! Which certificate of a server is accepted.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore, SignatureScheme,
};

/// Checks what the settings say, and always that the server holds the certificate's key.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Who must have signed. `None`: whoever, since the certificate itself is known.
    pub(crate) roots: Option<RootCertStore>,
    /// Whether the certificate must be for the host's name.
    pub(crate) name: bool,
    /// The certificate must be one of these; any, if there are none.
    pub(crate) pinned: Vec<Fingerprint>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

/// A certificate's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fingerprint {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

impl Fingerprint {
    /// Reads hexadecimal digits, with or without colons, as tools print them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ':' && !c.is_whitespace())
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        if !digits.len().is_multiple_of(2) {
            return None;
        }
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        match bytes.len() {
            20 => bytes.try_into().ok().map(Self::Sha1),
            32 => bytes.try_into().ok().map(Self::Sha256),
            _ => None,
        }
    }

    fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
        match self {
            Self::Sha1(bytes) => digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref() == bytes,
            Self::Sha256(bytes) => digest(&SHA256, certificate).as_ref() == bytes,
        }
    }
}

/// The certificate is not the one that was pinned.
#[derive(Debug)]
pub(crate) struct NotPinned {
    sha256: Vec<u8>,
}

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server's certificate is not the pinned one: its SHA-256 fingerprint is ")?;
        for (number, byte) in self.sha256.iter().enumerate() {
            write!(f, "{}{byte:02X}", if number == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl std::error::Error for NotPinned {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if !self.pinned.is_empty() && !self.pinned.iter().any(|pinned| pinned.is_of(certificate)) {
            let sha256 = ring::digest::digest(&ring::digest::SHA256, certificate).as_ref().to_vec();
            let not_pinned = OtherError(Arc::new(NotPinned { sha256 }));
            return Err(TlsError::InvalidCertificate(CertificateError::Other(not_pinned)));
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        if let Some(roots) = &self.roots {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        }
        if self.name {
            verify_server_name(&parsed, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_print_them_and_nothing_else_is() {
        let sha1 = Fingerprint::Sha1([0xAB; 20]);
        assert_eq!(Fingerprint::parse(&"ab".repeat(20)), Some(sha1.clone()));
        assert_eq!(Fingerprint::parse(&["AB"; 20].join(":")), Some(sha1));
        assert_eq!(Fingerprint::parse(&["12"; 32].join(":")), Some(Fingerprint::Sha256([0x12; 32])));
        for wrong in ["", "ab", "zz", &"ab".repeat(21), &"a".repeat(39), &"gh".repeat(20), "é"] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_certificate() {
        let certificate = CertificateDer::from(b"abc".to_vec());
        let sha1 = Fingerprint::parse("A9993E364706816ABA3E25717850C26C9CD0D89D").unwrap();
        let sha256 =
            Fingerprint::parse("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
        assert!(sha1.is_of(&certificate) && sha256.is_of(&certificate));
        assert!(!sha1.is_of(&CertificateDer::from(b"abd".to_vec())));
    }
}
