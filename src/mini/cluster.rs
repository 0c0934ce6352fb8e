//! The cluster: started, given programs, closed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::JobStatusChange;
use super::applications::Applications;
use super::client::MiniClusterClient;
use super::clock::MiniClock;
use super::configuration::MiniClusterConfiguration;
use super::core::{Core, State};
use super::dispatcher::{self, Dispatcher, RunRequest};
use super::exception::JavaException;
use super::jars::Jars;
use super::job::run;
use super::operations::Operations;
use super::program::{IntoJobs, MiniJob, MiniProgram};
use super::rest::Server;
use super::slots::Slots;
use super::timer::Timer;
use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;
use crate::pending::Pending;

/// A Flink cluster in this process, for tests and for trying things out: no JVM, no network, started in a millisecond.
///
/// It runs stand-in programs, written in Rust and registered under the entry classes of the real ones; see the
/// [module](crate::mini). Clones are the same cluster. It is closed by [`close`](Self::close), or when its last
/// clone and the last client that has one are dropped.
///
/// # Examples
/// ```
/// use flink_client::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
/// use flink_client::prelude::*;
///
/// let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(4))?;
/// let client = cluster.client();
/// let job = cluster.submit(MiniJob::new("hello").vertex("source", 2, |task| {
///     task.int_counter("tasks").add(1);
///     Ok(())
/// }));
/// let result = client.job_result(job.wait()?).wait()?;
/// assert!(result.is_success());
/// assert_eq!(result.accumulators.value("tasks")?.as_i64(), Some(2));
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone)]
pub struct MiniCluster(Arc<Owner>);

/// Whoever holds this keeps the cluster open; its threads hold only the [`Core`].
struct Owner {
    core: Arc<Core>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.close();
    }
}

/// How long closing waits, for all that does not listen together.
const PATIENCE: Duration = Duration::from_secs(5);

impl MiniCluster {
    /// Starts a cluster. Its slots are there at once.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a value that cannot be, naming its key; [`ErrorKind::LocalFile`] if the
    /// directory for uploaded jars cannot be made; [`ErrorKind::Process`] if there is no thread to be had;
    /// [`ErrorKind::Configuration`] if the port for the REST API is in use.
    pub fn start(configuration: MiniClusterConfiguration) -> Result<Self> {
        let (mut settings, store, clock, rest) = configuration.resolve()?;
        let rest = match rest {
            Some(plan) => {
                let bound = plan.bind()?;
                let address = bound.reachable();
                settings.configuration.set(&options::REST_ADDRESS, address.ip().to_string());
                settings.configuration.set(&options::REST_PORT, address.port());
                Some((plan, bound))
            }
            None => None,
        };
        let uploads = settings.configuration.get_optional(&options::WEB_UPLOAD_DIR)?;
        let jars = Jars::open(uploads.as_deref()).map_err(|error| {
            Error::new(ErrorKind::LocalFile, format!("no directory for uploaded jars: {error}"))
                .with_source(error)
        })?;
        let timer = Timer::start(clock.clone()).map_err(|error| {
            jars.remove_all();
            Error::new(ErrorKind::Process, format!("no thread for the cluster's timer: {error}"))
                .with_source(error)
        })?;
        let state = State {
            settings: Arc::new(store),
            open: true,
            ending: false,
            jobs: HashMap::new(),
            numbered: 0,
            slots: Slots::new(settings.task_managers.len(), settings.slots_per_task_manager as usize),
            waiting: VecDeque::new(),
            ended: VecDeque::new(),
            ever_ended: HashSet::new(),
            programs: BTreeMap::new(),
            operations: Operations::default(),
            applications: Applications::default(),
            data_sets: BTreeSet::new(),
            heartbeats: HashMap::new(),
            listeners: Vec::new(),
        };
        // From here on whatever goes wrong closes what there is.
        let cluster = Self(Arc::new(Owner { core: Core::new(settings, clock, timer, jars, state) }));
        if let Some((plan, bound)) = rest {
            let server = plan.serve(bound, cluster.dispatcher()).map_err(|error| {
                let text = format!("no thread for the cluster's REST API: {error}");
                Error::new(ErrorKind::Process, text).with_source(error)
            })?;
            // Nobody else has the cluster yet, so nothing was set before.
            let _ = cluster.0.core.rest.set(server);
        }
        Ok(cluster)
    }

    /// Registers a stand-in under the class that a real program's `main` is in. Replaces one that was there.
    ///
    /// It is called for each run and returns the job that it builds: a [`MiniJob`], or an `Option` or `Vec` of them, or
    /// a `Result` of these. The jar that is run need not have the class; it only has to be a jar.
    ///
    /// Two versions of a program that share an entry class share the stand-in, whatever their jars: tell them apart by an
    /// argument (`program.parameter("version")`), or give each version an entry class of its own.
    ///
    /// # Examples
    /// ```
    /// use flink_client::mini::{JavaException, MiniCluster, MiniClusterConfiguration, MiniJob};
    ///
    /// let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
    /// cluster.register_program("com.acme.Etl", |program| {
    ///     let Some(topic) = program.parameter("topic") else {
    ///         return Err(JavaException::new("java.lang.IllegalArgumentException", "no --topic given"));
    ///     };
    ///     Ok(MiniJob::new(format!("etl of {topic}")).vertex("source", program.parallelism(), |_task| Ok(())))
    /// });
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn register_program<F, J>(&self, entry_class: impl Into<String>, program: F) -> &Self
    where
        F: Fn(&MiniProgram) -> J + Send + Sync + 'static,
        J: IntoJobs,
    {
        self.dispatcher().register(entry_class.into(), dispatcher::program(program));
        self
    }

    /// Submits a job that was built here; completes with its id when it has been initialised.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] if the cluster is closed.
    pub fn submit(&self, job: MiniJob) -> Pending<JobId> {
        if !self.is_open() {
            return Pending::failed(closed());
        }
        let submitted = self.dispatcher().submit(job, &RunRequest::default());
        submitted.then(|answer| answer.map_err(|exception| refused(&exception)))
    }

    /// A client of this cluster, which it keeps open.
    ///
    /// # Examples
    /// ```
    /// use flink_client::mini::{MiniCluster, MiniClusterConfiguration};
    /// use flink_client::prelude::*;
    ///
    /// let client = MiniCluster::start(MiniClusterConfiguration::new())?.client();
    /// assert!(client.list_jobs().wait()?.is_empty());
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn client(&self) -> MiniClusterClient {
        MiniClusterClient::new(self.configuration().clone(), self.clone())
    }

    /// The configuration that the cluster was made from.
    pub fn configuration(&self) -> &Configuration {
        &self.0.core.settings.configuration
    }

    /// What the cluster takes the time from.
    pub fn clock(&self) -> &MiniClock {
        &self.0.core.clock
    }

    /// How many slots there are.
    pub fn slots_total(&self) -> usize {
        self.0.core.act(|state, _| state.slots.total())
    }

    /// How many slots are free.
    pub fn slots_available(&self) -> usize {
        self.0.core.act(|state, _| state.slots.free())
    }

    /// Every change of a job's state from now on, in order. For tests that wait for one.
    ///
    /// # Examples
    /// ```
    /// use flink_client::JobStatus;
    /// use flink_client::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
    ///
    /// let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
    /// let changes = cluster.job_status_changes();
    /// cluster.submit(MiniJob::new("hello").vertex("source", 1, |_task| Ok(()))).wait()?;
    /// let states: Vec<_> = changes.iter().map(|change| change.to).take(3).collect();
    /// assert_eq!(states, [JobStatus::Created, JobStatus::Running, JobStatus::Finished]);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn job_status_changes(&self) -> Receiver<JobStatusChange> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        self.0.core.act(|state, _| {
            if state.open {
                state.listeners.push(sender);
            }
        });
        receiver
    }

    /// Where the cluster's REST API is, such as `http://127.0.0.1:8081`, if it serves one.
    pub fn rest_address(&self) -> Option<String> {
        self.0.core.rest.get().map(Server::url)
    }

    /// Whether the cluster has not been closed.
    pub fn is_open(&self) -> bool {
        self.0.core.act(|state, _| state.open)
    }

    /// Ends the cluster: its jobs are suspended and their tasks cancelled, open operations of clients fail with
    /// [`ErrorKind::ConnectionLost`], its REST port is closed, its threads end, and its uploaded jars are removed.
    /// Savepoints stay.
    ///
    /// Waits for tasks, programs and requests, but no longer than 5 s: what does not listen is left behind. Any thread may call it, a
    /// task's too; twice is fine.
    pub fn close(&self) {
        self.0.core.close();
    }

    pub(crate) fn dispatcher(&self) -> Dispatcher {
        Dispatcher::new(Arc::clone(&self.0.core))
    }
}

impl fmt::Debug for MiniCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, jobs, free) =
            self.0.core.act(|state, _| (state.open, state.jobs.len(), state.slots.free()));
        f.debug_struct("MiniCluster")
            .field("open", &open)
            .field("jobs", &jobs)
            .field("slots_available", &free)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Closes the cluster, and waits for its threads within reason.
    pub(super) fn close(self: &Arc<Self>) {
        let let_go = self.act(|state, effects| {
            if !std::mem::replace(&mut state.open, false) {
                return None;
            }
            let jobs: Vec<_> = state.jobs.keys().copied().collect();
            for job in jobs {
                run::suspend(state, effects, job);
            }
            let jobs = std::mem::take(&mut state.jobs);
            let operations = std::mem::take(&mut state.operations);
            Some((jobs, operations, std::mem::take(&mut state.programs)))
        });
        let Some(let_go) = let_go else { return };
        // Dropped promises fail as closed; jobs and programs are callers' code, which may hold the cluster itself.
        drop(let_go);
        let deadline = Instant::now() + PATIENCE;
        let left = || deadline.saturating_duration_since(Instant::now());
        // Who waits for one of them is answered that the cluster is gone.
        let answered = self.rest.get().is_none_or(|rest| rest.close(left()));
        self.timer.close();
        let ended = [&self.tasks, &self.programs, &self.files].map(|threads| threads.close(left()));
        if !answered || ended.contains(&false) {
            log::warn!("the mini cluster leaves threads behind that do not end");
        }
        self.jars.remove_all();
        self.act(|state, _| state.listeners.clear());
    }

    /// Closes the cluster from one of its own threads, or for somebody who must not wait.
    pub(super) fn close_elsewhere(self: &Arc<Self>) {
        let ours = Arc::clone(self);
        let spawned = std::thread::Builder::new().name("flink-mini-close".into()).spawn(move || ours.close());
        if let Err(error) = spawned {
            log::error!("no thread closes the mini cluster: {error}");
        }
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the mini cluster is not running: it has been closed")
}

/// The error of an answer, the same as over REST.
pub(super) fn refused(exception: &JavaException) -> Error {
    crate::classify::exception(exception.stack_trace())
}
