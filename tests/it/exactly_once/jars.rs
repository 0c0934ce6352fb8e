//! Uploads, runs, and what is left in the cluster afterwards.

use std::io::Write as _;

use flink_client::{ApplicationId, ClusterClient, ErrorKind, ExecutionPlan};

use super::{JOB, duplicate, job, lines, lost, ok, playing, refused, status, unknown_job};
use crate::support::{ReceivedRequest, Reply, ScriptedServer, client as client_of, eager, until};

const UPLOAD: &str = "POST /jars/upload";
const JARS: &str = "GET /jars";
const STATUS: &str = "GET /jobs/5f000000000000000000000000000001/status";

fn jar_file() -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("etl").suffix(".jar").tempfile().unwrap();
    file.write_all(b"PK").unwrap();
    file
}

fn uploaded(id: &str) -> Reply {
    ok(&format!(r#"{{"filename":"/tmp/flink-web-upload/{id}","status":"success"}}"#))
}

fn deleted() -> Reply {
    ok("{}")
}

fn ran() -> Reply {
    ok(&format!(r#"{{"jobid":"{JOB}"}}"#))
}

fn jar_gone() -> Reply {
    refused(
        500,
        "java.util.concurrent.CompletionException: org.apache.flink.runtime.rest.handler.RestHandlerException: Jar \
         file /tmp/1_etl.jar does not exist",
    )
}

fn run(id: &str) -> String {
    format!("POST /jars/{id}/run")
}

fn delete(id: &str) -> String {
    format!("DELETE /jars/{id}")
}

/// A list with these jars, each of them named as the last upload was.
fn jars(request: &ReceivedRequest, ids: &[&str]) -> Reply {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let name = body.split("filename=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let files: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"id":"{id}","name":"{name}","uploaded":5,"entry":[]}}"#)).collect();
    ok(&format!(r#"{{"address":"x","files":[{}]}}"#, files.join(",")))
}

/// A server that takes uploads as `upload` says, lists these jars from the first upload on, and does the rest.
fn with_jars(listed: &'static [&'static str], upload: impl Fn() -> Reply + Send + 'static) -> ScriptedServer {
    let mut last_upload = None;
    ScriptedServer::deciding(move |request| match (&*request.method, request.path()) {
        ("POST", "/jars/upload") => {
            last_upload = Some(request.clone());
            upload()
        }
        ("GET", "/jars") => match &last_upload {
            Some(upload) => jars(upload, listed),
            None => ok(r#"{"address":"x","files":[]}"#),
        },
        ("POST", _) => ran(),
        _ => deleted(),
    })
}

#[test]
fn a_run_whose_answer_was_lost_is_found_by_its_id() {
    let plan = || ExecutionPlan::uploaded_jar("1.jar").job_id(job());
    let (server, client) = playing([lost(), status("RUNNING")]);
    assert_eq!(client.submit_job(plan()).wait().unwrap(), job());
    assert_eq!(lines(&server), [&*run("1.jar"), STATUS]);
    assert_eq!(server.requests()[0].json()["jobId"], JOB);

    // It never arrived, or its program is still running: then the second is refused as the same job.
    let (server, client) =
        playing([lost(), unknown_job(), duplicate(), status("INITIALIZING"), status("RUNNING")]);
    assert_eq!(client.submit_job(plan()).wait().unwrap(), job());
    assert_eq!(lines(&server), [&*run("1.jar"), STATUS, &run("1.jar"), STATUS, STATUS]);

    let (_server, client) = playing([duplicate()]);
    let error = client.submit_job(plan()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateJob, "somebody else's");
}

/// What the program's own submission met with: it may have submitted before, or not at all.
#[test]
fn a_program_that_lost_the_leader_is_looked_for_like_a_lost_answer() {
    let lost_leader = || {
        refused(
            400,
            "org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: Failed to execute \
             job 'etl'.\n\tat a.B(C)\nCaused by: org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: \
             Could not send message [x]\n\tat a.B(C)",
        )
    };
    let plan = || ExecutionPlan::uploaded_jar("1.jar").job_id(job());
    let (server, client) = playing([lost_leader(), status("RUNNING")]);
    assert_eq!(client.submit_job(plan()).wait().unwrap(), job());
    assert_eq!(lines(&server), [&*run("1.jar"), STATUS]);

    let (server, client) = playing([lost_leader(), unknown_job()]);
    let error = client.submit_job(plan()).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(job())), "{error}");
    assert_eq!(lines(&server), [&*run("1.jar"), STATUS]);
}

#[test]
fn a_job_that_is_there_was_submitted_whatever_is_said_of_a_later_attempt() {
    for refusal in [jar_gone(), Reply::html(200, "<title>x</title>")] {
        let (server, client) = playing([lost(), unknown_job(), refusal, status("RUNNING")]);
        let plan = ExecutionPlan::uploaded_jar("1.jar").job_id(job());
        assert_eq!(client.submit_job(plan).wait().unwrap(), job());
        assert_eq!(lines(&server), [&*run("1.jar"), STATUS, &run("1.jar"), STATUS]);
    }
}

#[test]
fn a_run_that_a_leader_may_have_taken_with_it_is_unknown() {
    let (server, client) = playing([lost(), unknown_job(), super::leader_election(), unknown_job()]);
    let plan = ExecutionPlan::uploaded_jar("1.jar").job_id(job());
    let error = client.submit_job(plan).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(job())), "{error}");
    assert_eq!(lines(&server), [&*run("1.jar"), STATUS, &run("1.jar"), STATUS]);
}

#[test]
fn a_leader_that_changes_while_a_run_is_looked_for_may_have_taken_it_with_it() {
    let plan = ExecutionPlan::uploaded_jar("1.jar").job_id(job());
    let (server, client) = playing([lost(), super::leader_election(), unknown_job()]);
    let error = client.submit_job(plan.clone()).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(job())), "{error}");
    assert_eq!(lines(&server), [&*run("1.jar"), STATUS, STATUS]);

    // The other JobManager may lead only now, without having been asked for anything by then.
    let first = ScriptedServer::playing([Reply::html(502, "<title>x</title>")]);
    let second = ScriptedServer::playing([unknown_job()]);
    let builder = eager(&first.url()).addresses([first.url(), second.url()]);
    let error = client_of(builder).submit_job(plan).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(job())), "{error}");
    assert_eq!((lines(&first), lines(&second)), (vec![run("1.jar")], vec![STATUS.to_owned()]));
}

#[test]
fn a_jar_that_is_gone_after_a_lost_answer_is_not_run_again() {
    let file = jar_file();
    let (server, client) = playing([
        uploaded("1.jar"),
        lost(),
        unknown_job(),
        // Another JobManager answers by now.
        jar_gone(),
        unknown_job(),
        deleted(),
    ]);
    let error = client.submit_job(ExecutionPlan::jar(file.path()).job_id(job())).wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, Some(job())), "{error}");
    assert_eq!(lines(&server), [UPLOAD, &run("1.jar"), STATUS, &run("1.jar"), STATUS, &delete("1.jar")]);
}

#[test]
fn a_jar_is_removed_where_it_was_uploaded_to_though_another_address_serves_by_now() {
    let file = jar_file();
    let plan = ExecutionPlan::jar(file.path()).job_id(job());
    let removed = |server: &ScriptedServer| {
        until("the removal", || (server.lines().last() == Some(&delete("1.jar"))).then_some(()));
    };
    // The first JobManager cannot serve for a moment, and the second has no such jar.
    let first = ScriptedServer::playing([uploaded("1.jar"), super::leader_election(), deleted()]);
    let second = ScriptedServer::playing([jar_gone(), uploaded("2.jar"), ran(), deleted()]);
    let client = client_of(eager(&first.url()).addresses([first.url(), second.url()]));
    assert_eq!(client.submit_job(plan.clone()).wait().unwrap(), job());
    assert_eq!(lines(&second), [&*run("1.jar"), UPLOAD, &run("2.jar"), &delete("2.jar")]);
    removed(&first);
    assert_eq!(lines(&first), [UPLOAD, &run("1.jar"), &delete("1.jar")]);

    // It is not known what became of the run, and the second does not know the job.
    let first = ScriptedServer::playing([uploaded("1.jar"), Reply::html(502, "<title>x</title>"), deleted()]);
    let second = ScriptedServer::playing([unknown_job(), ok(r#"{"address":"x","files":[]}"#)]);
    let client = client_of(eager(&first.url()).addresses([first.url(), second.url()]));
    assert_eq!(client.submit_job(plan.clone()).wait().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    removed(&first);
    assert_eq!(lines(&second), [STATUS, JARS]);

    // The answer to the upload was lost.
    let first = with_jars(&["1.jar"], || Reply::html(502, "<title>x</title>"));
    let mut second_upload = None;
    let second = ScriptedServer::deciding(move |request| match (&*request.method, request.path()) {
        ("POST", "/jars/upload") => {
            second_upload = Some(request.clone());
            uploaded("2.jar")
        }
        ("POST", _) => ran(),
        ("GET", _) => match &second_upload {
            Some(upload) => jars(upload, &["2.jar"]),
            None => ok(r#"{"address":"x","files":[]}"#),
        },
        _ => deleted(),
    });
    let client = client_of(eager(&first.url()).addresses([first.url(), second.url()]));
    assert_eq!(client.submit_job(plan).wait().unwrap(), job());
    removed(&first);
    assert_eq!(lines(&first), [UPLOAD, JARS, &delete("1.jar")]);
    assert_eq!(lines(&second), [JARS, UPLOAD, &run("2.jar"), JARS, &delete("2.jar")]);
}

#[test]
fn a_jar_that_went_with_its_job_manager_is_uploaded_again() {
    let file = jar_file();
    let plan = ExecutionPlan::jar(file.path()).job_id(job());
    let (server, client) = playing([uploaded("1.jar"), jar_gone(), uploaded("2.jar"), ran(), deleted()]);
    assert_eq!(client.submit_job(plan.clone()).wait().unwrap(), job());
    assert_eq!(lines(&server), [UPLOAD, &run("1.jar"), UPLOAD, &run("2.jar"), &delete("2.jar")]);

    // But not for ever.
    let mut gone = Vec::new();
    (0..4).for_each(|_| gone.extend([uploaded("1.jar"), jar_gone()]));
    gone.push(jar_gone());
    let (server, client) = playing(gone);
    let error = client.submit_job(plan).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JarNotFound, "{error}");
    assert_eq!(server.lines().iter().filter(|line| *line == UPLOAD).count(), 4);
}

#[test]
fn a_jar_that_a_lost_answer_left_is_used_and_every_copy_is_removed() {
    let file = jar_file();
    // The first attempt took longer than its connection, so there are two when the job has been submitted.
    let server = with_jars(&["1.jar", "2.jar"], lost);
    let client = client_of(eager(&server.url()));
    client.submit_job(ExecutionPlan::jar(file.path()).job_id(job())).wait().unwrap();
    assert_eq!(lines(&server), [UPLOAD, JARS, &run("1.jar"), JARS, &delete("1.jar"), &delete("2.jar")]);
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let file = jar_file();
    let server = with_jars(&["1.jar"], lost);
    let client = client_of(eager(&server.url()).max_attempts(0));
    let error = client.submit_job(ExecutionPlan::jar(file.path()).job_id(job())).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(lines(&server), [UPLOAD, JARS, &delete("1.jar")]);
}

#[test]
fn a_jar_is_removed_when_the_client_is_closed_before_its_upload_was_answered() {
    let file = jar_file();
    let server = with_jars(&["1.jar"], || Reply::nothing().stall());
    let client = client_of(eager(&server.url()));
    let submitted = client.submit_job(ExecutionPlan::jar(file.path()).job_id(job()));
    until("the upload", || (server.lines() == [UPLOAD]).then_some(()));
    client.close();
    assert_eq!(submitted.wait().unwrap_err().kind(), ErrorKind::Closed);
    until("the removal", || (lines(&server) == [UPLOAD, JARS, &delete("1.jar")]).then_some(()));
}

#[test]
fn an_upload_that_stays_is_repeated_and_what_others_have_under_its_name_is_let_be() {
    let file = jar_file();
    let name = file.path().file_name().unwrap().to_str().unwrap().to_owned();
    // A colleague's jar of the same name comes while the first answer is lost.
    let mut last = None;
    let server = ScriptedServer::deciding(move |request| match (&*request.method, request.path()) {
        ("POST", _) => {
            let reply = if last.is_none() { lost() } else { uploaded("2.jar") };
            last = Some(request.clone());
            reply
        }
        ("GET", _) => match &last {
            Some(upload) => jars(upload, &["1.jar"]),
            None => ok(r#"{"address":"x","files":[]}"#),
        },
        _ => deleted(),
    });
    let client = client_of(eager(&server.url()));
    assert_eq!(client.upload_jar(file.path()).wait().unwrap(), "2.jar");
    assert_eq!(lines(&server), [UPLOAD, UPLOAD]);
    let sent = server.requests();
    assert!(String::from_utf8_lossy(&sent[0].body).contains(&format!("filename=\"{name}\"")));
}

#[test]
fn an_upload_is_not_taken_for_a_jar_that_another_job_manager_has_under_its_name() {
    let file = jar_file();
    let name = file.path().file_name().unwrap().to_str().unwrap().to_owned();
    let none = || ok(r#"{"address":"x","files":[]}"#);
    let first = ScriptedServer::deciding(move |request| match &*request.method {
        "POST" => Reply::html(502, "<title>x</title>"),
        _ => none(),
    });
    let old =
        format!(r#"{{"address":"x","files":[{{"id":"old.jar","name":"{name}","uploaded":5,"entry":[]}}]}}"#);
    let second = ScriptedServer::deciding(move |request| match &*request.method {
        "POST" => uploaded("new.jar"),
        "GET" => ok(&old),
        _ => deleted(),
    });
    let client = client_of(eager(&first.url()).addresses([first.url(), second.url()]));
    assert_eq!(client.upload_jar(file.path()).wait().unwrap(), "new.jar");
    assert_eq!((lines(&first), lines(&second)), (vec![UPLOAD.to_owned()], vec![UPLOAD.to_owned()]));
}

#[test]
fn an_upload_of_which_no_attempt_is_answered_is_unknown() {
    let file = jar_file();
    let server = ScriptedServer::always(lost());
    let error = client_of(eager(&server.url())).upload_jar(file.path()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(lines(&server), [UPLOAD, UPLOAD, UPLOAD]);
}

#[test]
fn an_application_whose_jar_is_gone_after_a_lost_answer_is_looked_for_once_more_and_then_unknown() {
    let id = ApplicationId::random();
    let look = "GET /applications/:id";
    let unknown = || {
        refused(
            404,
            "org.apache.flink.runtime.messages.FlinkApplicationNotFoundException: Could not find application",
        )
    };
    let (server, client) = playing([lost(), unknown(), jar_gone(), unknown()]);
    let plan = ExecutionPlan::uploaded_jar("1.jar");
    let error = client.run_application_as(id, plan.clone()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    let run = "POST /jars/1.jar/run-application";
    assert_eq!(lines(&server), [run, look, run, look]);

    // Without a lost answer before it, it is what it says.
    let (server, client) = playing([jar_gone()]);
    assert_eq!(client.run_application_as(id, plan).wait().unwrap_err().kind(), ErrorKind::JarNotFound);
    assert_eq!(lines(&server), [run]);
}

#[test]
fn a_serialised_plan_without_an_id_is_not_sent_twice() {
    let file = jar_file();
    let (server, client) = playing([lost()]);
    let error = client.submit_job(ExecutionPlan::serialized(file.path())).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(lines(&server), ["POST /jobs"]);

    let (server, client) = playing([lost(), unknown_job(), duplicate(), status("RUNNING")]);
    let plan = ExecutionPlan::serialized(file.path()).job_id(job());
    assert_eq!(client.submit_job(plan).wait().unwrap(), job());
    assert_eq!(lines(&server), ["POST /jobs", STATUS, "POST /jobs", STATUS]);
}

#[test]
fn the_jobs_of_a_program_without_an_id_are_not_sent_twice() {
    let plan = || ExecutionPlan::uploaded_jar("1.jar").several_jobs();
    for reply in [
        lost(),
        Reply::html(504, "<title>x</title>"),
        // Gateways that speak JSON.
        Reply::json(502, r#"{"errors":["bad gateway"]}"#),
        Reply::json(503, r#"{"errors":["upstream connect error or disconnect"]}"#),
        Reply::json(504, r#"{"errors":["upstream request timeout"]}"#),
    ] {
        let (server, client) = playing([reply]);
        let error = client.submit_job(plan()).wait().unwrap_err();
        assert_eq!((error.kind(), error.job_id()), (ErrorKind::OutcomeUnknown, None), "{error}");
        assert!(error.to_string().contains("list of jobs"), "{error}");
        assert_eq!(lines(&server), [run("1.jar")]);
    }
    // What has surely not been taken is sent again.
    let (server, client) = playing([super::leader_election(), ran()]);
    assert_eq!(client.submit_job(plan()).wait().unwrap(), job());
    assert_eq!(lines(&server), [run("1.jar"), run("1.jar")]);
    assert!(server.requests().iter().all(|request| request.json().get("jobId").is_none()));
}

#[test]
fn a_removal_that_finds_nothing_after_a_lost_answer_was_done_by_the_first_attempt() {
    let missing = || {
        refused(
            400,
            "org.apache.flink.runtime.rest.handler.RestHandlerException: File 1.jar does not exist in /tmp.",
        )
    };
    let (_server, client) = playing([lost(), missing()]);
    client.delete_jar("1.jar").wait().unwrap();
    let (_server, client) = playing([missing()]);
    assert_eq!(client.delete_jar("1.jar").wait().unwrap_err().kind(), ErrorKind::JarNotFound);
}

#[test]
fn a_jar_whose_plan_is_asked_for_is_removed_again_whatever_comes_of_it() {
    let file = jar_file();
    let plan = ExecutionPlan::jar(file.path());
    let ask = "POST /jars/1.jar/plan";
    let graph = ok(&format!(r#"{{"plan":{{"jid":"{JOB}","name":"etl","nodes":[]}}}}"#));
    let (server, client) = playing([uploaded("1.jar"), lost(), graph, deleted()]);
    assert_eq!(client.jar_plan(&plan).wait().unwrap().name, "etl");
    assert_eq!(lines(&server), [UPLOAD, ask, ask, &*delete("1.jar")]);

    let refusal = refused(500, "java.lang.IllegalStateException: no");
    let (server, client) = playing([uploaded("1.jar"), refusal, deleted()]);
    client.jar_plan(&plan).wait().unwrap_err();
    assert_eq!(lines(&server), [UPLOAD, ask, &*delete("1.jar")]);
}

#[test]
fn a_jar_that_cannot_be_read_is_told_before_anything_is_asked_of_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("etl.jar");
    let (server, client) = playing([]);
    for error in [
        client.submit_job(ExecutionPlan::jar(&missing)).wait().unwrap_err(),
        client.jar_plan(&ExecutionPlan::jar(&missing)).wait().unwrap_err(),
        client.upload_jar(&missing).wait().unwrap_err(),
        client.submit_job(ExecutionPlan::serialized(&missing)).wait().unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.request()), (ErrorKind::LocalFile, None), "{error}");
        assert!(error.to_string().contains(&*missing.to_string_lossy()), "{error}");
    }
    assert!(server.lines().is_empty());
}
