//! Connections that end, stall, or never come about.

use std::net::TcpListener;

use flink_client::{ClusterClient, ErrorKind};

use crate::support::{Blackhole, Reply, ScriptedServer, client, eager};

const JOBS: &str = r#"{"jobs":[]}"#;

#[test]
fn a_refused_connection_is_tried_again_and_told_as_one_that_never_was() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client(eager(&address.to_string())).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.to_string().contains("connection refused"), "{error}");
}

#[test]
fn a_swallowed_connection_is_given_up_at_the_connection_timeout() {
    let hole = Blackhole::new();
    let limit = std::time::Duration::from_millis(100);
    let error = client(eager(&hole.url()).connection_timeout(limit)).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.to_string().contains("rest.connection-timeout"), "{error}");
}

#[test]
fn a_request_that_changes_nothing_survives_every_way_in_which_a_connection_can_end() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"jo";
    for (how, reply) in [
        ("closed at accept", Reply::nothing().at_accept().close()),
        ("closed before the answer", Reply::nothing().close()),
        ("reset before the answer", Reply::nothing().reset()),
        ("closed within the head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").close()),
        ("reset within the head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").reset()),
        ("closed within the body", Reply::raw(half).close()),
        ("reset within the body", Reply::raw(half).reset()),
    ] {
        let server = ScriptedServer::playing([reply.clone(), Reply::json(200, JOBS)]);
        let jobs = client(eager(&server.url())).list_jobs().wait();
        assert_eq!(jobs.unwrap_or_else(|error| panic!("{how}: {error}")), [], "{how}");
        assert_eq!(server.connections(), 2, "{how}");

        let server = ScriptedServer::always(reply);
        let error = client(eager(&server.url())).list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::ConnectionLost, 3), "{how}: {error}");
        assert_eq!(server.connections(), 3, "{how}");
    }
}
