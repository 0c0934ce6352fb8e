//! A cluster that does not come up is an error that says why, and nothing of it is left. No Flink is needed for that:
//! a program that ends early, hangs or does not listen is a shell script in the place of Java.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flink_client::{
    ClusterDescriptor, ClusterSpecification, Configuration, Error, ErrorKind, ExecutionPlan, LocalClusterId,
    StandaloneClusterDescriptor,
};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with all that a descriptor looks for, and whatever it starts.
struct Lab(TempDir);

impl Lab {
    /// `script` runs in the place of Java, with `$name` as the name of the process.
    fn new(script: &str) -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        for folder in ["flink/lib", "java/bin", "clusters"] {
            fs::create_dir_all(lab.path().join(folder)).unwrap();
        }
        fs::write(lab.path().join("flink/lib/flink-dist-2.3.0.jar"), "").unwrap();
        fs::write(lab.path().join("java/release"), "JAVA_VERSION=\"17.0.1\"\n").unwrap();
        let java = lab.path().join("java/bin/java");
        let script = format!("#!/bin/sh\nname=${{1##*/}} name=${{name%.args}}\n{script}\n");
        // Written by a process of its own: one that this process has open can be inherited by what another test starts,
        // and is not run while it is open.
        sh(r#"printf %s "$2" >"$1" && chmod 755 "$1""#, &[java.to_str().unwrap(), &script]);
        lab
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn descriptor(&self) -> StandaloneClusterDescriptor {
        self.descriptor_with(&[])
    }

    fn descriptor_with(&self, entries: &[(&str, &str)]) -> StandaloneClusterDescriptor {
        descriptor_in(self.path(), entries)
    }

    fn fail(&self, entries: &[(&str, &str)]) -> Error {
        self.descriptor_with(entries).deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap_err()
    }

    /// What the processes in its clusters' folders say of themselves: their ids, and that of their group.
    fn pids(&self) -> Vec<String> {
        let clusters = fs::read_dir(self.path().join("clusters")).unwrap();
        let runs = clusters.map(|cluster| cluster.unwrap().path().join("run"));
        let files = runs.filter_map(|run| fs::read_dir(run).ok()).flatten().map(|file| file.unwrap().path());
        let pids = files.filter(|file| file.extension().is_some_and(|extension| extension == "pid"));
        pids.map(|file| fs::read_to_string(file).unwrap().trim().to_owned()).collect()
    }

    #[track_caller]
    fn assert_nothing_runs(&self) {
        let left: Vec<_> = self.pids().into_iter().filter(|pid| runs(pid)).collect();
        assert!(left.is_empty(), "{left:?} run");
    }

    #[track_caller]
    fn until_started(&self, processes: usize) -> Vec<String> {
        until("the processes to start", || {
            let pids = self.pids();
            (pids.len() == processes && pids.iter().all(|pid| runs(pid))).then_some(pids)
        })
    }
}

fn descriptor_in(lab: &Path, entries: &[(&str, &str)]) -> StandaloneClusterDescriptor {
    StandaloneClusterDescriptor::new(entries.iter().copied().collect())
        .flink_home(lab.join("flink"))
        .java_home(lab.join("java"))
        .working_directory(lab.join("clusters"))
        .start_limit(LIMIT)
}

/// Runs a script of the shell with `$1`, `$2`, …; what it printed.
fn sh(script: &str, arguments: &[&str]) -> String {
    let output = Command::new("/bin/sh").args(["-c", script, "sh"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether a process runs, and is not only waiting for somebody to take notice of its end.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    stat(pid).is_some_and(|stat| !stat.starts_with(['Z', 'X']))
}

#[cfg(not(target_os = "linux"))]
fn runs(pid: &str) -> bool {
    let state = sh("ps -o stat= -p \"$1\" || true", &[pid]);
    !state.is_empty() && !state.starts_with('Z')
}

/// What the system says of a process, from its state on.
#[cfg(target_os = "linux")]
fn stat(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const IDLE: &str = "exec sleep 300";

#[test]
fn a_process_that_ends_is_named_with_its_exit_code_and_what_it_said_last() {
    for (name, title) in [("jobmanager", "the JobManager"), ("taskmanager-1", "TaskManager 1")] {
        let lab = Lab::new(&format!(
            "[ $name = {name} ] || exec sleep 300\necho starting\necho 'Caused by: x.Y: no disk'\necho bye\nexit 3"
        ));
        let error = lab.fail(&[]);
        assert_eq!(error.kind(), ErrorKind::Process);
        let text = error.to_string();
        let told = format!(
            "starting a session cluster: {title} ended with exit code 3 before the cluster was ready"
        );
        assert!(text.starts_with(&told), "{text}");
        assert!(text.contains(": Caused by: x.Y: no disk; the whole log is "), "{text}");
        assert!(!text.contains('\n'));
        assert_eq!(error.stack_trace(), Some("starting\nCaused by: x.Y: no disk\nbye"));
        let log = text.rsplit("the whole log is ").next().unwrap();
        assert!(fs::read_to_string(log).unwrap().ends_with("bye\n"), "{log}");
        lab.assert_nothing_runs();
    }
}

#[test]
fn what_flink_gives_up_for_want_of_time_is_tried_again() {
    let lab = Lab::new(
        "[ $name = jobmanager ] || exec sleep 300\necho >>../../attempts
        echo 'java.lang.Exception: Could not create actor system'
        echo 'Caused by: java.util.concurrent.TimeoutException: Futures timed out after [10000 milliseconds]'\nexit 1",
    );
    let error = lab.fail(&[]);
    assert!(error.to_string().contains("Futures timed out"), "{error}");
    let attempts = fs::read_to_string(lab.path().join("attempts")).unwrap();
    assert_eq!(attempts.lines().count(), 3);
    // The last one's is there to look at.
    assert_eq!(fs::read_dir(lab.path().join("clusters")).unwrap().count(), 1);
    lab.assert_nothing_runs();
}

#[test]
fn a_cluster_that_does_not_answer_in_time_is_an_error_and_ends() {
    let lab = Lab::new(IDLE);
    let descriptor = lab.descriptor().start_limit(Duration::from_millis(300));
    let size = ClusterSpecification::new().task_managers(2);
    let error = descriptor.deploy_session_cluster(&size).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Process);
    assert!(error.to_string().contains("not ready within 300ms: the JobManager does not answer"), "{error}");
    lab.assert_nothing_runs();
}

#[test]
fn a_process_that_does_not_listen_is_killed() {
    let lab = Lab::new("trap '' TERM; while :; do sleep 1; done");
    let descriptor = lab.descriptor().start_limit(Duration::from_millis(300));
    descriptor.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap_err();
    lab.assert_nothing_runs();
}

#[test]
fn a_process_has_its_time_to_end_however_often_it_is_asked_to() {
    // The JobManager asks all of its group, as a service manager does; the supervisor then asks them again.
    let lab = Lab::new(
        r#"trap 'trap "" TERM; sleep 0.5; echo >"../../$name.ended"; exit' TERM
        echo >"../../$name.ready"
        if [ $name = jobmanager ]; then
            until [ -e ../../taskmanager-1.ready ]; do sleep 0.1; done
            kill -TERM 0
        fi
        while :; do sleep 0.1; done"#,
    );
    assert_eq!(lab.fail(&[]).kind(), ErrorKind::Process);
    for name in ["jobmanager", "taskmanager-1"] {
        assert!(lab.path().join(format!("{name}.ended")).exists(), "{name}");
    }
    lab.assert_nothing_runs();
}

#[test]
fn nobody_waits_for_a_cluster_whose_handle_was_dropped() {
    let lab = Lab::new(IDLE);
    let starting = lab.descriptor().deploy_session_cluster(&ClusterSpecification::new());
    let pids = lab.until_started(2);
    drop(starting);
    until("the processes to be gone", || pids.iter().all(|pid| !runs(pid)).then_some(()));
}

/// Set in the child process of the test below: where its clusters are.
const CHILD: &str = "FLINK_CLIENT_TEST_STANDALONE_OWNER";

#[test]
fn an_owner_that_is_killed_leaves_no_process() {
    if let Some(lab) = std::env::var_os(CHILD) {
        let descriptor = descriptor_in(Path::new(&lab), &[]);
        let starting = descriptor.deploy_session_cluster(&ClusterSpecification::new().task_managers(2));
        println!("owner: starting");
        let _ = starting.wait();
        return;
    }
    let lab = Lab::new(IDLE);
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "standalone::an_owner_that_is_killed_leaves_no_process", "--nocapture"])
        .env(CHILD, lab.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("owner: starting")));
    let pids = lab.until_started(3);
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("the processes to be gone", || pids.iter().all(|pid| !runs(pid)).then_some(()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_supervisor_that_is_killed_takes_its_cluster_along() {
    let lab = Lab::new(IDLE);
    let starting = lab.descriptor().deploy_session_cluster(&ClusterSpecification::new());
    let pids = lab.until_started(2);
    // The parent of a process's parent: the shell that tells its exit status, and the supervisor.
    let parent = |pid: &str| stat(pid).and_then(|stat| stat.split(' ').nth(1).map(str::to_owned)).unwrap();
    sh("kill -KILL \"$1\"", &[&parent(&parent(&pids[0]))]);
    drop(starting);
    until("the processes to be gone", || pids.iter().all(|pid| !runs(pid)).then_some(()));
}

#[test]
fn java_is_looked_for_where_it_is_said_to_be_and_its_version_is_checked() {
    let lab = Lab::new("exit 7");
    let size = ClusterSpecification::new();
    let error = lab.descriptor().java_home("/nowhere").deploy_session_cluster(&size).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("the descriptor's java_home is /nowhere, and there is no bin/java"),
        "{error}"
    );

    let by_key = StandaloneClusterDescriptor::new([("env.java.home", "/elsewhere")].into_iter().collect())
        .flink_home(lab.path().join("flink"));
    let error = by_key.deploy_session_cluster(&size).wait().unwrap_err();
    assert!(error.to_string().contains("env.java.home is /elsewhere, and there is no bin/java"), "{error}");

    fs::write(lab.path().join("java/release"), "JAVA_VERSION=\"1.8.0_392\"\n").unwrap();
    let error = lab.fail(&[]);
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("is Java 1.8.0_392, but Flink needs 11 or newer"), "{error}");
}

#[test]
fn a_java_whose_folder_does_not_say_its_version_is_asked() {
    for (version, kind) in [("10.0.2", ErrorKind::Configuration), ("17.0.1", ErrorKind::Process)] {
        let lab = Lab::new(&format!(
            "[ \"$1\" != -version ] || {{ echo 'openjdk version \"{version}\" 2025-04-15' >&2; exit 0; }}\nexit 7"
        ));
        fs::remove_file(lab.path().join("java/release")).unwrap();
        let error = lab.fail(&[]);
        assert_eq!(error.kind(), kind, "{error}");
        match kind {
            ErrorKind::Process => assert!(error.to_string().contains("ended with exit code 7"), "{error}"),
            _ => assert!(error.to_string().contains("is Java 10.0.2"), "{error}"),
        }
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_started() {
    let lab = Lab::new(IDLE);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (key, value, kind, told) in [
        ("rest.port", &*port, ErrorKind::Process, "and that port cannot be had"),
        ("rest.bind-port", "50100-50200", ErrorKind::Configuration, "rest.bind-port cannot be set"),
        (
            "taskmanager.numberOfTaskSlots",
            "7",
            ErrorKind::Configuration,
            "the specification's slots_per_task_manager",
        ),
        (
            "taskmanager.memory.managed.size",
            "2g",
            ErrorKind::InvalidArgument,
            "a TaskManager cannot live in 1 gb",
        ),
    ] {
        let error = lab.fail(&[(key, value)]);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let empty = StandaloneClusterDescriptor::new(Configuration::new()).flink_home(lab.path().join("java"));
    let error = empty.deploy_session_cluster(&ClusterSpecification::new()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("no Flink in "), "{error}");

    let size = ClusterSpecification::new();
    for (plan, kind) in [
        (ExecutionPlan::uploaded_jar("1_etl.jar"), ErrorKind::InvalidArgument),
        (ExecutionPlan::jar("a.jar").parallelism(0), ErrorKind::InvalidArgument),
        (ExecutionPlan::jar("a.jar").configuration("rest.bind-port", "1"), ErrorKind::Configuration),
        (ExecutionPlan::jar("/no/such.jar"), ErrorKind::LocalFile),
    ] {
        let error = lab.descriptor().deploy_application_cluster(&size, plan).wait().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert_eq!(fs::read_dir(lab.path().join("clusters")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_folder_without_a_cluster_is_neither_found_nor_killed() {
    let lab = Lab::new(IDLE);
    let id = LocalClusterId::new(lab.path());
    let error = lab.descriptor().retrieve(&id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile);
    assert!(error.to_string().contains("no cluster in "), "{error}");
    assert_eq!(lab.descriptor().kill_cluster(&id).wait().unwrap_err().kind(), ErrorKind::LocalFile);
    fs::write(lab.path().join("cluster.json"), "{}").unwrap();
    let error = lab.descriptor().retrieve(&id).unwrap_err();
    assert!(error.to_string().contains("does not describe a cluster"), "{error}");
}
