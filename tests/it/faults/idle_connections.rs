//! Connections that end while nobody uses them: nobody has to know.

use flink_client::{ClusterClient, JobId, Runtime, SavepointFormatType, TriggerId};

use super::JOBS;
use crate::support::{Reply, ScriptedServer, client, eager};

#[test]
fn one_connection_serves_many_requests() {
    let server = ScriptedServer::always(Reply::json(200, JOBS));
    let client = client(eager(&server.url()));
    for _ in 0..20 {
        client.list_jobs().wait().unwrap();
    }
    assert_eq!((server.connections(), server.lines().len()), (1, 20));
}

#[test]
fn there_are_no_more_connections_than_threads_that_send() {
    let server = ScriptedServer::always(Reply::json(200, JOBS));
    let runtime = Runtime::builder().io_threads(3).build().unwrap();
    let client = client(eager(&server.url()).runtime(runtime));
    for _ in 0..5 {
        let calls: Vec<_> = (0..50).map(|_| client.list_jobs()).collect();
        // This thread sends too while it waits.
        calls.into_iter().for_each(|call| assert_eq!(call.wait().unwrap(), []));
    }
    assert!(server.connections() <= 3 + 1, "{}", server.connections());
    assert_eq!(server.lines().len(), 5 * 50);
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced_without_a_word() {
    let trigger = TriggerId::random();
    let triggered = format!(r#"{{"request-id":"{trigger}"}}"#);
    let server = ScriptedServer::deciding(move |request| match request.method.as_str() {
        "POST" => Reply::json(202, &triggered),
        _ => Reply::json(200, JOBS),
    });
    // No attempt after the first.
    let client = client(eager(&server.url()).max_attempts(0));
    client.list_jobs().wait().unwrap();
    server.close_connections();
    client.list_jobs().wait().unwrap();
    server.close_connections();
    // Nothing of it was sent before, so this is as good as the first request.
    let job = JobId::random();
    let format = SavepointFormatType::Canonical;
    let taken = client.trigger_detached_savepoint_as(trigger, job, None, format).wait().unwrap();
    assert_eq!(taken, trigger);
    assert_eq!((server.connections(), server.lines().len()), (3, 3));
}

#[test]
fn a_connection_that_is_closed_just_when_it_is_used_again_costs_a_safe_request_nothing() {
    let server = ScriptedServer::playing([
        Reply::json(200, JOBS),
        Reply::nothing().close(),
        Reply::json(200, JOBS),
        Reply::nothing().reset(),
        Reply::json(200, JOBS),
    ]);
    let client = client(eager(&server.url()));
    for _ in 0..3 {
        assert_eq!(client.list_jobs().wait().unwrap(), []);
    }
    assert_eq!((server.connections(), server.lines().len()), (3, 5));
}

#[test]
fn an_answer_before_a_reset_is_an_answer_and_the_next_request_has_a_connection_of_its_own() {
    for end in [Reply::json(200, JOBS).close(), Reply::json(200, JOBS).reset()] {
        let server = ScriptedServer::always(end.clone());
        let client = client(eager(&server.url()).max_attempts(3));
        for _ in 0..3 {
            assert_eq!(client.list_jobs().wait().unwrap_or_else(|error| panic!("{end:?}: {error}")), []);
        }
        assert!(server.connections() >= 3, "{end:?}");
    }
}

#[test]
fn what_follows_an_answer_unasked_is_not_taken_for_the_next_answer() {
    // In one piece, so that both are there when the first is read.
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{JOBS}", JOBS.len());
    let smuggled = "HTTP/1.1 500 Smuggled\r\ncontent-length: 2\r\n\r\n{}";
    let server = ScriptedServer::playing([Reply::raw(answer + smuggled), Reply::json(200, JOBS)]);
    let client = client(eager(&server.url()).max_attempts(0));
    assert_eq!(client.list_jobs().wait().unwrap(), []);
    assert_eq!(client.list_jobs().wait().unwrap(), []);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_server_that_closes_after_each_answer_is_believed() {
    for reply in [
        Reply::new(200, &[("connection", "close")], JOBS).close(),
        Reply::raw(format!("HTTP/1.0 200 OK\r\n\r\n{JOBS}")).close(),
        Reply::raw(format!("HTTP/1.0 200 OK\r\ncontent-length: 11\r\n\r\n{JOBS}")).close(),
        Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{JOBS}")).close(),
    ] {
        let server = ScriptedServer::always(reply.clone());
        let client = client(eager(&server.url()).max_attempts(0));
        for _ in 0..3 {
            assert_eq!(client.list_jobs().wait().unwrap_or_else(|error| panic!("{reply:?}: {error}")), []);
        }
        assert_eq!(server.connections(), 3, "{reply:?}");
    }
}
