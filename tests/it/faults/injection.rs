//! Text of the caller's stays where it was put: it can neither end its place in a request nor add anything to it.

use std::collections::BTreeSet;
use std::fs;

use flink_client::{
    ClusterClient, Error, ErrorKind, ExecutionPlan, JobId, JobVertexId, Pending, RestClusterClient,
    SavepointFormatType, StandaloneClusterId,
};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::JOBS;
use crate::support::{ReceivedRequest, Reply, ScriptedServer, client, eager};

type Client = RestClusterClient<StandaloneClusterId>;

/// Text that people write, text that attackers write, and any other.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "[a-zA-Z0-9._-]{1,8}",
        proptest::sample::select(vec![
            "/",
            "..",
            "../",
            "%2e%2e",
            "%2F",
            "\\",
            "?",
            "&",
            "=",
            "#",
            ";",
            ":",
            "@",
            "+",
            " ",
            "\t",
            "\"",
            "'",
            "\r\n",
            "\n",
            "\r",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "--",
            "\r\n\r\n",
            "\r\nx-evil: 1",
            " HTTP/1.1\r\nhost: evil\r\n",
            "\r\n--",
            "filename=\"",
            "{",
            "}",
            "\u{fffd}",
            "é",
            "字",
            "💥",
            "%",
            "%00",
            "%0d%0a",
            ",",
            "*",
            "~",
            "$(id)",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        4 => proptest::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat()),
        1 => proptest::sample::select(vec!["", ".", "..", "...", "a/../b", "%2e%2e", "..%2f"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// A server that takes everything and checks nothing but that it is HTTP to the letter, which its parser does.
fn server() -> ScriptedServer {
    ScriptedServer::deciding(|request| match request.path() {
        "/jars/upload" => {
            Reply::json(200, r#"{"filename":"/tmp/flink-web-upload/x.jar","status":"success"}"#)
        }
        "/jobs" => Reply::json(202, r#"{"jobUrl":"/jobs/5f000000000000000000000000000001"}"#),
        "/jobs/overview" => Reply::json(200, JOBS),
        // Ends whatever it is, without another request.
        _ => Reply::json(400, r#"{"errors":["no"]}"#),
    })
}

/// What a request without text of the caller's has.
const NAMES: [&str; 6] = ["host", "accept", "user-agent", "content-type", "content-length", "x-mine"];

fn names(request: &ReceivedRequest) -> Vec<String> {
    request.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

/// No header more, none twice, and a target of escaped segments.
fn check(request: &ReceivedRequest) {
    let names = names(request);
    let once: BTreeSet<&String> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "{:?}", request.headers);
    assert!(names.iter().all(|name| NAMES.contains(&name.as_str())), "{:?}", request.headers);
    assert!(request.header("host").unwrap().starts_with("127.0.0.1:"));
    assert_eq!(request.version, "HTTP/1.1");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%/?=&".contains(c);
    assert!(request.target.starts_with('/') && request.target.chars().all(plain), "{}", request.target);
    for segment in request.path().split('/') {
        let decoded = percent_decode_str(segment).decode_utf8().unwrap();
        assert!(decoded != "." && decoded != "..", "{}", request.target);
    }
}

/// One operation with one text in it: the beginning of the line that it sends, and where the text has to be in it.
struct Operation {
    name: &'static str,
    start: fn(&Client, &str) -> Pending<()>,
    line: &'static str,
    place: Place,
}

enum Place {
    /// The segment after the line's beginning, up to this end; decoded twice, as Flink does.
    Segment(&'static str),
    /// The rest of the query; decoded once.
    Query,
    /// The text at this place of the JSON body.
    Body(&'static str),
}

fn a_job() -> JobId {
    "5f000000000000000000000000000001".parse().unwrap()
}

fn a_vertex() -> JobVertexId {
    "6f000000000000000000000000000001".parse().unwrap()
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "delete_jar",
        start: |client, text| client.delete_jar(text).map(drop),
        line: "DELETE /jars/",
        place: Place::Segment(""),
    },
    Operation {
        name: "jar_plan",
        start: |client, text| client.jar_plan(&ExecutionPlan::uploaded_jar(text)).map(drop),
        line: "POST /jars/",
        place: Place::Segment("/plan"),
    },
    Operation {
        name: "submit_job, jar",
        start: |client, text| client.submit_job(ExecutionPlan::uploaded_jar(text)).map(drop),
        line: "POST /jars/",
        place: Place::Segment("/run"),
    },
    Operation {
        name: "run_application",
        start: |client, text| client.run_application(ExecutionPlan::uploaded_jar(text)).map(drop),
        line: "POST /jars/",
        place: Place::Segment("/run-application"),
    },
    Operation {
        name: "task_manager",
        start: |client, text| client.task_manager(text).map(drop),
        line: "GET /taskmanagers/",
        place: Place::Segment(""),
    },
    Operation {
        name: "task_manager_metrics, id",
        start: |client, text| client.task_manager_metrics(text, &[]).map(drop),
        line: "GET /taskmanagers/",
        place: Place::Segment("/metrics"),
    },
    Operation {
        name: "task_manager_metrics, name",
        start: |client, text| client.task_manager_metrics("tm", &[text]).map(drop),
        line: "GET /taskmanagers/tm/metrics?get=",
        place: Place::Query,
    },
    Operation {
        name: "job_manager_metrics",
        start: |client, text| client.job_manager_metrics(&[text]).map(drop),
        line: "GET /jobmanager/metrics?get=",
        place: Place::Query,
    },
    Operation {
        name: "job_metrics",
        start: |client, text| client.job_metrics(a_job(), &[text]).map(drop),
        line: "GET /jobs/5f000000000000000000000000000001/metrics?get=",
        place: Place::Query,
    },
    Operation {
        name: "vertex_metrics",
        start: |client, text| client.vertex_metrics(a_job(), a_vertex(), &[text]).map(drop),
        line: "GET /jobs/5f000000000000000000000000000001/vertices/6f000000000000000000000000000001/metrics?get=",
        place: Place::Query,
    },
    Operation {
        name: "dispose_savepoint",
        start: |client, text| client.dispose_savepoint(text).map(drop),
        line: "POST /savepoint-disposal",
        place: Place::Body("/savepoint-path"),
    },
    Operation {
        name: "trigger_savepoint",
        start: |client, text| {
            client.trigger_savepoint(a_job(), Some(text), SavepointFormatType::Canonical).map(drop)
        },
        line: "POST /jobs/5f000000000000000000000000000001/savepoints",
        place: Place::Body("/target-directory"),
    },
    Operation {
        name: "stop_with_savepoint",
        start: |client, text| {
            client.stop_with_savepoint(a_job(), false, Some(text), SavepointFormatType::Canonical).map(drop)
        },
        line: "POST /jobs/5f000000000000000000000000000001/stop",
        place: Place::Body("/targetDirectory"),
    },
    Operation {
        name: "submit_job, entry class",
        start: |client, text| {
            client.submit_job(ExecutionPlan::uploaded_jar("a.jar").entry_class(text)).map(drop)
        },
        line: "POST /jars/a.jar/run",
        place: Place::Body("/entryClass"),
    },
    Operation {
        name: "submit_job, argument",
        start: |client, text| client.submit_job(ExecutionPlan::uploaded_jar("a.jar").arg(text)).map(drop),
        line: "POST /jars/a.jar/run",
        place: Place::Body("/programArgsList/0"),
    },
    Operation {
        name: "submit_job, savepoint",
        start: |client, text| {
            client.submit_job(ExecutionPlan::uploaded_jar("a.jar").savepoint(text)).map(drop)
        },
        line: "POST /jars/a.jar/run",
        place: Place::Body("/savepointPath"),
    },
    Operation {
        name: "submit_job, configuration",
        start: |client, text| {
            client.submit_job(ExecutionPlan::uploaded_jar("a.jar").configuration("k", text)).map(drop)
        },
        line: "POST /jars/a.jar/run",
        place: Place::Body("/flinkConfiguration/k"),
    },
];

fn refused(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::Configuration)
}

/// Runs `test` with many texts (`PROPTEST_CASES`); a failure shows the shortest that fails.
fn with_texts(test: impl Fn(&str)) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    runner
        .run(&text(), |text| {
            test(&text);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn no_argument_changes_the_request_that_it_is_part_of() {
    let server = server();
    let client = client(eager(&server.url()).max_attempts(0));
    with_texts(|text| {
        for operation in OPERATIONS {
            let error = (operation.start)(&client, text).wait().unwrap_err();
            let requests = server.take_requests();
            let what = format!("{} of {text:?}", operation.name);
            if refused(&error) {
                assert!(requests.is_empty(), "{what}: refused and sent");
                continue;
            }
            let [request] = &requests[..] else { panic!("{what}: {requests:?}") };
            check(request);
            let rest = request.line();
            let rest = rest.strip_prefix(operation.line).unwrap_or_else(|| panic!("{what}: {rest}"));
            let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
            match operation.place {
                Place::Segment(end) => {
                    let segment = rest.strip_suffix(end).unwrap_or_else(|| panic!("{what}: {rest}"));
                    assert!(!segment.contains(['/', '?']), "{what}: {rest}");
                    assert_eq!(decode(&decode(segment).replace('+', " ")), text, "{what}");
                }
                Place::Query => {
                    assert!(!rest.contains(['&', '=', '?', '/']), "{what}: {rest}");
                    assert_eq!(decode(&rest.replace('+', " ")), text, "{what}");
                }
                Place::Body(pointer) => {
                    assert_eq!(rest, "", "{what}");
                    let json = request.json();
                    assert_eq!(
                        json.pointer(pointer).and_then(|value| value.as_str()),
                        Some(text),
                        "{what}: {json}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_jar_is_never_a_path() {
    let server = server();
    let client = client(eager(&server.url()));
    for id in ["", ".", "..", "a/b", "../../etc/passwd", "..\\x", "/etc/passwd", "a\0", "a\nb"] {
        for handle in [
            client.delete_jar(id).map(drop),
            client.submit_job(ExecutionPlan::uploaded_jar(id)).map(drop),
            client.jar_plan(&ExecutionPlan::uploaded_jar(id)).map(drop),
            client.run_application(ExecutionPlan::uploaded_jar(id)).map(drop),
        ] {
            let error = handle.wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{id:?}: {error}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_header_is_one_header_or_refused() {
    let server = server();
    with_texts(|text| {
        let Ok(rest) = eager(&server.url()).header("x-mine", text).build() else { return };
        let client = RestClusterClient::new(rest, StandaloneClusterId).unwrap();
        client.list_jobs().wait().unwrap();
        let requests = server.take_requests();
        let [request] = &requests[..] else { panic!("{text:?}: {requests:?}") };
        check(request);
        assert_eq!(request.header("x-mine"), Some(text.trim_matches([' ', '\t'])), "{text:?}");
    });
    // Names are as dangerous.
    with_texts(|text| {
        let Ok(rest) = eager(&server.url()).header(text, "mine").build() else { return };
        let client = RestClusterClient::new(rest, StandaloneClusterId).unwrap();
        client.list_jobs().wait().unwrap();
        let requests = server.take_requests();
        let [request] = &requests[..] else { panic!("{text:?}: {requests:?}") };
        assert_eq!(request.header(text), Some("mine"), "{text:?}");
        assert_eq!(request.line(), "GET /jobs/overview");
    });
}

#[test]
fn credentials_are_one_header_or_refused() {
    let server = server();
    with_texts(|text| {
        let builders = [
            eager(&server.url()).basic_auth(text, "p"),
            eager(&server.url()).basic_auth("u", text),
            eager(&server.url()).bearer_token(text),
            {
                let token = text.to_owned();
                eager(&server.url()).bearer_token_from(move || Ok(token.clone()))
            },
        ];
        for builder in builders {
            let Ok(rest) = builder.build() else { continue };
            let client = RestClusterClient::new(rest, StandaloneClusterId).unwrap();
            let outcome = client.list_jobs().wait();
            let requests = server.take_requests();
            if outcome.is_err_and(|error| refused(&error)) {
                assert!(requests.is_empty(), "{text:?}");
                continue;
            }
            let [request] = &requests[..] else { panic!("{text:?}: {requests:?}") };
            let value = request.header("authorization").unwrap();
            assert!(value.starts_with("Basic ") || value.starts_with("Bearer"), "{text:?}: {value:?}");
            assert_eq!(names(request).len(), 4, "{text:?}: {:?}", request.headers);
        }
    });
}

/// The parts of a body, as a reader that goes by the boundary alone sees them.
fn parts(request: &ReceivedRequest) -> Vec<(String, Vec<u8>)> {
    let content_type = request.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let (open, close) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}--\r\n"));
    let body = request.body.strip_suffix(close.as_bytes()).expect("a last boundary");
    let body = body.strip_prefix(open.as_bytes()).expect("a first boundary");
    let between = format!("\r\n{open}");
    let mut parts = Vec::new();
    let mut rest = body;
    loop {
        let end = rest.windows(between.len()).position(|bytes| bytes == between.as_bytes());
        let part = &rest[..end.unwrap_or(rest.len())];
        let head = part.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
        parts.push((String::from_utf8(part[..head].to_vec()).unwrap(), part[head + 4..].to_vec()));
        match end {
            Some(end) => rest = &rest[end + between.len()..],
            None => return parts,
        }
    }
}

/// The value between the quotes after `name=`, with nothing in it that would end them.
fn quoted<'a>(head: &'a str, name: &str) -> &'a str {
    let (_, rest) =
        head.split_once(&format!("; {name}=\"")).unwrap_or_else(|| panic!("no {name} in {head:?}"));
    rest.split_once('"').expect("quotes end").0
}

#[test]
fn a_files_name_and_content_stay_in_their_part() {
    let server = server();
    let client = client(eager(&server.url()).max_attempts(0));
    let content = b"PK\r\n--flink-client-\r\nContent-Disposition: form-data; name=\"evil\"\r\n\r\n--\r\n";
    with_texts(|text| {
        // What a file can be called at all.
        let mut name: String = text.chars().filter(|c| !matches!(c, '/' | '\0')).take(60).collect();
        if matches!(&*name, "" | "." | "..") {
            name.push('x');
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(&name);
        fs::write(&path, content).unwrap();
        client.submit_job(ExecutionPlan::jar(&path)).wait().unwrap_err();
        let graph = ExecutionPlan::serialized(&path)
            .with_jar(&path)
            .with_artifact(text, &path)
            .with_artifact("another one", &path);
        client.submit_job(graph).wait().unwrap();
        let requests = server.take_requests();
        let posts: Vec<&ReceivedRequest> =
            requests.iter().filter(|request| ["/jars/upload", "/jobs"].contains(&request.path())).collect();
        let [upload, submission] = posts[..] else { panic!("{text:?}: {requests:?}") };
        check(upload);
        check(submission);

        let [(head, sent)] = &parts(upload)[..] else { panic!("{text:?}") };
        assert_eq!(head.split("\r\n").count(), 2, "{head:?}");
        assert_eq!((quoted(head, "name"), &**sent), ("jarfile", &content[..]), "{text:?}");
        assert!(quoted(head, "filename").ends_with(".jar"));

        // Those that the request names are those that were sent, each under a name of its own.
        let parts = parts(submission);
        let (request, files) = parts.split_last().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&request.1).unwrap();
        let mut named = vec![&json["jobGraphFileName"]];
        named.extend(json["jobJarFileNames"].as_array().unwrap());
        named.extend(json["jobArtifactFileNames"].as_array().unwrap().iter().map(|entry| &entry["fileName"]));
        let mut named: Vec<&str> = named.into_iter().map(|name| name.as_str().unwrap()).collect();
        let mut sent: Vec<&str> = files.iter().map(|(head, _)| quoted(head, "filename")).collect();
        named.sort_unstable();
        sent.sort_unstable();
        assert_eq!(named, sent, "{text:?}");
        assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), 4, "{text:?}: {sent:?}");
        assert!(
            files.iter().all(|(head, body)| head.split("\r\n").count() == 2 && *body == content),
            "{text:?}"
        );
        let entries = json["jobArtifactFileNames"].as_array().unwrap();
        assert!(entries.iter().any(|entry| entry["entryName"] == text), "{text:?}: {json}");
    });
}

#[test]
fn a_path_of_the_callers_is_taken_as_it_is_or_refused() {
    let server = server();
    let client = client(eager(&server.url()).max_attempts(0));
    with_texts(|text| {
        for path in [text.to_owned(), format!("/{text}")] {
            let error = client.get_json::<serde_json::Value>(&path).wait().unwrap_err();
            let requests = server.take_requests();
            if refused(&error) {
                assert!(requests.is_empty(), "{path:?}");
                continue;
            }
            let [request] = &requests[..] else { panic!("{path:?}: {error}: {requests:?}") };
            assert_eq!(request.line(), format!("GET {path}"));
            assert!(
                names(request).iter().all(|name| NAMES.contains(&name.as_str())),
                "{:?}",
                request.headers
            );
        }
    });
}
