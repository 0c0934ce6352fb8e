//! What to run: a jar with a program, or a job graph that was made elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;
use crate::savepoint::ClaimMode;

/// A job to submit: a program in a jar with all that it is run with, or a serialised job graph.
///
/// # Examples
/// ```
/// use flink_client::{ClaimMode, ExecutionPlan};
///
/// let plan = ExecutionPlan::jar("target/etl.jar")
///     .entry_class("com.acme.Etl")
///     .args(["--topic", "orders"])
///     .parallelism(4)
///     .savepoint("s3://savepoints/etl/savepoint-5f1c2d")
///     .claim_mode(ClaimMode::NoClaim)
///     .configuration("execution.checkpointing.interval", "10 s");
/// assert!(plan.job_id_if_chosen().is_none());
/// ```
#[derive(Clone)]
#[must_use = "a plan does nothing until it is submitted"]
pub struct ExecutionPlan {
    pub(crate) source: PlanSource,
    pub(crate) entry_class: Option<String>,
    pub(crate) args: Vec<String>,
    pub(crate) parallelism: Option<u32>,
    pub(crate) job_id: Option<JobId>,
    pub(crate) several_jobs: bool,
    pub(crate) savepoint: Option<String>,
    pub(crate) claim_mode: Option<ClaimMode>,
    pub(crate) allow_non_restored_state: Option<bool>,
    pub(crate) configuration: BTreeMap<String, String>,
    pub(crate) on_upload: Option<UploadProgress>,
}

/// Called with the bytes sent so far and in all.
pub(crate) type UploadProgress = Arc<dyn Fn(u64, u64) + Send + Sync>;

#[derive(Clone, Debug)]
pub(crate) enum PlanSource {
    Jar(PathBuf),
    UploadedJar(String),
    Graph { graph: PathBuf, jars: Vec<PathBuf>, artifacts: BTreeMap<String, PathBuf> },
}

impl ExecutionPlan {
    /// A program in a jar on this machine. It is uploaded, run, and removed from the cluster's jars again.
    ///
    /// The file is read when the upload is under way; it is streamed, never held in memory.
    pub fn jar(path: impl AsRef<Path>) -> Self {
        Self::of(PlanSource::Jar(path.as_ref().to_owned()))
    }

    /// A program in a jar that was uploaded before. It stays among the cluster's jars.
    ///
    /// `jar_id` is as `upload_jar` gave it: a file name, without a path.
    pub fn uploaded_jar(jar_id: impl Into<String>) -> Self {
        Self::of(PlanSource::UploadedJar(jar_id.into()))
    }

    /// A serialised job graph (or stream graph, for Flink 2.x) in a file on this machine, as Java's client makes and
    /// submits it.
    ///
    /// The graph decides the job's id, parallelism and all other settings but those of [`jars`](Self::with_jar) and
    /// [`artifacts`](Self::with_artifact). A lost answer is told from a lost request by the job's id, which is read
    /// from graphs of up to 16 MiB; for a larger one give it with [`job_id`](Self::job_id).
    pub fn serialized(graph: impl AsRef<Path>) -> Self {
        let graph = graph.as_ref().to_owned();
        Self::of(PlanSource::Graph { graph, jars: Vec::new(), artifacts: BTreeMap::new() })
    }

    fn of(source: PlanSource) -> Self {
        Self {
            source,
            entry_class: None,
            args: Vec::new(),
            parallelism: None,
            job_id: None,
            several_jobs: false,
            savepoint: None,
            claim_mode: None,
            allow_non_restored_state: None,
            configuration: BTreeMap::new(),
            on_upload: None,
        }
    }

    /// The class whose `main` is run. Defaults to the `Main-Class` of the jar's manifest.
    pub fn entry_class(mut self, class: impl Into<String>) -> Self {
        self.entry_class = Some(class.into());
        self
    }

    /// Adds an argument for `main`, passed as it is: no quoting, no splitting.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments for `main`, passed as they are: no quoting, no splitting.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The parallelism of the operators that do not set their own. Defaults to the cluster's `parallelism.default`.
    pub fn parallelism(mut self, parallelism: u32) -> Self {
        self.parallelism = Some(parallelism);
        self
    }

    /// The id that the job is to have. Defaults to a random one, chosen on this side before the first attempt.
    ///
    /// Fixing it beforehand lets another process look for the job if this one dies during the submission. A cluster
    /// takes each id once, also after the job has ended.
    pub fn job_id(mut self, job_id: JobId) -> Self {
        self.job_id = Some(job_id);
        self
    }

    /// Says that the program executes several jobs, each of which is to get an id of its own.
    ///
    /// An id that is chosen beforehand, as by default, is given to all jobs of a program: Flink 2.3 refuses the second
    /// one with [`ErrorKind::ProgramFailed`], and earlier ones take it for the first once more and never run it. With
    /// this, no id is sent, all jobs run, and the submission completes with the id of the first.
    ///
    /// What is lost is that a lost answer does no harm: nothing tells the cluster or this client whether it has run the
    /// program already. So the run is sent once, and if its answer is lost the error is
    /// [`ErrorKind::OutcomeUnknown`], without an id to look by: list the jobs before it is done again. On Flink 2.3
    /// [`run_application`](crate::RestClusterClient::run_application) runs such a program without that loss.
    ///
    /// # Examples
    /// ```no_run
    /// use flink_client::prelude::*;
    /// use flink_client::{ExecutionPlan, RestClusterClient};
    ///
    /// let client = RestClusterClient::connect("localhost:8081")?;
    /// let plan = ExecutionPlan::jar("target/nightly.jar").entry_class("com.acme.LoadThenReport").several_jobs();
    /// let first = client.submit_job(plan).wait()?;
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn several_jobs(mut self) -> Self {
        self.several_jobs = true;
        self
    }

    /// The savepoint or retained checkpoint to start from, as a path that the cluster can read.
    pub fn savepoint(mut self, path: impl Into<String>) -> Self {
        self.savepoint = Some(path.into());
        self
    }

    /// Whose files the savepoint's are afterwards. Defaults to the cluster's
    /// `execution.state-recovery.claim-mode`, which defaults to [`ClaimMode::NoClaim`].
    pub fn claim_mode(mut self, mode: ClaimMode) -> Self {
        self.claim_mode = Some(mode);
        self
    }

    /// Whether state of the savepoint that the job has no operator for is left behind instead of failing the start.
    /// Defaults to the cluster's `execution.state-recovery.ignore-unclaimed-state`, which defaults to false.
    pub fn allow_non_restored_state(mut self, allow: bool) -> Self {
        self.allow_non_restored_state = Some(allow);
        self
    }

    /// Sets an entry of Flink's configuration for this job.
    pub fn configuration(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.insert(key.into(), value.into());
        self
    }

    /// Adds a jar that a serialised graph needs on its class path.
    pub fn with_jar(mut self, path: impl AsRef<Path>) -> Self {
        if let PlanSource::Graph { jars, .. } = &mut self.source {
            jars.push(path.as_ref().to_owned());
        }
        self
    }

    /// Adds a file that a serialised graph knows as the artifact `name`.
    pub fn with_artifact(mut self, name: impl Into<String>, path: impl AsRef<Path>) -> Self {
        if let PlanSource::Graph { artifacts, .. } = &mut self.source {
            artifacts.insert(name.into(), path.as_ref().to_owned());
        }
        self
    }

    /// Hears of the upload's progress: bytes sent so far, and in all. Called on the thread that uploads, so it
    /// should return quickly and must not wait for a handle; if it panics, the submission fails with [`ErrorKind::Panicked`].
    pub fn on_upload(mut self, progress: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        self.on_upload = Some(Arc::new(progress));
        self
    }

    /// The id given by [`job_id`](Self::job_id).
    pub fn job_id_if_chosen(&self) -> Option<JobId> {
        self.job_id
    }

    /// What it is of, for a line about it.
    pub(crate) fn what(&self) -> String {
        match &self.source {
            PlanSource::Jar(path) => path.display().to_string(),
            PlanSource::UploadedJar(id) => format!("the jar {id}"),
            PlanSource::Graph { graph, .. } => graph.display().to_string(),
        }
    }

    /// The id that the job of a jar's program is submitted under, chosen now if it was not before. None if each of
    /// several jobs is to have its own.
    pub(crate) fn chosen_job_id(&self) -> Option<JobId> {
        (!self.several_jobs).then(|| self.job_id.unwrap_or_else(JobId::random))
    }

    pub(crate) fn is_graph(&self) -> bool {
        matches!(self.source, PlanSource::Graph { .. })
    }

    /// The jar that was uploaded before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if this is another kind of plan.
    pub(crate) fn uploaded_jar_id(&self) -> Result<&str> {
        match &self.source {
            PlanSource::UploadedJar(id) => check_jar_id(id).map(|()| &**id),
            _ => {
                Err(Error::new(ErrorKind::InvalidArgument, "the plan names no jar that was uploaded before")
                    .with_hint("upload the jar with `upload_jar` and use `ExecutionPlan::uploaded_jar`"))
            }
        }
    }

    /// # Errors
    /// [`ErrorKind::InvalidArgument`], naming the setting, for what cannot be: a parallelism of 0, or settings of a
    /// jar's program given for a serialised graph.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        if self.parallelism == Some(0) {
            return refuse("parallelism is 0, but a job needs at least 1".into());
        }
        if self.savepoint.as_deref().is_some_and(|path| path.trim().is_empty()) {
            return refuse("the savepoint to start from is an empty path".into());
        }
        if self.several_jobs && self.job_id.is_some() {
            return refuse(
                "job_id and several_jobs exclude each other: several jobs cannot have one id".into(),
            );
        }
        if let PlanSource::Graph { .. } = self.source {
            let given = [
                ("several_jobs", self.several_jobs),
                ("entry_class", self.entry_class.is_some()),
                ("args", !self.args.is_empty()),
                ("parallelism", self.parallelism.is_some()),
                ("savepoint", self.savepoint.is_some()),
                ("claim_mode", self.claim_mode.is_some()),
                ("allow_non_restored_state", self.allow_non_restored_state.is_some()),
                ("configuration", !self.configuration.is_empty()),
            ];
            let given: Vec<_> = given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect();
            if !given.is_empty() {
                return refuse(format!(
                    "{} cannot be set for a serialised graph: it was decided when the graph was made",
                    given.join(", ")
                ));
            }
        }
        Ok(())
    }
}

/// The server resolves `..` in a jar's id, out of its folder of jars and whatever the escaping.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] unless it is a mere file name.
pub(crate) fn check_jar_id(id: &str) -> Result<()> {
    let mere = !matches!(id, "" | "." | "..") && !id.contains(['/', '\\']) && !id.contains(char::is_control);
    if mere {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, format!("{id:?} is not the id of a jar"))
        .with_hint("`upload_jar` and `list_jars` give it: a file name without a path"))
}

impl fmt::Debug for ExecutionPlan {
    /// Shows no argument and no configuration value: either may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionPlan")
            .field("source", &self.source)
            .field("entry_class", &self.entry_class)
            .field("args", &self.args.len())
            .field("parallelism", &self.parallelism)
            .field("job_id", &self.job_id)
            .field("several_jobs", &self.several_jobs)
            .field("savepoint", &self.savepoint)
            .field("claim_mode", &self.claim_mode)
            .field("allow_non_restored_state", &self.allow_non_restored_state)
            .field("configuration", &self.configuration.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_are_refused_by_name() {
        let zero = ExecutionPlan::jar("a.jar").parallelism(0).check().unwrap_err();
        assert_eq!(zero.kind(), ErrorKind::InvalidArgument);
        assert!(zero.to_string().starts_with("parallelism is 0"), "{zero}");
        let graph =
            ExecutionPlan::serialized("g.bin").entry_class("A").savepoint("file:/s").check().unwrap_err();
        assert!(graph.to_string().starts_with("entry_class, savepoint cannot be set"), "{graph}");
        let both = ExecutionPlan::jar("a.jar").job_id(JobId::random()).several_jobs().check().unwrap_err();
        assert!(both.to_string().starts_with("job_id and several_jobs"), "{both}");
        assert!(ExecutionPlan::serialized("g.bin").several_jobs().check().is_err());
        ExecutionPlan::serialized("g.bin").with_jar("a.jar").job_id(JobId::random()).check().unwrap();
    }

    #[test]
    fn debug_shows_neither_arguments_nor_configuration_values() {
        let plan = ExecutionPlan::jar("a.jar").args(["--password", "hunter2"]).configuration("k", "hunter3");
        let shown = format!("{plan:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("\"k\""), "{shown}");
    }
}
