//! Answers for which there is no recording: those of a mini cluster have the members and types of real Flink's.

use std::time::Duration;

use flink_client::mini::{Checkpointing, MiniCluster, MiniClusterConfiguration, MiniJob};
use serde_json::Value;

use shape::differences;

#[path = "../it/rest/shape.rs"]
mod shape;

use crate::support::{Environment, Http, shared, until};

/// Read below a job.
const OF_JOB: &[&str] = &[
    "",
    "/accumulators",
    "/checkpoints",
    "/checkpoints/config",
    "/checkpoints/details/:checkpoint",
    "/config",
    "/exceptions",
    "/execution-result",
    "/jobmanager/config",
    "/jobmanager/environment",
    "/plan",
    "/status",
    "/vertices/:vertex",
    "/vertices/:vertex/accumulators",
    "/vertices/:vertex/subtasks/0",
    "/vertices/:vertex/subtasks/0/attempts/0",
    "/vertices/:vertex/subtasks/0/attempts/0/accumulators",
    "/vertices/:vertex/subtasks/accumulators",
    "/vertices/:vertex/subtasktimes",
    "/vertices/:vertex/taskmanagers",
    // What is wrong with a request.
    "/vertices/00000000000000000000000000000001",
    "/vertices/xyz",
    "/vertices/00000000000000000000000000000001/backpressure",
    "/vertices/00000000000000000000000000000001/watermarks",
    "/vertices/00000000000000000000000000000001/metrics",
    "/vertices/00000000000000000000000000000001/subtasktimes",
    "/vertices/00000000000000000000000000000001/taskmanagers",
    "/vertices/00000000000000000000000000000001/accumulators",
    "/vertices/00000000000000000000000000000001/subtasks/accumulators",
    "/vertices/00000000000000000000000000000001/subtasks/metrics",
    "/vertices/00000000000000000000000000000001/subtasks/0",
    "/vertices/:vertex/watermarks",
    "/vertices/:vertex/subtasks/metrics?get=numRecordsOut",
    "/vertices/:vertex/subtasks/metrics?get=numRecordsOut&agg=sum",
    "/vertices/:vertex/subtasks/metrics?get=numRecordsOut&agg=xyz",
    "/vertices/:vertex/metrics?get=0.numRecordsOut",
    "/metrics?get=numRestarts",
    "/accumulators?includeSerializedValue=true",
    "/vertices/:vertex/subtasks/99",
    "/vertices/:vertex/subtasks/x",
    "/vertices/:vertex/subtasks/0/attempts/99",
    "/checkpoints/details/999",
    "/checkpoints/details/x",
    "/exceptions?maxExceptions=x",
];

const UNKNOWN: &str = "/jobs/00000000000000000000000000000001";

/// Asked of the cluster: method, path, body.
const OF_CLUSTER: &[(&str, &str, &str)] = &[
    ("GET", "/config", ""),
    ("GET", "/overview", ""),
    ("GET", "/jobmanager/config", ""),
    ("GET", "/jobmanager/environment", ""),
    ("GET", "/jobs", ""),
    ("GET", "/jobs/overview", ""),
    ("GET", "/taskmanagers", ""),
    ("GET", "/datasets", ""),
    ("GET", "/jobs/metrics?jobs=xyz&get=uptime", ""),
    ("GET", "/jobs/metrics?get=numRestarts", ""),
    ("GET", "/jobs/metrics?get=numRestarts&agg=max,min", ""),
    ("GET", "/jobs/metrics?get=numRestarts&agg=xyz", ""),
    ("GET", "/taskmanagers/metrics?get=xyz", ""),
    ("GET", "/jobmanager/metrics?get=taskSlotsTotal", ""),
    ("GET", "/jobmanager/logs", ""),
    ("GET", "/jobmanager/thread-dump", ""),
    ("GET", "/jobs/00000000000000000000000000000001/metrics", ""),
    ("GET", "/jobs/00000000000000000000000000000001/vertices/00000000000000000000000000000001/metrics", ""),
    (
        "GET",
        "/jobs/00000000000000000000000000000001/vertices/00000000000000000000000000000001/backpressure",
        "",
    ),
    (
        "GET",
        "/jobs/00000000000000000000000000000001/vertices/00000000000000000000000000000001/watermarks",
        "",
    ),
    ("GET", "/jobs/00000000000000000000000000000001/jobmanager/config", ""),
    ("GET", "/taskmanagers/nosuch/metrics", ""),
    ("GET", "/taskmanagers/nosuch/logs", ""),
    ("GET", "/taskmanagers/nosuch/thread-dump", ""),
    ("GET", ":unknown/metrics?get=uptime", ""),
    ("GET", ":unknown/vertices/xyz/metrics", ""),
    ("GET", ":unknown/rescaling/00000000000000000000000000000001", ""),
    ("PATCH", ":unknown/rescaling?parallelism=2", ""),
    ("PATCH", ":unknown/rescaling", ""),
    ("PATCH", ":unknown?mode=stop", ""),
    ("PATCH", ":unknown?mode=CANCEL", ""),
    ("PATCH", ":unknown/clientHeartbeat", r#"{"expiredTimestamp": "x"}"#),
    ("PATCH", ":unknown/clientHeartbeat", r#"{"expiredTimestamp": "7"}"#),
    ("PATCH", ":unknown/clientHeartbeat", r#"{"expiredTimestamp": 7.5}"#),
    ("PUT", ":unknown/resource-requirements", "{}"),
    ("PUT", ":unknown/resource-requirements", ""),
    (
        "POST",
        ":unknown/coordinators/00000000000000000000000000000001",
        r#"{"serializedCoordinationRequest": "AAAA"}"#,
    ),
    ("POST", ":unknown/coordinators/00000000000000000000000000000001", "{}"),
    ("POST", ":unknown/savepoints", r#"{"target-directory": "", "triggerId": "xyz"}"#),
    ("POST", ":unknown/savepoints", r#"{"target-directory": ""}"#),
    ("POST", ":unknown/savepoints", r#"{"target-directory": 7}"#),
    ("POST", ":unknown/savepoints", r#"{"target-directory": "/x", "cancel-job": "yes"}"#),
    ("POST", ":unknown/savepoints", r#"{"target-directory": "/x", "cancel-job": 1}"#),
    ("POST", ":unknown/savepoints", r#"{"target-directory": "/x", "formatType": "canonical"}"#),
    ("POST", ":unknown/savepoints", r#"{"target-directory": "/x", "formatType": 1}"#),
    ("POST", ":unknown/savepoints", "[]"),
    ("POST", ":unknown/savepoints", "{}{}"),
    ("POST", ":unknown/stop", r#"{"targetDirectory": "/x", "drain": null}"#),
    ("POST", ":unknown/checkpoints", r#"{"checkpointType": "full"}"#),
    ("POST", "/savepoint-disposal", r#"{"savepoint-path": ""}"#),
    ("GET", "/savepoint-disposal/xyz", ""),
    ("GET", "/datasets/delete/xyz", ""),
    ("DELETE", "/datasets/xyz", ""),
    ("GET", "/applications/00000000000000000000000000000001/jobmanager/config", ""),
    ("POST", "/jars/nosuch.jar/run", r#"{"parallelism": "x"}"#),
    ("POST", "/jars/nosuch.jar/run?parallelism=x", ""),
    ("POST", "/jars/nosuch.jar/run", r#"{"jobId": "7"}"#),
    ("POST", "/jars/nosuch.jar/run", r#"{"programArgsList": "x"}"#),
    ("POST", "/jars/nosuch.jar/run", r#"{"flinkConfiguration": []}"#),
    ("POST", "/jars/nosuch.jar/plan", ""),
    ("GET", "/jars/nosuch.jar/plan", ""),
    ("DELETE", "/jars/nosuch.jar", ""),
    ("POST", "/jobs", "{}"),
    ("GET", "/jobs/", ""),
    ("GET", "/jobs/overview/x", ""),
];

struct Side {
    http: Http,
    job: String,
    vertex: String,
}

impl Side {
    fn of(http: Http, job: String) -> Self {
        http.await_running(&job);
        let details = http.get(&format!("/jobs/{job}")).1;
        let vertex = details["vertices"][0]["id"].as_str().expect("a vertex").to_owned();
        until("a checkpoint", Duration::from_secs(120), || {
            let checkpoints = http.get(&format!("/jobs/{job}/checkpoints")).1;
            (checkpoints["counts"]["completed"].as_u64()? > 0).then_some(())
        });
        Self { http, job, vertex }
    }

    fn ask(&self, method: &str, template: &str, body: &str) -> (u16, Value) {
        let checkpoints = self.http.get(&format!("/jobs/{}/checkpoints", self.job)).1;
        let newest = checkpoints["latest"]["completed"]["id"].to_string();
        let path = template
            .replace(":unknown", UNKNOWN)
            .replace(":job", &format!("/jobs/{}", self.job))
            .replace(":vertex", &self.vertex)
            .replace(":checkpoint", &newest);
        let mut answer = self.http.send_text(method, &path, body);
        if let Some(history) = answer.1.get_mut("history").and_then(Value::as_array_mut) {
            // Checkpoints that are being taken have other members.
            history.retain(|checkpoint| checkpoint["status"] == "COMPLETED");
        }
        answer
    }
}

/// What was thrown, and what that came of. What Flink's parser of JSON says in detail is its own.
fn error_of(body: &Value, side: &Side) -> String {
    let errors = body["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let lines = errors.flat_map(str::lines).filter(|line| {
        !line.is_empty()
            && !line.starts_with(['\t', '<', ' '])
            && !line.contains("jackson")
            && !line.starts_with("End of")
    });
    let mut lines: Vec<_> =
        lines.map(|line| line.replace(&side.job, "JOB").replace(&side.vertex, "VERTEX")).collect();
    for line in &mut lines {
        // Where jars are, each for itself.
        if let Some((before, after)) = line.split_once("/flink-web-upload") {
            *line = format!("{}DIRECTORY{after}", before.trim_end_matches(|c| c != ' '));
        }
    }
    if lines.first().is_some_and(|line| line.contains("Request did not match expected format")) {
        lines.truncate(1);
    }
    lines.join(" | ")
}

#[test]
fn a_mini_cluster_answers_with_the_members_and_types_of_flinks_answers() {
    let real = shared().http().clone();
    let jar = real.upload(&Environment::get().jobs_jar());
    let job = real.run(&jar, "Stateful", &["--checkpoint-millis", "200"]);
    let real = Side::of(real, job);

    let version = Environment::get().version.parse().expect("a version");
    let cluster =
        MiniCluster::start(MiniClusterConfiguration::new().flink_version(version).rest_port(0)).unwrap();
    let job = MiniJob::new("stateful")
        .checkpointing(Checkpointing::every(Duration::from_millis(200)))
        .vertex("source", 1, |task| {
            while task.sleep(Duration::from_millis(1))? {
                task.long_counter("seen").add(1);
            }
            Ok(())
        });
    let job = cluster.submit(job).wait().expect("a job").to_string();
    let mini = Side::of(Http::new(cluster.rest_address().expect("REST is on"), None), job);

    let mut found = Vec::new();
    let of_job = OF_JOB.iter().map(|path| ("GET", format!(":job{path}"), ""));
    let of_cluster = OF_CLUSTER.iter().map(|&(method, path, body)| (method, path.to_owned(), body));
    for (method, path, sent) in of_job.chain(of_cluster) {
        let (status, body) = real.ask(method, &path, sent);
        let (mini_status, mini_body) = mini.ask(method, &path, sent);
        let what = format!("{method} {path} {sent}");
        let (error, mini_error) = (error_of(&body, &real), error_of(&mini_body, &mini));
        if (status, &error) != (mini_status, &mini_error) {
            let shown = if status < 300 { body.to_string() } else { error };
            found.push(format!("{what}:\n    Flink {status} {shown}\n    mini {mini_status} {mini_error}"));
        } else if status < 300 {
            found.extend(differences(&body, &mini_body).into_iter().map(|one| format!("{what}: {one}")));
        }
    }
    real.http.cancel(&real.job);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
