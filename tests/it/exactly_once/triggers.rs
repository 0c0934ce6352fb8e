//! Savepoints, stops, checkpoints, disposals, cancels.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flink_client::{
    CheckpointType, ClusterClient, ErrorKind, FixedWaitStrategy, JobStatus, SavepointFormatType::Canonical,
    TriggerId,
};

use super::{JOB, LONG, job, jobs, lines, lost, no_operation, ok, playing, refused, status, unknown_job};
use crate::support::{Reply, ScriptedServer, client as client_of, eager, until};

const POST: &str = "POST /jobs/5f000000000000000000000000000001/savepoints";
const STATUS: &str = "GET /jobs/5f000000000000000000000000000001/savepoints/:id";
const JOBS: &str = "GET /jobs/overview";

fn taken() -> Reply {
    Reply::json(202, r#"{"request-id":"00000000000000000000000000000001"}"#)
}

fn done() -> Reply {
    ok(r#"{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp/savepoint-1"}}"#)
}

/// An entry of a job's history, of long after the test began.
fn savepoint(id: u32, kind: &str) -> String {
    format!(
        r#"{{"id":{id},"status":"COMPLETED","is_savepoint":true,"checkpoint_type":"{kind}","trigger_timestamp":99999999999999,"external_path":"file:/sp/savepoint-{id}"}}"#
    )
}

fn history(entries: &[String]) -> Reply {
    ok(&format!(r#"{{"counts":{{}},"history":[{}],"latest":{{}}}}"#, entries.join(",")))
}

fn in_progress() -> Reply {
    ok(r#"{"status":{"id":"IN_PROGRESS"},"operation":null}"#)
}

#[test]
fn a_trigger_is_repeated_under_its_id_to_a_master_that_is_older_than_the_first_attempt() {
    let (server, client) = playing([
        lost(),
        jobs("RUNNING", LONG),
        lost(),
        jobs("RUNNING", LONG),
        taken(),
        in_progress(),
        done(),
    ]);
    let path = client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().unwrap();
    assert_eq!(path, "file:/sp/savepoint-1");
    assert_eq!(lines(&server), [POST, JOBS, POST, JOBS, POST, STATUS, STATUS]);
    let ids: Vec<_> = server
        .requests()
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| request.json()["triggerId"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(server.lines()[6].ends_with(&ids[0]), "the id that is followed is the one that was sent");
}

#[test]
fn a_trigger_is_never_repeated_to_a_master_that_is_younger_than_the_first_attempt() {
    // There, what the first attempt did is only to be seen.
    let (server, client) = playing([lost(), jobs("RUNNING", 0), in_progress(), done()]);
    assert!(client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().is_ok());
    assert_eq!(lines(&server), [POST, JOBS, STATUS, STATUS]);

    for list in [jobs("RUNNING", 0), jobs("INITIALIZING", 0), ok(r#"{"jobs":[]}"#)] {
        let (server, client) = playing([lost(), list, no_operation()]);
        let trigger = TriggerId::random();
        let error =
            client.trigger_detached_savepoint_as(trigger, job(), Some("/sp"), Canonical).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!((error.job_id(), error.trigger_id()), (Some(job()), Some(trigger)));
        assert!(!error.is_retryable() && error.to_string().contains("checkpoint history"), "{error}");
        assert_eq!(lines(&server), [POST, JOBS, STATUS]);
    }
}

#[test]
fn a_stop_that_has_ended_its_job_is_repeated_to_hear_its_savepoint() {
    let (server, client) = playing([lost(), jobs("FINISHED", 5), taken(), done()]);
    assert!(client.stop_with_savepoint(job(), false, Some("/sp"), Canonical).wait().is_ok());
    let stop = POST.replace("savepoints", "stop");
    assert_eq!(lines(&server), [&*stop, JOBS, &*stop, STATUS]);
}

#[test]
fn a_trigger_is_never_repeated_once_its_operation_may_have_ended_and_been_forgotten() {
    let keeps = |text: &str| ok(&format!(r#"[{{"key":"rest.async.store-duration","value":"{text}"}}]"#));
    let config = "GET /jobmanager/config";
    // The second look comes so late that a cluster which keeps results for 10 s may have forgotten them.
    let late = |replies: Vec<Reply>| {
        let server = ScriptedServer::playing(replies);
        let waits = FixedWaitStrategy(Duration::from_secs(6));
        let client = client_of(eager(&server.url()).retry_strategy(waits));
        (server, client)
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (server, client) =
                late(vec![lost(), jobs("RUNNING", LONG), keeps("10 s"), no_operation(), history(&[])]);
            let error = client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
            assert!(
                error.trigger_id().is_some() && error.to_string().contains("checkpoint history"),
                "{error}"
            );
            let look_back = format!("GET /jobs/{JOB}/checkpoints");
            assert_eq!(lines(&server), [POST, JOBS, config, STATUS, &look_back]);
        });
        scope.spawn(|| {
            let done_since = history(&[savepoint(7, "SYNC_SAVEPOINT")]);
            let known = [keeps("10 s"), no_operation(), done_since, status("FINISHED")];
            let (server, client) = late([vec![lost(), jobs("FINISHED", 5)], known.into()].concat());
            let path = client.stop_with_savepoint(job(), false, Some("/sp"), Canonical).wait().unwrap();
            assert_eq!(path, "file:/sp/savepoint-7");
            assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
        });
        scope.spawn(|| {
            let (server, client) = late(vec![lost(), jobs("RUNNING", LONG), ok("[]"), taken(), done()]);
            client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().unwrap();
            assert_eq!(lines(&server), [POST, JOBS, config, POST, STATUS], "Flink keeps them for 5 min");
        });
    });
}

#[test]
fn what_a_gateway_says_leaves_open_whether_the_request_arrived() {
    for status in [502, 503, 504] {
        let (server, client) =
            playing([Reply::html(status, "<title>x</title>"), jobs("RUNNING", 0), in_progress(), done()]);
        assert!(client.trigger_savepoint(job(), None, Canonical).wait().is_ok());
        assert_eq!(lines(&server), [POST, JOBS, STATUS, STATUS], "{status}");
    }
}

#[test]
fn what_the_cluster_itself_could_not_serve_has_not_been_done() {
    let unreachable =
        refused(500, "org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: Could not send");
    for reply in [super::leader_election(), unreachable, Reply::new(429, &[], "slow down")] {
        let (server, client) = playing([reply, taken(), done()]);
        assert!(client.trigger_savepoint(job(), None, Canonical).wait().is_ok());
        assert_eq!(lines(&server), [POST, POST, STATUS]);
    }
}

#[test]
fn an_operation_that_was_taken_and_lost_sight_of_is_unknown_and_not_failed() {
    let (server, client) = playing([taken(), lost(), lost(), lost(), lost()]);
    let error = client.trigger_savepoint(job(), None, Canonical).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(error.trigger_id().is_some() && error.to_string().contains("the connection broke"), "{error}");
    assert_eq!(lines(&server), [POST, STATUS, STATUS, STATUS, STATUS]);

    let (_server, client) = playing([taken(), lost(), lost(), lost(), lost()]);
    let error = client.trigger_checkpoint(job(), CheckpointType::Full).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
}

#[test]
fn an_operation_that_the_cluster_forgot_is_lost_and_never_triggered_again() {
    let history = history(&[savepoint(7, "SAVEPOINT")]);
    let (server, client) = playing([taken(), no_operation(), history]);
    let error = client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OperationLost);
    assert_eq!(error.savepoint_path(), Some("file:/sp/savepoint-7"));
    assert_eq!(lines(&server), [POST, STATUS, &format!("GET /jobs/{JOB}/checkpoints")]);
}

#[test]
fn a_stop_that_the_cluster_forgot_is_known_by_its_end_and_by_a_savepoint_such_as_stops_make() {
    let (others, its) = (savepoint(6, "SAVEPOINT"), savepoint(7, "SYNC_SAVEPOINT"));
    let stop = |replies: Vec<Reply>| {
        let (server, client) = playing(replies);
        let stopped = client.stop_with_savepoint(job(), false, Some("/sp"), Canonical).wait();
        assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
        stopped
    };
    let found = vec![taken(), no_operation(), history(&[others.clone(), its.clone()]), status("FINISHED")];
    assert_eq!(stop(found).unwrap(), "file:/sp/savepoint-7");

    // It runs on; or ended by itself, while somebody else took a savepoint.
    for (history, state) in [(history(&[its]), "RUNNING"), (history(&[others]), "FINISHED")] {
        let error = stop(vec![taken(), no_operation(), history, status(state)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OperationLost, "{error}");
    }
}

#[test]
fn a_disposal_that_finds_nothing_after_a_lost_answer_was_done_by_the_first_attempt() {
    let missing = || {
        ok(
            r#"{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"java.util.concurrent.CompletionException","stack-trace":"java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:/sp/1' on file system 'file'.\n\tat a.B.c(B.java:1)\n"}}}"#,
        )
    };
    let (server, client) = playing([lost(), taken(), missing()]);
    client.dispose_savepoint("/sp/1").wait().unwrap();
    let post = "POST /savepoint-disposal";
    let look = "GET /savepoint-disposal/:id";
    assert_eq!(lines(&server), [post, post, look]);

    let (_server, client) = playing([taken(), missing()]);
    let error = client.dispose_savepoint("/sp/1").wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SavepointNotFound);
}

/// Seen on 2.3.0: the second attempt had read the savepoint, and then its files went.
#[test]
fn a_disposal_that_another_attempt_of_it_got_in_the_way_of_is_tried_again_until_the_savepoint_is_gone() {
    let failed = |text: &str| {
        ok(&format!(
            r#"{{"status":{{"id":"COMPLETED"}},"operation":{{"failure-cause":{{"class":"java.util.concurrent.CompletionException","stack-trace":"java.util.concurrent.CompletionException: org.apache.flink.util.FlinkException: Could not dispose savepoint /sp/1.\\n\\tat a.B.c(B.java:1)\\nCaused by: java.io.FileNotFoundException: {text}\\n\\tat a.B.c(B.java:1)\\n"}}}}}}"#
        ))
    };
    let half_gone = || failed("/sp/1 (No such file or directory)");
    let gone = || failed("Cannot find checkpoint or savepoint file/directory '/sp/1' on file system 'file'.");
    let (post, look) = ("POST /savepoint-disposal", "GET /savepoint-disposal/:id");
    let (server, client) = playing([lost(), taken(), half_gone(), taken(), gone()]);
    client.dispose_savepoint("/sp/1").wait().unwrap();
    assert_eq!(lines(&server), [post, post, look, post, look]);

    // With no attempt before it, and without end, it is what it says.
    let (server, client) = playing([taken(), half_gone()]);
    assert_eq!(client.dispose_savepoint("/sp/1").wait().unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(lines(&server), [post, look]);
    let always = std::iter::once(lost()).chain((0..6).flat_map(|_| [taken(), half_gone()]));
    let (server, client) = playing(always.collect::<Vec<_>>());
    assert_eq!(client.dispose_savepoint("/sp/1").wait().unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(lines(&server).len(), 1 + 6 * 2);
}

#[test]
fn a_cancel_is_repeated_and_a_job_that_has_finished_meanwhile_is_told() {
    let cancel = format!("PATCH /jobs/{JOB}?mode=cancel");
    let (server, client) = playing([lost(), Reply::json(202, "{}")]);
    client.cancel(job()).wait().unwrap();
    assert_eq!(lines(&server), [&*cancel, &cancel]);

    let finished = refused(
        409,
        "org.apache.flink.runtime.rest.handler.RestHandlerException: Job cancellation failed because the job has \
         already reached another terminal state (FINISHED).",
    );
    let (_server, client) = playing([lost(), finished]);
    assert_eq!(client.cancel(job()).wait().unwrap_err().kind(), ErrorKind::JobAlreadyTerminal);

    let (server, client) = playing([lost(), lost(), lost(), lost()]);
    let error = client.cancel(job()).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(job())), "{error}");
    assert_eq!(server.lines().len(), 4);
}

#[test]
fn another_process_follows_a_trigger_by_its_id() {
    let trigger = TriggerId::random();
    let (first_server, first) = playing([taken()]);
    let id = first.trigger_detached_savepoint_as(trigger, job(), None, Canonical).wait().unwrap();
    assert_eq!(id, trigger);
    assert_eq!(first_server.requests()[0].json()["triggerId"], trigger.to_string());

    let (server, second) = playing([in_progress(), done(), no_operation()]);
    assert!(second.savepoint_status(job(), trigger).wait().unwrap().is_in_progress());
    assert!(!second.savepoint_status(job(), trigger).wait().unwrap().is_in_progress());
    let error = second.savepoint_status(job(), trigger).wait().unwrap_err();
    assert_eq!((error.kind(), error.trigger_id()), (ErrorKind::OperationLost, Some(trigger)));
    assert!(server.lines().iter().all(|line| line.ends_with(&trigger.to_string())));
}

#[test]
fn a_savepoint_of_a_job_that_is_not_there_says_so() {
    let failed = || {
        ok(
            r#"{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"x","stack-trace":"org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job (1)\n"}}}"#,
        )
    };
    let (_server, client) = playing([taken(), failed(), unknown_job()]);
    let error = client.trigger_savepoint(job(), None, Canonical).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobNotFound);
    let (_server, client) = playing([taken(), failed(), status("FINISHED")]);
    let error = client.trigger_savepoint(job(), None, Canonical).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobAlreadyTerminal);
}

/// A cluster that says for ever that an operation goes on, though its job is in this state.
fn endless(state: &'static str, entries: Vec<String>) -> (ScriptedServer, super::Client) {
    let server = ScriptedServer::deciding(move |request| {
        match (&*request.method, request.path().rsplit('/').next()) {
            ("POST", _) => taken(),
            (_, Some("status")) if state.is_empty() => unknown_job(),
            (_, Some("status")) => status(state),
            (_, Some("checkpoints")) if state.is_empty() => unknown_job(),
            (_, Some("checkpoints")) => history(&entries),
            _ => in_progress(),
        }
    });
    let client = client_of(eager(&server.url()));
    (server, client)
}

#[test]
fn an_operation_that_does_not_end_though_its_job_has_is_given_up_and_looked_for() {
    let (others, its) = (savepoint(6, "SAVEPOINT"), savepoint(7, "SYNC_SAVEPOINT"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (server, client) = endless("CANCELED", vec![]);
            let error = client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SavepointFailed, "{error}");
            assert_eq!((error.job_id(), error.job_status()), (Some(job()), Some(JobStatus::Canceled)));
            assert!(
                error.trigger_id().is_some() && error.to_string().contains("the job is CANCELED"),
                "{error}"
            );
            let lines = lines(&server);
            let last = lines.iter().rposition(|line| line == &format!("GET /jobs/{JOB}/status"));
            let after = lines.iter().skip(last.unwrap()).filter(|line| *line == STATUS).count();
            assert!(after > 1, "it is asked for again after its job was seen to have ended: {after}");
        });
        scope.spawn(|| {
            // It may be the one, and may be somebody else's.
            let (_server, client) = endless("FAILED", vec![others.clone()]);
            let error = client.trigger_savepoint(job(), Some("/sp"), Canonical).wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OperationLost, "{error}");
            assert_eq!(error.savepoint_path(), Some("file:/sp/savepoint-6"));
        });
        scope.spawn(|| {
            let (_server, client) = endless("FINISHED", vec![others.clone(), its.clone()]);
            let path = client.stop_with_savepoint(job(), false, Some("/sp"), Canonical).wait().unwrap();
            assert_eq!(path, "file:/sp/savepoint-7");
        });
        scope.spawn(|| {
            let (_server, client) = endless("FINISHED", vec![others.clone()]);
            let error = client.stop_with_savepoint(job(), false, Some("/sp"), Canonical).wait().unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::OperationLost,
                "a finished job may be a stopped one: {error}"
            );
        });
        scope.spawn(|| {
            let (_server, client) = endless("", vec![]);
            let error = client.trigger_checkpoint(job(), CheckpointType::Full).wait().unwrap_err();
            assert_eq!((error.kind(), error.job_status()), (ErrorKind::OperationLost, None), "{error}");
            assert!(error.to_string().contains("does not know the job"), "{error}");
        });
    });
}

#[test]
fn an_operation_goes_on_for_as_long_as_its_job_does_and_tells_the_jobs_state() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let server = ScriptedServer::deciding(move |request| {
        match (&*request.method, request.path().rsplit('/').next()) {
            ("POST", _) => taken(),
            (_, Some("status")) => {
                counted.fetch_add(1, Ordering::SeqCst);
                status("RUNNING")
            }
            _ if counted.load(Ordering::SeqCst) > 20 => done(),
            _ => in_progress(),
        }
    });
    let client = client_of(eager(&server.url()));
    let saving = client.trigger_savepoint(job(), Some("/sp"), Canonical);
    let seen = || {
        saving
            .progress()
            .and_then(|progress| progress.job_status)
            .or_else(|| saving.is_done().then_some(JobStatus::Running))
    };
    assert_eq!(until("a look at the job", seen), JobStatus::Running);
    assert_eq!(saving.wait().unwrap(), "file:/sp/savepoint-1");
}
