//! Where an answer ends: what servers and gateways get wrong about it, and what attackers put there.

use flink_client::ClusterClient;
use flink_client::ErrorKind::{ConnectionLost, Decode, Server, TooLarge};

use super::{JOBS, list_jobs};
use crate::support::{Reply, ScriptedServer, client, eager};

#[test]
fn an_end_that_cannot_be_known_is_no_answer() {
    for (what, lines, kind, requests) in [
        ("two numbers", "content-length: 11\r\ncontent-length: 12", Decode, 1),
        ("two numbers in one line", "content-length: 11, 12", Decode, 1),
        ("a sign", "content-length: +11", Decode, 1),
        ("in hexadecimal digits", "content-length: 0xb", Decode, 1),
        ("nothing", "content-length:", Decode, 1),
        // Chunks count, and there are none: it could be that the rest was lost.
        ("a length and chunks", "content-length: 11\r\ntransfer-encoding: chunked", ConnectionLost, 3),
        ("an encoding besides the chunks", "transfer-encoding: gzip, chunked", ConnectionLost, 3),
    ] {
        let reply = Reply::raw(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{JOBS}")).close();
        let server = ScriptedServer::always(reply);
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), server.lines().len()), (kind, requests), "{what}: {error}");
    }
}

#[test]
fn chunks_that_are_none_are_no_answer() {
    for (what, body, kind, requests) in [
        ("a size beyond numbers", format!("fffffffffffffffff\r\n{JOBS}\r\n0\r\n\r\n"), Decode, 1),
        ("the largest size", format!("ffffffffffffffff\r\n{JOBS}\r\n0\r\n\r\n"), ConnectionLost, 3),
        ("a size below zero", format!("-b\r\n{JOBS}\r\n0\r\n\r\n"), Decode, 1),
        ("no size", format!("\r\n{JOBS}\r\n0\r\n\r\n"), Decode, 1),
        ("too small a size", format!("a\r\n{JOBS}\r\n0\r\n\r\n"), Decode, 1),
        ("no last chunk", format!("b\r\n{JOBS}\r\n"), ConnectionLost, 3),
    ] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let server = ScriptedServer::always(Reply::raw(format!("{head}{body}")).close());
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), server.lines().len()), (kind, requests), "{what}: {error}");
    }
}

#[test]
fn chunks_may_have_extensions_and_trailers() {
    for body in [
        format!("b;name=value\r\n{JOBS}\r\n0\r\n\r\n"),
        format!("B\r\n{JOBS}\r\n0\r\nx: y\r\n\r\n"),
        format!("00b\r\n{JOBS}\r\n000\r\n\r\n"),
        JOBS.chars().map(|c| format!("1\r\n{c}\r\n")).collect::<String>() + "0\r\n\r\n",
    ] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let server = ScriptedServer::always(Reply::raw(format!("{head}{body}")));
        assert_eq!(list_jobs(&server).unwrap_or_else(|error| panic!("{body:?}: {error}")), []);
        assert_eq!(server.lines().len(), 1, "{body:?}");
    }
}

#[test]
fn what_stands_around_chunks_is_not_read_for_ever() {
    for (what, begin, flood, kind) in [
        ("extensions", "b;".to_owned(), "x=y;".repeat(250), ConnectionLost),
        ("trailers", format!("b\r\n{JOBS}\r\n0\r\n"), format!("x: {}\r\n", "y".repeat(1000)), TooLarge),
        ("one trailer", format!("b\r\n{JOBS}\r\n0\r\nx: "), "y".repeat(1000), ConnectionLost),
        ("digits of a size", "0".to_owned(), "0".repeat(1000), ConnectionLost),
        ("tiny chunks", String::new(), "1\r\n \r\n".repeat(100), TooLarge),
    ] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let server = ScriptedServer::always(Reply::raw(format!("{head}{begin}")).and_flood(flood));
        let bounded = client(eager(&server.url()).max_content_length(5000).max_attempts(0));
        let error = bounded.list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (kind, 1), "{what}: {error}");
        assert_eq!(server.connections(), 1, "{what}");
        if kind == TooLarge {
            assert!(error.to_string().contains("larger than 5000 bytes"), "{what}: {error}");
        }
    }
}

#[test]
fn heads_that_are_not_http_to_the_letter_are_taken_or_refused_as_a_whole() {
    let length = format!("content-length: 11\r\n\r\n{JOBS}");
    for head in [
        "HTTP/1.1 200\r\n",
        "HTTP/1.1 200 \u{dc}bel\r\n",
        "HTTP/1.1 200 OK\r\nx: \u{fc}\r\n",
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nconnection: close\r\n",
        "HTTP/1.1 299 Fine\r\n",
    ] {
        let server = ScriptedServer::always(Reply::raw(format!("{head}{length}")).close());
        assert_eq!(list_jobs(&server).unwrap_or_else(|error| panic!("{head:?}: {error}")), []);
    }
    for (head, kind) in [
        ("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n", Decode),
        ("HTTP/1.1 200 OK\r\nx: a\0b\r\n", Decode),
        ("HTTP/1.1 200 OK\r\nx : a\r\n", Decode),
        ("HTTP/1.1 099 Low\r\n", Decode),
        ("HTTP/1.1 204 No Content\r\n", Decode),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n", Server),
        ("HTTP/1.1 999 High\r\n", Server),
        ("", Decode),
    ] {
        let server = ScriptedServer::always(Reply::raw(format!("{head}{length}")).close());
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (kind, 1), "{head:?}: {error}");
        assert_eq!(server.connections(), 1, "{head:?}");
    }
}
