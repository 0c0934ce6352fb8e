//! TLS: who is trusted, who has to say who they are, and what is told when the two sides do not agree. Nothing of it
//! passes by itself, so nothing is tried again; and nothing of a request is sent before both sides are content.

use std::path::PathBuf;

use flink_client::{
    ClusterClient, Configuration, Error, ErrorKind, ExecutionPlan, JobStatusMessage,
    RestClusterClientConfigurationBuilder, Result,
};
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, SupportedProtocolVersion};

use super::JOBS;
use crate::support::{Authority, Identity, Reply, ScriptedServer, TlsFront, Valid, client, eager, until};

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A server with TLS, and what stands behind it.
struct Secured {
    server: ScriptedServer,
    front: TlsFront,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Secured {
    fn with(identity: impl FnOnce(&Authority) -> Identity) -> Self {
        Self::of(identity, false, ALL_VERSIONS)
    }

    /// `mutual`: it takes clients of the same authority alone.
    fn of(
        identity: impl FnOnce(&Authority) -> Identity,
        mutual: bool,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let authority = Authority::new("the authority");
        let server = ScriptedServer::deciding(|request| match request.path() {
            "/jars/upload" => Reply::json(200, r#"{"filename":"/tmp/x.jar","status":"success"}"#),
            "/jobs/overview" => Reply::json(200, JOBS),
            _ => Reply::json(400, r#"{"errors":["no"]}"#),
        });
        let identity = identity(&authority);
        let front = TlsFront::before(&server, &identity, mutual.then_some(&authority), versions);
        Self { server, front, authority, folder: tempfile::tempdir().unwrap() }
    }

    fn trusted(&self) -> RestClusterClientConfigurationBuilder {
        eager(&self.front.url()).trusted_certificates(self.authority.write(self.folder.path(), "ca.pem"))
    }

    /// A file with a client's certificate and key, by `authority`.
    fn client(&self, authority: &Authority) -> PathBuf {
        authority.issue(&["a client"], Valid::Now).write(self.folder.path(), "client.pem")
    }

    fn list(&self, builder: RestClusterClientConfigurationBuilder) -> Result<Vec<JobStatusMessage>> {
        client(builder).list_jobs().wait()
    }

    /// The one error of one attempt, with nothing of the request let through.
    #[track_caller]
    fn refused(&self, builder: RestClusterClientConfigurationBuilder, says: &[&str]) -> Error {
        let before = self.front.connections();
        let error = self.list(builder).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error}");
        assert!(error.is_authentication() && !error.is_retryable());
        for text in says {
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(self.front.connections() - before, 1);
        assert_eq!(self.server.lines().len(), 0);
        error
    }
}

fn valid(authority: &Authority) -> Identity {
    authority.issue(&NAMES, Valid::Now)
}

#[test]
fn a_trusted_server_serves_many_requests_and_uploads_through_one_connection() {
    for version in [&TLS12, &TLS13] {
        let secured = Secured::of(valid, false, &[version]);
        let client = client(secured.trusted().max_attempts(0));
        let file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
        file.as_file().set_len(3_000_000).unwrap();
        for _ in 0..3 {
            assert_eq!(client.list_jobs().wait().unwrap(), []);
            let error = client.submit_job(ExecutionPlan::jar(file.path())).wait().unwrap_err();
            // Beyond the upload nothing is of interest here.
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        }
        assert_eq!(secured.front.connections(), 1, "{version:?}");
        let requests = secured.server.requests();
        assert_eq!(requests.iter().filter(|request| request.body.len() > 3_000_000).count(), 3);

        secured.front.cut_connections();
        assert_eq!(client.list_jobs().wait().unwrap(), []);
        assert_eq!(secured.front.connections(), 2, "{version:?}");
    }
}

#[test]
fn a_server_that_nobody_trusted_has_signed_is_refused() {
    let secured = Secured::with(valid);
    let stranger = Authority::new("a stranger").write(secured.folder.path(), "stranger.pem");
    let says = ["signed by nobody who is trusted", "security.ssl.rest.truststore"];
    secured.refused(eager(&secured.front.url()).trusted_certificates(stranger), &says);
    secured.refused(eager(&secured.front.url()), &says);
    // The name is of no help.
    secured.refused(eager(&secured.front.url()).verify_host_name(false), &says);
}

#[test]
fn a_server_of_another_name_is_refused_unless_names_are_not_checked() {
    let secured = Secured::with(|authority| authority.issue(&["flink.acme.com"], Valid::Now));
    secured.refused(secured.trusted(), &["for another name", "security.ssl.rest.verify-hostname"]);
    assert_eq!(secured.list(secured.trusted().verify_host_name(false)).unwrap(), []);
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let secured = Secured::with(|authority| authority.issue(&NAMES, Valid::NoMore));
    secured.refused(secured.trusted(), &["has expired"]);
    secured.refused(secured.trusted().verify_host_name(false), &["has expired"]);
    let secured = Secured::with(|authority| authority.issue(&NAMES, Valid::NotYet));
    secured.refused(secured.trusted(), &["not valid yet", "clocks"]);
}

#[test]
fn a_pinned_certificate_is_taken_whoever_signed_it_and_no_other_is() {
    let mut fingerprints = Vec::new();
    let secured = Secured::with(|authority| {
        let identity = authority.issue(&["flink.acme.com"], Valid::NoMore);
        let digest = ring::digest::digest(&ring::digest::SHA256, &identity.certificate);
        fingerprints = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        identity
    });
    let (pin, other) = (fingerprints.join(":"), "00".repeat(32));
    let error = secured.refused(
        eager(&secured.front.url()).certificate_fingerprint(&other),
        &["not the pinned one", "security.ssl.rest.cert.fingerprint"],
    );
    assert!(error.to_string().contains(&pin), "it says which it would have to be: {error}");
    // With an authority, or with a name, those count as well.
    secured.refused(secured.trusted().certificate_fingerprint(&pin), &["has expired"]);
    let named = eager(&secured.front.url()).certificate_fingerprint(&pin).verify_host_name(true);
    secured.refused(named, &["for another name"]);

    for pins in [pin.clone(), format!("{other}, {}", pin.to_lowercase())] {
        let pinned = eager(&secured.front.url()).certificate_fingerprint(pins);
        assert_eq!(secured.list(pinned).unwrap(), []);
    }
}

#[test]
fn a_server_that_wants_to_know_its_clients_takes_those_that_it_trusts() {
    for version in [&TLS12, &TLS13] {
        let secured = Secured::of(valid, true, &[version]);
        let says = ["the server ended the TLS handshake", "security.ssl.rest.keystore"];
        secured.refused(secured.trusted(), &says);
        let stranger = secured.client(&Authority::new("a stranger"));
        secured.refused(secured.trusted().client_certificate(&stranger, &stranger), &says);
        // Also where the client is content first, and is already sending much when it hears.
        let file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        let error = client(secured.trusted()).submit_job(ExecutionPlan::jar(file.path())).wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{version:?}: {error}");
        assert_eq!(secured.server.connections(), 0, "{version:?}");

        let known = secured.client(&secured.authority);
        assert_eq!(secured.list(secured.trusted().client_certificate(&known, &known)).unwrap(), []);
    }
}

#[test]
fn flinks_own_keys_say_the_same() {
    let secured = Secured::of(valid, true, ALL_VERSIONS);
    let mut configuration: Configuration = [
        ("rest.address", "localhost".to_owned()),
        ("rest.port", secured.front.port().to_string()),
        ("security.ssl.rest.enabled", "true".to_owned()),
        ("security.ssl.rest.authentication-enabled", "true".to_owned()),
        (
            "security.ssl.rest.truststore",
            secured.authority.write(secured.folder.path(), "ca.pem").display().to_string(),
        ),
        ("security.ssl.rest.keystore", secured.client(&secured.authority).display().to_string()),
        // Not needed for PEM, and never shown.
        ("security.ssl.rest.keystore-password", "hunter2".to_owned()),
    ]
    .into_iter()
    .collect();
    let of = |configuration: &Configuration| eager("h:1").configuration(configuration).unwrap();
    assert_eq!(secured.list(of(&configuration)).unwrap(), []);

    // What cannot be used is told by its key, before anything is sent.
    let der = secured.folder.path().join("key.p12");
    std::fs::write(&der, [0x30, 0x82, 0x0A, 0x00, 0x02, 0x01, 0x03, 0x30]).unwrap();
    for (key, value, says) in [
        ("security.ssl.rest.keystore", der.display().to_string(), "openssl pkcs12 -in"),
        ("security.ssl.rest.truststore", der.display().to_string(), "keytool -list -rfc -keystore"),
        ("security.ssl.rest.truststore", "/nowhere/at/all.pem".into(), "cannot be read"),
        ("security.ssl.rest.cert.fingerprint", "12:34".into(), "is no fingerprint"),
    ] {
        let before = configuration.clone();
        configuration.set_raw(key, value);
        let error = of(&configuration).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().starts_with(key) && error.to_string().contains(says), "{error}");
        assert!(!format!("{error} {error:?} {configuration:?}").contains("hunter2"));
        configuration = before;
    }
}

#[test]
fn a_plain_server_is_told_from_one_with_tls_and_the_other_way_round() {
    // A server that answers what it took for a request; without a word of TLS, so that it is known at once.
    let plain = ScriptedServer::always(Reply::raw("HTTP/1.1 400 Bad Request\r\n\r\n").at_accept().close());
    let error = client(eager(&format!("https://127.0.0.1:{}", plain.port()))).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error}");
    assert!(
        error.to_string().contains("does not speak TLS") && error.to_string().contains("http address"),
        "{error}"
    );
    assert_eq!(plain.connections(), 1);

    let secured = Secured::with(valid);
    let url = format!("http://127.0.0.1:{}", secured.front.port());
    secured.refused(eager(&url), &["speaks TLS", "security.ssl.rest.enabled"]);
}

#[test]
fn a_handshake_that_breaks_or_stands_still_is_a_connection_that_never_was() {
    let limit = std::time::Duration::from_millis(200);
    for (how, reply, attempts) in [
        ("closed", Reply::nothing().at_accept().close(), 3),
        ("silent", Reply::nothing().at_accept().stall(), 2),
        ("cut off", Reply::raw(b"\x16\x03\x03\x00\x7a\x02\x00".to_vec()).at_accept().close(), 3),
    ] {
        let server = ScriptedServer::always(reply);
        let builder = eager(&format!("https://127.0.0.1:{}", server.port())).connection_timeout(limit);
        let error = client(builder.max_attempts(attempts - 1)).list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, attempts), "{how}: {error}");
        // The client may have given up one that the server has not taken yet.
        until(how, || (server.connections() == attempts as usize).then_some(()));
    }
}
