//! Flink's configuration of a cluster that runs on this machine alone: the caller's, and what it leaves open.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;

use crate::config::{ConfigOption, Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{ExecutionPlan, PlanSource};
use crate::specification::ClusterSpecification;

/// The folder of a cluster that this library started: written into its configuration, so that what answers at a port
/// can be told from another cluster.
pub(super) const CLUSTER_FOLDER: ConfigOption<String> = ConfigOption::new("standalone.cluster-folder");

const LOOPBACK: &str = "127.0.0.1";

/// Keys that the caller cannot set, and what decides instead.
const OWNED: [(&str, &str); 8] = [
    ("jobmanager.memory.flink.size", "the specification's job_manager_memory"),
    ("jobmanager.memory.heap.size", "the specification's job_manager_memory"),
    ("taskmanager.memory.flink.size", "the specification's task_manager_memory"),
    ("taskmanager.memory.task.heap.size", "the specification's task_manager_memory"),
    ("taskmanager.resource-id", "Flink, differently for each TaskManager"),
    ("rest.bind-port", "rest.port"),
    ("env.log.dir", "the cluster's folder"),
    ("env.pid.dir", "the cluster's folder"),
];

/// What a cluster's configuration is made of.
#[derive(Debug)]
pub(super) struct Settings {
    /// All that the processes read.
    pub(super) configuration: Configuration,
    /// The ports that were chosen here, and might be somebody else's by the time Flink wants them.
    pub(super) chosen_ports: Vec<(&'static str, u16)>,
}

impl Settings {
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key, for one that the caller cannot set or that cannot be read;
    /// [`ErrorKind::Process`] for a port that is taken.
    pub(super) fn new(
        given: &Configuration,
        specification: &ClusterSpecification,
        memory: &[(String, String)],
        folder: &Path,
    ) -> Result<Self> {
        refuse_owned(given)?;
        let mut configuration = Configuration::new();
        for key in [
            options::JOBMANAGER_RPC_ADDRESS.key(),
            options::JOBMANAGER_BIND_HOST.key(),
            options::TASKMANAGER_HOST.key(),
            options::TASKMANAGER_BIND_HOST.key(),
            options::REST_ADDRESS.key(),
            "rest.bind-address",
        ] {
            configuration.set_raw(key, LOOPBACK);
        }
        configuration
            // A TaskManager that asks before its JobManager is there would ask again only 10 s later.
            .set_raw("cluster.registration.error-delay", "200 ms")
            .set_raw("taskmanager.cpu.cores", specification.slots_per_task_manager.to_string());
        configuration.merge(given);
        decide(
            &mut configuration,
            options::TASKMANAGER_NUMBER_OF_TASK_SLOTS.key(),
            "slots_per_task_manager",
            given.get_optional(&options::TASKMANAGER_NUMBER_OF_TASK_SLOTS)?,
            &specification.slots_per_task_manager,
        )?;
        decide(
            &mut configuration,
            options::JOBMANAGER_MEMORY_PROCESS_SIZE.key(),
            "job_manager_memory",
            given.get_optional(&options::JOBMANAGER_MEMORY_PROCESS_SIZE)?,
            &specification.job_manager_memory,
        )?;
        decide(
            &mut configuration,
            options::TASKMANAGER_MEMORY_PROCESS_SIZE.key(),
            "task_manager_memory",
            given.get_optional(&options::TASKMANAGER_MEMORY_PROCESS_SIZE)?,
            &specification.task_manager_memory,
        )?;
        configuration.extend(memory.iter().cloned());
        configuration.set(&CLUSTER_FOLDER, folder.to_string_lossy().into_owned());

        let mut chosen_ports = Vec::new();
        // Held together, so that they differ.
        let mut held = Vec::new();
        for option in [options::REST_PORT, options::JOBMANAGER_RPC_PORT] {
            match given.get_optional(&option)? {
                Some(port) if port != 0 => held.push(hold_given(&option, port)?),
                _ => {
                    let listener = TcpListener::bind((LOOPBACK, 0)).map_err(no_port)?;
                    let port = listener.local_addr().map_err(no_port)?.port();
                    configuration.set(&option, port);
                    held.push(listener);
                    chosen_ports.push((option.key(), port));
                }
            }
        }
        Ok(Self { configuration, chosen_ports })
    }

    /// What an application needs beside: its jobs take their settings from the cluster's configuration.
    pub(super) fn add_application(&mut self, application: &ExecutionPlan) {
        let configuration = &mut self.configuration;
        for (key, value) in [
            // Whoever started it wants to know how the job ended, so it is there until it is killed.
            ("execution.shutdown-on-application-finish", "false"),
            ("execution.submit-failed-job-on-application-error", "true"),
        ] {
            if configuration.get_raw(key).is_none() {
                configuration.set_raw(key, value);
            }
        }
        configuration.extend(application.configuration.clone());
        if let Some(parallelism) = application.parallelism {
            configuration.set(&options::PARALLELISM_DEFAULT, parallelism);
        }
        if let Some(mode) = application.claim_mode {
            configuration.set_raw("execution.state-recovery.claim-mode", mode.to_string());
            configuration.set_raw("execution.savepoint-restore-mode", mode.to_string());
        }
    }

    /// Options of the JVM that the caller's configuration adds, for `jobmanager` or `taskmanager`.
    pub(super) fn java_options(&self, process: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for key in ["env.java.opts.all", &format!("env.java.opts.{process}")] {
            if let Some(text) = self.configuration.get_raw(key) {
                all.extend(words(text).ok_or_else(|| {
                    Error::new(ErrorKind::Configuration, format!("{key}: a quote in it is never closed"))
                })?);
            }
        }
        Ok(all)
    }
}

/// # Errors
/// [`ErrorKind::InvalidArgument`] for a plan that is no program in a jar on this machine.
pub(super) fn application_jar(application: &ExecutionPlan) -> Result<&Path> {
    application.check()?;
    match &application.source {
        PlanSource::Jar(jar) => Ok(jar),
        PlanSource::UploadedJar(_) | PlanSource::Graph { .. } => {
            Err(Error::new(ErrorKind::InvalidArgument, "the plan names no jar on this machine")
                .with_hint("an application cluster runs a program: use `ExecutionPlan::jar`"))
        }
    }
}

fn refuse_owned(given: &Configuration) -> Result<()> {
    let refused = |key: &str, decides: &str| {
        let message =
            format!("{key} cannot be set for a cluster that this library starts: {decides} decides it");
        Err(Error::new(ErrorKind::Configuration, message).with_hint("remove it from the configuration"))
    };
    for (key, decides) in OWNED {
        if given.get_raw(key).is_some() {
            return refused(key, decides);
        }
    }
    match given.keys().find(|key| key.starts_with("$internal.")) {
        Some(key) => refused(key, "Flink"),
        None => Ok(()),
    }
}

/// Sets what the specification decides; the configuration may say the same, and nothing else.
fn decide<T: PartialEq + ToString>(
    configuration: &mut Configuration,
    key: &str,
    name: &str,
    given: Option<T>,
    specified: &T,
) -> Result<()> {
    if let Some(given) = given.filter(|given| given != specified) {
        let message = format!(
            "{key} is {}, but the specification's {name} is {}",
            given.to_string(),
            specified.to_string()
        );
        return Err(Error::new(ErrorKind::Configuration, message).with_hint(
            "remove it from the configuration, or make the specification with \
             `ClusterSpecification::from_configuration`",
        ));
    }
    configuration.set_raw(key, specified.to_string());
    Ok(())
}

/// A port that the caller names has to be free on the address that Flink listens on unless the caller names another.
fn hold_given(option: &ConfigOption<u16>, port: u16) -> Result<TcpListener> {
    TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), port)).map_err(|error| {
        Error::new(ErrorKind::Process, format!("{option} is {port}, and that port cannot be had: {error}"))
            .with_hint("end what listens there, or leave the key out for any free port")
            .with_source(error)
    })
}

fn no_port(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Process, format!("no free port on {LOOPBACK}: {error}")).with_source(error)
}

/// The words of a text, separated by white space; quotes keep white space in a word. `None` if one is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)], specification: &ClusterSpecification) -> Result<Settings> {
        let given: Configuration = given.iter().copied().collect();
        Settings::new(&given, specification, &[], Path::new("/tmp/flink-1"))
    }

    #[test]
    fn everything_listens_on_the_loopback_unless_the_caller_says_otherwise() {
        let made = settings(&[], &ClusterSpecification::new()).unwrap();
        for key in ["rest.bind-address", "jobmanager.bind-host", "taskmanager.bind-host", "rest.address"] {
            assert_eq!(made.configuration.get_raw(key), Some("127.0.0.1"), "{key}");
        }
        let made = settings(&[("rest.bind-address", "0.0.0.0")], &ClusterSpecification::new()).unwrap();
        assert_eq!(made.configuration.get_raw("rest.bind-address"), Some("0.0.0.0"));
    }

    #[test]
    fn ports_are_free_and_differ_and_the_callers_own_is_kept() {
        let made = settings(&[], &ClusterSpecification::new()).unwrap();
        let port = |option| made.configuration.get(&option).unwrap();
        assert_ne!(port(options::REST_PORT), port(options::JOBMANAGER_RPC_PORT));
        let chosen =
            [options::REST_PORT, options::JOBMANAGER_RPC_PORT].map(|option| (option.key(), port(option)));
        assert_eq!(made.chosen_ports, chosen);
        // Somebody else may take a free port first; not every time.
        let (free, made) = (0..50)
            .find_map(|_| {
                let free = TcpListener::bind((LOOPBACK, 0)).ok()?.local_addr().ok()?.port().to_string();
                let made = settings(&[("rest.port", &free)], &ClusterSpecification::new()).ok()?;
                Some((free, made))
            })
            .unwrap();
        assert_eq!(made.configuration.get_raw("rest.port"), Some(&*free));
        let port = made.configuration.get(&options::JOBMANAGER_RPC_PORT).unwrap();
        assert_eq!(made.chosen_ports, [("jobmanager.rpc.port", port)]);
    }

    #[test]
    fn a_port_that_is_taken_is_told_by_its_key() {
        let taken = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        for key in ["rest.port", "jobmanager.rpc.port"] {
            let error = settings(&[(key, &port)], &ClusterSpecification::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Process);
            assert!(error.to_string().starts_with(&format!("{key} is {port}, ")), "{error}");
        }
    }

    #[test]
    fn what_the_library_decides_is_refused_by_name() {
        for (key, _) in OWNED.iter().chain(&[("$internal.pipeline.job-id", "")]) {
            let error = settings(&[(key, "1")], &ClusterSpecification::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().starts_with(&format!("{key} cannot be set")), "{error}");
        }
        let error =
            settings(&[("taskmanager.numberOfTaskSlots", "4")], &ClusterSpecification::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "taskmanager.numberOfTaskSlots is 4, but the specification's slots_per_task_manager is 1; remove it from \
             the configuration, or make the specification with `ClusterSpecification::from_configuration`"
        );
    }

    #[test]
    fn a_configuration_that_agrees_with_the_specification_is_fine() {
        let given = [("taskmanager.numberOfTaskSlots", "4"), ("taskmanager.memory.process.size", "2048m")];
        let configuration: Configuration = given.into_iter().collect();
        let specification = ClusterSpecification::from_configuration(&configuration).unwrap();
        let made = settings(&given, &specification).unwrap();
        assert_eq!(made.configuration.get_raw("taskmanager.memory.process.size"), Some("2 gb"));
        assert_eq!(made.configuration.get_raw("taskmanager.cpu.cores"), Some("4"));
    }

    #[test]
    fn options_of_the_jvm_are_split_as_a_shell_would() {
        let given = [
            ("env.java.opts.all", " -Xss1m \"-Da=b c\"  -Dd='e f'g "),
            ("env.java.opts.taskmanager", "-Xlog:gc"),
        ];
        let made = settings(&given, &ClusterSpecification::new()).unwrap();
        assert_eq!(made.java_options("jobmanager").unwrap(), ["-Xss1m", "-Da=b c", "-Dd=e fg"]);
        assert_eq!(made.java_options("taskmanager").unwrap().last().unwrap(), "-Xlog:gc");
        let made = settings(&[("env.java.opts.jobmanager", "'open")], &ClusterSpecification::new()).unwrap();
        assert_eq!(made.java_options("jobmanager").unwrap_err().kind(), ErrorKind::Configuration);
    }

    #[test]
    fn an_application_keeps_its_cluster_unless_the_caller_says_otherwise() {
        let key = "execution.shutdown-on-application-finish";
        let plan = ExecutionPlan::jar("a.jar").parallelism(3).configuration("pipeline.name", "etl");
        let mut made = settings(&[], &ClusterSpecification::new()).unwrap();
        made.add_application(&plan);
        assert_eq!(made.configuration.get_raw(key), Some("false"));
        assert_eq!(made.configuration.get_raw("parallelism.default"), Some("3"));
        assert_eq!(made.configuration.get_raw("pipeline.name"), Some("etl"));
        let mut made = settings(&[(key, "true")], &ClusterSpecification::new()).unwrap();
        made.add_application(&plan);
        assert_eq!(made.configuration.get_raw(key), Some("true"));
        for plan in [ExecutionPlan::uploaded_jar("1_a.jar"), ExecutionPlan::serialized("g.bin")] {
            assert_eq!(application_jar(&plan).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }
}
