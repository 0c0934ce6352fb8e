//! Programs and jars: registered, uploaded, planned, run.

use std::collections::VecDeque;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Dispatcher, RunRequest};
use crate::config::Configuration;
use crate::details::{JarInfo, JobPlan};
use crate::ids::{ApplicationId, JobId};
use crate::mini::core::{Core, Effects, State};
use crate::mini::exception::JavaException;
use crate::mini::graph::{JobGraph, Restore, Setting};
use crate::mini::job::{forget, submit, views};
use crate::mini::program::{IntoJobs, MiniJob, MiniProgram, ProgramFn};
use crate::mini::{Answer, jars, wording};
use crate::pending::{Pending, Promise};
use crate::savepoint::ClaimMode;

impl Dispatcher {
    pub(crate) fn register(&self, class: String, program: Arc<ProgramFn>) {
        self.core.act(|state, _| state.programs.insert(class, program));
    }

    /// The directory of uploaded jars, as answers show it.
    pub(crate) fn jar_directory(&self) -> PathBuf {
        self.core.jars.directory().to_owned()
    }

    /// Stores a jar; its path. The last component is its id.
    pub(crate) fn upload_jar(&self, name: &str, content: &mut dyn Read) -> Answer<PathBuf> {
        self.core.jars.store(name, content)
    }

    /// Makes a file in the directory of jars one of them.
    pub(crate) fn adopt_jar(&self, name: &str, file: &Path) -> Answer<PathBuf> {
        self.core.jars.adopt(name, file)
    }

    pub(crate) fn list_jars(&self) -> Vec<JarInfo> {
        self.core.jars.list()
    }

    pub(crate) fn delete_jar(&self, id: &str) -> Answer<()> {
        self.core.jars.delete(id)
    }

    /// Runs the program of an uploaded jar; the id of its (first) job, once that has been initialised.
    pub(crate) fn run_jar(&self, jar_id: &str, request: &RunRequest) -> Pending<Answer<JobId>> {
        match self.core.jars.entry_class(jar_id, request.entry_class.as_deref()) {
            Ok(class) => self.run(Main::new(class, jar_id), request, None),
            Err(exception) => Pending::ready(Err(exception)),
        }
    }

    /// Runs the program of an uploaded jar as an application of its own; answers once the program is known.
    pub(crate) fn run_application(
        &self,
        jar_id: &str,
        request: &RunRequest,
        id: Option<ApplicationId>,
    ) -> Answer<ApplicationId> {
        let class = self.core.jars.entry_class(jar_id, request.entry_class.as_deref())?;
        let id = id.unwrap_or_else(ApplicationId::random);
        let known = self.core.act(|state, effects| {
            if !state.programs.contains_key(&class) {
                return Err(wording::entry_class_not_found(&class));
            }
            if !state.applications.begin(id, class.clone(), false, effects.now) {
                return Err(JavaException::new(wording::REST_HANDLER, "Could not submit application.")
                    .caused_by(JavaException::new(
                        "org.apache.flink.runtime.client.DuplicateApplicationSubmissionException",
                        "Application has already been submitted.",
                    )));
            }
            Ok(())
        });
        known?;
        // Nobody waits for it: what becomes of it is the application's to tell.
        drop(self.run(Main::new(class, jar_id), request, Some(id)));
        Ok(id)
    }

    /// The graph of the job that a run of the jar would submit.
    pub(crate) fn jar_plan(&self, jar_id: &str, request: &RunRequest) -> Pending<Answer<JobPlan>> {
        let class = match self.core.jars.entry_class(jar_id, request.entry_class.as_deref()) {
            Ok(class) => class,
            Err(exception) => return Pending::ready(Err(exception)),
        };
        let (promise, pending) = Pending::promise();
        self.in_main(Main::new(class, jar_id), request, wording::plan_failed, move |_, main| {
            let plan = main.and_then(|(jobs, setting)| {
                let job = jobs.into_iter().next().ok_or_else(wording::plan_without_job)?;
                let graph = JobGraph::new(job, setting).map_err(wording::plan_failed)?;
                let parallelisms: Vec<_> = graph.vertices.iter().map(|vertex| vertex.parallelism).collect();
                Ok(views::plan(&graph, &parallelisms))
            });
            promise.complete(Ok(plan));
        });
        pending
    }

    fn run(
        &self,
        main: Main,
        request: &RunRequest,
        application: Option<ApplicationId>,
    ) -> Pending<Answer<JobId>> {
        let (promise, pending) = Pending::promise();
        let chosen = request.job_id.is_some();
        let flink_2 = self.core.settings.is_flink_2();
        self.in_main(main, request, wording::main_failed, move |core, main| {
            let graphs = main.and_then(|(mut jobs, setting)| {
                if chosen && !flink_2 {
                    // All jobs of the program get the chosen id: Flink 1 takes the later ones for the first once more.
                    jobs.truncate(1);
                }
                let mut graphs = VecDeque::with_capacity(jobs.len());
                for job in jobs {
                    let first = graphs.is_empty();
                    let job_id = if first || chosen { setting.job_id } else { JobId::random() };
                    let setting = Setting { job_id, ..setting.clone() };
                    graphs.push_back(JobGraph::new(job, setting).map_err(wording::main_failed)?);
                }
                Ok(graphs)
            });
            match graphs {
                Err(exception) => Run { application, promise }.failed(core, exception),
                Ok(graphs) => Run { application, promise }.execute(core, graphs, None),
            }
        });
        pending
    }

    /// Runs `main` of a program on a thread for programs, and goes on with what it built, or what `failed` makes of what
    /// it threw.
    fn in_main(
        &self,
        Main { class, jar_name }: Main,
        request: &RunRequest,
        failed: fn(JavaException) -> JavaException,
        then: impl FnOnce(&Arc<Core>, Result<(Vec<MiniJob>, Setting), JavaException>) + Send + 'static,
    ) {
        let program = self.core.act(|state, _| state.programs.get(&class).cloned());
        let Some(program) = program else {
            then(&self.core, Err(wording::entry_class_not_found(&class)));
            return;
        };
        let setting = self.setting(request);
        let (parallelism, job_id) = (request.parallelism, request.job_id);
        let core = Arc::clone(&self.core);
        let spawned = self.core.programs.run(move || {
            let main = match parallelism {
                Some(0) => Err(wording::bad_parallelism()),
                _ => {
                    let method = format!("{class}.main");
                    let call = MiniProgram {
                        entry_class: class,
                        jar_name,
                        args: Arc::clone(&setting.args),
                        parallelism: setting.parallelism,
                        configuration: Arc::clone(&setting.configuration),
                        job_id,
                    };
                    catch_unwind(AssertUnwindSafe(|| program(&call)))
                        .unwrap_or_else(|payload| Err(JavaException::from_panic(&*payload)))
                        .map_err(|thrown| thrown.thrown_in(&method))
                }
            };
            let main = main.map(|jobs| (jobs, setting)).map_err(|thrown| match thrown.class() {
                // That is thrown before `main` is called: there is none, or no class that it could be in.
                wording::INVOCATION => JavaException::completion(thrown),
                _ => failed(thrown),
            });
            then(&core, main);
        });
        if let Err(error) = spawned {
            // What was to come next is dropped, and with it the promise.
            log::error!("the mini cluster gets no thread for a program: {error}");
        }
    }

    /// Submits a job that was built here.
    pub(crate) fn submit(&self, job: MiniJob, request: &RunRequest) -> Pending<Answer<JobId>> {
        let graph = match JobGraph::new(job, self.setting(request)) {
            Ok(graph) => graph,
            Err(exception) => return Pending::ready(Err(exception)),
        };
        let (promise, pending) = Pending::promise();
        let id = graph.job_id;
        let answer =
            move |_: &mut Effects, initialized: Answer<()>| promise.complete(Ok(initialized.map(|()| id)));
        self.core.act(|state, effects| submit_job(state, effects, graph, None, answer));
        pending
    }

    fn setting(&self, request: &RunRequest) -> Setting {
        let settings = &self.core.settings;
        let mut configuration = settings.configuration.clone();
        for (key, value) in &request.configuration {
            configuration.set_raw(key, value);
        }
        let restore = request.savepoint.clone().filter(|path| !path.is_empty()).map(|path| Restore {
            path,
            claim_mode: request
                .claim_mode
                .or_else(|| claim_mode(&configuration))
                .unwrap_or(ClaimMode::NoClaim),
            allow_non_restored_state: request.allow_non_restored_state.unwrap_or_else(|| {
                configuration.get_raw("execution.state-recovery.ignore-unclaimed-state") == Some("true")
            }),
        });
        Setting {
            job_id: request.job_id.unwrap_or_else(JobId::random),
            args: request.args.iter().cloned().collect(),
            parallelism: request.parallelism.unwrap_or(settings.parallelism),
            configuration: Arc::new(configuration),
            restore,
        }
    }
}

/// What is called, and where it is.
struct Main {
    class: String,
    jar_name: String,
}

impl Main {
    fn new(class: String, jar_id: &str) -> Self {
        Self { class, jar_name: jars::name(jar_id).to_owned() }
    }
}

/// The part of a run after `main` has built its jobs: they are executed one after the other, each when the one before
/// has been initialised.
struct Run {
    application: Option<ApplicationId>,
    promise: Promise<Answer<JobId>>,
}

impl Run {
    fn execute(self, core: &Arc<Core>, mut graphs: VecDeque<JobGraph>, first: Option<JobId>) {
        let Some(graph) = graphs.pop_front() else {
            // It is for who runs a jar that a program is to have jobs, not for an application.
            self.main_is_done(core, None);
            self.promise.complete(Ok(first.ok_or_else(wording::no_jobs)));
            return;
        };
        let (id, name) = (graph.job_id, graph.name.clone());
        let application = self.application;
        let answer = move |effects: &mut Effects, initialized: Answer<()>| {
            effects.then(move |core| match initialized {
                Ok(()) => self.execute(core, graphs, first.or(Some(id))),
                Err(cause) => {
                    let cause = match cause.class() {
                        wording::INITIALIZATION => wording::rethrown(cause),
                        _ => cause,
                    };
                    self.failed(core, wording::main_failed(wording::execute_failed(&name, cause)));
                }
            });
        };
        core.act(|state, effects| submit_job(state, effects, graph, application, answer));
    }

    fn failed(self, core: &Arc<Core>, exception: JavaException) {
        self.main_is_done(core, Some(wording::application_failed(&exception)));
        self.promise.complete(Ok(Err(exception)));
    }

    fn main_is_done(&self, core: &Arc<Core>, failure: Option<JavaException>) {
        if let Some(application) = self.application {
            core.act(|state, effects| state.applications.main_done(application, failure, effects.now));
        }
    }
}

fn claim_mode(configuration: &Configuration) -> Option<ClaimMode> {
    configuration.get_raw("execution.state-recovery.claim-mode")?.to_ascii_uppercase().parse().ok()
}

fn submit_job(
    state: &mut State,
    effects: &mut Effects,
    graph: JobGraph,
    application: Option<ApplicationId>,
    answer: impl FnOnce(&mut Effects, Answer<()>) + Send + 'static,
) {
    if !state.open {
        effects.then(move |_| drop((graph, answer)));
        return;
    }
    forget(state, effects);
    let id = graph.job_id;
    let own = ApplicationId::from_bytes(*id.as_bytes());
    let name = format!("SingleJobApplication({})", graph.name);
    let accepted = submit::submit(state, effects, graph, application.unwrap_or(own), Box::new(answer));
    if accepted {
        if application.is_none() {
            state.applications.begin(own, name, true, effects.now);
        }
        state.applications.add_job(application.unwrap_or(own), id);
    }
}

/// A program as it is registered.
pub(crate) fn program<F, J>(function: F) -> Arc<ProgramFn>
where
    F: Fn(&MiniProgram) -> J + Send + Sync + 'static,
    J: IntoJobs,
{
    Arc::new(move |call| function(call).into_jobs())
}
