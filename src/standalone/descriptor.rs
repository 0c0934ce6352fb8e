//! Starts, finds and kills clusters on this machine.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::cluster::{ClientSettings, LocalClusterId, StandaloneCluster, check_running};
use super::java::Places;
use super::processes::check_system;
use super::record::Record;
use super::settings::{CLUSTER_FOLDER, application_jar};
use super::start::Order;
use crate::config::{ConfigOption, Configuration};
use crate::descriptor::ClusterDescriptor;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;
use crate::job::Acknowledge;
use crate::pending::Pending;
use crate::pending::operation::{Operating, start};
use crate::plan::ExecutionPlan;
use crate::rest::config::RestClusterClientConfigurationBuilder;
use crate::runtime::Runtime;
use crate::specification::ClusterSpecification;

const JAVA_HOME: ConfigOption<String> = ConfigOption::new("env.java.home");

/// Generous: a laptop that has just been opened, or a build machine with other work.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Starts real Flink clusters on this machine, finds them again, and kills them.
///
/// Each cluster is a JobManager and some TaskManagers, processes of a Java that runs a Flink distribution (1.19 or newer;
/// tested with 1.20.5 and 2.3.0), without its shell scripts. They listen on the loopback alone, on free ports, and work
/// in a folder of their own, which has their configuration and logs.
///
/// # How long a cluster lives
///
/// As long as its [`StandaloneCluster`], and no longer than this process: however that ends, by a panic, Ctrl-C or
/// `kill -9`, the cluster's processes end too, within seconds. They are watched over by a shell that reads a pipe whose
/// other end only this process has, so a child that was *forked* from this process without running another program
/// keeps them too. [`detached`](Self::detached) clusters run on until they are killed.
///
/// # What is configured
///
/// The configuration given to [`new`](Self::new) is the cluster's, and reaches Flink whole. This descriptor sets what it
/// leaves open: addresses, ports, and all parts of the processes' memory, by Flink's rules. It refuses, by name, keys
/// that it has to decide itself: those that contradict the [`ClusterSpecification`], `rest.bind-port`,
/// `taskmanager.resource-id`, `env.log.dir`, `env.pid.dir`, and Flink's internal ones. `env.java.home`,
/// `env.java.opts.all`, `env.java.opts.jobmanager` and `env.java.opts.taskmanager` are honoured as Flink's scripts do.
///
/// No configuration is read from the distribution: use [`Configuration::from_dir`] for its folder `conf`.
///
/// # Examples
/// ```no_run
/// use flink_client::{
///     ClusterClient, ClusterClientProvider, ClusterDescriptor, ClusterSpecification, Configuration, ExecutionPlan,
///     StandaloneClusterDescriptor,
/// };
///
/// // The folder of an unpacked Flink; not given, it is the environment variable FLINK_HOME.
/// let descriptor = StandaloneClusterDescriptor::new(Configuration::new()).flink_home("/opt/flink-2.3.0");
/// let size = ClusterSpecification::new().task_managers(2).slots_per_task_manager(4);
/// let cluster = descriptor.deploy_session_cluster(&size).wait()?;
/// println!("{} with {} slots", cluster.web_interface_url(), size.slots());
///
/// let client = cluster.cluster_client()?;
/// let job = client.submit_job(ExecutionPlan::jar("target/etl.jar").entry_class("com.acme.Etl")).wait()?;
/// println!("{}", client.job_result(job).wait()?.application_status);
/// cluster.kill().wait()?; // or drop it
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct StandaloneClusterDescriptor {
    configuration: Configuration,
    flink_home: Option<PathBuf>,
    java_home: Option<PathBuf>,
    working_directory: Option<PathBuf>,
    start_limit: Duration,
    detached: bool,
    client: ClientSettings,
}

impl StandaloneClusterDescriptor {
    /// The key under which a configuration names a cluster that runs: by its folder. Each cluster's own configuration
    /// has it.
    pub const CLUSTER_FOLDER: ConfigOption<String> = CLUSTER_FOLDER;

    /// Descriptor of clusters with this configuration.
    pub fn new(configuration: Configuration) -> Self {
        Self {
            configuration,
            flink_home: None,
            java_home: None,
            working_directory: None,
            start_limit: START_LIMIT,
            detached: false,
            client: ClientSettings::default(),
        }
    }

    /// The Flink distribution: the folder of an unpacked tarball (with `lib`), one with all of Flink's jars, or what
    /// `pip install apache-flink-libraries` made of `pyflink`. Defaults to the environment variable `FLINK_HOME`.
    pub fn flink_home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.flink_home = Some(folder.into());
        self
    }

    /// The folder of the Java to use, 11 or newer. Defaults to `env.java.home` of the configuration, the environment
    /// variable `JAVA_HOME`, or the `java` in `PATH`: the first of them that is set.
    pub fn java_home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.java_home = Some(folder.into());
        self
    }

    /// Where each cluster gets a folder of its own, which stays when the cluster is killed, with its logs. Defaults to
    /// the system's folder for temporary files; there it is removed with the cluster, unless the cluster failed to start.
    pub fn working_directory(mut self, folder: impl Into<PathBuf>) -> Self {
        self.working_directory = Some(folder.into());
        self
    }

    /// How long a cluster may take until it is ready. Defaults to 2 min.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Whether clusters run on when their [`StandaloneCluster`] is dropped or this process ends. They are found again by
    /// [`retrieve`](ClusterDescriptor::retrieve), from the file `cluster.json` in their folder, and end by
    /// [`kill_cluster`](ClusterDescriptor::kill_cluster). Defaults to false.
    ///
    /// A cluster is detached when it is ready: one whose starter dies before that ends with it.
    pub fn detached(mut self, detached: bool) -> Self {
        self.detached = detached;
        self
    }

    /// Changes how the clusters' clients are made: TLS, retries, a [`Runtime`] of one's own. What is given to it has
    /// read the cluster's configuration already.
    ///
    /// With TLS it has to say whom to trust, since Flink's `security.ssl.rest.truststore` is a Java key store, which this
    /// library does not read.
    pub fn client(
        mut self,
        adjust: impl Fn(RestClusterClientConfigurationBuilder) -> RestClusterClientConfigurationBuilder
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.client = ClientSettings(Some(Arc::new(adjust)));
        self
    }

    fn home(&self) -> Result<PathBuf> {
        if let Some(home) = &self.flink_home {
            return Ok(home.clone());
        }
        match env::var_os("FLINK_HOME").filter(|home| !home.is_empty()) {
            Some(home) => Ok(home.into()),
            None => {
                let message =
                    "no Flink: neither is a flink_home given, nor is the environment variable FLINK_HOME set";
                Err(Error::new(ErrorKind::Configuration, message).with_hint(
                    "set it to the folder of an unpacked Flink, or of what `pip install apache-flink-libraries` brought",
                ))
            }
        }
    }

    fn java(&self) -> Result<Places> {
        let configured = match &self.java_home {
            Some(home) => Some((home.clone(), "the descriptor's java_home".to_owned())),
            None => {
                let home = self.configuration.get_optional(&JAVA_HOME)?;
                home.map(|home| (home.into(), JAVA_HOME.key().to_owned()))
            }
        };
        Ok(Places::new(configured))
    }

    fn order(
        &self,
        specification: &ClusterSpecification,
        application: Option<(ExecutionPlan, JobId)>,
    ) -> Result<Order> {
        check_system()?;
        let mut configuration = self.configuration.clone();
        if let Some((application, _)) = &application {
            application_jar(application)?;
            configuration.extend(application.configuration.clone());
        }
        Ok(Order {
            home: self.home()?,
            java: self.java()?,
            parent: self.working_directory.clone(),
            configuration,
            specification: specification.clone(),
            application,
            limit: self.start_limit,
            detached: self.detached,
            client: self.client.clone(),
        })
    }

    fn start(&self, operating: Operating, order: Result<Order>) -> Pending<StandaloneCluster> {
        let operating = Arc::new(if self.detached {
            operating
        } else {
            // Nobody would ever see the cluster, so it would be killed as soon as it is ready.
            operating.reading()
        });
        let named = Arc::clone(&operating);
        start(&Runtime::shared(), None, operating, async move { order?.start(named).await })
    }

    fn find(cluster_id: &LocalClusterId) -> Result<(Record, super::running::Running)> {
        let record = Record::read(cluster_id.folder())?;
        let running = record.running(cluster_id.folder().to_owned());
        Ok((record, running))
    }
}

impl ClusterDescriptor for StandaloneClusterDescriptor {
    type ClusterId = LocalClusterId;
    type Provider = StandaloneCluster;

    fn cluster_description(&self) -> String {
        match self.home() {
            Ok(home) => format!("standalone cluster on this machine, of the Flink in {}", home.display()),
            Err(_) => "standalone cluster on this machine".into(),
        }
    }

    /// Finds a cluster that this library started on this machine, in this process or another. Dropping what is
    /// returned leaves the cluster running.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`] if there is no cluster in that folder; [`ErrorKind::Process`] if it does not run any
    /// more.
    fn retrieve(&self, cluster_id: &LocalClusterId) -> Result<StandaloneCluster> {
        let (record, running) = Self::find(cluster_id)?;
        check_running(&running, &record)?;
        let configuration = configuration_of(&self.configuration, &record, cluster_id.folder());
        let client = self.client.client(&configuration, cluster_id.clone())?;
        Ok(StandaloneCluster::new(running, client, &record))
    }

    /// Starts a cluster, and completes when all of its slots are registered.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no Flink or no Java 11, or for a key that cannot be set;
    /// [`ErrorKind::InvalidArgument`] for memory that is too little; [`ErrorKind::LocalFile`] if the folder cannot be
    /// made; [`ErrorKind::Process`] if a port is taken, or a process ends or is not ready within the
    /// [limit](StandaloneClusterDescriptor::start_limit): then with what its log says,
    /// [`stack_trace`](Error::stack_trace) has the end of the log, and no process is left.
    /// [`ErrorKind::Unsupported`] on other systems than Unix.
    fn deploy_session_cluster(&self, specification: &ClusterSpecification) -> Pending<StandaloneCluster> {
        self.start(Operating::new("starting a session cluster"), self.order(specification, None))
    }

    /// Starts a cluster that runs one program, and completes when all slots are registered and the cluster knows the
    /// program's job, under the plan's id or [the one that was chosen](StandaloneCluster::job_id).
    ///
    /// The cluster stays when the program ends, so that its result can be asked for; with
    /// `execution.shutdown-on-application-finish: true` it ends with the program, as Flink's do. A program whose main
    /// method throws is then a job that failed.
    ///
    /// # Errors
    /// As [`deploy_session_cluster`](Self::deploy_session_cluster); [`ErrorKind::InvalidArgument`] for another plan than
    /// a [jar's](ExecutionPlan::jar).
    fn deploy_application_cluster(
        &self,
        specification: &ClusterSpecification,
        application: ExecutionPlan,
    ) -> Pending<StandaloneCluster> {
        let job_id = application.job_id.unwrap_or_else(JobId::random);
        let operating =
            Operating::new(format!("starting an application cluster for job {job_id}")).job(job_id);
        self.start(operating, self.order(specification, Some((application, job_id))))
    }

    /// Ends a cluster that this library started on this machine, in this process or another.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`] if there is no cluster in that folder; [`ErrorKind::Process`] if some process of it
    /// cannot be killed. A cluster that does not run any more is a success.
    fn kill_cluster(&self, cluster_id: &LocalClusterId) -> Pending<Acknowledge> {
        let found = Self::find(cluster_id);
        let operating = Operating::new(format!("killing the cluster in {cluster_id}"));
        let runtime = Runtime::shared();
        let core = Arc::clone(runtime.core());
        start(&runtime, None, Arc::new(operating), async move {
            let (_, running) = found?;
            running.end(&core).await.map(|()| Acknowledge)
        })
    }
}

/// The configuration that the cluster was started with is in its folder; without the feature to read it, what leads to
/// its REST API has to do.
fn configuration_of(given: &Configuration, record: &Record, folder: &Path) -> Configuration {
    let mut configuration = given.clone();
    if let Ok(started_with) = Configuration::from_file(folder.join("conf/config.yaml")) {
        configuration.merge(&started_with);
    } else if let Some((scheme, authority)) = record.web_interface_url.split_once("://")
        && let Some((host, port)) = authority.split('/').next().unwrap_or(authority).rsplit_once(':')
    {
        configuration.set_raw("rest.address", host).set_raw("rest.port", port);
        configuration.set_raw("security.ssl.rest.enabled", (scheme == "https").to_string());
    }
    configuration
}

impl fmt::Debug for StandaloneClusterDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandaloneClusterDescriptor")
            .field("configuration", &self.configuration)
            .field("flink_home", &self.flink_home)
            .field("java_home", &self.java_home)
            .field("working_directory", &self.working_directory)
            .field("start_limit", &self.start_limit)
            .field("detached", &self.detached)
            .finish_non_exhaustive()
    }
}
