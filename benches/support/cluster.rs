//! A Flink of some size, as its answers: what 2.3 says, in its order and with its members.

use std::fmt::Write as _;
use std::io;

use flink_client::JobId;

use super::server::{Answer, Server, json};

/// `count` ids that are the same in every run.
pub(crate) fn job_ids(count: usize) -> Vec<JobId> {
    (1..=count as u128)
        .map(|n| JobId::from_bytes(n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes()))
        .collect()
}

/// The body of `GET /jobs/overview` with a job for each id.
pub(crate) fn overview(ids: &[JobId], state: impl Fn(usize) -> &'static str) -> String {
    let mut body = String::from(r#"{"jobs":["#);
    for (index, id) in ids.iter().enumerate() {
        let (comma, state) = (if index == 0 { "" } else { "," }, state(index));
        let began = 1_795_371_374_945 + index as u64;
        let _ = write!(
            body,
            r#"{comma}{{"jid":"{id}","name":"etl-{index}","jobType":"STREAMING","schedulerType":"Default","start-time":{began},"end-time":-1,"duration":{},"state":"{state}","last-modification":{},"tasks":{{"running":4,"canceling":0,"canceled":0,"total":4,"created":0,"scheduled":0,"deploying":0,"reconciling":0,"finished":0,"initializing":0,"failed":0}},"pending-operators":0}}"#,
            404 + index,
            began + 274,
        );
    }
    body.push_str("]}");
    body
}

pub(crate) fn status() -> Answer {
    json(r#"{"status":"RUNNING"}"#)
}

/// `GET /jobs/:jobid/execution-result` of a job that has ended.
pub(crate) fn result(id: JobId) -> Answer {
    json(&format!(
        r#"{{"status":{{"id":"COMPLETED"}},"job-execution-result":{{"id":"{id}","application-status":"SUCCEEDED","accumulator-results":{{}},"net-runtime":1}}}}"#
    ))
}

/// A server that has one running job to tell about.
///
/// # Errors
/// No port can be had.
pub(crate) fn with_status() -> io::Result<Server> {
    let status = status();
    Server::start(move |_, _| Answer::clone(&status))
}

/// A server that lists `count` running jobs, and the body of that list.
///
/// # Errors
/// No port can be had.
pub(crate) fn with_jobs(count: usize) -> io::Result<Server> {
    let list = json(&overview(&job_ids(count), |_| "RUNNING"));
    Server::start(move |_, _| Answer::clone(&list))
}
