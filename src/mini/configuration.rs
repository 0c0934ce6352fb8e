//! How a mini cluster is made.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::checkpoint_storage::CheckpointStorage;
use super::clock::MiniClock;
use super::core::{Settings, StoreSettings, TaskManager};
use super::rest::RestPlan;
use crate::config::{ConfigOption, Configuration, options};
use crate::details::FlinkVersion;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::TriggerId;

/// How a [`MiniCluster`](super::MiniCluster) is made: how many TaskManagers, with how many slots, and Flink's own
/// configuration for the rest.
///
/// These of Flink's keys are honoured, with Flink's defaults: `taskmanager.numberOfTaskSlots`,
/// `parallelism.default`, `execution.checkpointing.savepoint-dir`, `execution.checkpointing.dir`,
/// `execution.checkpointing.externalized-checkpoint-retention`, `execution.checkpointing.interval` and what belongs
/// to it, `restart-strategy.type` (`none`, `fixed-delay`), `slot.request.timeout`, `jobmanager.scheduler`,
/// `jobstore.max-capacity`, `jobstore.expiration-time`, `rest.async.store-duration`, `web.upload.dir`.
///
/// # Examples
/// ```
/// use flink_client::mini::{MiniCluster, MiniClusterConfiguration};
///
/// let cluster = MiniCluster::start(
///     MiniClusterConfiguration::new()
///         .task_managers(2)
///         .slots_per_task_manager(4)
///         .set("slot.request.timeout", "10 s"),
/// )?;
/// assert_eq!(cluster.slots_total(), 8);
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MiniClusterConfiguration {
    configuration: Configuration,
    task_managers: u32,
    slots_per_task_manager: Option<u32>,
    clock: MiniClock,
    flink_version: FlinkVersion,
    ends_with_its_job: bool,
    rest_port: Option<u16>,
    rest_bind_address: IpAddr,
    rest_savepoints_below: Option<PathBuf>,
}

const SLOT_REQUEST_TIMEOUT: ConfigOption<Duration> =
    ConfigOption::new("slot.request.timeout").with_default("5 min");
const JOB_STORE_CAPACITY: ConfigOption<u32> =
    ConfigOption::new("jobstore.max-capacity").with_default("2147483647");
const JOB_STORE_EXPIRATION: ConfigOption<u64> =
    ConfigOption::new("jobstore.expiration-time").with_default("3600");
const EXCEPTION_HISTORY_SIZE: ConfigOption<u32> =
    ConfigOption::new("web.exception-history-size").with_default("16");
const SCHEDULER: ConfigOption<String> = ConfigOption::new("jobmanager.scheduler").with_default("default");

impl Default for MiniClusterConfiguration {
    fn default() -> Self {
        Self {
            configuration: Configuration::new(),
            task_managers: 1,
            slots_per_task_manager: None,
            clock: MiniClock::system(),
            flink_version: FlinkVersion::new(2, 3, 0),
            ends_with_its_job: false,
            rest_port: None,
            rest_bind_address: Ipv4Addr::LOCALHOST.into(),
            rest_savepoints_below: None,
        }
    }
}

impl MiniClusterConfiguration {
    /// One TaskManager with one slot, and Flink's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Flink's configuration of the cluster. Replaces what was set before.
    pub fn configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }

    /// Sets an entry of Flink's configuration.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.set_raw(key, value);
        self
    }

    /// How many TaskManagers there are. Defaults to 1; with none every job waits for slots in vain.
    pub fn task_managers(mut self, task_managers: u32) -> Self {
        self.task_managers = task_managers;
        self
    }

    /// How many slots each TaskManager has. Defaults to `taskmanager.numberOfTaskSlots`, which defaults to 1.
    pub fn slots_per_task_manager(mut self, slots: u32) -> Self {
        self.slots_per_task_manager = Some(slots);
        self
    }

    /// The directory for savepoints that name none (`execution.checkpointing.savepoint-dir`). Defaults to none: then such
    /// a savepoint is refused, as by Flink.
    pub fn savepoint_directory(self, directory: impl Into<String>) -> Self {
        self.set(options::EXECUTION_CHECKPOINTING_SAVEPOINT_DIR.key(), directory)
    }

    /// What the cluster takes the time from. Defaults to the machine's clock.
    pub fn clock(mut self, clock: MiniClock) -> Self {
        self.clock = clock;
        self
    }

    /// The version of Flink that the cluster says it is. Its answers are those of 1.20 for any 1.x, and those of 2.3 for
    /// any 2.x. Defaults to 2.3.0.
    pub fn flink_version(mut self, version: FlinkVersion) -> Self {
        self.flink_version = version;
        self
    }

    /// Whether the cluster closes when the first job has ended. Defaults to no.
    pub fn ends_with_its_job(mut self, ends: bool) -> Self {
        self.ends_with_its_job = ends;
        self
    }

    /// Serves Flink's REST API on `port`, for clients of any kind: Flink's own command line, curl, another language. 0
    /// takes a port that is free; see [`MiniCluster::rest_address`](super::MiniCluster::rest_address), and the entries
    /// `rest.address` and `rest.port` of [`MiniCluster::configuration`](super::MiniCluster::configuration).
    ///
    /// Off unless this is called, whatever `rest.port` says: that is where a real cluster would be. Honours
    /// `rest.server.max-content-length`, `rest.idleness-timeout`, `web.timeout`, `web.submit.enable`,
    /// `web.exception-history-size` and `web.access-control-allow-origin`.
    ///
    /// # Examples
    /// ```
    /// use flink_client::RestClusterClient;
    /// use flink_client::mini::{MiniCluster, MiniClusterConfiguration};
    /// use flink_client::prelude::*;
    ///
    /// let cluster = MiniCluster::start(MiniClusterConfiguration::new().rest_port(0))?;
    /// let address = cluster.rest_address().expect("it serves its REST API");
    /// assert!(address.starts_with("http://127.0.0.1:"));
    /// let client = RestClusterClient::connect(address)?;
    /// assert!(client.list_jobs().wait()?.is_empty());
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn rest_port(mut self, port: u16) -> Self {
        self.rest_port = Some(port);
        self
    }

    /// The address that the REST API is served on. Defaults to 127.0.0.1, which only this machine reaches.
    ///
    /// As Flink's, the API asks nobody who he is. Whoever reaches it can run the registered programs, fill the disk with
    /// uploads, and have savepoints written, read and removed wherever this process may: think of
    /// [`rest_savepoints_below`](Self::rest_savepoints_below).
    pub fn rest_bind_address(mut self, address: IpAddr) -> Self {
        self.rest_bind_address = address;
        self
    }

    /// The one directory in which requests to the REST API may have savepoints and checkpoints written, read and removed;
    /// others are refused with status 403, also in the configuration that a run gives its job. Defaults to anywhere, as in Flink. What the cluster's own configuration names, and
    /// clients in this process, are not bound by it.
    pub fn rest_savepoints_below(mut self, directory: impl Into<PathBuf>) -> Self {
        self.rest_savepoints_below = Some(directory.into());
        self
    }

    /// # Errors
    /// [`ErrorKind::Configuration`] for a value that cannot be, naming its key.
    pub(super) fn resolve(self) -> Result<(Settings, StoreSettings, MiniClock, Option<RestPlan>)> {
        let configuration = self.configuration;
        let slots = match self.slots_per_task_manager {
            Some(slots) => slots,
            None => configuration.get(&options::TASKMANAGER_NUMBER_OF_TASK_SLOTS)?,
        };
        // More are a slip, and each may cost a thread.
        const MOST: u32 = 1 << 16;
        if self.task_managers.saturating_mul(slots) > MOST {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "{} TaskManagers with {slots} slots each are more than {MOST} slots",
                    self.task_managers
                ),
            ));
        }
        let task_managers = (0..self.task_managers)
            .map(|index| {
                let random = TriggerId::random().to_string();
                let port = 40_000 + index * 2;
                TaskManager {
                    id: format!("localhost:{port}-{}", &random[..6]),
                    endpoint: format!("localhost:{}", port + 1),
                }
            })
            .collect();
        let adaptive = match configuration.get(&SCHEDULER)?.to_ascii_lowercase().as_str() {
            "default" => false,
            "adaptive" => true,
            other => {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!("{}: the mini cluster has default and adaptive, got {other:?}", SCHEDULER.key()),
                ));
            }
        };
        let rest = match self.rest_port {
            Some(port) => {
                let below = self.rest_savepoints_below;
                Some(RestPlan::new(self.rest_bind_address, port, below, &configuration)?)
            }
            None => None,
        };
        let async_store_duration = configuration.get(&options::REST_ASYNC_STORE_DURATION)?;
        // For jobs, which may have others; a slip is better told now.
        CheckpointStorage::of(&configuration).map_err(|exception| {
            Error::new(ErrorKind::Configuration, exception.message().unwrap_or_default().to_owned())
        })?;
        let settings = Settings {
            flink_version: self.flink_version,
            task_managers,
            slots_per_task_manager: slots,
            parallelism: configuration.get(&options::PARALLELISM_DEFAULT)?,
            slot_request_timeout: configuration.get(&SLOT_REQUEST_TIMEOUT)?,
            job_store_capacity: configuration.get(&JOB_STORE_CAPACITY)? as usize,
            job_store_expiration: Duration::from_secs(configuration.get(&JOB_STORE_EXPIRATION)?),
            async_store_duration,
            exceptions_shown: configuration.get(&EXCEPTION_HISTORY_SIZE)? as usize,
            savepoint_directory: configuration
                .get_optional(&options::EXECUTION_CHECKPOINTING_SAVEPOINT_DIR)?,
            adaptive,
            ends_with_its_job: self.ends_with_its_job,
            configuration,
        };
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let store = StoreSettings {
            job_store_capacity: settings.job_store_capacity,
            job_store_expiration_millis: millis(settings.job_store_expiration),
            async_store_millis: Some(millis(async_store_duration)).filter(|kept| *kept > 0),
            slot_request_timeout: settings.slot_request_timeout,
            adaptive,
            flink_2: settings.is_flink_2(),
            ends_with_its_job: settings.ends_with_its_job,
        };
        Ok((settings, store, self.clock, rest))
    }
}
