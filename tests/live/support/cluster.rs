//! Clusters of one JobManager: in one JVM, or as separate processes.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::jvm::{Jvm, scratch};
use super::{ClientKeys, Http, TlsMode, until};

/// Generous: another cluster may be starting on the same two cores.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A cluster to be started.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    one_jvm: bool,
    task_managers: u32,
    slots: u32,
    tls: Option<TlsMode>,
    entries: Vec<(String, String)>,
}

impl Settings {
    /// JobManager and TaskManagers in one JVM: half the time and memory of separate processes.
    pub(crate) fn mini() -> Self {
        Self { one_jvm: true, task_managers: 1, slots: 4, tls: None, entries: Vec::new() }
    }

    /// A process each for the JobManager and the TaskManagers, by Flink's own entry points.
    pub(crate) fn session() -> Self {
        Self { one_jvm: false, ..Self::mini() }
    }

    /// Slots of each TaskManager. Defaults to 4.
    pub(crate) fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    /// Defaults to 1.
    pub(crate) fn task_managers(mut self, task_managers: u32) -> Self {
        self.task_managers = task_managers;
        self
    }

    /// A configuration entry; it wins over what this module sets.
    pub(crate) fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.entries.push((key.to_owned(), value.into()));
        self
    }

    /// TLS on the REST endpoint; [`Cluster::client_keys`] has the client's side.
    pub(crate) fn tls(mut self, mode: TlsMode) -> Self {
        self.tls = Some(mode);
        self
    }

    /// Starts it and waits until its slots are there.
    pub(crate) fn start(&self) -> Cluster {
        // A port that was free a moment ago can be taken by the time a JVM wants it.
        for _ in 0..3 {
            match self.try_start() {
                Ok(cluster) => return cluster,
                Err(log) if log.contains("BindException") => {}
                Err(log) => panic!("Flink did not start\n{log}"),
            }
        }
        panic!("Flink found its ports taken three times")
    }

    fn try_start(&self) -> Result<Cluster, String> {
        let scratch = scratch();
        let folder = scratch.path().to_owned();
        let mut entries = quick_entries(&folder);
        let keys = self.tls.map(|mode| {
            let keys = folder.join("keys");
            entries.extend(ClientKeys::settings(&keys, mode));
            ClientKeys::make(&keys)
        });
        let scheme = if keys.is_some() { "https" } else { "http" };
        let (jvms, url) = if self.one_jvm {
            self.start_mini(&folder, entries)?
        } else {
            self.start_processes(&folder, entries, scheme)
        };
        let http = Http::new(url, keys.as_ref());
        let mut cluster = Cluster { jvms, http, keys, scratch };
        let slots = u64::from(self.slots * self.task_managers);
        cluster.await_start("the slots", |cluster| (cluster.http.slots() == Some(slots)).then_some(()))?;
        Ok(cluster)
    }

    fn start_mini(
        &self,
        folder: &Path,
        mut entries: Vec<(String, String)>,
    ) -> Result<(Vec<Jvm>, String), String> {
        set(&mut entries, "rest.port", "0");
        set(&mut entries, "rest.bind-port", "0");
        set(&mut entries, "taskmanager.memory.network.min", "16m");
        set(&mut entries, "taskmanager.memory.network.max", "16m");
        set(&mut entries, "taskmanager.memory.managed.size", "32m");
        entries.extend(self.entries.iter().cloned());
        let config = write_config(folder, &entries);
        let address = folder.join("rest-address");
        let arguments = [
            config.display().to_string(),
            self.task_managers.to_string(),
            self.slots.to_string(),
            address.display().to_string(),
        ];
        let mut jvm = Jvm::start(folder, "cluster", 384, "cluster.Mini", &arguments);
        let url = await_jvm(&mut jvm, "the address", |_| fs::read_to_string(&address).ok())?;
        Ok((vec![jvm], url))
    }

    fn start_processes(
        &self,
        folder: &Path,
        mut entries: Vec<(String, String)>,
        scheme: &str,
    ) -> (Vec<Jvm>, String) {
        let [rest, rpc] = free_ports();
        set(&mut entries, "jobmanager.rpc.address", "localhost");
        set(&mut entries, "jobmanager.rpc.port", &rpc.to_string());
        set(&mut entries, "rest.port", &rest.to_string());
        entries.extend(process_entries(self.slots));
        entries.extend(self.entries.iter().cloned());
        let arguments = config_arguments(folder, &entries, &[]);
        let mut jvms = vec![Jvm::start(folder, "jobmanager", 384, JOB_MANAGER, &arguments)];
        for number in 1..=self.task_managers {
            jvms.push(Jvm::start(folder, &format!("taskmanager-{number}"), 320, TASK_MANAGER, &arguments));
        }
        (jvms, format!("{scheme}://127.0.0.1:{rest}"))
    }
}

/// A running cluster; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Before the folder: a field declared first is dropped first.
    jvms: Vec<Jvm>,
    http: Http,
    keys: Option<ClientKeys>,
    scratch: tempfile::TempDir,
}

impl Cluster {
    /// Its REST API, independent of the client under test.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// `http://127.0.0.1:PORT` (`https` with TLS).
    pub(crate) fn url(&self) -> &str {
        self.http.url()
    }

    /// The REST port.
    pub(crate) fn port(&self) -> u16 {
        let port = self.url().rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("the address ends with a port")
    }

    /// The client's side of its TLS. Panics if it has none.
    pub(crate) fn client_keys(&self) -> &ClientKeys {
        self.keys.as_ref().expect("the cluster has no TLS")
    }

    /// A folder that lives as long as the cluster: savepoints, checkpoints.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.scratch.path().join(name);
        fs::create_dir_all(&folder).expect("the scratch folder can be written");
        folder
    }

    /// Its processes: the JobManager (or the one JVM), then the TaskManagers.
    pub(crate) fn jvms(&mut self) -> &mut [Jvm] {
        &mut self.jvms
    }

    /// The process ids in the same order.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.jvms.iter().map(Jvm::pid).collect()
    }

    /// The last lines of every log.
    pub(crate) fn log_tails(&self) -> String {
        self.jvms.iter().map(|jvm| jvm.log_tail(60)).collect()
    }

    fn await_start<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> Result<T, String> {
        until(what, START_LIMIT, || {
            if let Some(seen) = look(self) {
                return Some(Ok(seen));
            }
            let ended = self.jvms.iter_mut().any(Jvm::has_ended);
            ended.then(|| Err(self.log_tails()))
        })
    }
}

/// The one cluster that this binary's tests share. It keeps results of asynchronous operations for a minute.
pub(crate) fn shared() -> &'static Cluster {
    // A static is never dropped: its JVM sees the end of this process by its standard input.
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Settings::mini().slots(16).set("rest.async.store-duration", "60 s").start())
}

/// A cluster shared by tests whose jobs ask for more slots than there are: such a job holds all that it gets, and Flink
/// fails at once whichever other job asks for some meanwhile. Jobs that wait for slots give up after 3 s.
pub(crate) fn scarce() -> &'static Cluster {
    static SCARCE: OnceLock<Cluster> = OnceLock::new();
    SCARCE.get_or_init(|| Settings::mini().slots(1).set("slot.request.timeout", "3 s").start())
}

/// The JobManager of a session cluster.
pub(super) const JOB_MANAGER: &str = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint";
/// A TaskManager.
pub(super) const TASK_MANAGER: &str = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner";

/// What every cluster here has: loopback alone, its files in its own folder, and news that travel fast.
pub(super) fn quick_entries(folder: &Path) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let tmp = folder.join("tmp");
    fs::create_dir_all(&tmp).expect("the scratch folder can be written");
    let tmp = tmp.display().to_string();
    for (key, value) in [
        ("rest.address", "127.0.0.1"),
        ("rest.bind-address", "127.0.0.1"),
        ("io.tmp.dirs", &*tmp),
        ("web.upload.dir", &*tmp),
        ("web.refresh-interval", "100"),
        ("metrics.fetcher.update-interval", "100"),
        // Accumulators of a running job travel with the heartbeat.
        ("heartbeat.interval", "500"),
        // A TaskManager that loses the race against its JobManager would sleep for 10 s.
        ("cluster.registration.error-delay", "200"),
    ] {
        set(&mut entries, key, value);
    }
    entries
}

/// What separate processes need because no start script computes their memory.
pub(super) fn process_entries(slots: u32) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let slots = slots.to_string();
    for (key, value) in [
        ("jobmanager.bind-host", "localhost"),
        ("jobmanager.memory.process.size", "1000m"),
        ("taskmanager.host", "localhost"),
        ("taskmanager.bind-host", "localhost"),
        ("taskmanager.numberOfTaskSlots", &*slots),
        ("taskmanager.cpu.cores", &*slots),
        ("taskmanager.memory.task.heap.size", "192m"),
        ("taskmanager.memory.task.off-heap.size", "0"),
        ("taskmanager.memory.framework.heap.size", "128m"),
        ("taskmanager.memory.framework.off-heap.size", "64m"),
        ("taskmanager.memory.managed.size", "64m"),
        ("taskmanager.memory.network.min", "32m"),
        ("taskmanager.memory.network.max", "32m"),
        ("taskmanager.memory.jvm-metaspace.size", "256m"),
        ("taskmanager.memory.jvm-overhead.min", "64m"),
        ("taskmanager.memory.jvm-overhead.max", "64m"),
    ] {
        set(&mut entries, key, value);
    }
    entries
}

pub(super) fn set(entries: &mut Vec<(String, String)>, key: &str, value: &str) {
    entries.push((key.to_owned(), value.to_owned()));
}

/// Writes the configuration below `folder`; gives the arguments of an entry point that reads it.
pub(super) fn config_arguments(folder: &Path, entries: &[(String, String)], more: &[&str]) -> Vec<String> {
    let file = write_config(folder, entries);
    let conf = file.parent().expect("a file has a folder").display().to_string();
    ["--configDir", &conf].iter().chain(more).map(|&argument| argument.to_owned()).collect()
}

/// Writes `conf/config.yaml`. Of entries with one key the last stays: YAML knows no key twice.
fn write_config(folder: &Path, entries: &[(String, String)]) -> PathBuf {
    let conf = folder.join("conf");
    fs::create_dir_all(&conf).expect("the scratch folder can be written");
    let mut text = String::new();
    for (at, (key, value)) in entries.iter().enumerate() {
        if !entries[at + 1..].iter().any(|(later, _)| later == key) {
            let _ = writeln!(text, "{key}: {value}");
        }
    }
    let file = conf.join("config.yaml");
    fs::write(&file, text).expect("the scratch folder can be written");
    file
}

/// Ports that are free now, all different.
pub(super) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("a bound port").port())
}

/// Waits for something from a JVM that starts; its log if it ends first.
pub(super) fn await_jvm<T>(
    jvm: &mut Jvm,
    what: &str,
    mut look: impl FnMut(&Jvm) -> Option<T>,
) -> Result<T, String> {
    until(what, START_LIMIT, || {
        if let Some(seen) = look(jvm) {
            return Some(Ok(seen));
        }
        jvm.has_ended().then(|| Err(jvm.log_tail(60)))
    })
}
