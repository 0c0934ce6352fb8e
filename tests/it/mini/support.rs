//! Clusters, jobs and jars to test with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flink_client::mini::{
    MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniJob, TaskContext, TaskResult,
};
use flink_client::{ClusterClient, ClusterClientExt, JobId, JobStatus};
use tempfile::TempDir;

/// Longer than anything takes on a busy machine whose disk is busy, too.
pub(super) const LONG: Duration = Duration::from_secs(90);

/// A cluster, a client of it, and a directory that is gone with them.
pub(super) struct Lab {
    pub(super) cluster: MiniCluster,
    pub(super) client: MiniClusterClient,
    pub(super) directory: TempDir,
}

impl Lab {
    pub(super) fn new(slots: u32) -> Self {
        Self::with(MiniClusterConfiguration::new().slots_per_task_manager(slots))
    }

    pub(super) fn with(configuration: MiniClusterConfiguration) -> Self {
        let cluster = MiniCluster::start(configuration).unwrap();
        let client = cluster.client();
        Self { cluster, client, directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    pub(super) fn submit(&self, job: MiniJob) -> JobId {
        self.cluster.submit(job).wait().unwrap()
    }

    /// Submits a job and waits until all of its tasks run.
    pub(super) fn run(&self, job: MiniJob) -> JobId {
        let id = self.submit(job);
        self.client.wait_until_running(id).wait().unwrap();
        id
    }

    pub(super) fn status(&self, job: JobId) -> JobStatus {
        self.client.job_status(job).wait().unwrap()
    }

    /// A jar with a manifest.
    pub(super) fn jar(&self, manifest: &str) -> PathBuf {
        let path = self.directory.path().join("program.jar");
        std::fs::write(&path, jar(manifest)).unwrap();
        path
    }
}

/// Looks until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        // Not busily: what it looks for needs the processor.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Something that a test opens for a task, once.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(super) fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it is open; not for ever, since a test that has failed opens nothing.
    pub(super) fn pass(&self) {
        eventually("the gate is open", || self.is_open());
    }
}

/// Keeps a task going until it is stopped or cancelled.
pub(super) fn idle(task: &mut TaskContext) -> TaskResult {
    while task.sleep(Duration::from_millis(1))? {}
    Ok(())
}

/// The same for a cluster whose clock stands still: in a sleep by that clock nothing would be taken notice of.
pub(super) fn awake(task: &mut TaskContext) -> TaskResult {
    while task.keep_running()? {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// One vertex that goes on until it is stopped.
pub(super) fn endless(parallelism: u32) -> MiniJob {
    MiniJob::new("endless").vertex("source", parallelism, idle)
}

/// Counts in a list state, one element per task, and shows the sum in an accumulator `seen`.
pub(super) fn counting(parallelism: u32) -> MiniJob {
    MiniJob::new("counting")
        .vertex("source", parallelism, |task| {
            let counts = task.list_state::<i64>("counter", "counts")?;
            let restored: i64 = counts.elements().iter().sum();
            task.long_counter("restored").add(restored);
            let mut seen = restored;
            while task.sleep(Duration::from_millis(1))? {
                seen += 1;
                counts.update(|counts| *counts = vec![seen]);
            }
            Ok(())
        })
        .operator("counter")
}

/// A ZIP file with nothing but a stored manifest.
pub(crate) fn jar(manifest: &str) -> Vec<u8> {
    const NAME: &[u8] = b"META-INF/MANIFEST.MF";
    let size = u32::try_from(manifest.len()).unwrap().to_le_bytes();
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    common.extend(size);
    common.extend(size);
    common.extend([NAME.len() as u8, 0, 0, 0]);
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(&common);
    bytes.extend(NAME);
    bytes.extend(manifest.as_bytes());
    let offset = u32::try_from(bytes.len()).unwrap();
    let mut directory = b"PK\x01\x02\x14\x00".to_vec();
    directory.extend(&common);
    directory.extend([0; 14]);
    directory.extend(NAME);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// The local path of a `file:` location.
pub(super) fn local(location: &str) -> &Path {
    Path::new(location.strip_prefix("file:").unwrap())
}
