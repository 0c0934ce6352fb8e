//! Real clusters whose REST API speaks TLS, with the keys as an operator has them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use flink_client::{
    ClusterClient, Configuration, Error, ErrorKind, ExecutionPlan, RestClusterClient,
    RestClusterClientConfiguration, RestClusterClientConfigurationBuilder, SavepointFormatType,
    StandaloneClusterId,
};

use crate::support::{Cluster, Environment, Settings, TlsMode, shared};

type Client = RestClusterClient<StandaloneClusterId>;

fn client(builder: RestClusterClientConfigurationBuilder) -> Client {
    RestClusterClient::new(builder.build().unwrap(), StandaloneClusterId).unwrap()
}

fn at(address: &str) -> RestClusterClientConfigurationBuilder {
    RestClusterClientConfiguration::builder().address(address)
}

/// The one error of one attempt.
#[track_caller]
fn refused(builder: RestClusterClientConfigurationBuilder, says: &str) -> Error {
    let error = client(builder).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error}");
    assert!(error.to_string().contains(says), "{error}");
    error
}

/// A job from its jar to its end: everything that is sent to a cluster.
fn work(client: &Client, cluster: &Cluster) {
    let jar = Environment::get().jobs_jar();
    let plan = ExecutionPlan::jar(jar).entry_class("jobs.Stateful").args(["--records-per-second", "100"]);
    let job = client.submit_job(plan).wait().unwrap();
    let savepoints = cluster.folder("savepoints");
    let savepoints = format!("file:{}", savepoints.display());
    flink_client::ClusterClientExt::wait_until_running(client, job).wait().unwrap();
    client.stop_with_savepoint(job, false, Some(&savepoints), SavepointFormatType::Canonical).wait().unwrap();
    assert!(client.job_result(job).wait().unwrap().is_success());
}

#[test]
fn a_cluster_with_tls_is_used_by_those_who_trust_it() {
    let cluster = Settings::mini().tls(TlsMode::Server).start();
    let keys = cluster.client_keys();
    let configuration: Configuration = [
        ("rest.address", "127.0.0.1".to_owned()),
        ("rest.port", cluster.port().to_string()),
        ("security.ssl.rest.enabled", "true".to_owned()),
        ("security.ssl.rest.truststore", keys.server_certificate.display().to_string()),
    ]
    .into_iter()
    .collect();
    let trusting = RestClusterClientConfiguration::builder().configuration(&configuration).unwrap();
    work(&client(trusting), &cluster);

    // Its certificate is its own authority, so neither the public ones nor another is.
    refused(at(cluster.url()), "signed by nobody who is trusted");
    let stranger = at(cluster.url()).trusted_certificates(&keys.stranger_certificate);
    refused(stranger, "security.ssl.rest.truststore");
    refused(at(&format!("http://127.0.0.1:{}", cluster.port())), "security.ssl.rest.enabled");

    // The digest that an error tells is the one that pins.
    let wrong = refused(at(cluster.url()).certificate_fingerprint("00".repeat(32)), "not the pinned one");
    let wrong = wrong.to_string();
    let told = wrong.split("fingerprint is ").nth(1).unwrap();
    let told: String = told.chars().take_while(|c| c.is_ascii_hexdigit() || *c == ':').collect();
    client(at(cluster.url()).certificate_fingerprint(told)).list_jobs().wait().unwrap();
}

#[test]
fn a_cluster_with_mutual_tls_takes_the_clients_that_it_trusts() {
    let cluster = Settings::mini().tls(TlsMode::Mutual).start();
    let keys = cluster.client_keys();
    let trusting = || at(cluster.url()).trusted_certificates(&keys.server_certificate);
    work(&client(trusting().client_certificate(&keys.certificate, &keys.key)), &cluster);

    let says = "security.ssl.rest.authentication-enabled and security.ssl.rest.keystore";
    refused(trusting(), says);
    refused(trusting().client_certificate(&keys.stranger_certificate, &keys.stranger_key), says);
}

#[test]
fn a_cluster_without_tls_is_told_as_such() {
    let port = shared().port();
    let error = refused(at(&format!("https://127.0.0.1:{port}")), "does not speak TLS");
    assert!(error.to_string().contains("http address"), "{error}");
}

#[test]
fn a_key_store_of_javas_is_converted_by_the_command_that_the_error_gives() {
    let cluster = Settings::mini().tls(TlsMode::Server).start();
    let store = cluster.client_keys().server_certificate.with_file_name("trust.p12");
    let error = at(cluster.url()).trusted_certificates(&store).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    let command = text.split('`').nth(1).unwrap_or_else(|| panic!("no command in: {text}"));
    shell(command, "changeit\n");
    let converted = Path::new(&format!("{}.pem", store.display())).to_owned();
    client(at(cluster.url()).trusted_certificates(converted)).list_jobs().wait().unwrap();
}

/// With the JDK's tools, and these lines for what they ask.
fn shell(command: &str, lines: &str) {
    let tools = Environment::get().jdk().join("bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh")
        .args(["-c", command])
        .env("PATH", path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    shell.stdin.take().expect("stdin is piped").write_all(lines.as_bytes()).expect("the command asks");
    assert!(shell.wait().expect("the command ends").success(), "{command}");
}
