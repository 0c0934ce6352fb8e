//! Clusters that the library itself starts: they take jobs, and nothing of them is left.

#[path = "../../examples/standalone.rs"]
#[allow(dead_code)] // its main is this test
mod example;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flink_client::{
    ClusterClient, ClusterClientExt, ClusterClientProvider, ClusterDescriptor, ClusterSpecification,
    Configuration, ErrorKind, ExecutionPlan, JobId, JobStatus, LocalClusterId, SavepointFormatType,
    StandaloneCluster, StandaloneClusterDescriptor,
};
use tempfile::TempDir;

use crate::support::{ClientKeys, Environment, TlsMode, until};

const LIMIT: Duration = Duration::from_secs(120);

/// Set in the child processes of tests that watch a process die: what it is to do.
const CHILD: &str = "FLINK_TEST_STANDALONE_CHILD";

fn descriptor() -> StandaloneClusterDescriptor {
    descriptor_with(&[])
}

fn descriptor_with(entries: &[(&str, &str)]) -> StandaloneClusterDescriptor {
    let mut configuration = Configuration::new();
    // What starts fastest wins: these JVMs live for seconds.
    configuration.set_raw("env.java.opts.all", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1");
    configuration.set_raw("web.refresh-interval", "100");
    configuration.extend(entries.iter().copied());
    StandaloneClusterDescriptor::new(configuration)
        .flink_home(&Environment::get().home)
        .java_home(Environment::get().jdk())
        // Several of these start at a time on two cores.
        .start_limit(Duration::from_secs(240))
}

fn jobs() -> ExecutionPlan {
    ExecutionPlan::jar(Environment::get().jobs_jar())
}

fn stateful() -> ExecutionPlan {
    jobs().entry_class("jobs.Stateful").args(["--records-per-second", "1000"])
}

/// The ids of a cluster's processes, which must not run after the test.
#[derive(Debug)]
struct Pids(Vec<u32>);

impl Pids {
    fn of(cluster: &StandaloneCluster) -> Self {
        let pids = Self(cluster.processes().into_iter().map(|(_, pid)| pid).collect());
        assert!(pids.0.iter().all(|&pid| runs(pid)), "{cluster:?}");
        pids
    }

    #[track_caller]
    fn assert_gone(&self) {
        let left: Vec<_> = self.0.iter().filter(|&&pid| runs(pid)).collect();
        assert!(left.is_empty(), "{left:?} of {:?} run", self.0);
    }

    #[track_caller]
    fn await_gone(&self) {
        until("the processes to be gone", LIMIT, || self.0.iter().all(|&pid| !runs(pid)).then_some(()));
    }
}

/// Whether a process of this id runs something of ours: ids are used again, and one that nobody has reaped yet has no
/// command.
fn runs(pid: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.contains("@run/") || line.contains("supervisor")
}

#[test]
fn a_session_cluster_runs_a_jar_and_leaves_nothing_when_it_is_killed() {
    let cluster = descriptor().deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap();
    let pids = Pids::of(&cluster);
    assert_eq!(cluster.flink_version(), Environment::get().version);
    assert!(cluster.web_interface_url().starts_with("http://127.0.0.1:"), "{cluster:?}");
    assert_eq!(cluster.job_id(), None);
    assert!(cluster.is_running());

    let client = cluster.cluster_client().unwrap();
    assert_eq!(client.cluster_id(), cluster.cluster_id());
    let overview = client.overview().wait().unwrap();
    assert_eq!((overview.task_managers, overview.slots_total), (1, 1));
    let job = client.submit_job(jobs().entry_class("jobs.Accumulators")).wait().unwrap();
    let result = client.execution_result(job).wait().unwrap();
    assert_eq!(result.accumulators.value("ints").unwrap().as_i64(), Some(100));
    assert!(cluster.log_tail("taskmanager-1").contains("INFO"), "{}", cluster.log_tail("taskmanager-1"));

    cluster.kill().wait().unwrap();
    pids.assert_gone();
    assert!(!cluster.is_running());
    assert!(!cluster.folder().exists(), "a temporary folder");
    assert_eq!(cluster.cluster_client().unwrap_err().kind(), ErrorKind::Closed);
    cluster.kill().wait().expect("twice is fine");
    let gone = descriptor().kill_cluster(cluster.cluster_id()).wait().unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::LocalFile);
}

#[test]
fn two_task_managers_have_their_slots_and_go_when_the_cluster_is_dropped_or_a_panic_unwinds() {
    let specification = ClusterSpecification::new().task_managers(2).slots_per_task_manager(3);
    let parent = folder();
    let descriptor = descriptor().working_directory(parent.path());
    let cluster = descriptor.deploy_session_cluster(&specification).wait().unwrap();
    let pids = Pids::of(&cluster);
    assert_eq!(pids.0.len(), 4, "{cluster:?}");
    let overview = cluster.cluster_client().unwrap().overview().wait().unwrap();
    assert_eq!((overview.task_managers, overview.slots_total), (2, 6));
    let id = cluster.cluster_id().clone();
    let panicked = std::thread::spawn(move || {
        let _cluster = cluster;
        panic!("on purpose: the cluster is dropped on the way");
    });
    panicked.join().unwrap_err();
    pids.assert_gone();
    // A folder that somebody asked for stays, with its logs.
    assert!(id.folder().join("log/taskmanager-2.log").exists());
    let error = descriptor.retrieve(&id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Process);
    assert!(error.to_string().contains("does not run any more"), "{error}");
    descriptor.kill_cluster(&id).wait().expect("what has ended already");
}

#[test]
fn a_cluster_that_is_shut_down_takes_its_task_managers_along() {
    let cluster = descriptor().deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap();
    let pids = Pids::of(&cluster);
    cluster.cluster_client().unwrap().shut_down_cluster().wait().unwrap();
    pids.await_gone();
    assert!(!cluster.is_running());
    cluster.kill().wait().unwrap();
}

#[test]
fn an_application_runs_under_its_id_and_goes_on_from_its_savepoint_in_another_cluster() {
    let savepoints = folder();
    let id = JobId::random();
    let one = ClusterSpecification::new();
    let cluster = descriptor().deploy_application_cluster(&one, stateful().job_id(id)).wait().unwrap();
    let pids = Pids::of(&cluster);
    assert_eq!(cluster.job_id(), Some(id));
    let client = cluster.cluster_client().unwrap();
    client.wait_until_running(id).wait().unwrap();
    until("some records", LIMIT, || {
        let counted = client.accumulators(id).wait().ok()?.value("count").ok()?.as_i64()?;
        (counted > 100).then_some(())
    });
    let directory = savepoints.path().to_str();
    let savepoint = client.stop_and_wait(id, directory, SavepointFormatType::Canonical).wait().unwrap();
    // It stays, so that the result can be asked for.
    assert!(client.job_result(id).wait().unwrap().is_success());
    drop(cluster);
    pids.assert_gone();

    let plan = stateful().savepoint(savepoint);
    let cluster = descriptor().deploy_application_cluster(&one, plan).wait().unwrap();
    let pids = Pids::of(&cluster);
    let (client, id) = (cluster.cluster_client().unwrap(), cluster.job_id().expect("one was chosen"));
    until("restored records", LIMIT, || {
        let restored = client.accumulators(id).wait().ok()?.value("restored").ok()?.as_i64()?;
        (restored > 100).then_some(())
    });
    cluster.kill().wait().unwrap();
    pids.assert_gone();
}

#[test]
fn an_application_whose_main_method_throws_is_a_job_that_failed() {
    let id = JobId::random();
    // An argument that Flink itself knows is the program's all the same.
    let plan =
        jobs().entry_class("jobs.ThrowingMain").args(["--host", "x", "--message", "enough"]).job_id(id);
    let cluster = descriptor().deploy_application_cluster(&ClusterSpecification::new(), plan).wait().unwrap();
    let client = cluster.cluster_client().unwrap();
    until("the job to fail", LIMIT, || {
        (client.job_status(id).wait().unwrap() == JobStatus::Failed).then_some(())
    });
    let error = client.execution_result(id).wait().unwrap_err();
    assert!(error.stack_trace().unwrap_or_default().contains("enough"), "{error:?}");
}

#[test]
fn a_detached_cluster_outlives_its_starter_and_is_found_and_killed_by_another_process() {
    if is_child("detached") {
        let parent = std::env::var_os("FLINK_TEST_PARENT").expect("set by the test");
        let descriptor = descriptor().working_directory(parent).detached(true);
        let cluster = descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap();
        report(&cluster);
        // Without the words of a test that has passed, which nobody reads.
        std::process::exit(0);
    }
    let parent = folder();
    let _reaper = Reaper::of(parent.path());
    let mut child = child(
        "a_detached_cluster_outlives_its_starter_and_is_found_and_killed_by_another_process",
        "detached",
        parent.path(),
    );
    let (id, pids) = read_report(&mut child);
    assert!(child.wait().expect("the child ends").success());

    let descriptor = descriptor();
    let cluster = descriptor.retrieve(&id).unwrap();
    assert!(cluster.is_running());
    assert_eq!(Pids::of(&cluster).0, pids.0);
    let client = cluster.cluster_client().unwrap();
    let job = client.submit_job(jobs().entry_class("jobs.Accumulators")).wait().unwrap();
    client.execution_result(job).wait().unwrap();
    // What was retrieved is not owned.
    drop((client, cluster));
    assert!(descriptor.retrieve(&id).unwrap().is_running());

    descriptor.kill_cluster(&id).wait().unwrap();
    pids.assert_gone();
    assert_eq!(descriptor.retrieve(&id).unwrap_err().kind(), ErrorKind::Process);
    descriptor.kill_cluster(&id).wait().expect("twice is fine");
}

#[test]
fn a_starter_that_is_killed_or_interrupted_leaves_no_process() {
    const NAME: &str = "a_starter_that_is_killed_or_interrupted_leaves_no_process";
    if is_child("owner") {
        let descriptor = descriptor();
        let starting = descriptor.deploy_session_cluster(&ClusterSpecification::new());
        let cluster = starting.wait().unwrap();
        report(&cluster);
        loop {
            std::thread::park();
        }
    }
    for signal in ["-KILL", "-INT"] {
        let parent = folder();
        let mut child = child(NAME, "owner", parent.path());
        let (id, pids) = read_report(&mut child);
        let sent = Command::new("/bin/sh").args(["-c", &format!("kill {signal} {}", child.id())]).status();
        assert!(sent.expect("sh runs").success());
        child.wait().expect("the child ends");
        pids.await_gone();
        until("the temporary folder to be gone", LIMIT, || (!id.folder().exists()).then_some(()));
    }
}

#[test]
fn the_example_runs_a_jar_tells_what_it_computed_and_leaves_nothing() {
    const NAME: &str = "the_example_runs_a_jar_tells_what_it_computed_and_leaves_nothing";
    let jar = Environment::get().jobs_jar().display().to_string();
    if is_child("example") {
        let arguments = [jar, "jobs.Accumulators".into(), "--parallelism".into(), "2".into()];
        example::run(arguments.into_iter()).unwrap();
        std::process::exit(0);
    }
    let parent = folder();
    let output = child(NAME, "example", parent.path()).wait_with_output().expect("the child ends");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}");
    for line in [
        "1 TaskManagers with 2 slots",
        "    ints: 100",
        "accumulators is FINISHED",
        "nothing of it runs any more",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let pids = printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("process ")?.split(' ').next()?.parse().ok());
    let pids = Pids(pids.collect());
    assert_eq!(pids.0.len(), 3, "{printed}");
    pids.assert_gone();
}

#[test]
fn flink_that_cannot_start_gives_the_end_of_the_log_that_says_why() {
    for (key, value, who, why) in [
        (
            "env.java.opts.jobmanager",
            "-XX:NoSuchOption",
            "the JobManager ended with exit code ",
            "NoSuchOption",
        ),
        ("taskmanager.bind-host", "192.0.2.1", "TaskManager 1 ended with exit code ", "192.0.2.1"),
    ] {
        let parent = folder();
        let descriptor = descriptor_with(&[(key, value)]).working_directory(parent.path());
        let error = descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Process, "{error}");
        let text = error.to_string();
        assert!(text.contains(who) && text.contains("the whole log is "), "{text}");
        assert!(error.stack_trace().unwrap_or_default().contains(why), "{error}\n{:?}", error.stack_trace());
        let log = text.rsplit("the whole log is ").next().expect("the path");
        assert!(fs::read_to_string(log).unwrap().contains(why), "{log}");
        no_process_in(parent.path());
    }
}

#[test]
fn a_cluster_that_is_not_ready_within_its_limit_is_an_error_and_ends() {
    let parent = folder();
    let descriptor = descriptor().working_directory(parent.path()).start_limit(Duration::from_millis(1));
    let error = descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Process, "{error}");
    assert!(error.to_string().contains("not ready within 1ms"), "{error}");
    no_process_in(parent.path());
}

#[test]
fn a_port_of_the_callers_is_the_clusters_and_a_taken_one_is_an_error() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let descriptor = descriptor_with(&[("rest.port", &free.to_string())]);
    let cluster = descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap();
    assert_eq!(cluster.web_interface_url(), format!("http://127.0.0.1:{free}"));
    let error = descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Process);
    assert!(
        error.to_string().contains(&format!("rest.port is {free}, and that port cannot be had")),
        "{error}"
    );

    // Whoever knows its id can kill it, and its owner sees that.
    let pids = Pids::of(&cluster);
    descriptor.kill_cluster(cluster.cluster_id()).wait().unwrap();
    pids.assert_gone();
    assert!(!cluster.is_running());
    cluster.kill().wait().expect("nothing is left to do");
}

#[test]
fn a_cluster_with_tls_is_ready_for_those_who_say_whom_they_trust() {
    let parent = folder();
    let keys = ClientKeys::make(&parent.path().join("keys"));
    let entries = ClientKeys::settings(&parent.path().join("keys"), TlsMode::Mutual);
    let entries: Vec<_> = entries.iter().map(|(key, value)| (&**key, &**value)).collect();
    let descriptor = descriptor_with(&entries).client(move |builder| {
        builder
            .trusted_certificates(&keys.server_certificate)
            .client_certificate(&keys.certificate, &keys.key)
    });
    let cluster = descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap();
    assert!(cluster.web_interface_url().starts_with("https://127.0.0.1:"), "{cluster:?}");
    assert!(cluster.cluster_client().unwrap().list_jobs().wait().unwrap().is_empty());
    let found = descriptor.retrieve(cluster.cluster_id()).unwrap();
    assert_eq!(found.cluster_client().unwrap().overview().wait().unwrap().slots_total, 1);
}

#[test]
fn an_application_ends_its_cluster_if_the_configuration_says_so() {
    let descriptor = descriptor_with(&[("execution.shutdown-on-application-finish", "true")]);
    let plan = stateful().job_id(JobId::random());
    let cluster = descriptor.deploy_application_cluster(&ClusterSpecification::new(), plan).wait().unwrap();
    let pids = Pids::of(&cluster);
    let client = cluster.cluster_client().unwrap();
    client.cancel(cluster.job_id().expect("it was chosen")).wait().unwrap();
    pids.await_gone();
    until("the temporary folder to be gone", LIMIT, || (!cluster.folder().exists()).then_some(()));
}

/// Ends what runs in a folder when the test has ended, or this process, by whatever means: a detached cluster outlives
/// both. It is a shell that reads from a pipe of which the other end is here, deaf to what a terminal sends to all.
struct Reaper(Child);

const REAPER: &str = r#"
trap '' INT TERM HUP
read -r _
for pass in 1 2 3 4 5; do
    found=
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd") in
        "$1"/*) kill -TERM "${process#/proc/}" && found=yes ;;
        esac
    done
    [ "$found" ] || exit 0
    sleep 1
done"#;

impl Reaper {
    fn of(folder: &Path) -> Self {
        let shell = Command::new("/bin/sh")
            .args(["-c", REAPER, "reaper"])
            .arg(folder.canonicalize().expect("the folder is there"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(shell.expect("sh runs"))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What was just begun when it was killed takes its moment to be gone.
#[track_caller]
fn no_process_in(parent: &Path) {
    let is_in = |entry: &fs::DirEntry| {
        fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(parent))
    };
    until(&format!("the end of what runs in {}", parent.display()), LIMIT, || {
        (!fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| is_in(&entry))).then_some(())
    });
}

fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("standalone-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder can be made under target/")
}

fn is_child(what: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|asked| asked == what)
}

/// Runs one test of this binary as another process.
fn child(test: &str, what: &str, parent: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--exact", &format!("standalone::{test}"), "--nocapture"])
        .env(CHILD, what)
        .env("FLINK_TEST_PARENT", parent)
        .env("FLINK_HOME", &Environment::get().home)
        .env("JAVA_HOME", Environment::get().jdk())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary starts")
}

fn report(cluster: &StandaloneCluster) {
    let pids: Vec<_> = cluster.processes().into_iter().map(|(_, pid)| pid).collect();
    println!("cluster: {}", serde_json::json!({"folder": cluster.folder(), "pids": pids}));
}

fn read_report(child: &mut Child) -> (LocalClusterId, Pids) {
    let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let said = lines
        .map(|line| line.expect("text from the child"))
        .find_map(|line| line.split_once("cluster: ").map(|(_, rest)| rest.to_owned()))
        .expect("the child starts its cluster");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON from the child");
    let folder = PathBuf::from(said["folder"].as_str().expect("a path"));
    let pids = Pids(serde_json::from_value(said["pids"].clone()).expect("process ids"));
    assert!(pids.0.iter().all(|&pid| runs(pid)), "{pids:?}");
    (LocalClusterId::from(folder), pids)
}
