//! The contract suite against mini clusters that play Flink 1.20 and Flink 2.3.
//!
//! Each test has a cluster of its own, which is there in a millisecond and ends with it.

mod echo;
mod jobs;

use std::path::PathBuf;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flink_client::FlinkVersion;
use flink_client::mini::{MiniCluster, MiniClusterClient, MiniClusterConfiguration};
use tempfile::TempDir;

use crate::contract::{Client, Flink, Rest, Target};
use crate::mini::support::jar;

mod flink_1 {
    mod every {
        crate::contract::contract_tests!(every, crate::contract_targets::flink_1);
    }
}

mod flink_2 {
    mod every {
        crate::contract::contract_tests!(every, crate::contract_targets::flink_2);
    }
}

fn flink_1() -> Box<dyn Target> {
    Box::new(Mini::new(Flink::One, 16, &[]))
}

fn flink_2() -> Box<dyn Target> {
    Box::new(Mini::new(Flink::Two, 16, &[]))
}

/// A cluster with the stand-ins for the test jobs, and the clients that call it directly.
struct Mini {
    flink: Flink,
    cluster: MiniCluster,
    directory: TempDir,
}

impl Mini {
    fn new(flink: Flink, slots: u32, entries: &[(&str, &str)]) -> Self {
        let version = match flink {
            Flink::One => FlinkVersion::new(1, 20, 5),
            Flink::Two => FlinkVersion::new(2, 3, 0),
        };
        let configuration = MiniClusterConfiguration::new()
            .flink_version(version)
            .slots_per_task_manager(slots)
            .set("slot.request.timeout", "300 ms");
        let configuration =
            entries.iter().fold(configuration, |configuration, (key, value)| configuration.set(*key, *value));
        let cluster = MiniCluster::start(configuration).unwrap();
        jobs::register(&cluster);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("jobs.jar"), jar("Manifest-Version: 1.0\r\n\r\n")).unwrap();
        let with_main = "Manifest-Version: 1.0\r\nMain-Class: jobs.Accumulators\r\n\r\n";
        std::fs::write(directory.path().join("jobs-with-main.jar"), jar(with_main)).unwrap();
        Self { flink, cluster, directory }
    }
}

impl Drop for Mini {
    fn drop(&mut self) {
        // Its programs hold it, so it would not go by itself.
        self.cluster.close();
    }
}

impl Target for Mini {
    fn flink(&self) -> Flink {
        self.flink
    }

    fn client(&self) -> Client {
        Arc::new(MiniClusterClient::new(self.cluster.configuration().clone(), self.cluster.clone()))
    }

    fn rest(&self) -> Rest {
        panic!("this cluster serves no REST API")
    }

    fn jobs_jar(&self) -> PathBuf {
        self.directory.path().join("jobs.jar")
    }

    fn jobs_jar_with_main(&self) -> PathBuf {
        self.directory.path().join("jobs-with-main.jar")
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.directory.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn dedicated(&self, entries: &[(&str, &str)]) -> Box<dyn Target> {
        Box::new(Self::new(self.flink, 4, entries))
    }

    fn has_ended(&self) -> bool {
        !self.cluster.is_open()
    }

    fn run_java(&self, main_class: &str, arguments: &[&str]) -> String {
        match (main_class, arguments) {
            ("jobs.EchoRequest", [text]) => BASE64_STANDARD.encode(echo::request(text)),
            _ => panic!("there is no Java to run {main_class}"),
        }
    }
}
