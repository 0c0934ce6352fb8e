//! Uploads that the server, or the file, ends early.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flink_client::{ClusterClient, ErrorKind, ExecutionPlan, FixedWaitStrategy, Runtime};

use crate::support::{HANG, Reply, ScriptedServer, client, eager};

/// More than the system's buffers of a connection hold.
const LARGE: u64 = 64 << 20;

/// Refuses connections: a port that no test is given by the system.
const NOBODY: &str = "http://127.0.0.1:1";

const NO_JARS: &str = r#"{"address":"http://localhost","files":[]}"#;

fn jar(size: u64) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
    file.as_file().set_len(size).unwrap();
    file
}

fn plan(file: &tempfile::NamedTempFile) -> ExecutionPlan {
    ExecutionPlan::jar(file.path())
}

#[test]
fn an_upload_that_is_refused_before_its_end_has_the_servers_own_reason() {
    let page = "<html><head><title>413 Request Entity Too Large</title></head></html>";
    for (how, refusal) in [
        ("and closes", Reply::html(413, page).before_body().close()),
        ("and resets", Reply::html(413, page).before_body().reset()),
        ("and reads on", Reply::html(413, page).before_body().drain().close()),
    ] {
        let file = jar(LARGE);
        let server = ScriptedServer::always(refusal);
        let error = client(eager(&server.url())).submit_job(plan(&file)).wait().unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::TooLarge, Some(413)), "{how}: {error}");
        assert!(error.to_string().contains("rest.server.max-content-length"), "{how}: {error}");
        assert!(error.to_string().contains("413 Request Entity Too Large"), "{how}: {error}");
        assert_eq!(server.lines(), ["POST /jars/upload"], "{how}");
    }
}

#[test]
fn an_upload_without_credentials_is_told_as_such_although_it_was_cut_off() {
    let file = jar(LARGE);
    let server = ScriptedServer::always(Reply::new(401, &[], "").before_body().close());
    let error = client(eager(&server.url())).submit_job(plan(&file)).wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Authentication, 1), "{error}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_success_for_an_upload_that_was_not_read_is_not_believed() {
    let file = jar(LARGE);
    let accepted = r#"{"filename":"/tmp/flink-web-upload/x.jar","status":"success"}"#;
    let server = ScriptedServer::always(Reply::json(200, accepted).before_body().close());
    let error = client(eager(&server.url()).max_attempts(0)).submit_job(plan(&file)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(error.to_string().contains("had not read to its end"), "{error}");
    // The second looks for what is to be removed.
    assert_eq!(server.lines(), ["POST /jars/upload", "GET /jars"]);
}

#[test]
fn an_upload_that_is_cut_off_without_a_word_is_looked_for_and_sent_again() {
    let file = jar(LARGE);
    let server = ScriptedServer::playing([
        Reply::nothing().before_body().close(),
        Reply::json(200, NO_JARS),
        Reply::json(200, r#"{"filename":"/tmp/x.jar","status":"success"}"#),
        Reply::json(400, r#"{"errors":["no"]}"#),
        Reply::json(200, "{}"),
    ]);
    let error = client(eager(&server.url())).submit_job(plan(&file)).wait().unwrap_err();
    // Beyond the upload nothing is of interest here.
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    let lines = server.lines();
    assert_eq!(lines[..3], ["POST /jars/upload", "GET /jars", "POST /jars/upload"]);

    let server = ScriptedServer::deciding(|_| Reply::nothing().reset());
    let error = client(eager(&server.url()).max_attempts(0)).submit_job(plan(&jar(10))).wait().unwrap_err();
    assert!(error.to_string().contains("connection broke"), "{error}");
}

#[test]
fn progress_does_not_go_on_when_nobody_reads() {
    let file = jar(LARGE);
    let server = ScriptedServer::always(Reply::new(413, &[], "").before_body().close());
    let reported = Arc::new(AtomicU64::new(0));
    let highest = Arc::clone(&reported);
    let plan = plan(&file).on_upload(move |sent, _| {
        highest.fetch_max(sent, Ordering::SeqCst);
    });
    let error = client(eager(&server.url())).submit_job(plan).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(reported.load(Ordering::SeqCst) < LARGE, "not all of it was sent");
}

#[test]
fn uploads_that_pause_leave_their_places_to_others() {
    let file = jar(10);
    let runtime = Runtime::builder().io_threads(2).build().unwrap(); // of which one uploads
    let (pausing, pauses) = std::sync::mpsc::channel();
    let waits = eager(NOBODY)
        .retry_strategy(FixedWaitStrategy(Duration::from_secs(3600)))
        .on_retry(move |_| pausing.send(()).unwrap())
        .runtime(runtime.clone());
    let waits = client(waits);
    let paused = waits.submit_job(plan(&file));
    pauses.recv().unwrap();
    let server = ScriptedServer::deciding(|request| match request.path() {
        "/jars/upload" => Reply::json(200, r#"{"filename":"/tmp/x.jar","status":"success"}"#),
        _ => Reply::json(400, r#"{"errors":["no"]}"#),
    });
    let other = client(eager(&server.url()).runtime(runtime)).submit_job(plan(&file));
    let error = other.wait_timeout(HANG).expect("a place to upload").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(!paused.is_done());
}

#[test]
fn a_file_that_cannot_be_sent_is_told_as_the_files_fault() {
    let server = ScriptedServer::always(Reply::json(200, NO_JARS));
    let client = client(eager(&server.url()));
    for path in ["/nowhere/at/all.jar", "/"] {
        let error = client.submit_job(ExecutionPlan::jar(path)).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalFile, "{error}");
    }
    assert_eq!(server.connections(), 0);

    let file = jar(LARGE);
    let handle = file.as_file().try_clone().unwrap();
    // It shrinks as soon as some of it is under way.
    let plan = plan(&file).on_upload(move |_, _| handle.set_len(10).unwrap());
    let error = client.submit_job(plan).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile, "{error}");
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_it_was() {
    let file = jar(100_000);
    let handle = file.reopen().unwrap();
    let server = ScriptedServer::deciding(|request| match request.path() {
        "/jars/upload" => Reply::json(200, r#"{"filename":"/tmp/x.jar","status":"success"}"#),
        _ => Reply::json(400, r#"{"errors":["no"]}"#),
    });
    let plan = plan(&file).on_upload(move |_, _| {
        use std::io::Seek;
        (&handle).seek(std::io::SeekFrom::End(0)).unwrap();
        (&handle).write_all(&[7; 1000]).unwrap();
    });
    let error = client(eager(&server.url())).submit_job(plan).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    let upload = &server.requests()[0];
    assert_eq!(upload.header("content-length").unwrap(), upload.body.len().to_string());
    assert!(!upload.body.contains(&7));
}
