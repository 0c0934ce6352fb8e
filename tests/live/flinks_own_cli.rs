//! Flink's own command line against the REST API of a mini cluster: it must find nothing to wonder at.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use flink_client::mini::{
    JavaException, MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniJob, RestartStrategy,
};
use flink_client::{ClusterClient, ClusterClientExt, JobId, JobStatus};

use crate::support::Environment;

/// A cluster of the version under test, and where its savepoints go.
struct Scene {
    cluster: MiniCluster,
    client: MiniClusterClient,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let version = Environment::get().version.parse().expect("a version");
        let configuration = MiniClusterConfiguration::new().flink_version(version).slots_per_task_manager(8);
        let cluster = MiniCluster::start(configuration.rest_port(0)).expect("a mini cluster");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.yaml"), "{}\n").expect("a configuration");
        Self { client: cluster.client(), cluster, folder }
    }

    fn savepoints(&self) -> String {
        format!("file://{}", self.folder.path().join("savepoints").display())
    }

    fn counter(&self) -> JobId {
        let job = MiniJob::new("counter").vertex("source", 2, |task| {
            let counts = task.list_state::<i64>("counter", "counts")?;
            while task.sleep(Duration::from_millis(1))? {
                counts.update(|counts| counts.push(1));
            }
            Ok(())
        });
        let job = self.cluster.submit(job.operator("counter")).wait().expect("a job");
        self.client.wait_until_running(job).wait().expect("it runs");
        job
    }

    fn status(&self, job: JobId) -> JobStatus {
        self.client.job_status(job).wait().expect("a status")
    }

    /// Where the savepoints are that there are now.
    fn saved(&self) -> BTreeSet<String> {
        let folder = self.folder.path().join("savepoints");
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    fn command(&self, action: &str, arguments: &[&str]) -> Command {
        let environment = Environment::get();
        let address = self.cluster.rest_address().expect("REST is on");
        let mut command = environment.java();
        command
            .arg("-cp")
            .arg(format!("{}/lib/*", environment.home.display()))
            .args(["-Dlog4j2.level=OFF", "org.apache.flink.client.cli.CliFrontend", action, "-m"])
            .arg(address.strip_prefix("http://").expect("an http address"))
            .args(arguments)
            .env("FLINK_CONF_DIR", self.folder.path());
        command
    }

    /// Runs the command line; gives what it printed.
    #[track_caller]
    fn flink(&self, action: &str, arguments: &[&str]) -> String {
        let output = self.command(action, arguments).output().expect("java starts");
        assert!(output.status.success(), "{action} {arguments:?}: {}", all(&output));
        all(&output)
    }

    /// Runs it where it has to fail.
    #[track_caller]
    fn refused(&self, action: &str, arguments: &[&str]) -> String {
        let output = self.command(action, arguments).output().expect("java starts");
        assert_eq!(output.status.code(), Some(1), "{action} {arguments:?}: {}", all(&output));
        all(&output)
    }
}

fn all(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The path at the end of the line that tells of a savepoint.
fn path_in(printed: &str) -> &str {
    let line = printed.lines().find_map(|line| line.strip_prefix("Savepoint completed. Path: "));
    line.unwrap_or_else(|| panic!("no savepoint in {printed}"))
}

#[test]
fn flinks_own_command_line_lists_saves_disposes_and_stops() {
    let scene = Scene::new();
    let job = scene.counter();
    let listed = scene.flink("list", &["-a"]);
    assert!(listed.contains(&format!(" : {job} : counter (RUNNING)")), "{listed}");

    let name = job.to_string();
    let printed = scene.flink("savepoint", &[&name, &scene.savepoints()]);
    let savepoint = path_in(&printed);
    let directory = Path::new(savepoint).file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(scene.saved(), BTreeSet::from([directory]));
    let checkpoints = scene.client_checkpoints(job);
    assert!(checkpoints.contains(&savepoint.to_owned()), "{savepoint} in {checkpoints:?}");

    let disposed = scene.flink("savepoint", &["-dispose", savepoint]);
    assert!(disposed.contains("disposed"), "{disposed}");
    assert!(scene.saved().is_empty());

    let stopped = scene.flink("stop", &["-p", &scene.savepoints(), &name]);
    assert!(path_in(&stopped).starts_with("file:"), "{stopped}");
    assert_eq!(scene.saved().len(), 1);
    scene.client.job_result(job).wait().expect("a result");
    assert_eq!(scene.status(job), JobStatus::Finished);
    let listed = scene.flink("list", &["-a"]);
    assert!(listed.contains(&format!(" : {job} : counter (FINISHED)")), "{listed}");
}

#[test]
fn flinks_own_command_line_takes_checkpoints_and_cancels() {
    let scene = Scene::new();
    let job = scene.counter();
    let name = job.to_string();
    let printed = scene.flink("checkpoint", &[&name]);
    assert!(printed.contains(&format!("Checkpoint 1 for job {job} completed.")), "{printed}");
    let printed = scene.flink("cancel", &[&name]);
    assert!(printed.contains(&format!("Cancelled job {job}.")), "{printed}");
    scene.client.job_result(job).wait().expect("a result");
    assert_eq!(scene.status(job), JobStatus::Canceled);

    // With a savepoint, by the older of the two ways.
    let job = scene.counter();
    let printed = scene.flink("cancel", &["-s", &scene.savepoints(), &job.to_string()]);
    assert!(printed.contains("Savepoint stored in file:"), "{printed}");
    scene.client.job_result(job).wait().expect("a result");
    assert_eq!(scene.status(job), JobStatus::Canceled);
    assert_eq!(scene.saved().len(), 1);
}

/// What failed comes as a serialised Java object, which only Java can say to be one.
#[test]
fn flinks_own_command_line_reads_what_is_refused() {
    let scene = Scene::new();
    let unknown = "00000000000000000000000000000001";
    let refused = scene.refused("cancel", &[unknown]);
    assert!(refused.contains("Job could not be found."), "{refused}");
    let refused = scene.refused("savepoint", &[unknown, &scene.savepoints()]);
    let cause = format!("FlinkJobNotFoundException: Could not find Flink job ({unknown})");
    assert!(refused.contains("Caused by: java.util.concurrent.CompletionException: "), "{refused}");
    assert!(refused.contains(&cause), "{refused}");
    let refused = scene.refused("checkpoint", &[unknown]);
    assert!(refused.contains(&cause), "{refused}");
    let missing = format!("{}/nothing", scene.savepoints());
    let refused = scene.refused("savepoint", &["-dispose", &missing]);
    assert!(refused.contains("Cannot find checkpoint or savepoint file/directory"), "{refused}");
    let failing = MiniJob::new("failing")
        .restart_strategy(RestartStrategy::None)
        .vertex("source", 1, |_| Err(JavaException::new("com.acme.BadRecord", "record 21 is one too many")));
    let job = scene.cluster.submit(failing).wait().expect("a job");
    scene.client.job_result(job).wait().expect("a result");
    let refused = scene.refused("stop", &["-p", &scene.savepoints(), &job.to_string()]);
    assert!(refused.contains("Could not stop with a savepoint job"), "{refused}");
}

impl Scene {
    /// The places of the checkpoints and savepoints that the cluster knows of the job.
    fn client_checkpoints(&self, job: JobId) -> Vec<String> {
        let statistics = self.client.checkpoints(job).wait().expect("statistics");
        statistics.history.into_iter().filter_map(|checkpoint| checkpoint.external_path).collect()
    }
}
