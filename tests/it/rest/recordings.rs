//! Recorded requests, sent again: a mini cluster in the same situation answers as real Flink did.
//!
//! A scene has jobs like those of the recordings, in the states in which they were. Ids in a recorded path become those
//! of the scene. Statuses, members and their types have to be the same, and of errors the words and the chain of causes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use flink_client::mini::{
    Checkpointing, JavaException, MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniJob,
    RestartStrategy, TaskContext, TaskResult,
};
use flink_client::{ClusterClient, ClusterClientExt, JobId};
use serde_json::{Value, json};

use super::shape::differences;
use super::support::{Answer, Connection, ask, form, with};
use crate::mini::support::{eventually, jar};

/// Which job of the scene is meant by the job id in a recorded path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    /// None: the path is used as it is, with an id that no job has.
    Nobody,
    Running,
    /// One with checkpoints and two vertices.
    Stateful,
    /// Another one of these for each request.
    Fresh,
    Finished,
    Unmergeable,
    Failed,
    Canceled,
    Initializing,
    Restarting,
    Waiting,
    Restored,
    Stopped,
    FailedToInitialize,
}

#[rustfmt::skip]
const RECORDINGS: &[(Of, &[&str])] = &[
    (Of::Nobody, &[
        "application-cancel-unknown", "application-exceptions-unknown", "application-malformed", "application-unknown",
        "body-bad-format-type", "body-bad-trigger-id", "body-empty-savepoint", "body-text-plain", "body-unknown-field",
        "body-wrong-type", "config", "dataset-delete-status-unknown", "dataset-delete-unknown", "datasets-empty",
        "evicted-job", "evicted-job-execution-result", "evicted-job-status", "jar-upload-empty-body",
        "jar-run-unknown-jar", "jobmanager-environment", "jobmanager-logs", "jobmanager-metrics", "jobs", "jobs-overview",
        "jobs-metrics", "malformed-body", "malformed-job-id", "malformed-job-id-cancel", "malformed-job-id-dashed",
        "malformed-job-id-short", "malformed-job-id-uppercase", "options-overview", "overview", "query-bad-bool",
        "query-bad-mode", "query-unknown", "savepoint-disposal-missing", "savepoint-disposal-missing-status",
        "savepoint-disposal-no-path", "savepoint-disposal-status-unknown", "taskmanager-unknown", "taskmanagers",
        "unknown-endpoint", "unknown-endpoint-post", "unknown-job-accumulators", "unknown-job-cancel",
        "unknown-job-checkpoint", "unknown-job-checkpoints", "unknown-job-exceptions", "unknown-job-execution-result",
        "unknown-job-heartbeat", "unknown-job-job", "unknown-job-job-config", "unknown-job-job-status", "unknown-job-plan",
        "unknown-job-resource-requirements", "unknown-job-savepoint", "unknown-job-stop", "v1-prefix-overview",
        "v2-prefix-overview", "wrong-method", "wrong-method-put-jobs",
    ]),
    (Of::Running, &[
        "accumulators-running", "checkpoint-not-enabled", "checkpoint-not-enabled-status", "checkpoints-config-not-enabled",
        "checkpoints-not-enabled", "coordination-no-such-operator", "exceptions-none", "execution-result-in-progress",
        "heartbeat", "heartbeat-no-body", "job-config", "job-jobmanager-config", "job-running", "job-status-running",
        "plan", "rescaling", "resource-requirements-default-scheduler", "savepoint-not-enabled",
        "savepoint-not-enabled-status", "vertex", "vertex-accumulators", "vertex-unknown", "jar-run-duplicate-job-id",
    ]),
    (Of::Stateful, &[
        "body-no-content-type", "checkpoint-bad-type", "checkpoint-configured", "checkpoint-configured-status",
        "checkpoint-details", "checkpoint-empty-body", "checkpoint-full", "checkpoint-full-status", "checkpoint-incremental",
        "checkpoint-status-unknown-trigger", "checkpoints", "checkpoints-config", "savepoint", "savepoint-empty-body",
        "savepoint-native", "savepoint-native-status", "savepoint-no-directory", "savepoint-status",
        "savepoint-status-bad-trigger", "savepoint-status-unknown-trigger", "savepoint-unknown-scheme",
         "savepoint-unwritable-directory", "savepoint-unwritable-directory-status",
        "stop-empty-body", "stop-no-directory", "stop-unwritable-directory", "stop-unwritable-directory-status",
    ]),
    (Of::Fresh, &[
        "cancel", "savepoint-cancel-job", "savepoint-cancel-job-status", "stop", "stop-drain", "stop-drain-status",
        "stop-not-enabled", "stop-not-enabled-status", "stop-status",
    ]),
    (Of::Finished, &[
        "accumulators", "accumulators-no-serialized", "execution-result-finished", "finished-job-cancel",
        "finished-job-cancel-no-mode", "finished-job-checkpoint", "finished-job-checkpoint-status", "finished-job-heartbeat",
        "finished-job-savepoint", "finished-job-savepoint-status", "finished-job-stop", "finished-job-stop-status",
        "job-finished", "job-status-finished", "jar-run-finished-job-id", "coordination-unknown-operator",
        "application-finished", "application-finished-exceptions", "application-cancel-finished",
    ]),
    (Of::Unmergeable, &["accumulators-broken-merge", "execution-result-broken-accumulator"]),
    (Of::Failed, &[
        "accumulators-failed-job", "exceptions-failed", "execution-result-failed", "failed-job-cancel", "job-failed",
        "application-failed", "application-failed-exceptions", "application-cancel-failed",
    ]),
    (Of::Canceled, &["canceled-job-cancel", "execution-result-canceled", "application-canceled", "application-cancel-canceled"]),
    (Of::Initializing, &[
        "accumulators-initializing", "checkpoints-initializing", "coordination-initializing",
        "execution-result-initializing", "heartbeat-initializing", "job-initializing", "job-status-initializing",
        "plan-initializing", "resource-requirements-initializing", "savepoint-initializing",
        "savepoint-initializing-status", "stop-initializing", "stop-initializing-status",
    ]),
    (Of::Restarting, &[
        "exceptions-restarting", "execution-result-restarting", "job-restarting", "job-status-restarting",
        "restarting-job-savepoint", "restarting-job-savepoint-status",
    ]),
    (Of::Waiting, &["job-no-slots-waiting"]),
    (Of::Restored, &["checkpoints-restored"]),
    (Of::Stopped, &["execution-result-stopped", "stopped-job"]),
    (Of::FailedToInitialize, &["initialization-failed-execution-result", "initialization-failed-job"]),
    // Jars: any job.
    (Of::Nobody, &[
        "jar-plan-get", "jar-plan-no-execute", "jar-plan-post", "jar-plan-throwing-main", "jar-run", "jar-run-bad-claim-mode",
        "jar-run-bad-parallelism", "jar-run-both-args", "jar-run-empty-body", "jar-run-initialization-fails",
        "jar-run-no-entry-class", "jar-run-no-execute", "jar-run-no-savepoint", "jar-run-program-args",
        "jar-run-throwing-main", "jar-run-two-jobs", "jar-run-unknown-field", "jar-run-wrong-entry-class",
        "jar-run-application", "jar-run-application-noexecute", "jar-run-application-nosuch",
        "jar-run-application-throwingmain", "jar-run-application-twice", "jars",
        "applications-overview",
    ]),
];

const CHAIN: &str = "Source: Sequence Source -> Map -> Map -> Sink: Writer";

struct Scene {
    /// What initialises does so until this is dropped, and the cluster waits for it when it closes.
    _initializing: Sender<()>,
    version: &'static str,
    cluster: MiniCluster,
    client: MiniClusterClient,
    folder: tempfile::TempDir,
    jobs: Vec<(Of, JobId)>,
    jar: String,
}

fn endless(task: &mut TaskContext) -> TaskResult {
    while task.sleep(Duration::from_millis(1))? {}
    Ok(())
}

fn accumulators(task: &mut TaskContext) {
    for record in 1..=50 {
        task.histogram("histogram").add(record % 5);
        task.long_counter("longs").add(i64::from(record));
        task.average("average").add(f64::from(record));
        task.double_counter("doubles").add(f64::from(record) / 2.0);
        task.int_counter("ints").add(1);
        task.double_maximum("maximum").add(f64::from(record));
        task.int_minimum("minimum").add(record);
    }
    task.list("list").add("r25");
}

fn stateful() -> MiniJob {
    MiniJob::new("stateful")
        .checkpointing(Checkpointing::every(Duration::from_millis(50)))
        .vertex("Source: Sequence Source -> Map -> Map", 1, |task| {
            let seen = task.value_state("seen", "seen", 0_i64)?;
            while task.sleep(Duration::from_millis(1))? {
                seen.update(|seen| *seen += 1);
                task.long_counter("seen").add(1);
            }
            Ok(())
        })
        .operator("seen")
        .vertex("per key -> Sink: Writer", 1, endless)
}

fn failing(strategy: RestartStrategy) -> MiniJob {
    MiniJob::new("failing").restart_strategy(strategy).vertex(CHAIN, 1, |_| {
        Err(JavaException::new("lab.Failing$Kaput", "record 21 is one too many")
            .caused_by(JavaException::new("java.lang.ArithmeticException", "no luck")))
    })
}

fn slow_start(until: Receiver<()>) -> MiniJob {
    MiniJob::new("slow start")
        .vertex("Source: Sequence Source -> Map -> Sink: Unnamed", 1, endless)
        .on_initialize(move || {
            let _ = until.recv();
            Ok(())
        })
}

fn cannot_start() -> MiniJob {
    MiniJob::new("slow start")
        .vertex("Source: Sequence Source -> Map -> Sink: Unnamed", 1, endless)
        .on_initialize(|| {
            Err(JavaException::new("java.io.IOException", "the JobMaster could not initialise this job"))
        })
}

impl Scene {
    fn new(version: &'static str) -> Self {
        let configuration = MiniClusterConfiguration::new()
            .flink_version(version.parse().unwrap())
            .slots_per_task_manager(40)
            .set("slot.request.timeout", "1 h");
        let cluster = with(configuration);
        let client = cluster.client();
        let (initializing, until) = crossbeam_channel::bounded(0);
        let submit = |job: MiniJob| cluster.submit(job).wait().unwrap();
        let ended = |job: MiniJob| {
            let job = submit(job);
            client.job_result(job).wait().unwrap();
            job
        };
        let running = |job: MiniJob| {
            let job = submit(job);
            client.wait_until_running(job).wait().unwrap();
            job
        };
        let one =
            |name: &str, task: fn(&mut TaskContext) -> TaskResult| MiniJob::new(name).vertex(CHAIN, 2, task);
        let finished = ended(one("accumulators", |task| {
            accumulators(task);
            Ok(())
        }));
        let unmergeable = ended(one("accumulators", |task| {
            // Of one name and two kinds: the merge fails.
            match task.subtask_index() {
                0 => task.long_counter("broken").add(1),
                _ => task.list("broken").add("r1"),
            }
            Ok(())
        }));
        let failed = ended(failing(RestartStrategy::None));
        let canceled = running(stateful());
        client.cancel(canceled).wait().unwrap();
        client.job_result(canceled).wait().unwrap();
        let restarting =
            submit(failing(RestartStrategy::FixedDelay { attempts: 9, delay: Duration::from_secs(3600) }));
        let is_restarting =
            || client.job_status(restarting).wait().unwrap() == flink_client::JobStatus::Restarting;
        eventually("the job restarts", is_restarting);
        let stateful_job = running(stateful());

        let folder = tempfile::tempdir().unwrap();
        let stopped = running(stateful());
        let target = folder.path().to_string_lossy();
        let format = flink_client::SavepointFormatType::Canonical;
        client.stop_with_savepoint(stopped, false, Some(&*target), format).wait().unwrap();
        client.job_result(stopped).wait().unwrap();
        let mut scene = Self {
            version,
            folder,
            jobs: vec![
                (Of::Running, running(one("accumulators", endless))),
                (Of::Finished, finished),
                (Of::Unmergeable, unmergeable),
                (Of::Failed, failed),
                (Of::Canceled, canceled),
                (Of::Restarting, restarting),
                (Of::Waiting, submit(MiniJob::new("greedy").vertex(CHAIN, 64, endless))),
                (Of::Stateful, stateful_job),
                (Of::Stopped, stopped),
            ],
            client,
            cluster,
            jar: String::new(),
            _initializing: initializing,
        };
        scene.register(&until);
        scene.jar = scene.upload();
        scene.add_those_that_are_run_from_a_jar();
        eventually("a checkpoint", || {
            let path = format!("/jobs/{}/checkpoints", scene.job(Of::Stateful));
            ask(&scene.cluster, "GET", &path, None).json()["latest"]["completed"]["status"] == "COMPLETED"
        });
        scene
    }

    fn register(&self, until: &Receiver<()>) {
        let until = until.clone();
        self.cluster
            .register_program("lab.Accumulators", |program| {
                MiniJob::new("accumulators").vertex(CHAIN, program.parallelism(), |task| {
                    accumulators(task);
                    Ok(())
                })
            })
            .register_program("lab.Stateful", |_| stateful())
            .register_program("lab.SlowStart", move |program| match program.parameter("fail") {
                Some(_) => cannot_start(),
                None => slow_start(until.clone()),
            })
            .register_program("lab.NoExecute", |_| None::<MiniJob>)
            .register_program("lab.Twice", |_| {
                let job = |name: &str| MiniJob::new(name).vertex(CHAIN, 1, |_| Ok(()));
                vec![job("one of several 0"), job("one of several 1")]
            })
            .register_program("lab.ThrowingMain", |_| {
                let cause = JavaException::new("java.lang.ArithmeticException", "because");
                let thrown = JavaException::new("java.lang.IllegalArgumentException", "main gave up");
                Err::<MiniJob, _>(thrown.caused_by(cause))
            });
    }

    fn upload(&self) -> String {
        let request = form("/jars/upload", &[("jarfile", Some("lab-jobs.jar"), &jar(""))]);
        let uploaded = Connection::to(&self.cluster).send(request).answer().json();
        uploaded["filename"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    fn add_those_that_are_run_from_a_jar(&mut self) {
        let chosen = JobId::random();
        // Nobody waits for the answer: it comes when the job has been initialised, and that it never is.
        let body = json!({"entryClass": "lab.SlowStart", "jobId": chosen}).to_string();
        let mut waiting = Connection::to(&self.cluster);
        let length = body.len();
        waiting
            .send(format!("POST /jars/{}/run HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}", self.jar));
        eventually("the job initialises", || self.client.job_status(chosen).wait().is_ok());
        self.jobs.push((Of::Initializing, chosen));

        let chosen = JobId::random();
        let body =
            json!({"entryClass": "lab.SlowStart", "jobId": chosen, "programArgsList": ["--fail", "yes"]});
        assert_eq!(self.send("POST", &format!("/jars/{}/run", self.jar), Some(&body)).status, 400);
        self.jobs.push((Of::FailedToInitialize, chosen));

        let savepoint = std::fs::read_dir(self.folder.path()).unwrap().next().unwrap().unwrap().path();
        let body = json!({"entryClass": "lab.Stateful", "savepointPath": savepoint});
        let run = self.send("POST", &format!("/jars/{}/run", self.jar), Some(&body)).json();
        self.jobs.push((Of::Restored, run["jobid"].as_str().unwrap().parse().unwrap()));
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        ask(&self.cluster, method, path, body)
    }

    fn job(&self, of: Of) -> JobId {
        if of == Of::Fresh {
            let job = self.cluster.submit(stateful()).wait().unwrap();
            self.client.wait_until_running(job).wait().unwrap();
            return job;
        }
        self.jobs.iter().find(|(known, _)| *known == of).unwrap_or_else(|| panic!("no job for {of:?}")).1
    }

    fn recording(&self, name: &str) -> Option<Value> {
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rest");
        let text = std::fs::read_to_string(fixtures.join(self.version).join(format!("{name}.json"))).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The recorded path, with the ids of this scene; `trigger` in place of a recorded one.
    fn path(&self, recorded: &str, job: Option<JobId>, trigger: Option<&str>) -> String {
        let mut path = recorded.replace("http://localhost", "");
        if let Some(job) = job {
            for before in ["/jobs/", "/applications/"] {
                path = with_id(&path, before, &job.to_string());
            }
            if path.contains("/vertices/") && !path.contains("/vertices/0000") {
                let details = self.send("GET", &format!("/jobs/{job}"), None).json();
                path = with_id(&path, "/vertices/", details["vertices"][0]["id"].as_str().unwrap());
            }
            if path.contains("/checkpoints/details/") {
                let checkpoints = self.send("GET", &format!("/jobs/{job}/checkpoints"), None).json();
                let newest = &checkpoints["latest"]["completed"]["id"];
                path = format!("/jobs/{job}/checkpoints/details/{newest}");
            }
        }
        if let Some(trigger) = trigger {
            for before in ["/savepoints/", "/checkpoints/", "/savepoint-disposal/", "/datasets/delete/"] {
                path = with_id(&path, before, trigger);
            }
        }
        if let Some((_, after)) = path.split_once("_lab-jobs.jar") {
            path = format!("/jars/{}{after}", self.jar);
        }
        path
    }

    fn body(&self, recorded: &Value, job: Option<JobId>) -> Option<Value> {
        let mut body = recorded["request"].get("body")?.clone();
        for (name, value) in body.as_object_mut()? {
            let Value::String(text) = value else { continue };
            *text = text.replace("$SAVEPOINTS", &self.folder.path().to_string_lossy());
            match name.as_str() {
                "triggerId" if text.len() == 32 => *text = JobId::random().to_string(),
                // Of a run, the id that is taken already is what it is about.
                "jobId" => *text = job.unwrap_or_else(JobId::random).to_string(),
                "applicationId" => *text = JobId::random().to_string(),
                _ => {}
            }
        }
        Some(body)
    }

    /// Sends a recorded request in this scene.
    fn replay(&self, name: &str, recorded: &Value, of: Of) -> Answer {
        let job = (of != Of::Nobody).then(|| self.job(of));
        let request = &recorded["request"];
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let triggered = name.strip_suffix("-status").and_then(|trigger| self.recording(trigger));
        let Some(triggered) = triggered.filter(|triggered| triggered["request"]["method"] == "POST") else {
            let body = match request.get("body") {
                Some(Value::String(text)) if !text.is_empty() => {
                    return self.send_text(method, path, text, job);
                }
                _ => self.body(recorded, job),
            };
            let answer = self.send(method, &self.path(path, job, None), body.as_ref());
            if let (Some(job), true, 202) = (job, path.ends_with("/stop"), answer.status) {
                // Another stop while this one is under way would fail the job, as in Flink.
                let trigger = answer.json()["request-id"].as_str().unwrap().to_owned();
                self.ended("GET", &format!("/jobs/{job}/savepoints/{trigger}"));
            }
            return answer;
        };
        let post = self.path(triggered["request"]["path"].as_str().unwrap(), job, None);
        let begun = self.send("POST", &post, self.body(&triggered, job).as_ref()).json();
        let trigger = begun["request-id"].as_str().unwrap_or_else(|| panic!("{name}: {begun}"));
        let status = self.path(path, job, Some(trigger));
        self.ended(method, &status)
    }

    /// How an operation ended.
    fn ended(&self, method: &str, status: &str) -> Answer {
        let mut answer = None;
        eventually("the operation ends", || {
            let seen = answer.insert(self.send(method, status, None));
            seen.json()["status"]["id"] != "IN_PROGRESS"
        });
        answer.unwrap()
    }

    fn send_text(&self, method: &str, path: &str, text: &str, job: Option<JobId>) -> Answer {
        let path = self.path(path, job, None);
        let length = text.len();
        let request = format!("{method} {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{text}");
        Connection::to(&self.cluster).send(request).answer()
    }
}

/// The 32 digits after `before` replaced.
fn with_id(path: &str, before: &str, id: &str) -> String {
    let Some((head, tail)) = path.split_once(before) else { return path.to_owned() };
    let digits = tail.bytes().take_while(u8::is_ascii_hexdigit).count();
    if digits == 32 { format!("{head}{before}{id}{}", &tail[32..]) } else { path.to_owned() }
}

/// What a stack trace says of what was thrown and what that came of, without ids and paths.
fn said(trace: &str) -> Vec<String> {
    let lines = trace.lines().filter(|line| !line.starts_with(['\t', '<', ' ']) && !line.is_empty());
    // What a program has printed is not in a mini cluster's answer.
    let left_out = ["End of exception", "Classpath:", "System.out:", "System.err:"];
    let lines = lines.filter(|line| !left_out.iter().any(|begin| line.starts_with(begin)));
    let plain = |line: &str| {
        let words = line.split(' ').map(|word| {
            let is_id = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            let has_id = word.split(|c: char| !c.is_ascii_alphanumeric()).any(is_id);
            match () {
                () if word.contains("OperationKey") => "KEY",
                () if word.contains('/') && !word.starts_with("/nosuch") => "PATH",
                () if word.contains(".jar") => "JAR",
                () if has_id => "ID",
                () => word,
            }
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let mut said: Vec<_> = lines.map(plain).collect();
    if said.first().is_some_and(|line| {
        line.contains("did not match expected format") || line.contains("did not conform")
    }) {
        // What follows is said by Flink's parser of JSON.
        said.truncate(1);
    }
    said
}

/// The texts in an answer that are stack traces, or sentences of an error.
fn traces(body: &Value) -> Vec<String> {
    let mut traces: Vec<_> = body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    for place in [
        "/operation/failure-cause/stack-trace",
        "/operation/failureCause/stack-trace",
        "/job-execution-result/failure-cause/stack-trace",
        "/exceptionHistory/entries/0/stacktrace",
        "/root-exception",
    ] {
        traces.extend(body.pointer(place).and_then(Value::as_str).map(str::to_owned));
    }
    traces
}

fn compare(name: &str, recorded: &Value, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if recorded["status"] != answer.status {
        found.push(format!("status {} and not {}: {}", answer.status, recorded["status"], answer.text()));
        return found;
    }
    let body = &recorded["body"];
    if !body.is_object() && !body.is_array() {
        return found;
    }
    let mine = answer.json();
    for (theirs, ours) in traces(body).iter().zip(traces(&mine)) {
        // Recorded texts end somewhere, perhaps within a line.
        let is_cut = theirs.ends_with("characters in all]");
        let (mut theirs, mut ours) = (said(theirs), said(&ours));
        if is_cut {
            theirs.pop();
            ours.truncate(theirs.len());
        }
        if theirs != ours {
            found.push(format!("says\n        {ours:?}\n    and not\n        {theirs:?}"));
        }
    }
    if answer.status < 300 {
        found.extend(differences(body, &mine));
    }
    found.into_iter().map(|one| format!("{name}: {one}")).collect()
}

fn replayed(version: &'static str) {
    let scene = Scene::new(version);
    let mut found = Vec::new();
    for (of, names) in RECORDINGS {
        for name in *names {
            // Not all are of both versions.
            let Some(recorded) = scene.recording(name) else { continue };
            let answer = scene.replay(name, &recorded, *of);
            found.extend(compare(name, &recorded, &answer));
        }
    }
    assert!(found.is_empty(), "{version}:\n{}", found.join("\n"));
}

#[test]
fn what_was_recorded_from_flink_2_is_answered_alike() {
    replayed("2.3.0");
}

#[test]
fn what_was_recorded_from_flink_1_is_answered_alike() {
    replayed("1.20.5");
}

/// A name that no recording has would test nothing.
#[test]
fn every_name_in_the_table_is_a_recording() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rest");
    for name in RECORDINGS.iter().flat_map(|(_, names)| *names) {
        let is_there = |version: &str| fixtures.join(version).join(format!("{name}.json")).is_file();
        assert!(is_there("2.3.0") || is_there("1.20.5"), "{name}");
    }
}
