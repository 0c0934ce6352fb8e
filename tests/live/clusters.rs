//! What the support promises: clusters that start, answer, and do not outlive the process that started them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::{Cluster, Environment, HaPair, Http, Settings, TlsMode, shared, until};

/// Set in the child process of [`a_killed_test_process_leaves_no_jvm`].
const CHILD: &str = "FLINK_TEST_HOLD_CLUSTERS";

#[test]
fn the_shared_cluster_is_the_version_under_test() {
    let (status, overview) = shared().http().get("/overview");
    assert_eq!(status, 200, "{overview}");
    assert_eq!(overview["flink-version"], Environment::get().version.as_str());
    assert_eq!(overview["slots-total"], 16);
}

#[test]
fn a_stateful_job_runs_and_is_cancelled() {
    let http = shared().http();
    let jar = http.upload(&Environment::get().jobs_jar());
    let job = http.run(&jar, "Stateful", &["--records-per-second", "1000"]);
    http.await_running(&job);
    http.cancel(&job);
    http.await_status(&job, "CANCELED");
}

#[test]
fn a_session_cluster_has_a_process_for_each_task_manager() {
    let mut cluster = Settings::session().task_managers(2).slots(1).start();
    let (_, overview) = cluster.http().get("/overview");
    assert_eq!(overview["taskmanagers"], 2, "{overview}");
    assert_eq!(cluster.pids().len(), 3);

    let (status, _) = cluster.http().send("DELETE", "/cluster", None);
    assert_eq!(status, 200);
    until("the JobManager to end", Duration::from_secs(120), || cluster.jvms()[0].has_ended().then_some(()));
}

#[test]
fn configuration_entries_reach_the_cluster() {
    let cluster = Settings::mini().slots(1).set("web.refresh-interval", "123").start();
    let (_, config) = cluster.http().get("/config");
    assert_eq!(config["refresh-interval"], 123, "{config}");
}

#[test]
fn a_cluster_with_tls_trusts_its_client_and_no_stranger() {
    let cluster = Settings::mini().tls(TlsMode::Mutual).start();
    let (status, _) = cluster.http().get("/overview");
    assert_eq!(status, 200);

    let mut keys = cluster.client_keys().clone();
    keys.certificate = keys.stranger_certificate.clone();
    keys.key = keys.stranger_key.clone();
    let failure = Http::new(cluster.url(), Some(&keys)).try_send("GET", "/overview", None).unwrap_err();
    assert!(failure.to_lowercase().contains("certificate"), "{failure}");
}

#[test]
fn a_cluster_with_plain_tls_asks_for_no_client_certificate() {
    let cluster = Settings::session().tls(TlsMode::Server).start();
    assert!(cluster.url().starts_with("https://"));
    let mut keys = cluster.client_keys().clone();
    keys.certificate = keys.stranger_certificate.clone();
    keys.key = keys.stranger_key.clone();
    let (status, _) = Http::new(cluster.url(), Some(&keys)).get("/overview");
    assert_eq!(status, 200);
}

#[test]
fn the_standby_takes_over_when_the_leader_is_killed() {
    let mut pair = HaPair::start(&[]);
    let jar = pair.http(0).upload(&Environment::get().jobs_jar());
    let job = pair.http(0).run(&jar, "Stateful", &["--checkpoint-millis", "200"]);
    pair.http(0).await_running(&job);
    until("a checkpoint", Duration::from_secs(120), || {
        let (_, body) = pair.http(0).get(&format!("/jobs/{job}/checkpoints"));
        (body["counts"]["completed"].as_u64()? > 0).then_some(())
    });

    pair.kill_job_manager(0);
    // A request in the first instant may never be answered: short ones, again and again.
    let standby = pair.http(1).impatient(Duration::from_secs(2));
    until("the job to run under the standby", Duration::from_secs(120), || {
        let (_, body) = standby.try_send("GET", &format!("/jobs/{job}"), None).ok()?;
        let vertices = body["vertices"].as_array()?;
        let running = !vertices.is_empty() && vertices.iter().all(|vertex| vertex["status"] == "RUNNING");
        running.then_some(())
    });
    let (_, body) = pair.http(1).get(&format!("/jobs/{job}/checkpoints"));
    assert!(body["latest"]["restored"]["id"].as_u64() >= Some(1), "{body}");
}

#[test]
fn a_killed_test_process_leaves_no_jvm() {
    if std::env::var_os(CHILD).is_some() {
        hold_clusters_for_ever();
    }
    let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--exact", "clusters::a_killed_test_process_leaves_no_jvm", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary starts");
    let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let said = lines
        .map(|line| line.expect("text from the child"))
        .find_map(|line| line.split_once("holding: ").map(|(_, rest)| rest.to_owned()))
        .expect("the child starts its clusters");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON from the child");
    let pids: Vec<u64> =
        said["pids"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_u64).collect();
    assert_eq!(pids.len(), 3, "one JVM of a mini cluster and two of a session cluster");
    assert!(pids.iter().all(|&pid| runs(pid)), "{pids:?}");

    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");

    until("the JVMs to be gone", Duration::from_secs(120), || {
        pids.iter().all(|&pid| !runs(pid)).then_some(())
    });
    for folder in said["folders"].as_array().expect("a list") {
        let folder = folder.as_str().expect("a path");
        assert!(!std::path::Path::new(folder).exists(), "{folder} is left over");
    }
}

fn hold_clusters_for_ever() -> ! {
    let clusters = [Settings::mini().start(), Settings::session().start()];
    let pids: Vec<u32> = clusters.iter().flat_map(Cluster::pids).collect();
    let folders = clusters.each_ref().map(|cluster| cluster.folder("tmp").parent().map(ToOwned::to_owned));
    println!("holding: {}", json!({"pids": pids, "folders": folders}));
    loop {
        std::thread::park();
    }
}

/// Whether a process of this id runs a cluster: ids are used again, and one that nobody has reaped yet has no command.
fn runs(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("cluster.Watched"))
}
