//! What following costs the cluster: requests, counted where they arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flink_client::{
    ClusterClient, ErrorKind, FixedWaitStrategy, JobId, JobStatus, Pending, Phase, RestClusterClient,
    Runtime, SavepointFormatType, StandaloneClusterId, WaitStrategy,
};

use crate::support::{Reply, ScriptedServer, client, eager, until};

/// A cluster whose jobs run until the test ends them.
struct Jobs {
    server: ScriptedServer,
    ended: Arc<Mutex<BTreeSet<JobId>>>,
    ids: Vec<JobId>,
    client: RestClusterClient<StandaloneClusterId>,
    runtime: Runtime,
}

impl Jobs {
    fn running(count: usize) -> Self {
        let ids: Vec<JobId> = (0..count).map(|_| JobId::random()).collect();
        let ended = Arc::new(Mutex::new(BTreeSet::new()));
        let (of_server, known) = (Arc::clone(&ended), ids.clone());
        let server = ScriptedServer::deciding(move |request| {
            let ended: std::sync::MutexGuard<'_, BTreeSet<JobId>> = of_server.lock().unwrap();
            let state = |id| if ended.contains(id) { "FINISHED" } else { "RUNNING" };
            if request.path() == "/jobs/overview" {
                let jobs: Vec<String> =
                    known.iter().map(|id| format!(r#"{{"jid":"{id}","state":"{}"}}"#, state(id))).collect();
                return Reply::json(200, format!(r#"{{"jobs":[{}]}}"#, jobs.join(",")));
            }
            let id: JobId = request.path().split('/').nth(2).unwrap().parse().unwrap();
            if request.path().ends_with("/status") {
                return Reply::json(200, format!(r#"{{"status":"{}"}}"#, state(&id)));
            }
            Reply::json(
                200,
                match state(&id) {
                    "FINISHED" => format!(
                        r#"{{"status":{{"id":"COMPLETED"}},"job-execution-result":{{"id":"{id}","application-status":"SUCCEEDED","accumulator-results":{{}},"net-runtime":1}}}}"#
                    ),
                    _ => r#"{"status":{"id":"IN_PROGRESS"}}"#.to_owned(),
                },
            )
        });
        let runtime = Runtime::builder().build().unwrap();
        let client = client(eager(&server.url()).runtime(runtime.clone()));
        Self { server, ended, ids, client, runtime }
    }

    fn end(&self, ids: &[JobId]) {
        self.ended.lock().unwrap().extend(ids);
    }

    /// How often each request came.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.server.lines().into_iter().for_each(|line| *counts.entry(line).or_default() += 1);
        counts
    }
}

const LIST: &str = "GET /jobs/overview";

fn result(id: &JobId) -> String {
    format!("GET /jobs/{id}/execution-result")
}

#[test]
fn many_jobs_are_watched_with_one_list_a_round_and_each_result_is_fetched_once() {
    let jobs = Jobs::running(50);
    let waits: Vec<_> = jobs.ids.iter().map(|id| jobs.client.job_result(*id)).collect();
    until("some rounds", || {
        (jobs.server.lines().iter().filter(|line| *line == LIST).count() > 10).then_some(())
    });
    // The first wait was alone for a moment, and may have looked for itself.
    let alone = result(&jobs.ids[0]);
    assert!(jobs.counts().keys().all(|line| line == LIST || *line == alone), "{:?}", jobs.counts());

    jobs.end(&jobs.ids[..20]);
    let (first, rest) = jobs.ids.split_at(20);
    let mut waits = waits.into_iter();
    Pending::all(waits.by_ref().take(20)).wait().unwrap();
    jobs.end(rest);
    Pending::all(waits).wait().unwrap();
    let counts = jobs.counts();
    for id in first[1..].iter().chain(rest) {
        assert_eq!(counts[&result(id)], 1, "{counts:?}");
    }
}

#[test]
fn a_wait_tells_how_far_it_is() {
    let jobs = Jobs::running(2);
    let waits: Vec<_> = jobs.ids.iter().map(|id| jobs.client.job_result(*id).map(|_| ())).collect();
    let (id, pending) = (jobs.ids[0], &waits[0]);
    // Of a chain it is the operation that the chain waits for.
    let progress = until("some looks at both", || {
        pending.progress().filter(|progress| progress.polls > 2 && progress.job_status.is_some())
    });
    assert_eq!((progress.phase, progress.job_status), (Phase::Polling, Some(JobStatus::Running)));
    assert_eq!(progress.operation, format!("waiting for the result of job {id}"));
    assert_eq!(
        progress.to_string(),
        format!("{}: RUNNING, {} s", progress.operation, progress.elapsed.as_secs())
    );

    jobs.end(&jobs.ids);
    until("the end", || pending.is_done().then_some(()));
    assert_eq!(pending.progress(), None);
    assert_eq!(Pending::ready(()).progress(), None);
    assert_eq!(Pending::<()>::promise().1.progress(), None);
}

#[test]
fn a_job_that_is_watched_alone_is_not_looked_for_in_a_list() {
    let jobs = Jobs::running(3);
    let wait = jobs.client.job_result(jobs.ids[1]);
    // A second wait for the same job is no second job.
    let again = jobs.client.job_result(jobs.ids[1]);
    until("some rounds", || (jobs.server.lines().len() > 10).then_some(()));
    // Its result does not tell how a job is that runs; its state does.
    let progress = until("its state", || wait.progress().filter(|progress| progress.job_status.is_some()));
    assert_eq!(progress.job_status, Some(JobStatus::Running));
    jobs.end(&jobs.ids);
    assert!(wait.wait().unwrap().is_success() && again.wait().unwrap().is_success());
    let counts = jobs.counts();
    let (result, status) = (result(&jobs.ids[1]), format!("GET /jobs/{}/status", jobs.ids[1]));
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&result, &status]);
    assert_eq!(counts[&result], 2 * 2, "each wait asks for the result at first and at last");
}

#[test]
fn dropping_the_last_wait_stops_the_polling() {
    let jobs = Jobs::running(3);
    for count in [1, 3] {
        let waits: Vec<_> = jobs.ids[..count].iter().map(|id| jobs.client.job_result(*id)).collect();
        let before = jobs.server.lines().len();
        until("some rounds", || (jobs.server.lines().len() > before + 5).then_some(()));
        drop(waits);
        // What was being sent is answered; then no operation is left that could send, and no delay that could wake one.
        until("rest", || {
            let idle = format!("{:?}", jobs.runtime).contains("delays: 0");
            (idle && jobs.client.open_operations() == 0).then_some(())
        });
        let before = jobs.server.lines().len();
        // Each of these takes longer than the pause between two polls.
        (0..50).for_each(|_| drop(jobs.client.job_status(jobs.ids[0]).wait()));
        let after = jobs.server.lines();
        assert_eq!(after.len(), before + 50, "{:?}", &after[before..]);
        assert!(after[before..].iter().all(|line| line.ends_with("/status")), "{:?}", &after[before..]);
    }
}

#[test]
fn a_job_that_stays_suspended_is_given_up_among_others_and_alone() {
    for count in [1, 3] {
        let server = ScriptedServer::deciding(|request| match request.path().split('/').nth(3) {
            // Each of them was asked for by name once, before there were others.
            Some("execution-result") => Reply::json(
                200,
                r#"{"status":{"id":"COMPLETED"},"job-execution-result":{"id":"5f000000000000000000000000000001","application-status":"UNKNOWN","accumulator-results":{},"net-runtime":1}}"#,
            ),
            _ => Reply::json(
                200,
                r#"{"jobs":[{"jid":"5f000000000000000000000000000001","state":"SUSPENDED"},{"jid":"5f000000000000000000000000000002","state":"RUNNING"},{"jid":"5f000000000000000000000000000003","state":"RUNNING"}]}"#,
            ),
        });
        let ids = (1..=count).map(|n: u32| format!("5f{n:030}").parse::<JobId>().unwrap());
        let client = client(eager(&server.url()));
        let mut waits: Vec<_> = ids.map(|id| client.job_result(id)).collect();
        let error = waits.remove(0).wait_timeout(crate::support::HANG).unwrap().unwrap_err();
        assert_eq!(error.kind(), flink_client::ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("SUSPENDED"), "{error}");
    }
}

/// Remembers what it was asked.
#[derive(Debug, Default)]
struct Asked(Arc<Mutex<Vec<u32>>>);

impl WaitStrategy for Asked {
    fn wait_time(&self, attempt: u32) -> Duration {
        self.0.lock().unwrap().push(attempt);
        Duration::from_millis(1)
    }
}

#[test]
fn an_operation_is_looked_at_once_for_each_wait_of_the_strategy() {
    let asked = Asked::default();
    let looks = Arc::clone(&asked.0);
    let in_progress = || Reply::json(200, r#"{"status":{"id":"IN_PROGRESS"},"operation":null}"#);
    let mut replies = vec![Reply::json(202, r#"{"request-id":"00000000000000000000000000000001"}"#)];
    replies.extend((0..5).map(|_| in_progress()));
    replies.push(Reply::json(200, r#"{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp"}}"#));
    let server = ScriptedServer::playing(replies);
    let client = client(eager(&server.url()).poll_strategy(asked));
    let job = JobId::random();
    client.trigger_savepoint(job, None, SavepointFormatType::Canonical).wait().unwrap();
    // So its schedule bounds how much later than its end an operation is noticed.
    assert_eq!(*looks.lock().unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(server.lines().len(), 7);
}

#[test]
fn a_poll_that_fails_in_transport_is_repeated_within_the_operation() {
    let in_progress = || Reply::json(200, r#"{"status":{"id":"IN_PROGRESS"},"operation":null}"#);
    let mut replies = vec![Reply::json(202, r#"{"request-id":"00000000000000000000000000000001"}"#)];
    // More failures than a request has attempts, but never so many in a row.
    for _ in 0..5 {
        replies.extend([Reply::nothing().close(), Reply::nothing().reset(), in_progress()]);
    }
    replies.push(Reply::json(200, r#"{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp"}}"#));
    let server = ScriptedServer::playing(replies);
    let client = client(eager(&server.url()).poll_strategy(FixedWaitStrategy(Duration::from_millis(1))));
    let path = client.trigger_savepoint(JobId::random(), None, SavepointFormatType::Canonical).wait();
    assert_eq!(path.unwrap(), "file:/sp");
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[test]
fn a_wait_that_is_given_up_tells_how_its_job_was_seen_last() {
    let server = ScriptedServer::deciding(|request| match request.path().ends_with("/status") {
        true => Reply::json(200, r#"{"status":"RESTARTING"}"#),
        false => Reply::json(200, r#"{"status":{"id":"IN_PROGRESS"}}"#),
    });
    let client = client(eager(&server.url()));
    let job = JobId::random();
    let wait = client.job_result(job);
    let seen = || wait.progress().filter(|progress| progress.job_status.is_some());
    until("a look at its state", seen);
    let error = wait.timeout(Duration::ZERO).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_status()), (ErrorKind::Timeout, Some(JobStatus::Restarting)));
    assert_eq!(
        error.to_string(),
        format!(
            "waiting for the result of job {job}: no result within 0ns; the operation itself may go on; the job was last \
             seen RESTARTING; `job_exceptions` tells what goes wrong in it"
        )
    );
}
