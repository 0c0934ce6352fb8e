//! A leader that is looked up in ZooKeeper: when it is asked, what is believed, and what is said when it does not tell.

use std::time::Duration;

use flink_client::{
    ClusterClient, Configuration, Error, ErrorKind, ExecutionPlan, FixedWaitStrategy, JobId, Pending,
    RestClusterClient, RestClusterClientConfiguration, StandaloneClusterId,
};

use crate::support::{Blackhole, HANG, Reply, ScriptedServer, ScriptedZooKeeper, Session, until};

const NODE: &str = "/flink/default/leader/rest_server/connection_info";

type Client = RestClusterClient<StandaloneClusterId>;

/// A client that knows ZooKeeper's hosts and nothing of the cluster's addresses.
fn client(quorum: &str, entries: &[(&str, &str)], await_leader: Duration) -> Client {
    let mut configuration: Configuration = entries.iter().copied().collect();
    configuration.set_raw("high-availability.type", "zookeeper");
    configuration.set_raw("high-availability.zookeeper.quorum", quorum);
    let rest = RestClusterClientConfiguration::builder()
        .configuration(&configuration)
        .unwrap()
        .max_attempts(2)
        .retry_strategy(FixedWaitStrategy(Duration::from_millis(1)))
        .await_leader_timeout(await_leader)
        .build()
        .unwrap();
    RestClusterClient::new(rest, StandaloneClusterId).unwrap()
}

fn refused(session: Session, entries: &[(&str, &str)]) -> Error {
    let zookeeper = ScriptedZooKeeper::playing([session]);
    client(&zookeeper.host(), entries, Duration::ZERO).list_jobs().wait().unwrap_err()
}

fn no_jobs() -> Reply {
    Reply::json(200, r#"{"jobs":[]}"#)
}

#[test]
fn the_leader_is_looked_up_once_and_again_when_its_address_fails() {
    let first = ScriptedServer::always(no_jobs());
    let zookeeper = ScriptedZooKeeper::playing([Session::Leader(first.url())]);
    let client = client(&zookeeper.host(), &[], HANG);
    // All of them want the address at once.
    Pending::all((0..32).map(|_| client.list_jobs())).wait().unwrap();
    assert_eq!((first.lines().len(), zookeeper.seen().len()), (32, 1));
    assert_eq!(client.web_interface_url(), first.url());

    let second = ScriptedServer::always(no_jobs());
    zookeeper.now(Session::Leader(second.url()));
    drop(first);
    client.list_jobs().wait().unwrap();
    client.list_jobs().wait().unwrap();
    assert_eq!((second.lines().len(), zookeeper.seen().len()), (2, 2));
    assert_eq!(client.web_interface_url(), second.url());
    for session in zookeeper.seen() {
        assert_eq!((session.path.as_deref(), session.credentials.len()), (Some(NODE), 0));
    }
    assert!(zookeeper.seen()[0].closed, "a session ends with its look");
}

#[test]
fn a_cluster_without_a_leader_is_waited_for_as_long_as_the_caller_allows() {
    const NO_NODE: i32 = -101;
    let server = ScriptedServer::always(no_jobs());
    // More looks than a request has attempts; a node without data is one without a leader.
    let mut sessions = vec![Session::Refused(NO_NODE); 8];
    sessions.extend([Session::Data(Vec::new()), Session::Leader(server.url())]);
    let zookeeper = ScriptedZooKeeper::playing(sessions);
    client(&zookeeper.host(), &[], HANG).list_jobs().wait().unwrap();
    assert_eq!(zookeeper.seen().len(), 10);

    let error = refused(Session::Refused(NO_NODE), &[]);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(NODE) && error.to_string().contains("cluster-id"), "{error}");
}

#[test]
fn the_node_is_below_chroot_root_and_cluster() {
    let server = ScriptedServer::always(no_jobs());
    let zookeeper = ScriptedZooKeeper::playing([Session::Leader(server.url())]);
    let quorum = format!("{}/ch/root", zookeeper.host());
    let entries = [
        ("high-availability.zookeeper.path.root", "/streams"),
        ("high-availability.cluster-id", "etl"),
        ("rest.path", "/gateway/"),
        ("rest.address", "nobody.invalid"),
    ];
    client(&quorum, &entries, HANG).list_jobs().wait().unwrap();
    let path = zookeeper.seen()[0].path.clone();
    assert_eq!(path.as_deref(), Some("/ch/root/streams/etl/leader/rest_server/connection_info"));
    assert_eq!(server.lines(), ["GET /gateway/jobs/overview"]);
}

#[test]
fn hosts_are_asked_in_turn_until_one_tells() {
    let server = ScriptedServer::always(no_jobs());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let blackhole = Blackhole::new();
    let silent = blackhole.url().replace("http://", "");
    let not_one = ScriptedZooKeeper::playing([Session::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())]);
    let expired = ScriptedZooKeeper::playing([Session::Expired]);
    let zookeeper = ScriptedZooKeeper::playing([Session::Leader(server.url())]);
    let hosts =
        [closed.to_string(), silent, not_one.host(), expired.host(), zookeeper.host(), "127.0.0.1:1".into()];
    let entries = [("high-availability.zookeeper.client.connection-timeout", "10 s")];
    let client = client(&hosts.join(","), &entries, HANG);
    client.list_jobs().wait().unwrap();
    assert_eq!((not_one.seen().len(), expired.seen().len(), zookeeper.seen().len()), (1, 1, 1));

    // The next look begins where the last one ended.
    let other = ScriptedServer::always(no_jobs());
    zookeeper.now(Session::Leader(other.url()));
    drop(server);
    client.list_jobs().wait().unwrap();
    assert_eq!((not_one.seen().len(), zookeeper.seen().len()), (1, 2));
}

#[test]
fn servers_that_tell_nothing_are_named_with_what_they_did() {
    let http = || Session::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    for (session, says) in [
        (http(), "is not ZooKeeper"),
        (Session::Raw(vec![0xff; 4]), "is not ZooKeeper"),
        (Session::Raw(vec![0, 0, 0, 2, 1, 1]), "is not ZooKeeper"),
        (Session::Raw(Vec::new()), "ended the connection"),
        (Session::Raw(vec![0, 0, 0, 37, 0]), "ended the connection"),
        (Session::Expired, "opened no session"),
        (Session::Refused(-4), "its error -4"),
        (Session::Drip, "no answer in time"),
    ] {
        let zookeeper = ScriptedZooKeeper::playing([session]);
        let entries = [("high-availability.zookeeper.client.connection-timeout", "500 ms")];
        let client = client(&zookeeper.host(), &entries, Duration::ZERO);
        let error = client.list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
        let named = format!("{}: ", zookeeper.host());
        assert!(error.to_string().contains(&named) && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn closing_a_client_ends_what_waits_for_zookeeper() {
    let zookeeper = ScriptedZooKeeper::playing([Session::Drip]);
    let entries = [("high-availability.zookeeper.client.connection-timeout", "10 min")];
    let client = client(&zookeeper.host(), &entries, HANG);
    let listed = client.list_jobs();
    until("the look", || (zookeeper.seen().len() == 1).then_some(()));
    client.close();
    let closed = listed.wait_timeout(HANG).expect("it does not wait for ZooKeeper").unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed, "{closed}");
}

#[test]
fn who_may_not_read_the_node_is_told_so_at_once() {
    let authorization = ("high-availability.zookeeper.client.authorization", "{digest: 'flink:hunter2'}");
    for (session, says) in [
        (Session::Refused(-102), "does not let this client read"),
        (Session::Refused(-124), "SASL"),
        (Session::Unauthorized, "refuses the credentials"),
    ] {
        let error = refused(session, &[authorization]);
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Authentication, 1), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:#?}").contains("hunter2"), "{error:#?}");
    }

    let server = ScriptedServer::always(no_jobs());
    let zookeeper = ScriptedZooKeeper::playing([Session::Leader(server.url())]);
    client(&zookeeper.host(), &[authorization], HANG).list_jobs().wait().unwrap();
    assert_eq!(zookeeper.seen()[0].credentials, [("digest".to_owned(), "flink:hunter2".to_owned())]);
}

#[test]
fn what_is_no_leader_s_address_is_not_sent_to() {
    let junk = refused(Session::Data(b"http://10.0.0.1:8081".to_vec()), &[]);
    assert_eq!(junk.kind(), ErrorKind::Decode, "{junk}");
    let odd = refused(Session::Leader("pekko.tcp://flink@10.0.0.1:6123".into()), &[]);
    assert_eq!(odd.kind(), ErrorKind::Decode, "{odd}");
    assert!(odd.to_string().contains("pekko.tcp"), "{odd}");
    let unheard_of = refused(Session::Refused(-8), &[]);
    assert_eq!(unheard_of.kind(), ErrorKind::Configuration, "{unheard_of}");
}

#[test]
#[cfg(feature = "tls")]
fn a_leader_without_tls_is_not_sent_to_where_tls_is_set() {
    let server = ScriptedServer::always(no_jobs());
    let error = refused(Session::Leader(server.url()), &[("security.ssl.rest.enabled", "true")]);
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("security.ssl.rest.enabled"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_job_that_another_leader_does_not_know_may_have_been_taken_by_the_one_before() {
    let id = JobId::random();
    let first = ScriptedServer::playing([Reply::html(502, "<title>x</title>")]);
    let second = ScriptedServer::playing([Reply::json(
        404,
        r#"{"errors":["org.apache.flink.runtime.rest.handler.RestHandlerException: x\nCaused by: org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job (1)\n"]}"#,
    )]);
    let zookeeper = ScriptedZooKeeper::playing([Session::Leader(first.url()), Session::Leader(second.url())]);
    let plan = ExecutionPlan::uploaded_jar("1.jar").job_id(id);
    let error = client(&zookeeper.host(), &[], HANG).submit_job(plan).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(id)), "{error}");
    assert_eq!(first.lines(), ["POST /jars/1.jar/run"]);
    assert_eq!(second.lines(), [format!("GET /jobs/{id}/status")]);
}
