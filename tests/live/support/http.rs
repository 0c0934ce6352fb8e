//! Flink's REST API in plain HTTP, independent of the client under test.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{ClientKeys, until};

/// How long a cluster on a busy machine may take for anything asked of it here.
const LIMIT: Duration = Duration::from_secs(120);

/// A REST endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    url: String,
    agent: ureq::Agent,
    limit: Duration,
}

/// An answer: its status, and its body as JSON (text that is not JSON becomes a JSON string).
pub(crate) type Answer = (u16, Value);

impl Http {
    pub(crate) fn new(url: impl Into<String>, keys: Option<&ClientKeys>) -> Self {
        let mut config =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
        if let Some(keys) = keys {
            config = config.tls_config(keys.tls_config());
        }
        Self { url: url.into(), agent: config.build().new_agent(), limit: Duration::from_secs(30) }
    }

    /// The same endpoint, asked with no patience: a request fails after `limit` (otherwise after 30 s).
    pub(crate) fn impatient(&self, limit: Duration) -> Self {
        Self { limit, ..self.clone() }
    }

    /// Where the endpoint is: `http://127.0.0.1:PORT`, no slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// An answer to `METHOD path`, or why none came.
    pub(crate) fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        self.try_send_bytes(
            method,
            path,
            "application/json",
            body.map(|json| json.to_string().into_bytes()).as_deref(),
        )
    }

    fn try_send_bytes(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Content-Type", kind);
        let sent = match body {
            Some(bytes) => self.answer_to(request.body(bytes)),
            None => self.answer_to(request.body(())),
        };
        let mut response = sent?;
        let status = response.status().as_u16();
        let text =
            response.body_mut().with_config().limit(64 << 20).read_to_string().map_err(|e| e.to_string())?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    fn answer_to<B: ureq::AsSendBody>(
        &self,
        request: ureq::http::Result<ureq::http::Request<B>>,
    ) -> Result<ureq::http::Response<ureq::Body>, String> {
        let request = request.map_err(|e| e.to_string())?;
        let request = self.agent.configure_request(request).timeout_global(Some(self.limit)).build();
        self.agent.run(request).map_err(|e| e.to_string())
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|failure| panic!("{method} {path}: {failure}"))
    }

    /// Sends a body as it is; none, if it is empty.
    #[track_caller]
    pub(crate) fn send_text(&self, method: &str, path: &str, body: &str) -> Answer {
        let bytes = Some(body.as_bytes()).filter(|bytes| !bytes.is_empty());
        self.try_send_bytes(method, path, "application/json", bytes)
            .unwrap_or_else(|failure| panic!("{method} {path}: {failure}"))
    }

    /// Sends `multipart/form-data`: parts of name, file name (if it is a file) and bytes.
    #[track_caller]
    pub(crate) fn post_multipart(&self, path: &str, parts: &[(&str, Option<&str>, Vec<u8>)]) -> Answer {
        const BOUNDARY: &str = "----a-boundary-of-the-live-tests";
        let mut body = Vec::new();
        for (name, file_name, bytes) in parts {
            let mut head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
            if let Some(file_name) = file_name {
                let _ = write!(head, "; filename=\"{file_name}\"\r\nContent-Type: application/octet-stream");
            }
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.try_send_bytes("POST", path, &format!("multipart/form-data; boundary={BOUNDARY}"), Some(&body))
            .unwrap_or_else(|failure| panic!("POST {path}: {failure}"))
    }

    /// Uploads a jar; gives its id.
    #[track_caller]
    pub(crate) fn upload(&self, jar: &Path) -> String {
        let (status, body) = self.post_multipart(
            "/jars/upload",
            &[("jarfile", Some("jobs.jar"), fs::read(jar).expect("the jar is there"))],
        );
        assert_eq!(status, 200, "{body}");
        let path = body["filename"].as_str().expect("a file name");
        path.rsplit('/').next().unwrap_or(path).to_owned()
    }

    /// Runs `jobs.ENTRY` of an uploaded jar; gives the whole answer.
    #[track_caller]
    pub(crate) fn try_run(&self, jar: &str, entry: &str, arguments: &[&str], more: &Value) -> Answer {
        let mut body = json!({"entryClass": format!("jobs.{entry}"), "programArgsList": arguments});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.post(&format!("/jars/{jar}/run"), &body)
    }

    /// Runs `jobs.ENTRY` of an uploaded jar; gives the job's id.
    #[track_caller]
    pub(crate) fn run(&self, jar: &str, entry: &str, arguments: &[&str]) -> String {
        let (status, body) = self.try_run(jar, entry, arguments, &json!({}));
        assert_eq!(status, 200, "{body}");
        body["jobid"].as_str().expect("a job id").to_owned()
    }

    /// The job's status, in Flink's words.
    #[track_caller]
    pub(crate) fn job_status(&self, job: &str) -> String {
        let (_, body) = self.get(&format!("/jobs/{job}/status"));
        body["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the job has `status`.
    #[track_caller]
    pub(crate) fn await_status(&self, job: &str, status: &str) {
        let mut last = String::new();
        let start = std::time::Instant::now();
        while start.elapsed() < LIMIT {
            last = self.job_status(job);
            if last == status {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("waited {LIMIT:?} in vain for job {job} to be {status}: it is {last}");
    }

    /// Waits until every task of the job runs: from then on it can be stopped or take a savepoint.
    #[track_caller]
    pub(crate) fn await_running(&self, job: &str) {
        until(&format!("all tasks of job {job} to run"), LIMIT, || {
            let (_, body) = self.get(&format!("/jobs/{job}"));
            let vertices = body["vertices"].as_array()?;
            // One that has ended will not run.
            assert!(body["state"] != "FAILED", "{}", self.get(&format!("/jobs/{job}/exceptions")).1);
            (!vertices.is_empty() && vertices.iter().all(|vertex| vertex["status"] == "RUNNING"))
                .then_some(())
        });
    }

    /// The value of a running or finished job's accumulator, as text; none if it has no such accumulator yet.
    #[track_caller]
    pub(crate) fn accumulator(&self, job: &str, name: &str) -> Option<String> {
        let (_, body) = self.get(&format!("/jobs/{job}/accumulators"));
        let all = body["user-task-accumulators"].as_array()?;
        let one = all.iter().find(|accumulator| accumulator["name"] == name)?;
        one["value"].as_str().map(str::to_owned)
    }

    #[track_caller]
    pub(crate) fn cancel(&self, job: &str) {
        let (status, body) = self.send("PATCH", &format!("/jobs/{job}?mode=cancel"), None);
        assert_eq!(status, 202, "{body}");
    }

    /// Starts a savepoint (`operation` "savepoints") or a stop ("stop") and waits for its end; gives the polled body.
    #[track_caller]
    pub(crate) fn savepoint(&self, job: &str, operation: &str, directory: &Path) -> Value {
        let body = match operation {
            "stop" => json!({"targetDirectory": directory, "drain": false}),
            _ => json!({"target-directory": directory, "cancel-job": false}),
        };
        let (status, body) = self.post(&format!("/jobs/{job}/{operation}"), &body);
        assert_eq!(status, 202, "{body}");
        let trigger = body["request-id"].as_str().expect("a trigger id").to_owned();
        until("the savepoint's end", LIMIT, || {
            let (_, body) = self.get(&format!("/jobs/{job}/savepoints/{trigger}"));
            (body["status"]["id"] == "COMPLETED").then(|| body["operation"].clone())
        })
    }

    /// How many slots the cluster has; none while it does not say.
    pub(crate) fn slots(&self) -> Option<u64> {
        match self.try_send("GET", "/overview", None) {
            Ok((200, body)) => body["slots-total"].as_u64(),
            _ => None,
        }
    }
}
