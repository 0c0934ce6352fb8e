//! High availability: ZooKeeper, two JobManagers, one TaskManager.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Http;
use super::cluster::{
    JOB_MANAGER, TASK_MANAGER, await_jvm, config_arguments, free_ports, process_entries, quick_entries, set,
};
use super::jvm::{Jvm, scratch};

/// Flink's `high-availability.cluster-id` of the pair.
const CLUSTER_ID: &str = "/pair";
const SLOTS: u32 = 4;

/// Two JobManagers that know of each other. The first was up before the second was started, so it leads.
#[derive(Debug)]
pub(crate) struct HaPair {
    job_managers: [Jvm; 2],
    task_manager: Jvm,
    zookeeper: Jvm,
    https: [Http; 2],
    quorum: String,
    scratch: tempfile::TempDir,
}

impl HaPair {
    /// Starts everything, with `entries` on top of the configuration, and waits until both JobManagers see the slots.
    pub(crate) fn start(entries: &[(&str, &str)]) -> Self {
        for _ in 0..3 {
            match Self::try_start(entries) {
                Ok(pair) => return pair,
                Err(log) if log.contains("BindException") => {}
                Err(log) => panic!("the pair did not start\n{log}"),
            }
        }
        panic!("the pair found its ports taken three times")
    }

    fn try_start(more: &[(&str, &str)]) -> Result<Self, String> {
        let scratch = scratch();
        let folder = scratch.path().to_owned();
        let [zookeeper_port, first, second] = free_ports();
        let quorum = format!("127.0.0.1:{zookeeper_port}");
        let zookeeper = start_zookeeper(&folder, zookeeper_port)?;

        let mut entries = quick_entries(&folder);
        entries.extend(process_entries(SLOTS));
        let storage = folder.join("ha").display().to_string();
        for (key, value) in [
            ("high-availability.type", "zookeeper"),
            ("high-availability.zookeeper.quorum", &*quorum),
            ("high-availability.storageDir", &*format!("file://{storage}")),
            ("high-availability.cluster-id", CLUSTER_ID),
            // A dead leader is noticed after this time, in milliseconds.
            ("high-availability.zookeeper.client.session-timeout", "4000"),
            ("high-availability.zookeeper.client.connection-timeout", "3000"),
            ("restart-strategy.type", "fixed-delay"),
            ("restart-strategy.fixed-delay.attempts", "1000"),
            ("restart-strategy.fixed-delay.delay", "200 ms"),
            ("heartbeat.timeout", "5000"),
        ] {
            set(&mut entries, key, value);
        }
        for (key, value) in more {
            set(&mut entries, key, value);
        }
        let job_manager = |name: &str, port: u16| {
            let mut own = entries.clone();
            set(&mut own, "rest.port", &port.to_string());
            let arguments = config_arguments(&folder.join(name), &own, &["--host", "localhost"]);
            let jvm = Jvm::start(&folder, name, 384, JOB_MANAGER, &arguments);
            (jvm, Http::new(format!("http://127.0.0.1:{port}"), None))
        };
        let (mut first, first_http) = job_manager("jobmanager-1", first);
        // One that answers has a leader; with only one started, that is itself.
        await_jvm(&mut first, "the first JobManager", |_| first_http.slots())?;
        let (mut second, second_http) = job_manager("jobmanager-2", second);
        let arguments = config_arguments(&folder.join("taskmanager"), &entries, &[]);
        let mut task_manager = Jvm::start(&folder, "taskmanager", 320, TASK_MANAGER, &arguments);
        for (jvm, http) in [(&mut first, &first_http), (&mut second, &second_http)] {
            await_jvm(jvm, "the slots", |_| {
                (http.slots() == Some(u64::from(SLOTS)) || task_manager.has_ended()).then_some(())
            })?;
        }
        if task_manager.has_ended() {
            return Err(task_manager.log_tail(60));
        }
        Ok(Self {
            job_managers: [first, second],
            task_manager,
            zookeeper,
            https: [first_http, second_http],
            quorum,
            scratch,
        })
    }

    /// The REST API of JobManager 0 (which leads at first) or 1.
    pub(crate) fn http(&self, number: usize) -> &Http {
        &self.https[number]
    }

    /// `high-availability.zookeeper.quorum`.
    pub(crate) fn quorum(&self) -> &str {
        &self.quorum
    }

    /// `high-availability.cluster-id`.
    pub(crate) fn cluster_id(&self) -> &'static str {
        CLUSTER_ID
    }

    /// Kills a JobManager as `kill -9` does.
    pub(crate) fn kill_job_manager(&mut self, number: usize) {
        self.job_managers[number].kill();
    }

    /// The process ids: JobManagers, TaskManager, ZooKeeper.
    pub(crate) fn pids(&self) -> [u32; 4] {
        let [first, second] = &self.job_managers;
        [first.pid(), second.pid(), self.task_manager.pid(), self.zookeeper.pid()]
    }

    /// A folder that lives as long as the pair: checkpoints, savepoints.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.scratch.path().join(name);
        fs::create_dir_all(&folder).expect("the scratch folder can be written");
        folder
    }

    /// The last lines of every log.
    pub(crate) fn log_tails(&self) -> String {
        let [first, second] = &self.job_managers;
        [first, second, &self.task_manager, &self.zookeeper].iter().map(|jvm| jvm.log_tail(40)).collect()
    }
}

/// The ZooKeeper inside Flink's own jar.
fn start_zookeeper(folder: &Path, port: u16) -> Result<Jvm, String> {
    let config = folder.join("zoo.cfg");
    let text = format!(
        "tickTime=500\nminSessionTimeout=1000\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
         admin.enableServer=false\n4lw.commands.whitelist=*\n",
        folder.join("zookeeper").display()
    );
    fs::write(&config, text).expect("the scratch folder can be written");
    let main = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.server.ZooKeeperServerMain";
    let mut jvm = Jvm::start(folder, "zookeeper", 64, main, &[config.display().to_string()]);
    await_jvm(&mut jvm, "ZooKeeper", |_| is_ok(port).then_some(()))?;
    Ok(jvm)
}

/// Asks ZooKeeper whether it is well, in its own words.
fn is_ok(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        // A question asked while it starts may be lost, and the connection kept.
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"ruok")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer == "imok")
}
