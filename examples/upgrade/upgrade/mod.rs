//! The steps of an upgrade, each of which can be taken up again.

mod journal;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use flink_client::prelude::*;
use flink_client::{
    ClaimMode, Error, ErrorKind, ExecutionPlan, JobId, JobStatus, OperationStatus, RestClusterClient,
    SavepointFormatType,
};
use serde::{Deserialize, Serialize};

use self::journal::{Journal, State};

/// Upgrades a running job from a savepoint, and goes back to the old program if the new one does not run.
///
/// Exit status: 0 if the new program runs, 2 if the old one runs again, 1 if neither is known yet; then run it again.
#[derive(Clone, Debug, Parser)]
#[command(name = "upgrade")]
pub(crate) struct Arguments {
    /// The job to upgrade
    job: JobId,
    /// Its jar, for the way back
    old_jar: PathBuf,
    /// The jar of the new program
    new_jar: PathBuf,
    /// Where the cluster's REST API is
    #[arg(short = 'm', long, value_name = "HOST[:PORT]|URL", default_value = "localhost:8081")]
    jobmanager: String,
    /// Where the savepoint goes; by default where the cluster's configuration says
    #[arg(short = 'p', long, value_name = "DIRECTORY")]
    savepoints: Option<String>,
    /// The file that tells what is done; by default upgrade-JOB.json in this folder
    #[arg(short, long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// The class with the main method, if the jar's manifest does not say
    #[arg(long, value_name = "CLASS")]
    old_class: Option<String>,
    /// The class with the main method, if the jar's manifest does not say
    #[arg(long, value_name = "CLASS")]
    new_class: Option<String>,
    /// An argument of the old program; may be given several times
    #[arg(long = "old-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    old_args: Vec<String>,
    /// An argument of the new program; may be given several times
    #[arg(long = "new-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    new_args: Vec<String>,
    /// How long a started job may take until all of its tasks run
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    start_limit: u64,
    /// How long the new job has to run without a failure until it is taken for good
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    proof: u64,
    /// Dies at its N-th point, as if it were killed there
    #[arg(long, value_name = "N", hide = true)]
    die_at: Option<u32>,
}

/// How an upgrade ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Upgraded,
    RolledBack,
}

/// A program in a jar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Program {
    jar: PathBuf,
    class: Option<String>,
    args: Vec<String>,
}

impl Program {
    fn plan(&self, job: JobId, savepoint: &str) -> ExecutionPlan {
        let plan = ExecutionPlan::jar(&self.jar)
            .args(&self.args)
            .job_id(job)
            .savepoint(savepoint)
            // The savepoint stays ours: it is needed again if the new job fails.
            .claim_mode(ClaimMode::NoClaim);
        match &self.class {
            Some(class) => plan.entry_class(class),
            None => plan,
        }
    }
}

/// Why it is not known how the upgrade ends. Running it again takes it up where it is.
#[derive(Debug)]
pub(crate) enum Failure {
    Client(Error),
    Journal(PathBuf, io::Error),
    Output(io::Error),
    /// Nothing that another run would mend.
    Hopeless(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => write!(f, "{error}; run it again to go on"),
            Self::Journal(file, error) => write!(f, "journal {}: {error}", file.display()),
            Self::Output(error) => write!(f, "cannot tell what is done: {error}"),
            Self::Hopeless(why) => f.write_str(why),
        }
    }
}

type Step<T> = Result<T, Failure>;

/// What a started job came to.
enum Started {
    Runs,
    Fails(String),
}

/// Upgrades, or takes up an upgrade where it is.
pub(crate) fn run(arguments: &Arguments, out: impl Write) -> Step<Outcome> {
    let file = match &arguments.journal {
        Some(file) => file.clone(),
        None => format!("upgrade-{}.json", arguments.job).into(),
    };
    let client = RestClusterClient::connect(&arguments.jobmanager)?;
    let mut upgrade = Upgrade { client, arguments, file, out, points: 0 };
    let mut journal = upgrade.journal()?;
    loop {
        let plan = journal.plan().clone();
        let next = match journal.state().clone() {
            State::Planned => match upgrade.stop(&journal)? {
                Ok(savepoint) => State::Stopped { savepoint },
                Err(why) => {
                    // The id is used up, so the next attempt needs another.
                    upgrade.write(|_| journal.discard())?;
                    return Err(Failure::Hopeless(why));
                }
            },
            State::Stopped { savepoint } => {
                upgrade.say(format_args!("starting the new program as job {}", plan.new_job))?;
                match upgrade.start(&plan.new, plan.new_job, &savepoint, upgrade.arguments.proof)? {
                    Started::Runs => State::Upgraded { savepoint },
                    Started::Fails(reason) => State::RollingBack { savepoint, reason },
                }
            }
            State::RollingBack { savepoint, reason } => {
                upgrade.say(format_args!("the new program does not run: {reason}"))?;
                upgrade.end(plan.new_job)?;
                upgrade.say(format_args!("starting the old program again as job {}", plan.again_job))?;
                match upgrade.start(&plan.old, plan.again_job, &savepoint, 0)? {
                    Started::Runs => State::RolledBack { savepoint, reason },
                    Started::Fails(why) => {
                        return Err(Failure::Hopeless(format!(
                            "neither the new program runs ({reason}) nor the old one ({why}); the savepoint is {savepoint}"
                        )));
                    }
                }
            }
            State::Upgraded { savepoint } => {
                upgrade
                    .say(format_args!("upgraded: job {} runs, from savepoint {savepoint}", plan.new_job))?;
                return Ok(Outcome::Upgraded);
            }
            State::RolledBack { savepoint, reason } => {
                upgrade.say(format_args!(
                    "rolled back: job {} runs, from savepoint {savepoint}; the new program did not: {reason}",
                    plan.again_job
                ))?;
                return Ok(Outcome::RolledBack);
            }
        };
        upgrade.write(|_| journal.enter(next))?;
    }
}

struct Upgrade<'a, W> {
    client: RestClusterClient,
    arguments: &'a Arguments,
    file: PathBuf,
    out: W,
    points: u32,
}

impl<W: Write> Upgrade<'_, W> {
    /// The journal of this upgrade; a new one, once it is certain that the upgrade can begin.
    fn journal(&mut self) -> Step<Journal> {
        let program = |jar: &PathBuf, class: &Option<String>, args: &[String]| Program {
            jar: jar.clone(),
            class: class.clone(),
            args: args.to_vec(),
        };
        let arguments = self.arguments;
        let old = program(&arguments.old_jar, &arguments.old_class, &arguments.old_args);
        let new = program(&arguments.new_jar, &arguments.new_class, &arguments.new_args);
        let before = Journal::open(&self.file).map_err(|error| Failure::Journal(self.file.clone(), error))?;
        if let Some(journal) = before {
            let plan = journal.plan();
            if (plan.old_job, &plan.old, &plan.new, &plan.savepoints)
                != (arguments.job, &old, &new, &arguments.savepoints)
            {
                let file = self.file.display();
                return Err(Failure::Hopeless(format!(
                    "{file} is the journal of an upgrade with other arguments; finish that, or give another --journal"
                )));
            }
            let file = self.file.clone();
            self.say(format_args!("going on with the upgrade in {}", file.display()))?;
            return Ok(journal);
        }
        for jar in [&old.jar, &new.jar] {
            if let Err(error) = std::fs::File::open(jar) {
                return Err(Failure::Hopeless(format!("cannot read {}: {error}", jar.display())));
            }
        }
        // A job that is not whole cannot be stopped with a savepoint.
        let limit = Duration::from_secs(arguments.start_limit);
        self.client.wait_until_running(arguments.job).timeout(limit).wait()?;
        let begin =
            |file: &PathBuf| Journal::begin(file, arguments.job, old, new, arguments.savepoints.clone());
        let journal = self.write(begin)?;
        let plan = journal.plan();
        let ids = format!(
            "the ids are in {}: stop {} of job {}, new job {}, and {} if the old program has to run again",
            self.file.display(),
            plan.stop,
            plan.old_job,
            plan.new_job,
            plan.again_job
        );
        self.say(format_args!("{ids}"))?;
        Ok(journal)
    }

    /// Stops the old job. Its savepoint; or why there is nothing to go on with: the job could not be stopped, or is no
    /// more.
    fn stop(&mut self, journal: &Journal) -> Step<Result<String, String>> {
        let plan = journal.plan();
        let job = plan.old_job;
        let savepoint = loop {
            // Looks first: it may be under way, or done, since an earlier run.
            match self.client.savepoint_status(job, plan.stop).wait() {
                Ok(OperationStatus::Completed(savepoint)) => break savepoint,
                Ok(OperationStatus::Failed(error)) => return self.why_not_stopped(job, &error).map(Err),
                Err(error) if error.kind() == ErrorKind::OperationLost => {
                    match self.client.job_status(job).wait()? {
                        JobStatus::Finished => break self.forgotten_savepoint(journal)?,
                        status if status.is_globally_terminal() => {
                            return Ok(Err(format!("job {job} is {status}: it was ended by somebody else")));
                        }
                        _ => {
                            self.say(format_args!("stopping job {job} under the id {}", plan.stop))?;
                            let directory = plan.savepoints.as_deref();
                            let format = SavepointFormatType::Canonical;
                            self.client
                                .stop_with_detached_savepoint_as(plan.stop, job, false, directory, format)
                                .wait()?;
                            self.point();
                        }
                    }
                }
                Ok(_) => thread::sleep(Duration::from_millis(100)),
                Err(error) => return Err(error.into()),
            }
        };
        self.say(format_args!("savepoint {savepoint} is made"))?;
        self.point();
        // The savepoint is done before the job is.
        let result = self.client.job_result(job).wait()?;
        if !result.is_success() {
            return Ok(Err(format!(
                "job {job} is {} after its savepoint {savepoint}, and not finished: look at it first",
                result.application_status
            )));
        }
        self.say(format_args!("job {job} has ended"))?;
        Ok(Ok(savepoint))
    }

    /// What a stop that failed has left behind: the job is not always as it was. A snapshot that throws fails it, too.
    fn why_not_stopped(&self, job: JobId, error: &Error) -> Step<String> {
        let status = self.client.job_status(job).wait()?;
        match error.savepoint_path() {
            // Whether the job or the savepoint is what to go on with is not for a program to decide.
            Some(savepoint) => Err(Failure::Hopeless(format!(
                "job {job} is {status}, and not finished, after its savepoint {savepoint}: look at it first, and remove \
                 {} for another attempt: {error}",
                self.file.display()
            ))),
            None => Ok(format!("job {job} could not be stopped, and is {status} now: {error}")),
        }
    }

    /// The savepoint of a stop that the cluster has forgotten about, some minutes after it was done.
    fn forgotten_savepoint(&self, journal: &Journal) -> Step<String> {
        let job = journal.plan().old_job;
        // The cluster's clock may differ from ours, so others may be among them; only a stop's is the job's end. A job that
        // has finished by itself has none.
        let since = UNIX_EPOCH + Duration::from_millis(journal.plan().begun) - Duration::from_secs(600);
        let savepoints = self.client.completed_savepoints(job, since.max(SystemTime::UNIX_EPOCH)).wait()?;
        let last = savepoints
            .into_iter()
            .rfind(|savepoint| savepoint.checkpoint_type.as_deref() == Some("SYNC_SAVEPOINT"))
            .and_then(|savepoint| savepoint.external_path);
        last.ok_or_else(|| {
            Failure::Hopeless(format!(
                "job {job} is finished, and not by a stop: it has no savepoint of its end"
            ))
        })
    }

    /// Starts a program under its id unless it is there already, and waits until it really runs.
    fn start(&mut self, program: &Program, job: JobId, savepoint: &str, proof: u64) -> Step<Started> {
        match self.client.job_status(job).wait() {
            Ok(status) => self.say(format_args!("job {job} is {status} already"))?,
            Err(error) if error.kind() == ErrorKind::JobNotFound => {
                match self.client.submit_job(program.plan(job, savepoint)).wait() {
                    Ok(_) => self.say(format_args!("job {job} was submitted"))?,
                    Err(error) if error.kind() == ErrorKind::DuplicateJob => {}
                    Err(error) if is_the_programs_fault(&error) => {
                        return Ok(Started::Fails(error.to_string()));
                    }
                    Err(error) => return Err(error.into()),
                }
                self.point();
            }
            Err(error) => return Err(error.into()),
        }
        let limit = Duration::from_secs(self.arguments.start_limit);
        match self.client.wait_until_running(job).timeout(limit).wait() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Timeout => {
                return Ok(Started::Fails(format!("not all tasks of job {job} run after {limit:?}")));
            }
            Err(error) if error.kind() == ErrorKind::JobAlreadyTerminal => return self.why_it_failed(job),
            Err(error) => return Err(error.into()),
        }
        self.say(format_args!("all tasks of job {job} run"))?;
        self.point();
        let proved = Instant::now() + Duration::from_secs(proof);
        while Instant::now() < proved {
            thread::sleep(Duration::from_millis(200));
            let jobs = self.client.list_jobs().wait()?;
            match jobs.into_iter().find(|listed| listed.job_id == job) {
                Some(listed) if listed.job_state.is_globally_terminal() => return self.why_it_failed(job),
                Some(listed) if listed.job_state == JobStatus::Running && listed.tasks.all_running() => {}
                Some(listed) => {
                    return Ok(Started::Fails(format!("job {job} is {} soon after", listed.job_state)));
                }
                None => return Ok(Started::Fails(format!("job {job} has vanished"))),
            }
        }
        Ok(Started::Runs)
    }

    fn why_it_failed(&self, job: JobId) -> Step<Started> {
        match self.client.execution_result(job).wait() {
            Ok(_) => Ok(Started::Fails(format!("job {job} is finished already"))),
            Err(error) if error.is_job() || error.is_resource() => Ok(Started::Fails(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Sees to it that a job does not run: two of them would write the same results.
    fn end(&mut self, job: JobId) -> Step<()> {
        let ended =
            self.client.cancel_if_running(job).wait().and_then(|_| self.client.job_result(job).wait());
        match ended {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::JobNotFound => {}
            Err(error) => return Err(error.into()),
        }
        self.point();
        Ok(())
    }

    fn say(&mut self, what: fmt::Arguments<'_>) -> Step<()> {
        writeln!(self.out, "{what}").and_then(|()| self.out.flush()).map_err(Failure::Output)
    }

    fn write<T>(&mut self, write: impl FnOnce(&PathBuf) -> io::Result<T>) -> Step<T> {
        let written = write(&self.file).map_err(|error| Failure::Journal(self.file.clone(), error))?;
        self.point();
        Ok(written)
    }

    /// Something is done, or written down. For tests: each is a moment to die at.
    fn point(&mut self) {
        self.points += 1;
        if self.arguments.die_at == Some(self.points) {
            std::process::abort();
        }
    }
}

/// Whether another attempt would fail in the same way, and the old program would not.
fn is_the_programs_fault(error: &Error) -> bool {
    match error.kind() {
        // Whether it was submitted is not known, and looked up by the next run.
        ErrorKind::OutcomeUnknown | ErrorKind::JarNotFound => false,
        ErrorKind::LocalFile => true,
        _ => error.is_job(),
    }
}
