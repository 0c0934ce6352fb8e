//! Any bytes at all: each connection gets answers or an end, and the server goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use flink_client::MiniCluster;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::support::{LONG, ask, served};

/// Sends `bytes` and nothing more; all that comes back until the server ends the connection.
fn sent(cluster: &MiniCluster, bytes: &[u8]) -> Vec<u8> {
    let address = cluster.rest_address().unwrap();
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    // The server may have ended the connection before it has read all.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answers = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return answers,
            Ok(read) => answers.extend(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return answers,
            Err(error) => panic!("neither an answer nor an end to {bytes:?}: {error}"),
        }
    }
}

/// Pieces of which requests are made, and of which half-requests are.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let texts = [
        "GET ",
        "POST ",
        "PATCH ",
        "DELETE ",
        "/",
        "/jobs",
        "/jars/upload",
        "/overview",
        "?a=b",
        "%2F",
        "%",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\n",
        "\r\n\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: 99999\r\n",
        "Content-Length: x\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "--x\r\n",
        "--x--",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "ffff\r\n",
        "Content-Disposition: form-data; name=\"a\"; filename=\"a.jar\"\r\n",
        "{\"a\":1}",
        "{}",
        ":",
        "\0",
        "é",
    ];
    prop_oneof![
        8 => prop::sample::select(texts.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

#[test]
fn no_bytes_are_more_than_a_connection_can_bear() {
    let cluster = served();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let strategy = prop::collection::vec(pieces(), 0..20).prop_map(|pieces| pieces.concat());
    let outcome = runner.run(&strategy, |bytes| {
        let answers = sent(&cluster, &bytes);
        prop_assert!(answers.is_empty() || answers.starts_with(b"HTTP/1.1 "), "{:?}", answers);
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(ask(&cluster, "GET", "/overview", None).status, 200);
}

/// Whole requests with anything in their path, query and body: each has one answer, and the connection stays in step.
#[test]
fn whole_requests_of_any_content_are_answered_one_by_one() {
    let cluster = served();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let roots = [
        "/jobs/",
        "/jobs/00000000000000000000000000000001/",
        "/jars/",
        "/taskmanagers/",
        "/applications/",
        "/datasets/",
        "/savepoint-disposal/",
        "/",
    ];
    let tails = [
        "savepoints",
        "stop",
        "checkpoints",
        "vertices/",
        "run",
        "plan",
        "coordinators/a",
        "metrics?get=",
        "",
    ];
    let request = (
        prop::sample::select(methods.to_vec()),
        prop::sample::select(roots.to_vec()),
        prop::sample::select(tails.to_vec()),
        "[!-~]{0,12}",
        prop_oneof![".{0,30}", Just("{}".to_owned()), "\\{\"(jobId|triggerId|parallelism|a)\": ?.{0,9}\\}"],
    );
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&request, |(method, root, tail, any, body)| {
        let length = body.len();
        let request =
            format!("{method} {root}{tail}{any} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        let next = "GET /overview HTTP/1.1\r\n\r\n";
        let answers = sent(&cluster, format!("{request}{next}").as_bytes());
        let answers = String::from_utf8_lossy(&answers).into_owned();
        prop_assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{}\n{}", request, answers);
        prop_assert!(!answers.contains("java.lang.Error"), "{}", answers);
        Ok(())
    });
    outcome.unwrap();
}
