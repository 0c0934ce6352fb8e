//! What may stand on the command line.
//!
//! Flink's options have long names with one dash (`-type`, `-detached`) besides the usual ones, and stand before or after
//! the action here. [`normalise`] turns that into what clap reads; it asks clap's own definition which names there are.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Args, Command, CommandFactory, Parser, Subcommand};
use flink_client::{CheckpointType, ClaimMode, JobId, SavepointFormatType};

/// Talks to Flink clusters: run, list, savepoint, stop and cancel jobs.
///
/// The address and all other settings come from -m and -D, else from the configuration in the folder that FLINK_CONF_DIR
/// names, else it is localhost:8081. The exit status is 0 or 1. Times are in UTC.
#[derive(Debug, Parser)]
#[command(name = "flink", version, disable_help_subcommand = true)]
#[command(subcommand_value_name = "ACTION", subcommand_help_heading = "Actions", after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(subcommand)]
    pub(crate) action: Action,
}

const EXAMPLES: &str = "\
Examples:
  flink -m flink.acme.com list -a
  flink run -d -c com.acme.Etl -p 4 target/etl.jar --topic orders
  flink stop -p s3://savepoints/etl 5f1c2d0e7a3b4c6d8e9f0a1b2c3d4e5f
  flink run -d -s s3://savepoints/etl/savepoint-5f1c2d-1 target/etl.jar --topic orders

`flink ACTION --help` says more about one. Long options may have one dash, as in Flink's own command line, and stand
before or after the action; what follows a jar is for its program.";

/// What is the same for every action is listed after what is its own.
const COMMON: &str = "Options of every action";

#[derive(Debug, Args)]
#[command(next_help_heading = COMMON)]
pub(crate) struct Target {
    /// Where the cluster's REST API is, instead of what the configuration says. A mere host means port 8081
    #[arg(short = 'm', long, global = true, value_name = "HOST[:PORT]|URL")]
    pub(crate) jobmanager: Option<String>,
    /// Sets a configuration entry; with `run` for the job too, unless it is the client's own
    #[arg(short = 'D', global = true, value_name = "KEY=VALUE")]
    pub(crate) properties: Vec<String>,
    /// Prints the result as one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Shows the server's stack trace below the line of an error
    #[arg(long, global = true)]
    pub(crate) stack_trace: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Lists jobs: those that are running and scheduled, unless told otherwise
    List(List),
    /// Runs a program in a jar and waits for its result, unless detached
    Run(Run),
    /// Shows the graph that a program in a jar would run
    Info(Program),
    /// Prints a job's state
    Status(Job),
    /// Waits until a job has ended and prints its result
    Result(Job),
    /// Cancels a job
    Cancel(Cancel),
    /// Stops a job with a savepoint
    Stop(Stop),
    /// Takes a savepoint, or disposes of one
    Savepoint(Savepoint),
    /// Takes a checkpoint now
    Checkpoint(Checkpoint),
    /// Shows the checkpoints that a job has taken
    Checkpoints(Job),
    /// Prints a job's accumulators
    Accumulators(Job),
    /// Shows what went wrong in a job so far, the latest first
    Exceptions(Job),
    /// Shows the cluster in numbers
    Overview,
    /// Lists the jars that were uploaded
    Jars,
    /// Ends the cluster, with all jobs that run in it
    Shutdown,
}

#[derive(Debug, Args)]
pub(crate) struct Job {
    /// The job's id, 32 hexadecimal digits
    #[arg(value_name = "JOB")]
    pub(crate) id: JobId,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that have ended too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only those that are running
    #[arg(short, long)]
    pub(crate) running: bool,
    /// Only those that are scheduled
    #[arg(short, long)]
    pub(crate) scheduled: bool,
}

/// A program in a jar. What follows the jar belongs to the program, options too.
#[derive(Debug, Args)]
pub(crate) struct Program {
    /// The class with the main method, if the jar's manifest names none
    #[arg(short, long)]
    pub(crate) class: Option<String>,
    /// The parallelism of operators that do not set their own
    #[arg(short, long, value_name = "N")]
    pub(crate) parallelism: Option<u32>,
    /// The jar
    #[arg(value_name = "JAR")]
    pub(crate) jar: PathBuf,
    /// Arguments of the program
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Returns when the job is accepted
    #[arg(short, long)]
    pub(crate) detached: bool,
    /// Starts from this savepoint or retained checkpoint
    #[arg(short = 's', long = "fromSavepoint", value_name = "SAVEPOINT")]
    pub(crate) from_savepoint: Option<String>,
    /// Leaves state behind that the job has no operator for
    #[arg(short = 'n', long = "allowNonRestoredState")]
    pub(crate) allow_non_restored_state: bool,
    /// Whose files the savepoint's are afterwards: claim (the job's), no_claim (yours, the default) or legacy
    #[arg(long = "claim-mode", visible_alias = "claimMode", aliases = ["cm", "restoreMode", "rm"], value_name = "MODE")]
    pub(crate) claim_mode: Option<ClaimMode>,
    /// The id that the job is to have
    #[arg(long = "job-id", value_name = "ID")]
    pub(crate) job_id: Option<JobId>,
    #[command(flatten)]
    pub(crate) program: Program,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Takes a savepoint first. Deprecated in Flink, which advises to stop instead
    #[arg(short = 's', long = "withSavepoint", value_name = "DIR", num_args = 0..=1)]
    pub(crate) with_savepoint: Option<Option<String>>,
    /// The job's id
    #[arg(value_name = "JOB", required_unless_present = "with_savepoint")]
    pub(crate) job: Option<JobId>,
}

#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Where the savepoint goes, instead of the cluster's execution.checkpointing.savepoint-dir
    #[arg(short = 'p', long = "savepointPath", value_name = "DIR")]
    pub(crate) savepoint_path: Option<String>,
    /// Lets all windows and timers fire first: for a job that is not to go on later
    #[arg(short, long)]
    pub(crate) drain: bool,
    #[command(flatten)]
    pub(crate) format: Format,
    /// The job's id
    #[arg(value_name = "JOB")]
    pub(crate) job: JobId,
}

#[derive(Debug, Args)]
pub(crate) struct Format {
    /// How the savepoint is written: canonical (for every state backend) or native (quicker, for the same one)
    #[arg(long = "type", value_name = "TYPE", default_value = "canonical")]
    pub(crate) kind: SavepointFormatType,
    /// Returns when it is triggered, with its trigger id
    #[arg(long)]
    pub(crate) detached: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Savepoint {
    /// Removes the savepoint at this path
    #[arg(short, long, value_name = "PATH", conflicts_with = "job")]
    pub(crate) dispose: Option<String>,
    #[command(flatten)]
    pub(crate) format: Format,
    /// The job's id
    #[arg(value_name = "JOB", required_unless_present = "dispose")]
    pub(crate) job: Option<JobId>,
    /// Where the savepoint goes, instead of the cluster's execution.checkpointing.savepoint-dir
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Checkpoint {
    /// All state
    #[arg(long)]
    pub(crate) full: bool,
    /// Only what changed; no Flink up to 2.3 does that when asked
    #[arg(long, conflicts_with = "full")]
    pub(crate) incremental: bool,
    /// The job's id
    #[arg(value_name = "JOB")]
    pub(crate) job: JobId,
}

impl Checkpoint {
    pub(crate) fn kind(&self) -> CheckpointType {
        match (self.full, self.incremental) {
            (true, _) => CheckpointType::Full,
            (_, true) => CheckpointType::Incremental,
            _ => CheckpointType::Configured,
        }
    }
}

/// Puts the action's name first after the options that every action has, and gives long names their second dash. What
/// follows a program's jar is left as it is.
pub(crate) fn normalise(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut command = Arguments::command();
    command.build();
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let Some(at) = action_at(&command, &arguments) else {
        return std::iter::once(OsString::from("flink")).chain(arguments).collect();
    };
    let name = arguments.remove(at);
    let action = name.to_str().and_then(|name| command.find_subcommand(name)).unwrap_or(&command);

    let (mut common, mut own) = (vec![OsString::from("flink")], vec![name]);
    let mut tokens = arguments.into_iter().enumerate();
    while let Some((index, token)) = tokens.next() {
        let Some(option) = Known::read(action, &token) else {
            let ends = token == "--" || (index >= at && takes_program(action));
            own.push(token);
            if ends {
                own.extend(tokens.map(|(_, token)| token));
                break;
            }
            continue;
        };
        let place = if option.arg.is_global_set() { &mut common } else { &mut own };
        place.push(option.token);
        if option.needs_value {
            place.extend(tokens.next().map(|(_, value)| value));
        }
    }
    common.extend(own);
    common
}

/// The first argument that names an action and is not the value of an option before it.
fn action_at(command: &Command, arguments: &[OsString]) -> Option<usize> {
    let mut index = 0;
    while let Some(token) = arguments.get(index) {
        if token.to_str().is_some_and(|name| command.find_subcommand(name).is_some()) {
            return Some(index);
        }
        index += if Known::read(command, token).is_some_and(|option| option.needs_value) { 2 } else { 1 };
    }
    None
}

fn takes_program(action: &Command) -> bool {
    action.get_arguments().any(Arg::is_trailing_var_arg_set)
}

/// An option that the action knows.
struct Known<'a> {
    arg: &'a Arg,
    /// With two dashes, if its name is a long one.
    token: OsString,
    /// Whether the next argument is its value.
    needs_value: bool,
}

impl<'a> Known<'a> {
    fn read(action: &'a Command, token: &OsString) -> Option<Self> {
        let text = token.to_str()?.strip_prefix('-')?;
        let text = text.strip_prefix('-').unwrap_or(text);
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let takes_value = |arg: &Arg| {
            arg.get_action().takes_values() && arg.get_num_args().is_none_or(|range| range.min_values() > 0)
        };
        let long = action.get_arguments().find(|arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        });
        if let Some(arg) = long {
            let needs_value = value.is_none() && takes_value(arg);
            return Some(Self { arg, token: format!("--{text}").into(), needs_value });
        }
        let mut letters = name.chars();
        let first = letters.next()?;
        let arg = action.get_arguments().find(|arg| arg.get_short() == Some(first))?;
        let needs_value = letters.next().is_none() && value.is_none() && takes_value(arg);
        Some(Self { arg, token: token.clone(), needs_value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "5f1c2d00000000000000000000000001";

    fn normal(line: &str) -> String {
        let tokens = normalise(line.split_whitespace().map(OsString::from));
        let tokens: Vec<_> = tokens.iter().skip(1).map(|token| token.to_str().expect("a text")).collect();
        tokens.join(" ")
    }

    fn parsed(line: &str) -> Arguments {
        let line = line.replace("JOB", JOB);
        Arguments::try_parse_from(normalise(line.split_whitespace().map(OsString::from))).expect("it parses")
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn long_names_may_have_one_dash() {
        assert_eq!(normal("savepoint -type native -detached JOB"), "savepoint --type native --detached JOB");
        assert_eq!(normal("savepoint -type=native JOB"), "savepoint --type=native JOB");
        assert_eq!(normal("checkpoint -full JOB"), "checkpoint --full JOB");
        assert_eq!(normal("run -cm CLAIM a.jar"), "run --cm CLAIM a.jar");
        assert_eq!(normal("list -as"), "list -as");
    }

    #[test]
    fn options_stand_before_or_after_the_action() {
        assert_eq!(normal("-m h:1 list -a"), "-m h:1 list -a");
        assert_eq!(normal("list -m h:1 -a"), "-m h:1 list -a");
        assert_eq!(normal("-a list --json"), "--json list -a");
        assert_eq!(normal("-Da=b list -D c=d"), "-Da=b -D c=d list");
        assert_eq!(normal("-m run list"), "-m run list");
        assert_eq!(parsed("-Da=b list -D c=d").target.properties, ["a=b", "c=d"]);
    }

    #[test]
    fn what_follows_the_jar_is_the_programs() {
        assert_eq!(
            normal("run -d -c A a.jar -detached -m x --json -- -D y"),
            "run -d -c A a.jar -detached -m x --json -- -D y"
        );
        let Action::Run(run) = parsed("run -p 2 a.jar -type x --json -p 3").action else { panic!("not run") };
        assert_eq!(run.program.parallelism, Some(2));
        assert_eq!(run.program.arguments, ["-type", "x", "--json", "-p", "3"]);
    }

    #[test]
    fn the_directory_of_a_cancel_may_be_left_out() {
        let cancel = |line| match parsed(line).action {
            Action::Cancel(cancel) => (cancel.with_savepoint, cancel.job.map(|job| job.to_string())),
            other => panic!("{other:?}"),
        };
        let job = || Some(JOB.to_owned());
        assert_eq!(cancel("cancel JOB"), (None, job()));
        assert_eq!(cancel("cancel -s file:/s JOB"), (Some(Some("file:/s".into())), job()));
        assert_eq!(cancel("cancel -s JOB"), (Some(job()), None));
        assert_eq!(cancel("cancel JOB -s"), (Some(None), job()));
    }

    #[test]
    fn a_savepoint_is_taken_of_a_job_or_disposed_of() {
        let Action::Savepoint(taken) = parsed("savepoint JOB file:/s -type NATIVE").action else {
            panic!("not savepoint")
        };
        assert_eq!(taken.format.kind, SavepointFormatType::Native);
        assert_eq!(taken.directory.as_deref(), Some("file:/s"));
        for line in ["savepoint -dispose file:/s", "savepoint -d file:/s"] {
            let Action::Savepoint(disposed) = parsed(line).action else { panic!("not savepoint") };
            assert_eq!((disposed.dispose.as_deref(), disposed.job), (Some("file:/s"), None));
        }
    }
}
