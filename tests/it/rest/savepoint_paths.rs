//! Where requests may have savepoints.

use flink_client::mini::MiniClusterConfiguration;
use serde_json::{Value, json};

use super::support::{ask, with};

const JOB: &str = "/jobs/00000000000000000000000000000001";

#[test]
fn requests_cannot_name_a_path_outside_of_the_directory_for_savepoints() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = directory.path().join("savepoints");
    std::fs::create_dir(&allowed).unwrap();
    let outside = directory.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, allowed.join("link")).unwrap();
    let cluster = with(MiniClusterConfiguration::new().rest_savepoints_below(&allowed));
    let statuses = |path: &str| -> [u16; 7] {
        let ask = |of: &str, body: Value| ask(&cluster, "POST", of, Some(&body)).status;
        let run_with = |key: &str| ask("/jars/nosuch.jar/run", json!({"flinkConfiguration": {key: path}}));
        [
            ask(&format!("{JOB}/savepoints"), json!({"target-directory": path})),
            ask(&format!("{JOB}/stop"), json!({"targetDirectory": path})),
            ask("/savepoint-disposal", json!({"savepoint-path": path})),
            ask("/jars/nosuch.jar/run", json!({"savepointPath": path})),
            run_with("execution.checkpointing.dir"),
            run_with("state.checkpoints.dir"),
            run_with("execution.checkpointing.savepoint-dir"),
        ]
    };
    let allowed = allowed.to_str().unwrap();
    // Beyond the path, what is asked for fails for other reasons.
    let may = [202, 202, 200, 500, 500, 500, 500];
    for path in ["", "/", "/a", "/a/../b", "/not/there/yet"] {
        assert_eq!(statuses(&format!("{allowed}{path}")), may, "{path}");
        assert_eq!(statuses(&format!("file://{allowed}{path}")), may, "{path}");
    }
    // The file system says no, as in Flink.
    assert_eq!(statuses("s3://bucket/savepoints")[0], 202);
    let mut refused = vec![
        format!("{allowed}/.."),
        format!("{allowed}/../outside"),
        format!("{allowed}-2"),
        "/".into(),
        "file:///etc".into(),
        outside.to_str().unwrap().into(),
    ];
    if cfg!(unix) {
        refused.push(format!("{allowed}/link/a"));
        refused.push(format!("{allowed}/link/../../outside"));
    }
    for path in refused {
        assert_eq!(statuses(&path), [403; 7], "{path}");
    }
}
