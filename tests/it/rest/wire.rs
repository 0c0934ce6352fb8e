//! What is done with connections and odd requests, as recorded from real Flink.

use flink_client::FlinkVersion;
use flink_client::mini::MiniClusterConfiguration;
use serde_json::json;

use super::support::{Connection, ask, form, recorded_wire, served, with};

/// Recorded with parts left out: what was sent is made here.
fn sent(name: &str, recorded: &str) -> String {
    match name {
        "long uri" => format!("GET /overview?x={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(9000)),
        "big header" => {
            format!("GET /overview HTTP/1.1\r\nX-Big: {}\r\nHost: localhost\r\n\r\n", "a".repeat(20_000))
        }
        _ => recorded.into(),
    }
}

#[test]
fn odd_requests_and_connections_are_treated_as_flink_treats_them() {
    for (version, flink_version) in
        [("1.20.5", FlinkVersion::new(1, 20, 5)), ("2.3.0", FlinkVersion::new(2, 3, 0))]
    {
        let cluster = with(MiniClusterConfiguration::new().flink_version(flink_version));
        for (name, recorded) in recorded_wire(version) {
            // Flink's dashboard is not served; the page in its place says so.
            if name == "static file" {
                continue;
            }
            let sent = sent(&name, recorded["sent"].as_str().unwrap());
            let mut connection = Connection::to(&cluster);
            connection.send(sent);
            let answers: Vec<_> = (0..recorded["responses"].as_u64().unwrap())
                .map(|_| {
                    connection.answer_to(false).unwrap_or_else(|| panic!("{version}, {name}: no answer"))
                })
                .collect();
            let wanted = recorded["response_head"].as_str().unwrap().split("\r\n");
            let wanted: Vec<_> = wanted.filter(|line| !line.starts_with("content-length: ")).collect();
            for answer in &answers {
                assert_eq!(answer.shape(), wanted, "{version}, {name}");
            }
            if recorded["closed_by_server"] == true {
                assert!(connection.is_ended(), "{version}, {name}");
            } else if name == "expect 100" {
                connection.send("{}");
                assert_eq!(connection.answer().status, 400, "{version}, {name}");
            } else {
                connection.send("GET /overview HTTP/1.1\r\n\r\n");
                assert_eq!(connection.answer().status, 200, "{version}, {name}: the connection goes on");
            }
        }
    }
}

#[test]
fn a_head_request_gets_the_length_of_a_body_and_no_body() {
    let cluster = served();
    let mut connection = Connection::to(&cluster);
    connection.send("HEAD /overview HTTP/1.1\r\n\r\nGET /overview HTTP/1.1\r\n\r\n");
    let head = connection.answer_to(true).unwrap();
    assert_eq!(head.status, 404);
    assert!(head.head.contains(&"content-length: 35".to_owned()), "{head:?}");
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_body_over_the_limit_is_refused_with_nothing_and_the_connection_goes_on() {
    let cluster = with(MiniClusterConfiguration::new().set("rest.server.max-content-length", "100"));
    let path = "/jobs/00000000000000000000000000000001/savepoints";
    let long = format!("{{\"target-directory\":\"{}\"}}", "a".repeat(10_000));
    let mut connection = Connection::to(&cluster);
    connection.send(format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{long}", long.len()));
    assert_eq!(connection.answer().shape(), ["HTTP/1.1 413 Request Entity Too Large", "content-length: 0"]);
    let chunk = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    connection.send(format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"));
    assert_eq!(connection.answer().status, 413);
    // It is not told to go on, so nobody knows whether the body comes.
    connection.send(format!("POST {path} HTTP/1.1\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(connection.answer().status, 413);
    assert!(connection.is_ended());
    // Uploads are not bound by it.
    let jar = vec![b'x'; 10_000];
    let uploaded =
        Connection::to(&cluster).send(form("/jars/upload", &[("jarfile", Some("a.jar"), &jar)])).answer();
    assert_eq!(uploaded.status, 200, "{}", uploaded.text());
}

#[test]
fn what_is_no_path_is_not_found_in_flinks_words() {
    let cluster = served();
    let errors = |method: &str, path: &str| {
        let answer = ask(&cluster, method, path, None);
        assert_eq!(answer.status, 404, "{method} {path}");
        answer.json()["errors"][0].as_str().unwrap().to_owned()
    };
    assert_eq!(errors("GET", "/nosuch/endpoint?a=b"), "Unable to load requested file /nosuch/endpoint.");
    assert_eq!(errors("GET", "/v2/overview"), "Unable to load requested file /v2/overview.");
    assert_eq!(errors("GET", "/v1/v1/overview"), "Unable to load requested file /v1/v1/overview.");
    assert_eq!(errors("POST", "/nosuch/endpoint"), "Not found: /nosuch/endpoint");
    assert_eq!(errors("DELETE", "/overview"), "Not found: /overview");
    assert_eq!(errors("OPTIONS", "/overview"), "Not found: /overview");
    assert_eq!(errors("PUT", "/jobs"), "Not found: /jobs");
}

#[test]
fn a_path_is_decoded_as_flinks_router_decodes_it() {
    let cluster = served();
    let id = "0".repeat(31) + "a";
    let status = |path: &str| ask(&cluster, "GET", path, None).json()["errors"].to_string();
    // As a whole, before it is split; then each part again, as in a query.
    assert!(status(&format!("/jobs%2F{id}")).contains(&format!("Job {id} not found")));
    assert!(status("/jobs/a%2Bb").contains("(jobid) from value \\\"a b"), "{}", status("/jobs/a%2Bb"));
    assert!(status("/jobs/a%252Bb").contains("(jobid) from value \\\"a+b"), "{}", status("/jobs/a%252Bb"));
    assert!(status("/jobs/%ff%zz").contains("(jobid)"));
    let upper = id.to_uppercase();
    assert!(status(&format!("/v1//jobs/{upper}/")).contains(&format!("Job {id} not found")));
}

#[test]
fn a_body_is_read_leniently_and_what_does_not_fit_is_said_with_its_format() {
    let cluster = served();
    let path = "/jobs/00000000000000000000000000000001/savepoints";
    let said = |body: &str| {
        let request = format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = Connection::to(&cluster).send(request).answer();
        let text = match answer.status {
            202 => "accepted".into(),
            _ => answer.json()["errors"][0].as_str().unwrap().lines().next().unwrap().to_owned(),
        };
        (answer.status, text)
    };
    let unfit = "org.apache.flink.runtime.rest.handler.RestHandlerException: Request did not match expected format \
                 SavepointTriggerRequestBody.";
    for body in [
        "{no",
        "[]",
        "7",
        " ",
        "{\"cancel-job\": \"perhaps\"}",
        "{\"formatType\": \"FANCY\"}",
        "{\"triggerId\": \"zz\"}",
        "{\"target-directory\": []}",
    ] {
        assert_eq!(said(body), (400, unfit.to_owned()), "{body}");
    }
    let accepted = (202, "accepted".to_owned());
    assert_eq!(
        said("{\"target-directory\": \"/x\", \"cancel-job\": \"true\", \"unknown\": {}} trailing"),
        accepted
    );
    assert_eq!(said("{\"target-directory\": 7, \"cancel-job\": null}"), accepted);
    let missing = said("");
    assert!(
        missing.0 == 400 && missing.1.contains("Property [target-directory] must be provided."),
        "{missing:?}"
    );
}

#[test]
fn the_root_is_a_page() {
    let cluster = served();
    for path in ["/", "/index.html", "//"] {
        let page = ask(&cluster, "GET", path, None);
        assert_eq!((page.status, page.shape()[1]), (200, "content-type: text/html"), "{path}");
    }
    assert_eq!(ask(&cluster, "POST", "/", Some(&json!({}))).status, 404);
}
