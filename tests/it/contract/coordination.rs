//! Requests to the coordinators of operators, and heartbeats.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flink_client::{ClusterClientExt, ErrorKind, JobStatus};

use super::lossy::Lossy;
use super::scene::{Job, Soon, names, until};
use super::{FLINK_2, Target};

/// What names the operator of `jobs.Echo`: its id, which Flink makes of its uid by Murmur3, or the uid itself.
fn echo(t: &dyn Target) -> &'static str {
    if t.flink() >= FLINK_2 { "echo" } else { "763f86174614878ff610bb1063155d4f" }
}

/// Java's `null`, serialised: a request that any server can read.
const NULL: &[u8] = &[0xac, 0xed, 0, 5, 0x70];

fn request(t: &dyn Target, text: &str) -> Vec<u8> {
    STANDARD.decode(t.run_java("jobs.EchoRequest", &[text])).expect("base64")
}

pub(crate) fn a_coordinator_answers_each_request_once(t: &dyn Target) {
    let job = Job::running(t, "Echo", &[]);
    let hello = request(t, "hello there");
    for count in 1..=2u32 {
        let answer = job.client.send_coordination_request(*job, echo(t), hello.clone()).done();
        // A Java object stream: class, the number of requests, the text.
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains("jobs.Echo$Response") && text.contains("hello there"), "{text}");
        assert!(answer.windows(4).any(|bytes| bytes == count.to_be_bytes()), "{answer:?}");
    }
}

pub(crate) fn a_coordinator_that_throws_is_a_server_error(t: &dyn Target) {
    let job = Job::running(t, "Echo", &[]);
    let error =
        job.client.send_coordination_request(*job, echo(t), request(t, "fail")).refused(ErrorKind::Server);
    names(&error, *job);
    assert!(error.to_string().contains("asked to fail"), "{error}");
    assert_eq!(error.exception_class(), Some("java.lang.IllegalArgumentException"));
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn an_operator_without_a_coordinator_is_not_found(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    for operator in ["0123456789abcdef0123456789abcdef", echo(t)] {
        let error =
            job.client.send_coordination_request(*job, operator, NULL.to_vec()).refused(ErrorKind::NotFound);
        names(&error, *job);
    }
}

pub(crate) fn a_job_that_initialises_has_no_coordinators_yet(t: &dyn Target) {
    let job = Job::initializing(t);
    let error =
        job.client.send_coordination_request(*job, echo(t), NULL.to_vec()).refused(ErrorKind::JobNotReady);
    names(&error, *job);
}

pub(crate) fn heartbeats_are_taken_whatever_the_job_does(t: &dyn Target) {
    for job in [Job::initializing(t), Job::running(t, "Stateful", &[]), Job::finished(t)] {
        let in_a_minute = SystemTime::now() + Duration::from_secs(60);
        job.client.report_heartbeat(*job, in_a_minute).done();
    }
}

/// What a heartbeat does is the cluster's: here it only has to get there.
pub(crate) fn heartbeats_go_on_although_one_was_lost(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let lossy = Lossy::losing(t, "PATCH /jobs/");
    let heartbeat = lossy.client().keep_alive(*job, Duration::from_millis(20), Duration::from_secs(60));
    until("heartbeats after the lost one", || (lossy.requests() >= 4).then_some(()));
    drop(heartbeat);
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn a_job_that_is_kept_alive_runs_on_after_the_last_heartbeat(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let heartbeat = job.client.keep_alive(*job, Duration::from_millis(20), Duration::from_secs(60));
    assert_eq!(job.status(), JobStatus::Running);
    drop(heartbeat);
    assert_eq!(job.status(), JobStatus::Running);
}
