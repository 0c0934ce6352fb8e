//! How a cluster is started: prepared in a folder, launched, and waited for until it takes jobs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::{ClientSettings, LocalClusterId, StandaloneCluster};
use super::distribution::Distribution;
use super::folder::{WorkingFolder, argument_file, tell};
use super::java::{Java, Places};
use super::memory::{TaskManagerMemory, job_manager_flags};
use super::processes::{self, Process, SUPERVISOR};
use super::record::Record;
use super::running::{JOB_MANAGER, Running};
use super::settings::{CLUSTER_FOLDER, Settings, application_jar};
use crate::client::ClusterClient;
use crate::config::Configuration;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;
use crate::pending::operation::{Operating, Phase};
use crate::plan::ExecutionPlan;
use crate::rest::client::RestClusterClient;
use crate::runtime::{Runtime, timer};
use crate::specification::ClusterSpecification;

const SESSION: &str = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint";
const APPLICATION: &str = "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint";
const TASK_MANAGER: &str = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner";

/// The packages of Java that Flink and its serialisers reach into, as its own start scripts open them.
const OPENED: [&str; 12] = [
    "java.lang",
    "java.lang.reflect",
    "java.net",
    "java.io",
    "java.nio",
    "sun.nio.ch",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
];

/// All to the console, which is the log file: what the JVM itself says is there too, in order.
const LOGGING: &str = "\
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=Console
appender.console.name=Console
appender.console.type=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
";

/// A port that was free a moment ago can be taken by the time Flink wants it, and Flink gives up a part of its start
/// after 10 s, which a busy machine may not give it.
const ATTEMPTS: u32 = 3;

/// How long `java -version` may take.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// The gap between two looks at a cluster that starts.
const LOOK: Duration = Duration::from_millis(100);

/// A cluster to be started.
pub(super) struct Order {
    pub(super) home: PathBuf,
    pub(super) java: Places,
    pub(super) parent: Option<PathBuf>,
    /// The caller's, with what an application adds to it.
    pub(super) configuration: Configuration,
    pub(super) specification: ClusterSpecification,
    pub(super) application: Option<(ExecutionPlan, JobId)>,
    pub(super) limit: Duration,
    pub(super) detached: bool,
    pub(super) client: ClientSettings,
}

/// What is known before anything was started.
struct Prepared {
    distribution: Distribution,
    java: Java,
}

impl Order {
    pub(super) async fn start(self, operating: Arc<Operating>) -> Result<StandaloneCluster> {
        self.specification.check()?;
        let runtime = Runtime::shared();
        let distribution = Distribution::find(&self.home)?;
        let java = self.java.find()?;
        operating.enter(Phase::Sending);
        let deadline = timer::after(self.limit);
        let mut attempt = 1;
        let mut checked = false;
        let prepared = Prepared { distribution, java };
        loop {
            let folder = WorkingFolder::create(self.parent.as_deref())?;
            if !checked {
                if let Err(error) = check_java(&prepared.java, &folder, &runtime).await {
                    folder.remove();
                    return Err(error);
                }
                checked = true;
            }
            let made = self.prepare(&prepared, &folder);
            let (settings, names) = match made {
                Ok(made) => made,
                Err(error) => {
                    // Nothing has run in it.
                    folder.remove();
                    return Err(error);
                }
            };
            match self.launch(&prepared, folder, &settings, &names, &operating, deadline).await {
                Err(Failure { error, another: Some(folder) })
                    if attempt < ATTEMPTS && Instant::now() < deadline =>
                {
                    log::info!("starting the cluster once more: {error}");
                    folder.remove();
                    attempt += 1;
                }
                Err(failure) => return Err(failure.error),
                Ok(cluster) => return Ok(cluster),
            }
        }
    }

    /// Writes all that the processes read. Their names, the JobManager's first.
    fn prepare(&self, prepared: &Prepared, folder: &WorkingFolder) -> Result<(Settings, Vec<String>)> {
        let task_memory = TaskManagerMemory::new(&self.configuration, &self.specification)?;
        let job_memory = job_manager_flags(&self.configuration, &self.specification)?;
        let mut settings =
            Settings::new(&self.configuration, &self.specification, &task_memory.entries, folder.path())?;
        if let Some((application, _)) = &self.application {
            settings.add_application(application);
            copy_jar(application, folder)?;
        }
        folder.write("conf/config.yaml", &settings.configuration.to_yaml())?;
        folder.write("conf/log4j.properties", LOGGING)?;
        folder.write(processes::SCRIPT_FILE, processes::SUPERVISOR_SCRIPT)?;

        let class_path = class_path(&prepared.distribution)?;
        let mut names = vec![JOB_MANAGER.to_owned()];
        let (main, arguments) = match &self.application {
            None => (SESSION, Vec::new()),
            Some((application, job_id)) => (APPLICATION, application_arguments(application, *job_id)),
        };
        let options = settings.java_options("jobmanager")?;
        let line = java_line(
            folder,
            JOB_MANAGER,
            &class_path,
            [&job_memory[..], &options].concat(),
            main,
            arguments,
        );
        folder.write(&format!("run/{JOB_MANAGER}.args"), &argument_file(&line))?;
        let options = [task_memory.flags, settings.java_options("taskmanager")?].concat();
        for number in 1..=self.specification.task_managers {
            let name = format!("taskmanager-{number}");
            let line = java_line(folder, &name, &class_path, options.clone(), TASK_MANAGER, Vec::new());
            folder.write(&format!("run/{name}.args"), &argument_file(&line))?;
            names.push(name);
        }
        Ok((settings, names))
    }

    async fn launch(
        &self,
        prepared: &Prepared,
        folder: WorkingFolder,
        settings: &Settings,
        names: &[String],
        operating: &Operating,
        deadline: Instant,
    ) -> Result<StandaloneCluster, Failure> {
        let runtime = Runtime::shared();
        let environment = environment(&prepared.distribution, &folder, self.application.is_some());
        let java = &prepared.java.executable;
        let launched = processes::launch(folder.path(), java, &environment, folder.temporary, names)?;
        let running = Running::owned(folder, launched);
        let started = self.follow(prepared, &running, settings, names, operating, deadline).await;
        match started {
            Ok((client, record)) => {
                let cluster = StandaloneCluster::new(running, client, &record);
                if self.detached {
                    cluster.detach()?;
                }
                Ok(cluster)
            }
            Err(unready) => {
                // What it logged says why, and is not to go with it.
                running.folder.keep();
                let ended = running.end(runtime.core()).await;
                if let Err(error) = ended {
                    log::error!("{error}");
                }
                Err(self.failure(unready, &running.folder, settings))
            }
        }
    }

    /// Waits until the cluster is ready, and writes down where it is.
    async fn follow(
        &self,
        prepared: &Prepared,
        running: &Running,
        settings: &Settings,
        names: &[String],
        operating: &Operating,
        deadline: Instant,
    ) -> Result<(RestClusterClient<LocalClusterId>, Record), Unready> {
        let runtime = Runtime::shared();
        operating.enter(Phase::Polling);
        for name in names {
            let pid = format!("run/{name}.pid");
            while !running.processes().iter().any(|process| process.name == *name) {
                // In this order: a process that has ended has written its status before.
                let exited = running.folder.number(&format!("run/{name}.exit")).is_some();
                let known = running.folder.number(&pid).and_then(|pid| Process::of(name, pid));
                match known {
                    Some(process) => running.add(process),
                    None if exited => return Err(Unready::ended(running, name.clone())),
                    None if !supervised(running) => {
                        return Err(Unready::ended(running, SUPERVISOR.into()));
                    }
                    None if Instant::now() > deadline => {
                        return Err(Unready::Late(Box::default()));
                    }
                    None => runtime.core().sleep(Duration::from_millis(5)).await,
                }
            }
        }
        let id = LocalClusterId::of(running.folder.path());
        let client = self.client.client(&settings.configuration, id.clone())?;
        let probe = self.client.probe(&settings.configuration, id)?;
        let mut seen = Seen::default();
        loop {
            if let Some(name) = running.first_ended(names) {
                return Err(Unready::ended(running, name));
            }
            match self.is_ready(&probe, running, &mut seen).await {
                Ok(true) => break,
                Ok(false) => {}
                // Nothing that time would heal.
                Err(error) if error.is_authentication() => return Err(Unready::Failed(error)),
                Err(error) => seen.error = Some(error),
            }
            if Instant::now() > deadline {
                return Err(Unready::Late(Box::new(seen)));
            }
            runtime.core().sleep(LOOK).await;
        }
        probe.close();
        let record = Record {
            web_interface_url: client.web_interface_url(),
            flink_version: prepared.distribution.version.clone(),
            job_id: self.application.as_ref().map(|(_, job_id)| *job_id),
            temporary: running.folder.temporary,
            group: running.group(),
            processes: running.processes(),
        };
        record.write(&running.folder)?;
        Ok((client, record))
    }

    async fn is_ready(
        &self,
        probe: &RestClusterClient<LocalClusterId>,
        running: &Running,
        seen: &mut Seen,
    ) -> Result<bool> {
        let overview = probe.overview().await?;
        seen.answered = true;
        seen.error = None;
        seen.task_managers = overview.task_managers;
        seen.slots = overview.slots_total;
        let enough = overview.task_managers >= self.specification.task_managers
            && u64::from(overview.slots_total) >= self.specification.slots();
        if !enough {
            return Ok(false);
        }
        if let Some((_, job_id)) = &self.application {
            match probe.job_status(*job_id).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::JobNotFound => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // Whatever answers there has to be this cluster, and not another that was quicker to take the port.
        let configuration = probe.cluster_configuration().await?;
        let folder = configuration.get(CLUSTER_FOLDER.key()).map(String::as_str);
        Ok(folder == running.folder.path().to_str())
    }

    fn failure(&self, unready: Unready, folder: &WorkingFolder, settings: &Settings) -> Failure {
        let (message, log) = match unready {
            Unready::Failed(error) => return Failure { error, another: None },
            Unready::Ended(name) => {
                let status = match folder.number(&format!("run/{name}.exit")) {
                    Some(status) => format!(" with exit code {status}"),
                    None => String::new(),
                };
                (format!("{} ended{status} before the cluster was ready", title(&name)), name)
            }
            Unready::Late(seen) => {
                let (what, log) = seen.tell(&self.specification);
                (format!("not ready within {:?}: {what}", self.limit), log.to_owned())
            }
        };
        let end = folder.log_end(&log);
        // In Flink's words, with the port that was chosen for it.
        let port_taken = settings
            .chosen_ports
            .iter()
            .any(|(_, port)| end.contains("BindException") && end.contains(&format!("port range {port}")));
        let gave_up = end.contains("Could not create actor system")
            && end.contains("TimeoutException: Futures timed out");
        let (telling, tail) = tell(&end);
        let message = match telling {
            Some(line) => format!("{message}: {line}"),
            None => message,
        };
        let error = Error::new(ErrorKind::Process, message)
            .with_hint(format!("the whole log is {}", folder.log(&log).display()))
            .with_stack_trace(tail);
        Failure { error, another: (port_taken || gave_up).then(|| folder.clone()) }
    }
}

/// Why an attempt failed.
struct Failure {
    error: Error,
    /// Another attempt finds other ports, or more time; it needs no folder of this one.
    another: Option<WorkingFolder>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, another: None }
    }
}

/// Why a cluster does not take jobs.
enum Unready {
    /// This process has ended.
    Ended(String),
    Late(Box<Seen>),
    Failed(Error),
}

impl Unready {
    /// Before anything is asked to end. Without its JobManager the supervisor ends a cluster and then itself, so that all
    /// others have ended too, perhaps seen first; but the JobManager's exit code is written before.
    fn ended(running: &Running, name: String) -> Self {
        let job_manager = running.folder.number(&format!("run/{JOB_MANAGER}.exit")).is_some();
        Self::Ended(if job_manager { JOB_MANAGER.to_owned() } else { name })
    }
}

impl From<Error> for Unready {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How far a cluster has come.
#[derive(Default)]
struct Seen {
    answered: bool,
    task_managers: u32,
    slots: u32,
    error: Option<Error>,
}

impl Seen {
    /// What is missing, and whose log says why.
    fn tell(&self, specification: &ClusterSpecification) -> (String, &'static str) {
        match &self.error {
            Some(error) => (format!("the JobManager does not answer: {error}"), JOB_MANAGER),
            None if !self.answered => ("the JobManager does not answer".into(), JOB_MANAGER),
            None if self.task_managers < specification.task_managers => {
                let told = format!(
                    "{} of {} TaskManagers and {} of {} slots are registered",
                    self.task_managers,
                    specification.task_managers,
                    self.slots,
                    specification.slots()
                );
                (told, "taskmanager-1")
            }
            None => ("the JobManager does not know the application's job".into(), JOB_MANAGER),
        }
    }
}

fn title(name: &str) -> String {
    match name.strip_prefix("taskmanager-") {
        Some(number) => format!("TaskManager {number}"),
        None if name == JOB_MANAGER => "the JobManager".into(),
        None => format!("the {name}"),
    }
}

fn supervised(running: &Running) -> bool {
    running.processes().iter().any(|process| process.name == SUPERVISOR && process.runs())
}

/// Asks Java for its version if its folder does not say.
async fn check_java(java: &Java, folder: &WorkingFolder, runtime: &Runtime) -> Result<()> {
    if let Some(version) = &java.version {
        return java.check(version);
    }
    let failed = |error: &std::io::Error| {
        let message = format!("cannot run {}: {error}", java.executable.display());
        Error::new(ErrorKind::Process, message).with_hint("set JAVA_HOME to the folder of a Java 11 or newer")
    };
    let file = folder.path().join("log/java-version.log");
    let output = fs::File::create(&file).map_err(|error| failed(&error))?;
    let mut child = Command::new(&java.executable)
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|error| failed(&error))?;
    let deadline = Instant::now() + VERSION_LIMIT;
    while child.try_wait().map_err(|error| failed(&error))?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            let message =
                format!("{} does not say its version within {VERSION_LIMIT:?}", java.executable.display());
            return Err(Error::new(ErrorKind::Process, message));
        }
        runtime.core().sleep(Duration::from_millis(10)).await;
    }
    let printed = fs::read(&file).map_err(|error| failed(&error))?;
    java.check(&java.version_in(&String::from_utf8_lossy(&printed))?)
}

fn class_path(distribution: &Distribution) -> Result<String> {
    let mut class_path = String::new();
    for jar in &distribution.jars {
        let jar = jar.to_str().filter(|jar| !jar.contains(':')).ok_or_else(|| {
            let message = format!(
                "{} cannot be on a class path: its path has a colon or is not Unicode",
                jar.display()
            );
            Error::new(ErrorKind::Configuration, message)
        })?;
        if !class_path.is_empty() {
            class_path.push(':');
        }
        class_path.push_str(jar);
    }
    Ok(class_path)
}

/// The program goes where Flink looks for it, beside the folder that `FLINK_LIB_DIR` names. A copy: what was built can
/// be built again while the cluster runs.
fn copy_jar(application: &ExecutionPlan, folder: &WorkingFolder) -> Result<()> {
    let jar = application_jar(application)?;
    let target = folder.path().join("usrlib");
    let copied = fs::create_dir(&target).and_then(|()| {
        let name = jar.file_name().unwrap_or_default();
        fs::copy(jar, target.join(name)).map(drop)
    });
    copied.map_err(|error| {
        Error::new(ErrorKind::LocalFile, format!("cannot copy {} for the cluster: {error}", jar.display()))
            .with_source(error)
    })
}

fn application_arguments(application: &ExecutionPlan, job_id: JobId) -> Vec<String> {
    let mut arguments = vec!["--job-id".to_owned(), job_id.to_string()];
    if let Some(class) = &application.entry_class {
        arguments.extend(["--job-classname".to_owned(), class.clone()]);
    }
    if let Some(savepoint) = &application.savepoint {
        arguments.extend(["--fromSavepoint".to_owned(), savepoint.clone()]);
    }
    if application.allow_non_restored_state == Some(true) {
        arguments.push("--allowNonRestoredState".to_owned());
    }
    // What follows is the program's, even if it looks like an option of Flink's.
    arguments.push("--".to_owned());
    arguments.extend(application.args.iter().cloned());
    arguments
}

fn java_line(
    folder: &WorkingFolder,
    name: &str,
    class_path: &str,
    options: Vec<String>,
    main: &str,
    arguments: Vec<String>,
) -> Vec<String> {
    let mut line: Vec<String> =
        OPENED.iter().map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED")).collect();
    let conf = folder.path().join("conf");
    line.push(format!("-Dlog4j.configurationFile={}", conf.join("log4j.properties").display()));
    // By this the web interface finds the log.
    line.push(format!("-Dlog.file={}", folder.log(name).display()));
    line.push(format!("-Djava.io.tmpdir={}", folder.path().join("tmp").display()));
    line.extend(options);
    line.extend(["-cp".to_owned(), class_path.to_owned(), main.to_owned()]);
    line.extend(["--configDir".to_owned(), conf.display().to_string()]);
    line.extend(arguments);
    line
}

fn environment(
    distribution: &Distribution,
    folder: &WorkingFolder,
    application: bool,
) -> Vec<(String, Option<String>)> {
    let text = |path: &std::path::Path| Some(path.display().to_string());
    let mut environment = vec![
        ("FLINK_HOME".to_owned(), text(&distribution.home)),
        ("FLINK_CONF_DIR".to_owned(), text(&folder.path().join("conf"))),
        ("FLINK_PLUGINS_DIR".to_owned(), distribution.plugins.as_deref().and_then(text)),
    ];
    if application {
        environment.push(("FLINK_LIB_DIR".to_owned(), text(&folder.path().join("lib"))));
    }
    environment
}
