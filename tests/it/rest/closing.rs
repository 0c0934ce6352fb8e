//! How the REST API ends, with its cluster or by request.

use std::time::Instant;

use flink_client::mini::{MiniClock, MiniClusterConfiguration, MiniJob};
use flink_client::{ErrorKind, MiniCluster};
use serde_json::json;

use super::support::{Connection, LONG, ask, served, with};

#[test]
fn closing_ends_idle_connections() {
    let cluster = served();
    let mut idle = Connection::to(&cluster);
    assert_eq!(idle.send("GET /overview HTTP/1.1\r\n\r\n").answer().status, 200);
    let mut silent = Connection::to(&cluster);
    let mut halfway = Connection::to(&cluster);
    halfway.send("GET /overv");
    let began = Instant::now();
    cluster.close();
    assert!(began.elapsed() < LONG);
    assert!(idle.is_ended() && silent.is_ended());
    // Half a head is no HTTP, and that may be said.
    assert!(halfway.answer_to(false).is_none_or(|answer| answer.status == 404));
}

#[test]
fn closing_frees_the_port() {
    // A port that is free may go to any other test at any time, but hardly so each time.
    let is_freed = |_| {
        let cluster = served();
        let address = cluster.rest_address().unwrap();
        cluster.close();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let next = MiniCluster::start(MiniClusterConfiguration::new().rest_port(port));
        next.is_ok_and(|next| next.rest_address() == Some(address))
    };
    assert!((0..10).any(is_freed));
}

#[test]
fn a_request_that_waits_is_told_that_the_cluster_is_gone() {
    let cluster = served();
    let (began, has_begun) = crossbeam_channel::bounded(1);
    let (end, ends) = crossbeam_channel::bounded::<()>(0);
    cluster.register_program("a.Stuck", move |_| {
        began.send(()).unwrap();
        let _ = ends.recv();
        MiniJob::new("never")
    });
    let jar = cluster_jar(&cluster);
    let mut connection = Connection::to(&cluster);
    let body = json!({"entryClass": "a.Stuck"}).to_string();
    connection.send(format!("POST /jars/{jar}/run HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    has_begun.recv_timeout(LONG).unwrap();
    let closing = std::thread::spawn(move || cluster.close());
    let answer = connection.answer();
    assert_eq!(answer.status, 503, "{}", answer.text());
    drop(end);
    closing.join().unwrap();
}

fn cluster_jar(cluster: &MiniCluster) -> String {
    let jar =
        super::support::form("/jars/upload", &[("jarfile", Some("a.jar"), &crate::mini::support::jar(""))]);
    let uploaded = Connection::to(cluster).send(jar).answer().json();
    uploaded["filename"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn delete_is_answered_before_the_cluster_ends() {
    let cluster = served();
    let changes = cluster.job_status_changes();
    let mut connection = Connection::to(&cluster);
    let answer = connection.send("DELETE /cluster HTTP/1.1\r\n\r\n").answer();
    assert_eq!((answer.status, answer.text()), (200, "{}".to_owned()));
    // The list of changes ends with the cluster.
    assert!(changes.recv_timeout(LONG).is_err_and(|error| error.is_disconnected()));
    assert!(connection.is_ended() && !cluster.is_open());
}

#[test]
fn delete_waits_for_outcomes_to_be_read_but_not_longer_than_they_are_kept() {
    let clock = MiniClock::manual(std::time::SystemTime::now());
    for is_read in [true, false] {
        let configuration = MiniClusterConfiguration::new().clock(clock.clone());
        let cluster = with(configuration.set("rest.async.store-duration", "12 s"));
        let changes = cluster.job_status_changes();
        let trigger = "ab".repeat(16);
        let path = format!("/jobs/{trigger}/savepoints");
        let body = json!({"target-directory": "/nowhere", "triggerId": trigger});
        assert_eq!(ask(&cluster, "POST", &path, Some(&body)).status, 202);
        let mut ending = Connection::to(&cluster);
        assert_eq!(ending.send("DELETE /cluster HTTP/1.1\r\n\r\n").answer().status, 200);
        // Its connection is ended after its time has begun to count.
        assert!(ending.is_ended());
        assert_eq!(ask(&cluster, "GET", "/overview", None).status, 200);
        if is_read {
            let failed = ask(&cluster, "GET", &format!("{path}/{trigger}"), None).json();
            assert_eq!(failed["status"]["id"], "COMPLETED");
        } else {
            assert!(cluster.is_open());
            clock.advance(std::time::Duration::from_secs(12));
        }
        assert!(changes.recv_timeout(LONG).is_err_and(|error| error.is_disconnected()), "{is_read}");
    }
}

#[test]
fn a_port_that_is_in_use_is_said() {
    let cluster = served();
    let port = cluster.configuration().get(&flink_client::options::REST_PORT).unwrap();
    let error = MiniCluster::start(MiniClusterConfiguration::new().rest_port(port)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn without_a_port_nothing_is_served() {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().set("rest.port", "0")).unwrap();
    assert_eq!(cluster.rest_address(), None);
}
