//! What stand-in programs are made of: the call that runs one, and the job that it builds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::exception::{JavaException, TaskResult};
use super::task::TaskContext;
use crate::config::Configuration;
use crate::ids::{IntermediateDataSetId, JobId};

/// How a stand-in program is run: what its `main` would find in its arguments and environment.
#[derive(Clone, Debug)]
pub struct MiniProgram {
    pub(crate) entry_class: String,
    pub(crate) jar_name: String,
    pub(crate) args: Arc<[String]>,
    pub(crate) parallelism: u32,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) job_id: Option<JobId>,
}

impl MiniProgram {
    /// The class whose `main` this stands in for.
    pub fn entry_class(&self) -> &str {
        &self.entry_class
    }

    /// The name of the jar that is run, as its file was called when it was uploaded: `etl-2.jar`. So one stand-in can be
    /// all versions of a program.
    ///
    /// # Examples
    /// ```
    /// # use flink_client::mini::{EMPTY_JAR, JavaException, MiniCluster, MiniClusterConfiguration, MiniJob};
    /// # use flink_client::prelude::*;
    /// # use flink_client::{Error, ErrorKind, ExecutionPlan};
    /// # let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
    /// cluster.register_program("com.acme.Etl", |program| match program.jar_name() {
    ///     "etl-2.jar" => Err(JavaException::new("java.lang.IllegalStateException", "no table orders_v2")),
    ///     _ => Ok(MiniJob::new("etl").vertex("source", 1, |_task| Ok(()))),
    /// });
    /// # let folder = std::env::temp_dir().join(format!("jar-name-{}", std::process::id()));
    /// # std::fs::create_dir(&folder).map_err(Error::other)?;
    /// # for (jar, runs) in [("etl-1.jar", true), ("etl-2.jar", false)] {
    /// #     let jar = folder.join(jar);
    /// #     std::fs::write(&jar, EMPTY_JAR).map_err(Error::other)?;
    /// #     let run = cluster.client().submit_job(ExecutionPlan::jar(&jar).entry_class("com.acme.Etl")).wait();
    /// #     assert_eq!(run.is_ok(), runs);
    /// # }
    /// # std::fs::remove_dir_all(&folder).map_err(Error::other)?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn jar_name(&self) -> &str {
        &self.jar_name
    }

    /// The arguments of `main`.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The value after `--name` among the arguments, as Flink's `ParameterTool` reads them.
    ///
    /// # Examples
    /// ```
    /// # use flink_client::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
    /// # let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
    /// cluster.register_program("com.acme.Etl", |program| {
    ///     let topic = program.parameter("topic").unwrap_or("orders");
    ///     MiniJob::new(format!("etl of {topic}")).vertex("source", program.parallelism(), |_task| Ok(()))
    /// });
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let at =
            self.args.iter().position(|arg| arg.trim_start_matches('-') == name && arg.starts_with('-'))?;
        self.args.get(at + 1).map(String::as_str)
    }

    /// The parallelism of the submission, else the cluster's `parallelism.default`.
    pub fn parallelism(&self) -> u32 {
        self.parallelism
    }

    /// The configuration of the job: the cluster's, with the submission's own entries over it.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The id that the job is going to have, if the submission chose one.
    pub fn job_id(&self) -> Option<JobId> {
        self.job_id
    }
}

pub(crate) type ProgramFn = dyn Fn(&MiniProgram) -> Result<Vec<MiniJob>, JavaException> + Send + Sync;

/// What a stand-in program may return: a [`MiniJob`], several or none, or a `Result` of these.
pub trait IntoJobs: sealed::Sealed {
    #[doc(hidden)]
    fn into_jobs(self) -> Result<Vec<MiniJob>, JavaException>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::MiniJob {}
    impl Sealed for Vec<super::MiniJob> {}
    impl Sealed for Option<super::MiniJob> {}
    impl<J: Sealed, E> Sealed for Result<J, E> {}
}

impl IntoJobs for MiniJob {
    fn into_jobs(self) -> Result<Vec<Self>, JavaException> {
        Ok(vec![self])
    }
}

impl IntoJobs for Vec<MiniJob> {
    fn into_jobs(self) -> Result<Self, JavaException> {
        Ok(self)
    }
}

impl IntoJobs for Option<MiniJob> {
    fn into_jobs(self) -> Result<Vec<MiniJob>, JavaException> {
        Ok(self.into_iter().collect())
    }
}

impl<J: IntoJobs, E: Into<JavaException>> IntoJobs for Result<J, E> {
    fn into_jobs(self) -> Result<Vec<MiniJob>, JavaException> {
        self.map_err(Into::into).and_then(IntoJobs::into_jobs)
    }
}

/// What is done when a job fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartStrategy {
    /// It has failed.
    None,
    /// It is started again from its latest checkpoint, so many times at most.
    FixedDelay {
        /// How many times at most.
        attempts: u32,
        /// The time between failure and start.
        delay: Duration,
    },
}

impl RestartStrategy {
    /// Starts the job again up to `attempts` times, `delay` after each failure.
    pub const fn fixed_delay(attempts: u32, delay: Duration) -> Self {
        Self::FixedDelay { attempts, delay }
    }

    /// Flink's class for it with its settings, as texts of failures show it.
    pub(crate) fn java_text(self) -> String {
        match self {
            Self::None => "NoRestartBackoffTimeStrategy".into(),
            Self::FixedDelay { attempts, delay } => format!(
                "FixedDelayRestartBackoffTimeStrategy(maxNumberRestartAttempts={attempts}, backoffTimeMS={})",
                delay.as_millis()
            ),
        }
    }
}

/// How often and how a job takes checkpoints by itself. Savepoints can be taken of any streaming job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpointing {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) minimum_pause: Duration,
    pub(crate) tolerable_failures: u32,
}

impl Checkpointing {
    /// A checkpoint every `interval` (`execution.checkpointing.interval`).
    pub const fn every(interval: Duration) -> Self {
        Self {
            interval,
            timeout: Duration::from_secs(600),
            minimum_pause: Duration::ZERO,
            tolerable_failures: 0,
        }
    }

    /// After how long one is given up. Defaults to 10 min (`execution.checkpointing.timeout`).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The least time between the end of one and the beginning of the next. Defaults to none
    /// (`execution.checkpointing.min-pause`).
    #[must_use]
    pub const fn minimum_pause(mut self, pause: Duration) -> Self {
        self.minimum_pause = pause;
        self
    }

    /// How many may fail in a row before the job does. Defaults to 0
    /// (`execution.checkpointing.tolerable-failed-checkpoints`).
    #[must_use]
    pub const fn tolerable_failures(mut self, failures: u32) -> Self {
        self.tolerable_failures = failures;
        self
    }
}

pub(crate) type TaskFn = dyn Fn(&mut TaskContext) -> TaskResult + Send + Sync;
pub(crate) type InitializeFn = dyn Fn() -> TaskResult + Send + Sync;

/// A job that a stand-in program builds.
///
/// A job has vertices, and each of them runs as so many tasks side by side as its parallelism says; each task is one
/// call of the vertex's function on a thread of its own, see [`TaskContext`]. No records flow between vertices: a
/// stand-in plays the part of the whole, as far as a client can see it. Tasks of different vertices share slots, so a
/// job takes as many slots as its widest vertex has tasks.
///
/// # Examples
/// A job of one vertex that counts until it is stopped, and goes on counting when it is restored:
/// ```
/// use std::time::Duration;
/// use flink_client::mini::{Checkpointing, MiniJob, RestartStrategy};
///
/// let job = MiniJob::new("counting")
///     .vertex("source", 2, |task| {
///         let seen = task.value_state("counter", "seen", 0_u64)?;
///         while task.keep_running()? {
///             seen.set(seen.get() + 1);
///             task.int_counter("records").add(1);
///             task.sleep(Duration::from_millis(1))?;
///         }
///         Ok(())
///     })
///     .operator("counter")
///     .checkpointing(Checkpointing::every(Duration::from_secs(10)))
///     .restart_strategy(RestartStrategy::fixed_delay(3, Duration::from_millis(100)));
/// # let _ = job;
/// ```
#[derive(Clone)]
#[must_use = "a job does nothing until a program returns it or it is submitted"]
pub struct MiniJob {
    pub(crate) name: String,
    pub(crate) batch: bool,
    pub(crate) parallelism: Option<u32>,
    pub(crate) vertices: Vec<MiniVertex>,
    pub(crate) restart_strategy: Option<RestartStrategy>,
    pub(crate) checkpointing: Option<Checkpointing>,
    pub(crate) initialize: Option<Arc<InitializeFn>>,
    pub(crate) data_sets: Vec<IntermediateDataSetId>,
}

#[derive(Clone)]
pub(crate) struct MiniVertex {
    pub(crate) name: String,
    pub(crate) parallelism: u32,
    pub(crate) max_parallelism: Option<u32>,
    pub(crate) operators: Vec<MiniOperator>,
    pub(crate) task: Arc<TaskFn>,
}

#[derive(Clone, Debug)]
pub(crate) struct MiniOperator {
    pub(crate) uid: String,
    pub(crate) coordinated: bool,
}

impl MiniJob {
    /// A streaming job without vertices yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            batch: false,
            parallelism: None,
            vertices: Vec::new(),
            restart_strategy: None,
            checkpointing: None,
            initialize: None,
            data_sets: Vec::new(),
        }
    }

    /// Makes it a batch job. Of a batch job no savepoints can be taken.
    pub fn batch(mut self) -> Self {
        self.batch = true;
        self
    }

    /// The parallelism that the program sets for the job as a whole, shown in its configuration. Defaults to the
    /// submission's; each vertex has its own anyway.
    pub fn parallelism(mut self, parallelism: u32) -> Self {
        self.parallelism = Some(parallelism);
        self
    }

    /// Adds a vertex whose tasks run `task`. See [`TaskContext`] for what a task can do.
    ///
    /// The function is called once for each task and attempt, so it must not consume what it captures.
    pub fn vertex<F>(mut self, name: impl Into<String>, parallelism: u32, task: F) -> Self
    where
        F: Fn(&mut TaskContext) -> TaskResult + Send + Sync + 'static,
    {
        self.vertices.push(MiniVertex {
            name: name.into(),
            parallelism,
            max_parallelism: None,
            operators: Vec::new(),
            task: Arc::new(task),
        });
        self
    }

    /// Declares an operator in the vertex that was added last: state is kept under its uid.
    ///
    /// Without any a vertex has one operator whose uid is the vertex's name. Flink makes an operator's id of the uid,
    /// and the vertex's of its first operator's; so does the mini cluster, and the ids are the same.
    pub fn operator(mut self, uid: impl Into<String>) -> Self {
        if let Some(vertex) = self.vertices.last_mut() {
            vertex.operators.push(MiniOperator { uid: uid.into(), coordinated: false });
        }
        self
    }

    /// Declares an operator, in the vertex that was added last, that takes coordination requests: its task with
    /// index 0 finds them with [`TaskContext::next_coordination_request`].
    pub fn coordinated_operator(mut self, uid: impl Into<String>) -> Self {
        if let Some(vertex) = self.vertices.last_mut() {
            vertex.operators.push(MiniOperator { uid: uid.into(), coordinated: true });
        }
        self
    }

    /// The highest parallelism that the vertex that was added last can ever be restored with. Defaults to the
    /// configuration's `pipeline.max-parallelism`; without one to Flink's choice, which is 128 for a parallelism up to
    /// 85.
    pub fn max_parallelism(mut self, max_parallelism: u32) -> Self {
        if let Some(vertex) = self.vertices.last_mut() {
            vertex.max_parallelism = Some(max_parallelism);
        }
        self
    }

    /// What is done when it fails. Defaults to the configuration's `restart-strategy.type`; without one to none, or
    /// for ever with a delay of 1 s if the job takes checkpoints.
    pub fn restart_strategy(mut self, strategy: RestartStrategy) -> Self {
        self.restart_strategy = Some(strategy);
        self
    }

    /// How often it takes checkpoints. Defaults to the configuration's `execution.checkpointing.interval`; without
    /// one it takes none by itself.
    pub fn checkpointing(mut self, checkpointing: Checkpointing) -> Self {
        self.checkpointing = Some(checkpointing);
        self
    }

    /// Runs while the job is `INITIALIZING`, as the JobManager's part of a source or sink does. If it fails, the job's
    /// initialisation does.
    pub fn on_initialize<F>(mut self, initialize: F) -> Self
    where
        F: Fn() -> TaskResult + Send + Sync + 'static,
    {
        self.initialize = Some(Arc::new(initialize));
        self
    }

    /// A data set that the job leaves in the cluster when it finishes.
    pub fn cluster_dataset(mut self, data_set: IntermediateDataSetId) -> Self {
        self.data_sets.push(data_set);
        self
    }
}

impl fmt::Debug for MiniJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vertices: Vec<_> =
            self.vertices.iter().map(|vertex| (&vertex.name, vertex.parallelism)).collect();
        f.debug_struct("MiniJob")
            .field("name", &self.name)
            .field("batch", &self.batch)
            .field("vertices", &vertices)
            .field("restart_strategy", &self.restart_strategy)
            .field("checkpointing", &self.checkpointing)
            .finish_non_exhaustive()
    }
}
