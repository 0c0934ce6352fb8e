//! A JVM that cannot outlive the test process.
//!
//! Its main class runs under `cluster.Watched`, which reads standard input: the other end of that pipe is here, and the
//! kernel closes it when this process ends, by whatever means. No handler, no process group, no list of ids to sweep.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};

use super::Environment;

/// A running JVM; dropping it kills it. If that is because a test failed, the end of its log is shown.
#[derive(Debug)]
pub(crate) struct Jvm {
    child: Child,
    _stdin: ChildStdin,
    log: PathBuf,
}

impl Jvm {
    /// Starts `main_class` with its output in `scratch/NAME.log`. The JVM deletes `scratch` if it finds itself orphaned.
    pub(crate) fn start(
        scratch: &Path,
        name: &str,
        heap_megabytes: u32,
        main_class: &str,
        arguments: &[String],
    ) -> Self {
        let environment = Environment::get();
        let log = scratch.join(format!("{name}.log"));
        let output = File::create(&log).expect("a log file can be made");
        let mut child = environment
            .java()
            .arg(format!("-Xmx{heap_megabytes}m"))
            .arg("-XX:MaxDirectMemorySize=192m")
            .arg(format!("-Djava.io.tmpdir={}", scratch.display()))
            .arg(format!("-Dlog4j.configurationFile={}", log_configuration(scratch).display()))
            .args(["-cp", &environment.cluster_class_path()])
            .arg("cluster.Watched")
            .arg(scratch)
            .arg(main_class)
            .args(arguments)
            // What the one who runs the tests has configured for a Flink of theirs must not leak in.
            .env_remove("FLINK_CONF_DIR")
            .env_remove("FLINK_PROPERTIES")
            .env("FLINK_PLUGINS_DIR", environment.home.join("plugins"))
            .current_dir(scratch)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a file handle can be cloned"))
            .stderr(output)
            .spawn()
            .expect("java starts");
        let stdin = child.stdin.take().expect("stdin is piped");
        Self { child, _stdin: stdin, log }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, by itself or not.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Ends it at once, as `kill -9` does, and returns when it is gone.
    pub(crate) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// All it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines it has logged, under its file's name.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        let tail = all[all.len().saturating_sub(lines)..].join("\n");
        format!("--- {} ---\n{tail}\n", self.log.display())
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail(60));
        }
    }
}

/// A folder of its own for a cluster, inside `target/`. Dropping it deletes it.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("flink-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder can be made under target/")
}

fn log_configuration(scratch: &Path) -> PathBuf {
    let file = scratch.join("log4j.properties");
    let text = "\
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=Console
appender.console.name=Console
appender.console.type=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
";
    fs::write(&file, text).expect("the scratch folder can be written");
    file
}
