//! Connections that end, stall, or never come about.

use std::net::TcpListener;
use std::time::Duration;

use flink_client::{ClusterClient, ErrorKind};

use super::{JOBS, list_jobs};
use crate::support::{Blackhole, Reply, ScriptedServer, client, eager, until};

#[test]
fn a_refused_connection_is_tried_again_and_told_as_one_that_never_was() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client(eager(&address.to_string())).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.to_string().contains("connection refused"), "{error}");
    assert!(error.is_connection() && error.is_retryable());
}

#[test]
fn a_swallowed_connection_is_given_up_at_the_connection_timeout() {
    let hole = Blackhole::new();
    let limit = Duration::from_millis(100);
    let error = client(eager(&hole.url()).connection_timeout(limit)).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.to_string().contains("rest.connection-timeout"), "{error}");
}

#[test]
fn a_name_that_nobody_knows_is_told_at_once_and_not_asked_for_again() {
    // Longer than a label may be, so that every resolver refuses it without asking anybody.
    let address = format!("{}.test:8081", "a".repeat(64));
    let error = client(eager(&address)).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1), "{error}");
    assert!(error.to_string().contains("host name is not known"), "{error}");
    assert!(error.to_string().contains("rest.address"), "{error}");
}

#[test]
fn a_request_that_changes_nothing_survives_every_way_in_which_a_connection_can_end() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"jo";
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"jo";
    for (how, reply) in [
        ("closed at accept", Reply::nothing().at_accept().close()),
        ("closed before the answer", Reply::nothing().close()),
        ("reset before the answer", Reply::nothing().reset()),
        ("closed within the head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").close()),
        ("reset within the head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").reset()),
        ("closed within the body", Reply::raw(half).close()),
        ("reset within the body", Reply::raw(half).reset()),
        ("closed within a chunk", Reply::raw(chunk).close()),
        ("closed between chunks", Reply::raw(format!("{chunk}b\r\n")).close()),
    ] {
        let server = ScriptedServer::playing([reply.clone(), Reply::json(200, JOBS)]);
        assert_eq!(list_jobs(&server).unwrap_or_else(|error| panic!("{how}: {error}")), [], "{how}");
        assert_eq!(server.connections(), 2, "{how}");

        let server = ScriptedServer::always(reply);
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::ConnectionLost, 3), "{how}: {error}");
        assert_eq!(server.connections(), 3, "{how}");
        assert!(error.is_connection() && error.is_retryable());
    }
}

#[test]
fn silence_at_any_stage_ends_at_its_limit_and_is_tried_again() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"jo";
    for (stage, reply) in [
        ("before the request is read", Reply::nothing().at_accept().stall()),
        ("before the answer", Reply::nothing().stall()),
        ("within the head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").stall()),
        ("within the body", Reply::raw(half).stall()),
        (
            "a head that never ends, byte by byte",
            Reply::raw("HTTP/1.1 200 OK\r\nx: ")
                .and_drip(vec![b'y'; 1000], Duration::from_millis(20))
                .stall(),
        ),
    ] {
        // On a busy machine an answer may come late as well.
        let answers = [Reply::json(200, JOBS), Reply::json(200, JOBS), Reply::json(200, JOBS)];
        let server = ScriptedServer::playing([reply.clone()].into_iter().chain(answers));
        let limit = Duration::from_millis(200);
        let quick = eager(&server.url()).answer_timeout(limit).idleness_timeout(limit).max_attempts(3);
        let jobs = client(quick).list_jobs().wait();
        assert_eq!(jobs.unwrap_or_else(|error| panic!("{stage}: {error}")), [], "{stage}");
        until(stage, || (server.connections() >= 2).then_some(()));

        let server = ScriptedServer::always(reply);
        let quick = eager(&server.url()).answer_timeout(limit).idleness_timeout(limit).max_attempts(1);
        let error = client(quick).list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2), "{stage}: {error}");
        // The client may have given up one that the server has not taken yet.
        until(stage, || (server.connections() == 2).then_some(()));
        assert!(error.is_timeout());
    }
}

#[test]
fn an_answer_that_comes_slowly_comes() {
    // Long enough for a busy machine to be late with a byte.
    let limit = Duration::from_secs(2);
    // More than the limit in all, and never as much between two bytes.
    let reply = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n").and_drip(JOBS, limit / 8);
    let server = ScriptedServer::playing([reply]);
    let patient = eager(&server.url()).idleness_timeout(limit).answer_timeout(limit);
    assert_eq!(client(patient).list_jobs().wait().unwrap(), []);
    assert_eq!(server.lines(), ["GET /jobs/overview"]);
}

#[test]
fn a_client_that_gives_up_after_an_upload_could_not_be_written_says_so() {
    let file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
    file.as_file().set_len(16 << 20).unwrap();
    // Nobody reads, so the connection takes no more than its buffers hold.
    let server = ScriptedServer::always(Reply::nothing().at_accept().stall());
    let impatient = eager(&server.url()).idleness_timeout(Duration::from_millis(200)).max_attempts(0);
    let error = client(impatient).upload_jar(file.path()).wait().unwrap_err();
    // How much of it the server has, nobody here can tell.
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
}

#[test]
fn limits_may_be_as_long_as_can_be_said() {
    let server = ScriptedServer::always(Reply::json(200, JOBS));
    let unlimited = eager(&server.url())
        .connection_timeout(Duration::MAX)
        .answer_timeout(Duration::MAX)
        .idleness_timeout(Duration::MAX)
        .await_leader_timeout(Duration::MAX)
        .retry_delay(Duration::MAX)
        .max_content_length(u64::MAX);
    let client = client(unlimited);
    for _ in 0..2 {
        assert_eq!(
            client.list_jobs().timeout(Duration::MAX).wait_timeout(Duration::MAX).unwrap().unwrap(),
            []
        );
    }
}
