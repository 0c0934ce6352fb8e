//! Every failure that real Flink was recorded with comes through a socket as one error, after one request.

use std::fs;
use std::path::Path;

use flink_client::{ClusterClient, ErrorKind, JobId};
use serde_json::Value;

use crate::support::{Reply, ScriptedServer, client, eager};

#[test]
fn every_recorded_failure_is_one_error_after_one_request() {
    let mut seen = 0;
    for version in ["1.20.5", "2.3.0"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rest").join(version);
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let exchange: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let Some(status) = exchange["status"].as_u64().filter(|status| *status >= 400) else { continue };
            let status = u16::try_from(status).unwrap();
            let name = path.display();
            let body = match &exchange["body"] {
                Value::String(text) => text.clone(),
                body => body.to_string(),
            };
            let server = ScriptedServer::always(Reply::json(status, &body));
            let single =
                client(eager(&server.url()).max_attempts(0).await_leader_timeout(std::time::Duration::ZERO));
            let error = single.job_status(JobId::random()).wait().unwrap_err();
            assert_eq!(error.status(), Some(status), "{name}: {error}");
            assert_eq!(server.lines().len(), 1, "{name}: {error}");
            assert_eq!(error.attempts(), 1, "{name}: {error}");
            let line = error.to_string();
            assert!(!line.contains(['\n', '\r']) && !line.contains("\tat "), "{name}: {line}");
            // What Flink says of itself is all there; what is no answer of Flink's says nothing about the job.
            let errors: Vec<&str> = exchange["body"]["errors"]
                .as_array()
                .map(|errors| errors.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            assert_eq!(error.server_errors(), errors, "{name}");
            assert_ne!(error.kind(), ErrorKind::Decode, "{name}: {error}");
            assert!(!error.is_connection() || error.kind() == ErrorKind::Unavailable, "{name}: {error}");
            seen += 1;
        }
    }
    assert!(seen > 150, "only {seen} recorded failures were found");
}
