//! Files with certificates and keys: PEM is read, and what is not is told with the command that makes PEM of it.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, ErrorKind, Result};
use crate::rest::tls::Setting;

/// What a file of certificates is for: decides how a key store is converted.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    Trust,
    Identity,
}

impl Setting<PathBuf> {
    pub(crate) fn refuse(&self, what: fmt::Arguments<'_>) -> Error {
        Error::new(ErrorKind::Configuration, format!("{}: {} {what}", self.name, self.value.display()))
    }

    fn read(&self, to: Use) -> Result<Vec<u8>> {
        let bytes = std::fs::read(&self.value)
            .map_err(|error| self.refuse(format_args!("cannot be read: {error}")).with_source(error))?;
        match Store::of(&bytes) {
            Some(store) => Err(self
                .refuse(format_args!("is {}, and only PEM is read", store.name()))
                .with_hint(format!("convert it with `{}`", store.conversion(&self.value, to)))),
            None => Ok(bytes),
        }
    }

    pub(crate) fn certificates(&self, to: Use) -> Result<Vec<CertificateDer<'static>>> {
        let bytes = self.read(to)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| self.refuse(format_args!("is no proper PEM")))?;
        if certificates.is_empty() {
            return Err(self.refuse(format_args!("holds no certificate in PEM form")));
        }
        Ok(certificates)
    }

    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>> {
        let bytes = self.read(Use::Identity)?;
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
            let marks = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
            if marks.iter().any(|mark| bytes.windows(mark.len()).any(|part| part == *mark)) {
                let path = quoted(&self.value);
                return self.refuse(format_args!("has a key with a password, and only plain ones are read")).with_hint(
                    format!("take the password off with `openssl pkey -in {path} -out KEY.pem`, and guard that file"),
                );
            }
            // The parser's own error could quote the file.
            self.refuse(format_args!("holds no private key in PEM form"))
        })
    }
}

/// Formats that Java takes and this library does not.
#[derive(Clone, Copy)]
enum Store {
    Jks,
    Pkcs12,
    Der,
}

impl Store {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFE, 0xED, 0xFE, 0xED, ..] | [0xCE, 0xCE, 0xCE, 0xCE, ..] => Some(Self::Jks),
            [0x30, rest @ ..] => {
                // A sequence that begins with the number 3 is PKCS #12; one that begins otherwise a certificate or key.
                let length_bytes = match rest.first()? {
                    long @ 0x81..=0x84 => usize::from(long - 0x80),
                    _ => 0,
                };
                let content = rest.get(1 + length_bytes..)?;
                if content.starts_with(&[0x02, 0x01, 0x03]) {
                    return Some(Self::Pkcs12);
                }
                // '0' also begins many texts.
                (*rest.first()? >= 0x80).then_some(Self::Der)
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jks => "a Java key store (JKS)",
            Self::Pkcs12 => "a PKCS #12 key store",
            Self::Der => "in binary form (DER)",
        }
    }

    /// A command for a shell that makes PEM of the file.
    fn conversion(self, path: &Path, to: Use) -> String {
        let file = quoted(path);
        let with = |ending: &str| quoted(&PathBuf::from(format!("{}{ending}", path.display())));
        let (pem, p12) = (with(".pem"), with(".p12"));
        match (self, to) {
            (Self::Jks | Self::Pkcs12, Use::Trust) => format!("keytool -list -rfc -keystore {file} > {pem}"),
            (Self::Pkcs12, Use::Identity) => format!("openssl pkcs12 -in {file} -nodes -out {pem}"),
            (Self::Jks, Use::Identity) => format!(
                "keytool -importkeystore -srckeystore {file} -destkeystore {p12} -deststoretype PKCS12 && \
                 openssl pkcs12 -in {p12} -nodes -out {pem}"
            ),
            (Self::Der, Use::Trust) => format!("openssl x509 -inform der -in {file} -out {pem}"),
            (Self::Der, Use::Identity) => {
                format!(
                    "openssl x509 -inform der -in {file} -out {pem}` or, a key, `openssl pkey -inform der -in {file} -out {pem}"
                )
            }
        }
    }
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !path.is_empty() && !path.starts_with('-') && path.chars().all(plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, content: &[u8]) -> (tempfile::TempDir, Setting<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        (folder, Setting { name: "security.ssl.rest.keystore", value: path })
    }

    fn hint_for(name: &str, content: &[u8], to: Use) -> String {
        let (folder, setting) = setting(name, content);
        let error = setting.certificates(to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().starts_with("security.ssl.rest.keystore: "), "{error}");
        error.to_string().replace(&folder.path().display().to_string(), "DIR")
    }

    #[test]
    fn a_key_store_is_refused_with_the_command_that_converts_it() {
        let jks = [0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2];
        let p12 = [0x30, 0x82, 0x0A, 0x00, 0x02, 0x01, 0x03, 0x30];
        let der = [0x30, 0x82, 0x03, 0x00, 0x30, 0x82];
        for (name, content, to, says) in [
            ("a.jks", &jks[..], Use::Trust, "`keytool -list -rfc -keystore DIR/a.jks > DIR/a.jks.pem`"),
            ("a.p12", &p12, Use::Trust, "`keytool -list -rfc -keystore DIR/a.p12 > DIR/a.p12.pem`"),
            ("a.p12", &p12, Use::Identity, "`openssl pkcs12 -in DIR/a.p12 -nodes -out DIR/a.p12.pem`"),
            (
                "a.jks",
                &jks,
                Use::Identity,
                "`keytool -importkeystore -srckeystore DIR/a.jks -destkeystore DIR/a.jks.p12 -deststoretype PKCS12 && \
                 openssl pkcs12 -in DIR/a.jks.p12 -nodes -out DIR/a.jks.pem`",
            ),
            ("a.cer", &der, Use::Trust, "`openssl x509 -inform der -in DIR/a.cer -out DIR/a.cer.pem`"),
        ] {
            let told = hint_for(name, content, to);
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        let p12 = [0x30, 0x82, 0x0A, 0x00, 0x02, 0x01, 0x03, 0x30];
        let told = hint_for("it's; rm -rf $HOME.p12", &p12, Use::Identity);
        assert!(told.contains(r"-in 'DIR/it'\''s; rm -rf $HOME.p12' -nodes"), "{told}");
    }

    #[test]
    fn what_is_no_pem_is_refused_and_not_shown() {
        for content in ["", "hunter2", "0hunter2", "-----BEGIN CERTIFICATE-----\nhunter2", "-----BEGIN"] {
            let told = hint_for("a.pem", content.as_bytes(), Use::Identity);
            assert!(!told.contains("hunter2"), "{told}");
        }
        let (_folder, setting) =
            setting("key.pem", b"-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----");
        let error = setting.key().unwrap_err();
        assert!(error.to_string().contains("no private key"), "{error}");
        assert!(!format!("{error:#?}").contains("hunter2"), "{error:#?}");
    }

    #[test]
    fn a_key_with_a_password_is_told_as_such() {
        let (_folder, setting) = setting(
            "key.pem",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        let error = setting.key().unwrap_err();
        assert!(error.to_string().contains("`openssl pkey -in "), "{error}");
    }
}
