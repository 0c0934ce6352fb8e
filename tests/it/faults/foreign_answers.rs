//! Answers that are no HTTP, or too much of it, or not for this question.

use flink_client::{ClusterClient, ErrorKind, JobId, SavepointFormatType, TriggerId};

use super::{JOBS, list_jobs};
use crate::support::{Reply, ScriptedServer, client, eager};

#[test]
fn what_is_not_http_is_told_at_once() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"220 mail.example.com ESMTP\r\n",
        b"HTTP/3.7 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\xff\xfe: x\r\n\r\n",
        b"\r\n\r\n\r\n\r\n<html>",
    ] {
        for at_accept in [false, true] {
            let reply = Reply::raw(garbage).close();
            let server = ScriptedServer::always(if at_accept { reply.at_accept() } else { reply });
            let error = list_jobs(&server).unwrap_err();
            let shown = String::from_utf8_lossy(garbage);
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{shown:?}: {error}");
            assert_eq!(server.connections(), 1, "{shown:?}");
        }
    }
}

#[test]
fn a_server_that_speaks_tls_is_told_as_such() {
    let alert = Reply::raw(b"\x15\x03\x01\x00\x02\x02\x46".to_vec()).close();
    let nginx = Reply::html(
        400,
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
    );
    let go = Reply::raw("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
        .close();
    let flink = Reply::new(301, &[("location", "https://127.0.0.1:8081/jobs/overview")], "");
    for reply in [alert, nginx, go, flink] {
        let server = ScriptedServer::always(reply.clone());
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{reply:?}: {error}");
        assert!(error.to_string().contains("security.ssl.rest.enabled"), "{error}");
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_head_without_an_end_is_not_kept() {
    let line = format!("x-filler: {}\r\n", "y".repeat(1000));
    for (what, reply) in [
        ("headers", Reply::raw("HTTP/1.1 200 OK\r\n").and_flood(line.clone())),
        ("one line", Reply::raw("HTTP/1.1 200 OK\r\nx: ").and_flood("y".repeat(1000))),
        ("a reason", Reply::raw("HTTP/1.1 200 ").and_flood("y".repeat(1000))),
        (
            "many headers",
            Reply::raw(format!("HTTP/1.1 200 OK\r\n{}\r\n{JOBS}", "a: b\r\n".repeat(5000))).close(),
        ),
    ] {
        let server = ScriptedServer::always(reply);
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{what}: {error}");
        assert_eq!(server.connections(), 1, "{what}");
        assert!(error.to_string().len() < 1000, "{error}");
    }
}

#[test]
fn an_answer_over_the_limit_is_refused_while_it_is_read() {
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    for (what, reply) in [
        (
            "chunks without an end",
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").and_flood(chunk),
        ),
        ("no length and no end", Reply::raw("HTTP/1.1 200 OK\r\n\r\n").and_flood("x".repeat(1000))),
        (
            "an announced petabyte",
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000000\r\n\r\n")
                .and_flood("x".repeat(1000)),
        ),
        ("one byte more", Reply::json(200, "x".repeat(5001))),
        ("an error", Reply::json(500, "x".repeat(5001))),
    ] {
        let server = ScriptedServer::always(reply);
        let error = client(eager(&server.url()).max_content_length(5000)).list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::TooLarge, 1), "{what}: {error}");
        assert!(error.to_string().contains("rest.client.max-content-length"), "{what}: {error}");
        assert_eq!(server.connections(), 1, "{what}");
    }
    let padded = format!("{JOBS}{}", " ".repeat(5000 - JOBS.len()));
    let server = ScriptedServer::always(Reply::json(200, padded));
    assert_eq!(client(eager(&server.url()).max_content_length(5000)).list_jobs().wait().unwrap(), []);
}

#[test]
fn a_length_that_lies_is_found_out() {
    let head = |length: &str| format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n{JOBS}");
    for (what, reply, kind, requests) in [
        (
            "too long, then an end",
            Reply::raw(head("content-length: 12")).close(),
            ErrorKind::ConnectionLost,
            3,
        ),
        ("too short", Reply::raw(head("content-length: 10")), ErrorKind::Decode, 1),
        ("nothing", Reply::raw(head("content-length: 0")), ErrorKind::Decode, 1),
        ("below zero", Reply::raw(head("content-length: -1")), ErrorKind::Decode, 1),
        ("no number", Reply::raw(head("content-length: eleven")), ErrorKind::Decode, 1),
        ("beyond numbers", Reply::raw(head("content-length: 99999999999999999999999")), ErrorKind::Decode, 1),
        ("no chunks", Reply::raw(head("transfer-encoding: chunked") + "\r\n").close(), ErrorKind::Decode, 1),
    ] {
        let server = ScriptedServer::always(reply);
        let error = list_jobs(&server).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert_eq!(server.lines().len(), requests, "{what}: {error}");
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{JOBS}");
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    ] {
        let server = ScriptedServer::playing([Reply::raw(format!("{interim}{answer}"))]);
        assert_eq!(
            list_jobs(&server).unwrap_or_else(|error| panic!("{interim:?}: {error}")),
            [],
            "{interim:?}"
        );
        assert_eq!(server.lines().len(), 1, "{interim:?}");
    }
}

#[test]
fn what_changes_something_is_sent_without_waiting_for_a_word_and_takes_one_in_between() {
    let trigger = TriggerId::random();
    let server = ScriptedServer::always(Reply::raw("HTTP/1.1 100 Continue\r\n\r\n").and_raw(format!(
        "HTTP/1.1 202 Accepted\r\ncontent-length: 49\r\n\r\n{{\"request-id\":\"{trigger}\"}}"
    )));
    let format = SavepointFormatType::Canonical;
    let client = client(eager(&server.url()).max_attempts(0));
    let taken = client.trigger_detached_savepoint_as(trigger, JobId::random(), None, format).wait().unwrap();
    assert_eq!(taken, trigger);
    assert_eq!((server.lines().len(), server.requests()[0].header("expect")), (1, None));
}

#[test]
fn interim_answers_without_an_end_end_somewhere() {
    let server = ScriptedServer::always(Reply::nothing().and_flood("HTTP/1.1 100 Continue\r\n\r\n"));
    let limit = std::time::Duration::from_millis(200);
    let error =
        client(eager(&server.url()).answer_timeout(limit).max_attempts(1)).list_jobs().wait().unwrap_err();
    // By their size or by the time they take, whichever is first.
    assert!(matches!(error.kind(), ErrorKind::Decode | ErrorKind::Timeout), "{error}");
}

#[test]
fn a_body_that_is_packed_unasked_is_told_as_such() {
    let server = ScriptedServer::always(Reply::new(
        200,
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        b"\x1f\x8b\x08\x00",
    ));
    let error = list_jobs(&server).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{error}");
    assert!(error.to_string().contains("gzip"), "{error}");
    let asked = server.requests();
    assert_eq!(asked[0].header("accept-encoding"), None);

    // What the status says does not depend on the body.
    let packed = Reply::new(401, &[("content-encoding", "br")], b"\x8b\x00\x80");
    let server = ScriptedServer::always(packed);
    assert_eq!(list_jobs(&server).unwrap_err().kind(), ErrorKind::Authentication);

    let plain = Reply::new(200, &[("content-encoding", "identity")], JOBS);
    assert_eq!(list_jobs(&ScriptedServer::always(plain)).unwrap(), []);
}

#[test]
fn a_body_that_is_not_what_the_endpoint_answers_is_told_with_what_was_expected() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "true",
        "{\"jobs\":7}",
        "{\"jobs\":[{}]}",
        "\u{feff}{}",
        "{\"jobs\":[]",
        "\0",
    ] {
        let server = ScriptedServer::always(Reply::json(200, body));
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(200)), "{body:?}: {error}");
        assert!(error.to_string().contains("a list of jobs"), "{body:?}: {error}");
        assert_eq!(server.lines().len(), 1);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = list_jobs(&ScriptedServer::always(Reply::json(200, deep))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}
