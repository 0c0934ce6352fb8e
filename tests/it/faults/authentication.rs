//! Who the client says that it is, to whom, and what becomes of a token that has expired.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flink_client::{ClusterClient, Error, ErrorKind, ExecutionPlan, JobStatusMessage, Pending, Result};

use super::JOBS;
use crate::support::{ReceivedRequest, Reply, ScriptedServer, client, eager};

/// Gives `token-0`, `token-1`, …, and counts.
#[derive(Clone, Default)]
struct Tokens(Arc<AtomicUsize>);

impl Tokens {
    fn source(&self) -> impl Fn() -> Result<String> + Send + Sync + 'static {
        let asked = Arc::clone(&self.0);
        move || Ok(format!("token-{}", asked.fetch_add(1, Ordering::SeqCst)))
    }

    fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn sent(request: &ReceivedRequest) -> Option<String> {
    request.header("authorization").map(str::to_owned)
}

/// Takes these tokens and no other.
fn accepting(tokens: &'static [&'static str]) -> ScriptedServer {
    ScriptedServer::deciding(move |request| {
        let known = tokens.iter().any(|token| sent(request) == Some(format!("Bearer {token}")));
        if known { Reply::json(200, JOBS) } else { Reply::json(401, r#"{"errors":["expired"]}"#) }
    })
}

#[test]
fn a_token_is_asked_for_once_and_sent_with_every_request() {
    let server = accepting(&["token-0"]);
    let tokens = Tokens::default();
    let client = client(eager(&server.url()).bearer_token_from(tokens.source()));
    assert_eq!(tokens.asked(), 0, "before the first request");
    for _ in 0..5 {
        client.list_jobs().wait().unwrap();
    }
    assert_eq!((tokens.asked(), server.lines().len()), (1, 5));
}

#[test]
fn a_token_that_is_refused_is_replaced_and_its_request_sent_once_more() {
    let server = accepting(&["token-1"]);
    let tokens = Tokens::default();
    let client = client(eager(&server.url()).max_attempts(0).bearer_token_from(tokens.source()));
    client.list_jobs().wait().unwrap();
    assert_eq!((tokens.asked(), server.lines().len()), (2, 2));
    client.list_jobs().wait().unwrap();
    assert_eq!((tokens.asked(), server.lines().len()), (2, 3));
}

#[test]
fn a_new_token_that_is_refused_too_ends_the_operation() {
    let server = accepting(&[]);
    let tokens = Tokens::default();
    let error =
        client(eager(&server.url()).bearer_token_from(tokens.source())).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Authentication, 1), "{error}");
    assert_eq!((tokens.asked(), server.lines().len()), (2, 2));
}

#[test]
fn a_token_that_is_still_the_same_is_not_sent_again() {
    let server = accepting(&[]);
    let error = client(eager(&server.url()).bearer_token_from(|| Ok("stale".into()))).list_jobs().wait();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Authentication);
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn of_many_requests_with_an_expired_token_one_asks_for_another() {
    let server = accepting(&["token-1"]);
    let tokens = Tokens::default();
    let client = client(eager(&server.url()).bearer_token_from(tokens.source()));
    let all: Vec<Pending<Vec<JobStatusMessage>>> = (0..50).map(|_| client.list_jobs()).collect();
    Pending::all(all).wait().unwrap();
    assert_eq!(tokens.asked(), 2);
}

#[test]
fn an_upload_is_sent_whole_again_with_the_new_token() {
    let file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
    file.as_file().set_len(300_000).unwrap();
    let server = ScriptedServer::deciding(|request| match (request.path(), sent(request).as_deref()) {
        (_, Some("Bearer token-0")) => Reply::new(401, &[], ""),
        ("/jars/upload", _) => Reply::json(200, r#"{"filename":"/tmp/x.jar","status":"success"}"#),
        _ => Reply::json(400, r#"{"errors":["beyond the upload nothing is of interest here"]}"#),
    });
    let client = client(eager(&server.url()).bearer_token_from(Tokens::default().source()));
    let error = client.submit_job(ExecutionPlan::jar(file.path())).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    let requests = server.requests();
    assert_eq!((requests[0].path(), requests[1].path()), ("/jars/upload", "/jars/upload"));
    assert!(requests[0].body.len() > 300_000 && requests[0].body == requests[1].body);
}

#[test]
fn an_error_of_the_source_ends_the_operation_before_anything_is_sent() {
    let server = accepting(&[]);
    let failing = |kind: ErrorKind| {
        eager(&server.url()).bearer_token_from(move || Err(Error::new(kind, "the vault is sealed")))
    };
    let error = client(failing(ErrorKind::LocalFile)).list_jobs().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile, "{error}");
    assert!(error.to_string().contains("no bearer token: the vault is sealed"), "{error}");
    let error = client(failing(ErrorKind::Connect)).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    let panicking = eager(&server.url()).bearer_token_from(|| panic!("no vault at all"));
    let panicking = client(panicking);
    for _ in 0..2 {
        let error = panicking.list_jobs().wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked, "{error}");
        assert!(error.to_string().contains("no vault at all"), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn basic_credentials_arrive_as_they_were_given_and_what_is_set_last_counts() {
    let server = ScriptedServer::always(Reply::json(200, JOBS));
    let url = server.url();
    for builder in [
        eager(&url).basic_auth("Ada", "pässword: with colon"),
        eager(&url).bearer_token("t0").header("Authorization", "Custom t1"),
        eager(&url).basic_auth("a", "b").bearer_token("t2"),
        eager(&url).bearer_token_from(|| Ok(" t3\n".into())),
    ] {
        client(builder).list_jobs().wait().unwrap();
    }
    let sent: Vec<String> = server.requests().iter().filter_map(sent).collect();
    let basic = STANDARD.decode(sent[0].strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(String::from_utf8(basic).unwrap(), "Ada:pässword: with colon");
    assert_eq!(sent[1..], ["Custom t1", "Bearer t2", "Bearer t3"]);
}

#[test]
fn a_proxy_is_shown_its_own_credentials_and_not_the_clusters() {
    // The tunnel ends where it begins: what comes through it is the next request.
    let proxy =
        ScriptedServer::playing([Reply::raw("HTTP/1.1 200 Established\r\n\r\n"), Reply::json(200, JOBS)]);
    let through = |proxy: &ScriptedServer| {
        let address = format!("http://user:pass@127.0.0.1:{}", proxy.port());
        client(eager("cluster.test:8081").bearer_token("t0").header("x-key", "t1").proxy(address))
    };
    through(&proxy).list_jobs().wait().unwrap();
    let [tunnel, request] = &proxy.requests()[..] else { panic!("{:?}", proxy.lines()) };
    assert_eq!(tunnel.line(), "CONNECT cluster.test:8081");
    assert_eq!((sent(tunnel), tunnel.header("x-key")), (None, None));
    assert_eq!(
        tunnel.header("proxy-authorization").unwrap(),
        format!("Basic {}", STANDARD.encode("user:pass"))
    );
    assert_eq!(request.line(), "GET /jobs/overview");
    assert_eq!((request.header("proxy-authorization"), request.header("x-key")), (None, Some("t1")));
    assert_eq!(sent(request).as_deref(), Some("Bearer t0"));

    for (status, kind, attempts) in [(407, ErrorKind::Authentication, 1), (502, ErrorKind::Connect, 3)] {
        let proxy = ScriptedServer::always(Reply::new(status, &[], ""));
        let error = through(&proxy).list_jobs().wait().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (kind, attempts), "{error}");
        assert!(error.to_string().contains("proxy") && !format!("{error:?}").contains("pass@"), "{error:?}");
    }
}
