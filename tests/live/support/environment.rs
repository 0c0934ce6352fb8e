//! Where the real Flink is: what `tests/flink.sh VERSION COMMAND` told this process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The Flink under test.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Such as "2.3.0".
    pub(crate) version: String,
    /// The folder whose `lib` holds Flink's jars.
    pub(crate) home: PathBuf,
    jars: PathBuf,
    jdk: PathBuf,
}

impl Environment {
    /// The environment, or a panic that says how to get one: a test without a Flink must not look like a passed test.
    pub(crate) fn get() -> &'static Self {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(|| {
            let value = |name| {
                std::env::var(name).unwrap_or_else(|_| {
                    panic!("{name} is not set: run `tests/flink.sh 2.3.0 cargo test --test live`, or tests/all.sh")
                })
            };
            Self {
                version: value("FLINK_TEST_VERSION"),
                home: value("FLINK_TEST_HOME").into(),
                jars: value("FLINK_TEST_JARS").into(),
                jdk: value("FLINK_TEST_JDK").into(),
            }
        })
    }

    /// Whether this is Flink 1.x.
    pub(crate) fn is_flink_1(&self) -> bool {
        self.version.starts_with("1.")
    }

    /// The folder of the JDK.
    pub(crate) fn jdk(&self) -> &Path {
        &self.jdk
    }

    /// The test jobs (`tests/jobs`); no main class is named in it.
    pub(crate) fn jobs_jar(&self) -> PathBuf {
        self.jars.join("jobs.jar")
    }

    /// The same with `jobs.Accumulators` as its main class.
    pub(crate) fn jobs_jar_with_main(&self) -> PathBuf {
        self.jars.join("jobs-with-main.jar")
    }

    /// `java` with Flink, the test jobs and the cluster programs on its class path.
    pub(crate) fn java(&self) -> Command {
        let mut command = Command::new(self.jdk.join("bin/java"));
        command.args(OPENS.split_whitespace());
        // A JVM here lives for seconds: what starts fastest wins.
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.arg("--add-exports=java.base/sun.security.tools.keytool=ALL-UNNAMED");
        command
    }

    /// Class path of a cluster: Flink and the programs that run it, not the jobs.
    pub(crate) fn cluster_class_path(&self) -> String {
        format!("{}/lib/*:{}/cluster.jar", self.home.display(), self.jars.display())
    }

    /// Runs a main class of the test jobs here, without a cluster; gives what it printed. Panics if it fails.
    pub(crate) fn run_java(&self, main_class: &str, arguments: &[&str]) -> String {
        let output = self
            .java()
            .arg("-cp")
            .arg(format!("{}/lib/*:{}", self.home.display(), self.jobs_jar().display()))
            // Nothing but what the program itself prints may come on standard output.
            .arg("-Dlog4j2.level=OFF")
            .arg(main_class)
            .args(arguments)
            .output()
            .expect("java starts");
        assert!(
            output.status.success(),
            "{main_class} {arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8 from java").trim().to_owned()
    }
}

/// The packages that Flink and its serialisers reach into, as its own start scripts open them.
const OPENS: &str = "
    --add-opens=java.base/java.lang=ALL-UNNAMED
    --add-opens=java.base/java.lang.reflect=ALL-UNNAMED
    --add-opens=java.base/java.net=ALL-UNNAMED
    --add-opens=java.base/java.io=ALL-UNNAMED
    --add-opens=java.base/java.nio=ALL-UNNAMED
    --add-opens=java.base/sun.nio.ch=ALL-UNNAMED
    --add-opens=java.base/java.text=ALL-UNNAMED
    --add-opens=java.base/java.time=ALL-UNNAMED
    --add-opens=java.base/java.util=ALL-UNNAMED
    --add-opens=java.base/java.util.concurrent=ALL-UNNAMED
    --add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED
    --add-opens=java.base/java.util.concurrent.locks=ALL-UNNAMED";
