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

use crate::contract::{self, Client, Rest, Target};
use crate::mini::support::jar;

const FLINK_1_20: FlinkVersion = FlinkVersion::new(1, 20, 5);
const FLINK_2_3: FlinkVersion = FlinkVersion::new(2, 3, 0);

/// The client that calls the cluster directly.
mod direct {
    mod flink_1 {
        crate::contract::contract_tests!(every, crate::contract_targets::direct::as_flink_1);
    }

    mod flink_2 {
        crate::contract::contract_tests!(every, crate::contract_targets::direct::as_flink_2);
    }

    use super::{FLINK_1_20, FLINK_2_3, Mini, Target};

    fn as_flink_1() -> Box<dyn Target> {
        Box::new(Mini::new(FLINK_1_20, false, 16, &[]))
    }

    fn as_flink_2() -> Box<dyn Target> {
        Box::new(Mini::new(FLINK_2_3, false, 16, &[]))
    }
}

/// The REST client, and the cluster's REST API.
mod over_rest {
    mod every {
        mod flink_1 {
            crate::contract::contract_tests!(every, crate::contract_targets::over_rest::as_flink_1);
        }

        mod flink_2 {
            crate::contract::contract_tests!(every, crate::contract_targets::over_rest::as_flink_2);
        }
    }

    mod rest {
        mod flink_1 {
            crate::contract::contract_tests!(rest, crate::contract_targets::over_rest::as_flink_1);
        }

        mod flink_2 {
            crate::contract::contract_tests!(rest, crate::contract_targets::over_rest::as_flink_2);
        }
    }

    use super::{FLINK_1_20, FLINK_2_3, Mini, Target};

    fn as_flink_1() -> Box<dyn Target> {
        Box::new(Mini::new(FLINK_1_20, true, 16, &[]))
    }

    fn as_flink_2() -> Box<dyn Target> {
        Box::new(Mini::new(FLINK_2_3, true, 16, &[]))
    }
}

/// A cluster with the stand-ins for the test jobs.
struct Mini {
    flink: FlinkVersion,
    /// Whether its clients are those of REST.
    over_rest: bool,
    cluster: MiniCluster,
    directory: TempDir,
}

impl Mini {
    fn new(flink: FlinkVersion, over_rest: bool, slots: u32, entries: &[(&str, &str)]) -> Self {
        let configuration = MiniClusterConfiguration::new()
            .flink_version(flink)
            .slots_per_task_manager(slots)
            .set("web.refresh-interval", "100");
        let configuration = if over_rest { configuration.rest_port(0) } else { configuration };
        let configuration =
            entries.iter().fold(configuration, |configuration, (key, value)| configuration.set(*key, *value));
        let cluster = MiniCluster::start(configuration).unwrap();
        jobs::register(&cluster);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("jobs.jar"), jar("Manifest-Version: 1.0\r\n\r\n")).unwrap();
        let with_main = "Manifest-Version: 1.0\r\nMain-Class: jobs.Accumulators\r\n\r\n";
        std::fs::write(directory.path().join("jobs-with-main.jar"), jar(with_main)).unwrap();
        Self { flink, over_rest, cluster, directory }
    }
}

impl Drop for Mini {
    fn drop(&mut self) {
        // Its programs hold it, so it would not go by itself.
        self.cluster.close();
    }
}

impl Target for Mini {
    fn flink(&self) -> FlinkVersion {
        self.flink
    }

    fn client(&self) -> Client {
        if self.over_rest {
            return Arc::new(self.rest());
        }
        Arc::new(MiniClusterClient::new(self.cluster.configuration().clone(), self.cluster.clone()))
    }

    fn rest(&self) -> Rest {
        contract::connect(&self.cluster.rest_address().expect("this cluster serves its REST API"))
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
        Box::new(Self::new(self.flink, self.over_rest, 4, entries))
    }

    fn scarce(&self) -> Box<dyn Target> {
        self.dedicated(&[("slot.request.timeout", "300 ms")])
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
