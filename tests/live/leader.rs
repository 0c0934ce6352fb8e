//! A client that knows ZooKeeper and no address finds the leader, and the one after it.

use std::time::Duration;

use flink_client::{
    ApplicationStatus, ClusterClient, ClusterClientExt, Configuration, ErrorKind, JobId, RestClusterClient,
    RestClusterClientConfiguration, StandaloneClusterId,
};

use crate::support::{Environment, HaPair};

/// A dead leader is noticed after 4 s, and the machine may be busy. What takes longer hangs.
const HANG: Duration = Duration::from_secs(120);

type Client = RestClusterClient<StandaloneClusterId>;

/// A client made of Flink's own keys alone.
fn client_of(pair: &HaPair, entries: &[(&str, &str)]) -> Client {
    let mut configuration: Configuration = [
        ("high-availability.type", "zookeeper"),
        ("high-availability.zookeeper.quorum", pair.quorum()),
        ("high-availability.cluster-id", pair.cluster_id()),
        // What the leader takes with it when it dies is never answered.
        ("client.timeout", "5 s"),
        ("rest.await-leader-timeout", "2 min"),
        ("rest.retry.delay", "500 ms"),
        ("rest.retry.max-attempts", "100"),
    ]
    .into_iter()
    .collect();
    for (key, value) in entries {
        configuration.set_raw(*key, *value);
    }
    let rest = RestClusterClientConfiguration::from_configuration(&configuration).unwrap();
    RestClusterClient::new(rest, StandaloneClusterId).unwrap()
}

#[test]
fn a_client_that_knows_only_zookeeper_finds_each_leader() {
    let mut pair = HaPair::start(&[]);
    let client = client_of(&pair, &[]);
    assert_eq!(client.web_interface_url(), pair.http(0).url());
    let jar = pair.http(0).upload(&Environment::get().jobs_jar());
    let arguments = ["--checkpoint-millis", "300", "--parallelism", "1"];
    let job: JobId = pair.http(0).run(&jar, "Stateful", &arguments).parse().unwrap();
    client.wait_until_running(job).wait().unwrap();
    let result = client.job_result(job);

    pair.kill_job_manager(0);
    client.wait_until_running(job).timeout(HANG).wait().unwrap();
    assert_eq!(client.web_interface_url(), pair.http(1).url());
    assert!(client.list_jobs().wait().unwrap().iter().any(|listed| listed.job_id == job));
    assert!(!result.is_done(), "the job runs still");
    client.cancel(job).wait().unwrap();
    let result = result.timeout(HANG).wait().unwrap();
    assert_eq!(result.application_status, ApplicationStatus::Canceled);

    nodes_that_only_some_may_read(&pair);
}

/// A node of a leader who is none, readable for one user.
fn nodes_that_only_some_may_read(pair: &HaPair) {
    let zookeeper = |arguments: &[&str]| {
        let shell = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.ZooKeeperMain";
        Environment::get().run_java(shell, &[&["-server", pair.quorum()], arguments].concat())
    };
    // The base64 of the SHA-1 of `flink:secret` stands for the password.
    let acl = "digest:flink:Rq0HM/4eiCGOm5BwuD073iMNRtM=:r";
    for (path, acl) in [
        ("/locked", "world:anyone:cdrwa"),
        ("/locked/leader", "world:anyone:cdrwa"),
        ("/locked/leader/rest_server", "world:anyone:cdrwa"),
        ("/locked/leader/rest_server/connection_info", acl),
    ] {
        zookeeper(&["create", path, "nobody", acl]);
    }
    let asking = |authorization: &str| {
        let mut entries =
            vec![("high-availability.zookeeper.path.root", "/locked"), ("high-availability.cluster-id", "/")];
        if !authorization.is_empty() {
            entries.push(("high-availability.zookeeper.client.authorization", authorization));
        }
        client_of(pair, &entries).list_jobs().wait().unwrap_err()
    };
    for authorization in ["", "{digest: 'flink:guessed'}"] {
        let error = asking(authorization);
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        assert!(error.to_string().contains("/locked/leader/rest_server/connection_info"), "{error}");
    }
    // Who may read it sees that it is none.
    let error = asking("{digest: 'flink:secret'}");
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    let error = asking("{nosuchscheme: 'x'}");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
}
