//! Answers of proxies and login gateways, in every status.

use std::time::Duration;

use flink_client::ErrorKind::{
    Authentication, Decode, InvalidRequest, Server, TooLarge, Unavailable, Unsupported,
};
use flink_client::{ClusterClient, ErrorKind};

use super::{JOBS, list_jobs};
use crate::support::{HANG, Reply, ScriptedServer, client, eager};

#[test]
fn a_page_for_people_is_told_by_its_status_and_its_title() {
    let page = "<!DOCTYPE html><html><head><title>Acme proxy</title></head><body>Oops</body></html>";
    for (status, kind, requests) in [
        (200, Decode, 1),
        (203, Decode, 1),
        (400, InvalidRequest, 1),
        (401, Authentication, 1),
        (403, Authentication, 1),
        (404, Unsupported, 1),
        (405, Unsupported, 1),
        (407, Authentication, 1),
        (408, ErrorKind::Timeout, 3),
        (413, TooLarge, 1),
        (418, InvalidRequest, 1),
        (431, TooLarge, 1),
        (500, Server, 1),
        (501, Unsupported, 1),
        (511, Authentication, 1),
        (599, Server, 1),
    ] {
        let server = ScriptedServer::always(Reply::html(status, page));
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{status}: {error}");
        assert_eq!(server.lines().len(), requests, "{status}: {error}");
        assert!(error.to_string().contains("Acme proxy"), "{status}: {error}");
    }
}

#[test]
fn every_status_has_one_kind_whoever_gives_it() {
    let page = "<html><title>Acme proxy</title></html>";
    let server = ScriptedServer::deciding(move |request| {
        let status = request.path().trim_start_matches('/').parse().unwrap();
        Reply::html(status, if status == 204 { "" } else { page })
    });
    let client = client(eager(&server.url()).max_attempts(0).await_leader_timeout(Duration::ZERO));
    for status in 200..1000 {
        let kind = match status {
            200..=299 => Decode,
            300..=399 => ErrorKind::Redirected,
            401 | 403 | 407 | 511 => Authentication,
            404 | 405 | 501 => Unsupported,
            408 => ErrorKind::Timeout,
            413 | 414 | 431 => TooLarge,
            429 | 502..=504 => Unavailable,
            400..=499 => InvalidRequest,
            _ => Server,
        };
        let error = client.get_json::<serde_json::Value>(&format!("/{status}")).wait().unwrap_err();
        assert_eq!((error.kind(), error.status(), error.attempts()), (kind, Some(status), 1), "{error}");
        assert_eq!(server.take_requests().len(), 1, "{status}");
    }
}

#[test]
fn an_overloaded_or_starting_server_is_asked_again_until_it_answers() {
    let page = "<html><title>Service unavailable</title></html>";
    for status in [429, 502, 503, 504] {
        for busy in [Reply::html(status, page), Reply::json(status, r#"{"errors":["try later"]}"#)] {
            let server =
                ScriptedServer::playing([busy.clone(), busy.clone(), busy.clone(), Reply::json(200, JOBS)]);
            // Longer than a busy machine takes for three attempts.
            let patient = client(eager(&server.url()).await_leader_timeout(HANG));
            let jobs = patient.list_jobs().wait();
            assert_eq!(jobs.unwrap_or_else(|error| panic!("{status}: {error}")), []);
            assert_eq!(server.lines().len(), 4, "{status}");

            // Without a leader it is the time that counts.
            let server = ScriptedServer::always(busy);
            let error = list_jobs(&server).unwrap_err();
            assert_eq!((error.kind(), error.status()), (Unavailable, Some(status)), "{error}");
            assert!(error.attempts() > 1 && error.is_retryable(), "{error}");
            assert_eq!(server.lines().len(), error.attempts() as usize);
        }
    }
}

#[test]
fn a_login_in_between_is_told_at_once_whatever_its_status() {
    let form = r#"<html><title>Acme</title><form method=post><input type="password" name="p"></form></html>"#;
    for status in [200, 401, 403, 404, 500, 503] {
        let server = ScriptedServer::always(Reply::html(status, form));
        let error = list_jobs(&server).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (Authentication, 1), "{status}: {error}");
        assert!(error.is_authentication());
        assert_eq!(server.lines().len(), 1, "{status}");
    }
}

#[test]
fn a_failure_that_looks_like_success_and_a_success_that_looks_like_failure_are_errors() {
    let server = ScriptedServer::always(Reply::json(500, JOBS));
    assert_eq!(list_jobs(&server).unwrap_err().kind(), Server);
    let server = ScriptedServer::always(Reply::json(200, r#"{"errors":["Something broke."]}"#));
    let error = list_jobs(&server).unwrap_err();
    assert!(error.to_string().contains("Something broke"), "{error}");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_server_that_says_how_long_to_wait_is_heard() {
    let busy = Reply::new(503, &[("retry-after", "1")], "");
    let server = ScriptedServer::playing([busy, Reply::json(200, JOBS)]);
    let (seen_at, seen) = crossbeam_channel::unbounded();
    let hooked = eager(&server.url()).on_retry(move |event| seen_at.send(event.wait).unwrap());
    assert_eq!(client(hooked).list_jobs().wait().unwrap(), []);
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Duration::from_secs(1)]);
}
