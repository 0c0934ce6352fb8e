//! How often a request is tried, by what befell it and whether it may be repeated: the requests that the server saw,
//! and the kind of error in the end.

use flink_client::{ClusterClient, ErrorKind, ExecutionPlan, RetryEvent, SavepointFormatType::Canonical};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Client, job, leader_election, lost, ok, refused};
use crate::support::{Reply, ScriptedServer, client, eager};

/// What befalls every request, the kind of error for one that only looks, and how it is tried again: three times in all,
/// for a time, or not at all.
fn table() -> Vec<(&'static str, Reply, ErrorKind, Again)> {
    use Again::{Counted, Never, Timed};
    let page = |status| Reply::html(status, "<title>Bad day</title>");
    let cut = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").close();
    vec![
        ("closed", lost(), ErrorKind::ConnectionLost, Counted),
        ("reset", Reply::nothing().reset(), ErrorKind::ConnectionLost, Counted),
        ("closed within the answer", cut, ErrorKind::ConnectionLost, Counted),
        ("408", page(408), ErrorKind::Timeout, Counted),
        ("429", page(429), ErrorKind::Unavailable, Timed),
        ("502", page(502), ErrorKind::Unavailable, Timed),
        ("503", page(503), ErrorKind::Unavailable, Timed),
        ("504", page(504), ErrorKind::Unavailable, Timed),
        (
            "504 in JSON",
            Reply::json(504, r#"{"errors":["upstream request timeout"]}"#),
            ErrorKind::Unavailable,
            Timed,
        ),
        ("leader election", leader_election(), ErrorKind::Unavailable, Timed),
        ("400", refused(400, "a.B: no"), ErrorKind::InvalidRequest, Never),
        ("401", page(401), ErrorKind::Authentication, Never),
        ("403", page(403), ErrorKind::Authentication, Never),
        ("302", Reply::new(302, &[("location", "/elsewhere")], ""), ErrorKind::Redirected, Never),
        ("404 in HTML", page(404), ErrorKind::Unsupported, Never),
        ("500", refused(500, "a.B: no"), ErrorKind::Server, Never),
        ("200 in HTML", page(200), ErrorKind::Decode, Never),
        ("200 and empty", ok(""), ErrorKind::Decode, Never),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Again {
    Counted,
    Timed,
    Never,
}

impl Again {
    #[track_caller]
    fn check(self, what: &str, requests: usize) {
        match self {
            Self::Counted => assert_eq!(requests, 3, "{what}"),
            Self::Timed => assert!(requests > 3, "{what}: {requests}"),
            Self::Never => assert_eq!(requests, 1, "{what}"),
        }
    }
}

/// Whether the request may have been taken.
fn leaves_open(what: &str, kind: ErrorKind) -> bool {
    let answered =
        [ErrorKind::InvalidRequest, ErrorKind::Authentication, ErrorKind::Redirected, ErrorKind::Unsupported];
    !answered.contains(&kind) && !["429", "leader election"].contains(&what)
}

/// Does this to every line of the table at once: those that are tried for a time take all of it.
fn each(check: impl Fn(&str, Reply, ErrorKind, Again) + Sync) {
    std::thread::scope(|scope| {
        for (what, reply, kind, again) in table() {
            let check = &check;
            scope.spawn(move || check(what, reply, kind, again));
        }
    });
}

/// A client of `server` that looks for a leader for long enough to be refused more than three times.
fn tireless(server: &ScriptedServer) -> Client {
    client(eager(&server.url()).await_leader_timeout(Duration::from_secs(3)))
}

#[test]
fn a_request_that_looks_is_repeated_after_what_passes_and_nothing_else() {
    each(|what, reply, kind, again| {
        let server = ScriptedServer::always(reply);
        let error = tireless(&server).list_jobs().wait().unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        again.check(what, server.lines().len());
        assert_eq!(error.attempts() as usize, server.lines().len(), "{what}");
    });
}

#[test]
fn a_request_that_acts_and_may_be_repeated_says_unknown_where_an_answer_may_have_been_lost() {
    each(|what, reply, kind, again| {
        let server = ScriptedServer::always(reply);
        let error = tireless(&server).cancel(job()).wait().unwrap_err();
        // An exception of Flink's is its answer, whatever it means.
        let unknown = leaves_open(what, kind) && kind != ErrorKind::Server;
        let expected = if unknown { ErrorKind::OutcomeUnknown } else { kind };
        assert_eq!(error.kind(), expected, "{what}: {error}");
        again.check(what, server.lines().len());
    });
}

#[test]
fn a_request_that_must_be_asked_about_first_is_sent_once_when_nobody_can_be_asked() {
    each(|what, reply, kind, again| {
        let server = ScriptedServer::always(reply);
        let plan = ExecutionPlan::uploaded_jar("1.jar").job_id(job());
        let error = tireless(&server).submit_job(plan).wait().unwrap_err();
        let sent = server.lines().iter().filter(|line| line.starts_with("POST")).count();
        if leaves_open(what, kind) {
            assert_eq!((error.kind(), sent), (ErrorKind::OutcomeUnknown, 1), "{what}: {error}");
        } else {
            assert_eq!(error.kind(), kind, "{what}: {error}");
            again.check(what, sent);
        }
        assert_eq!(error.job_id(), Some(job()), "{what}");
    });
}

#[test]
fn a_wait_for_a_leader_is_limited_by_time_and_uses_up_no_attempts() {
    // Far more elections than attempts, and then as many failures as there are attempts.
    let mut replies: Vec<Reply> = (0..20).map(|_| leader_election()).collect();
    replies.extend([lost(), lost(), ok(r#"{"jobs":[]}"#)]);
    let server = ScriptedServer::playing(replies);
    let patient = eager(&server.url()).await_leader_timeout(Duration::from_secs(60));
    client(patient).list_jobs().wait().unwrap();
    assert_eq!(server.lines().len(), 23);

    let server = ScriptedServer::always(leader_election());
    let error =
        client(eager(&server.url()).await_leader_timeout(Duration::ZERO)).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), server.lines().len()), (ErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("leader election"), "{error}");
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it_and_the_hook_hears_of_it() {
    let busy = Reply::new(503, &[("retry-after", "1")], "busy");
    let server = ScriptedServer::playing([busy, lost(), ok(r#"{"jobs":[]}"#)]);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let builder = eager(&server.url()).on_retry(move |event: &RetryEvent<'_>| {
        let kind = event.error.kind();
        hearing.lock().unwrap().push((event.operation.to_owned(), event.attempt, kind, event.wait));
    });
    client(builder).list_jobs().wait().unwrap();
    let listing = || "listing jobs".to_owned();
    assert_eq!(
        *heard.lock().unwrap(),
        [
            (listing(), 1, ErrorKind::Unavailable, Duration::from_secs(1)),
            (listing(), 2, ErrorKind::ConnectionLost, Duration::from_millis(1)),
        ]
    );
}

/// Keeps what the library logs.
struct Log(Mutex<Vec<(log::Level, String)>>);

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("flink_client")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push((record.level(), record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn each_attempt_that_is_followed_by_another_is_one_line_of_the_log() {
    static LOG: Log = Log(Mutex::new(Vec::new()));
    log::set_logger(&LOG).expect("this test is the only one that listens");
    log::set_max_level(log::LevelFilter::Warn);
    let server = ScriptedServer::playing([leader_election(), lost(), super::status("RUNNING")]);
    // An id of its own, since other tests are heard as well.
    let id = flink_client::JobId::random();
    client(eager(&server.url())).job_status(id).wait().unwrap();
    let all = LOG.0.lock().unwrap();
    let lines: Vec<_> = all.iter().filter(|(_, line)| line.contains(&id.to_string())).collect();
    for (number, (says, (level, line))) in
        ["leader election", "connection broke"].iter().zip(&lines).enumerate()
    {
        assert_eq!(*level, log::Level::Warn);
        assert!(line.contains(&format!("attempt {} failed", number + 1)) && line.contains(says), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_shut_down_is_done_when_nobody_is_there_any_more() {
    // The order arrives and is not answered until the server ends.
    let server = ScriptedServer::playing([Reply::nothing().stall()]);
    let shut = client(eager(&server.url()).answer_timeout(Duration::from_secs(60)));
    let ended = shut.shut_down_cluster();
    crate::support::until("the order", || (server.lines().len() == 1).then_some(()));
    drop(server);
    ended.wait().unwrap();
}

#[test]
fn a_shut_down_is_unknown_when_the_cluster_that_may_have_taken_it_cannot_be_asked() {
    // Another address refuses.
    let first = ScriptedServer::always(Reply::html(502, "<title>x</title>"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shut = client(eager(&first.url()).addresses([first.url(), format!("http://{nobody}")]));
    let error = shut.shut_down_cluster().wait().unwrap_err();
    assert_eq!((error.kind(), first.lines().len()), (ErrorKind::OutcomeUnknown, 1), "{error}");

    // A proxy lets nothing through any more.
    let tunnel = Reply::raw("HTTP/1.1 200 Established\r\n\r\n");
    let proxy = ScriptedServer::playing([tunnel, lost(), Reply::new(502, &[], "").close()]);
    let shut = client(eager("cluster.test:8081").proxy(proxy.url()));
    let error = shut.shut_down_cluster().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(proxy.lines(), ["CONNECT cluster.test:8081", "DELETE /cluster", "CONNECT cluster.test:8081"]);
}

#[test]
fn results_that_the_network_kept_from_being_read_are_read_after_the_cluster_was_shut_down() {
    let mut orders = 0;
    let server = ScriptedServer::deciding(move |request| match &*request.method {
        "POST" => Reply::json(
            202,
            format!(r#"{{"request-id":"{}"}}"#, request.json()["triggerId"].as_str().unwrap()),
        ),
        "DELETE" => {
            orders += 1;
            if orders == 1 { refused(500, "a.B: no") } else { ok("{}") }
        }
        _ if orders < 2 => lost(),
        _ => ok(r#"{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp"}}"#),
    });
    let client = client(eager(&server.url()));
    let mut paths: Vec<String> = (0..2)
        .map(|_| client.trigger_detached_savepoint(job(), None, Canonical).wait().unwrap())
        .map(|id| format!("GET /jobs/{}/savepoints/{id}", job()))
        .collect();
    paths.sort();
    client.shut_down_cluster().wait().unwrap_err();
    client.shut_down_cluster().wait().unwrap();
    crate::support::until("the results to be read", || {
        let lines = server.lines();
        let order = lines.iter().rposition(|line| line == "DELETE /cluster")?;
        let mut read = lines[order + 1..].to_vec();
        read.sort();
        (read == paths).then_some(())
    });
}

#[test]
fn a_savepoint_that_never_arrived_is_a_connection_failure_and_not_unknown() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        client(eager(&address.to_string())).trigger_savepoint(job(), None, Canonical).wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
}
