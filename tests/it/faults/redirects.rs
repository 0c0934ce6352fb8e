//! Redirects: named, never followed, and nothing of ours leaves for another host.

use flink_client::{ClusterClient, ErrorKind, ExecutionPlan, JobId, SavepointFormatType};

use super::JOBS;
use crate::support::{Reply, ScriptedServer, client, eager};

#[test]
fn no_redirect_is_followed_and_its_target_is_named() {
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        let elsewhere = ScriptedServer::always(Reply::json(200, JOBS));
        let target = format!("{}/jobs/overview?token=hunter2", elsewhere.url());
        let server = ScriptedServer::always(Reply::new(status, &[("location", &target)], ""));
        let client = client(eager(&server.url()).bearer_token("hunter2").header("x-key", "hunter2"));
        let job = JobId::random();
        let reading = client.list_jobs().wait().unwrap_err();
        let changing =
            client.trigger_savepoint(job, Some("/tmp"), SavepointFormatType::Canonical).wait().unwrap_err();
        for error in [reading, changing] {
            assert_eq!((error.kind(), error.status()), (ErrorKind::Redirected, Some(status)), "{error}");
            assert!(error.to_string().contains(&elsewhere.url()), "{error}");
            assert!(!format!("{error} {error:#?}").contains("hunter2"), "{error:#?}");
        }
        assert_eq!(server.lines().len(), 2, "{status}");
        assert_eq!(elsewhere.connections(), 0, "{status}");
    }
}

#[test]
fn a_redirect_to_a_login_is_an_authentication_error() {
    let server =
        ScriptedServer::always(Reply::new(302, &[("location", "/oauth2/authorize?state=hunter2")], ""));
    let error = client(eager(&server.url())).list_jobs().wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Authentication, 1), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_redirect_without_or_with_a_strange_target_is_an_error_too() {
    for headers in [&[][..], &[("location", "")], &[("location", "\u{1}")], &[("location", "//")]] {
        let server = ScriptedServer::always(Reply::new(302, headers, ""));
        let error = client(eager(&server.url())).list_jobs().wait().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Redirected | ErrorKind::Decode), "{headers:?}: {error}");
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn an_upload_is_not_sent_elsewhere_either() {
    let file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
    file.as_file().set_len(1_000_000).unwrap();
    let elsewhere = ScriptedServer::always(Reply::json(200, "{}"));
    let target = format!("{}/jars/upload", elsewhere.url());
    let server = ScriptedServer::always(Reply::new(307, &[("location", &target)], ""));
    let error = client(eager(&server.url())).submit_job(ExecutionPlan::jar(file.path())).wait().unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Redirected, Some(307)), "{error}");
    assert!(error.to_string().contains(&target), "{error}");
    assert_eq!((server.lines().len(), elsewhere.connections()), (1, 0));
}
