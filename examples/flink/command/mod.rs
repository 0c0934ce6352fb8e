//! The command line as a function from arguments to what it prints.

mod arguments;
mod cluster;
mod jobs;
mod output;
mod program;
mod progress;
mod savepoints;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};

use clap::Parser;
use clap::error::ErrorKind;
use flink_client::{
    ClusterClient, Configuration, Error, RestClusterClient, RestClusterClientConfiguration,
    StandaloneClusterId, options,
};

use self::arguments::{Action, Arguments, Target};
use self::output::Output;

const NO_ACTION: ErrorKind = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

type Client = RestClusterClient;
type Outcome = Result<(), Failure>;

/// Runs one action. `arguments` are without the program's name; results go to `stdout`.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>, stdout: impl Write) -> Outcome {
    let arguments = arguments::normalise(arguments);
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(told) if !told.use_stderr() => return told.print().map_err(Failure::Output),
        Err(told) if told.kind() == NO_ACTION => return Err(Failure::Usage("no action is given".into())),
        Err(refused) => return Err(Failure::Usage(one_line(&refused))),
    };
    let client = connect(&arguments.target)?;
    let mut out = Output::new(stdout, arguments.target.json);
    let done = act(&client, &arguments, &mut out);
    client.close();
    match done {
        Err(Failure::Client(error)) if arguments.target.stack_trace => Err(Failure::Traced(error)),
        done => done,
    }
}

fn act(client: &Client, arguments: &Arguments, out: &mut Output<impl Write>) -> Outcome {
    match &arguments.action {
        Action::List(list) => jobs::list(client, list, out),
        Action::Run(run) => program::run(client, run, &arguments.target, out),
        Action::Info(info) => program::info(client, info, out),
        Action::Status(job) => jobs::status(client, job.id, out),
        Action::Result(job) => jobs::result(client, job.id, out),
        Action::Cancel(cancel) => jobs::cancel(client, cancel, out),
        Action::Accumulators(job) => jobs::accumulators(client, job.id, out),
        Action::Exceptions(job) => jobs::exceptions(client, job.id, out),
        Action::Savepoint(savepoint) => savepoints::savepoint(client, savepoint, out),
        Action::Stop(stop) => savepoints::stop(client, stop, out),
        Action::Checkpoint(checkpoint) => savepoints::checkpoint(client, checkpoint, out),
        Action::Checkpoints(job) => savepoints::checkpoints(client, job.id, out),
        Action::Overview => cluster::overview(client, out),
        Action::Jars => cluster::jars(client, out),
        Action::Shutdown => cluster::shutdown(client, out),
    }
}

/// Where to: `-m` before `-D` before the configuration in `FLINK_CONF_DIR`, and this machine if none of them says.
fn connect(target: &Target) -> Result<Client, Failure> {
    let mut configuration = Configuration::load()?;
    configuration.apply_dynamic_properties(&target.properties)?;
    if !configuration.contains(&options::REST_ADDRESS) {
        configuration.set(&options::REST_ADDRESS, "localhost");
    }
    let mut rest =
        RestClusterClientConfiguration::builder().configuration(&configuration)?.on_retry(progress::note);
    if let Some(address) = &target.jobmanager {
        rest = rest.address(address);
    }
    Ok(RestClusterClient::new(rest.build()?, StandaloneClusterId)?)
}

/// Why the exit status is 1.
#[derive(Debug)]
pub(crate) enum Failure {
    Usage(String),
    Client(Error),
    /// With the server's stack trace below its line.
    Traced(Error),
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(line) => write!(f, "{line} (--help says more)"),
            Self::Client(error) => write!(f, "{error}"),
            Self::Traced(error) => {
                write!(f, "{error}\n{}", error.stack_trace().unwrap_or_default().trim_end())
            }
            Self::Output(error) => write!(f, "cannot write the result: {error}"),
        }
    }
}

/// What clap says in several paragraphs, without those that only say how to ask for help.
fn one_line(refused: &clap::Error) -> String {
    let text = refused.render().to_string();
    let paragraphs = text.trim_start_matches("error: ").split("\n\n");
    let told = paragraphs.map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let told =
        told.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    told.collect::<Vec<_>>().join("; ")
}
