//! The contract suite against the real Flink under test.

use std::path::PathBuf;
use std::sync::Mutex;

use flink_client::FlinkVersion;

use crate::contract::{self, Client, Rest, Target};
use crate::support::{Cluster, Environment, Settings, scarce, shared};

mod every {
    crate::contract::contract_tests!(every, crate::flink::target);
}

mod rest {
    crate::contract::contract_tests!(rest, crate::flink::target);
}

mod java {
    crate::contract::contract_tests!(java, crate::flink::target);
}

pub(crate) fn target() -> Box<dyn Target> {
    Box::new(SHARED)
}

/// A cluster that tests share.
struct Shared(fn() -> &'static Cluster);

const SHARED: Shared = Shared(shared);

/// A cluster of one's own, in processes of its own: one that is shut down has to end.
struct Dedicated(Mutex<Cluster>);

impl Target for Shared {
    fn flink(&self) -> FlinkVersion {
        Environment::get().version.parse().expect("a version")
    }

    fn client(&self) -> Client {
        std::sync::Arc::new(self.rest())
    }

    fn rest(&self) -> Rest {
        connect((self.0)())
    }

    fn jobs_jar(&self) -> PathBuf {
        Environment::get().jobs_jar()
    }

    fn jobs_jar_with_main(&self) -> PathBuf {
        Environment::get().jobs_jar_with_main()
    }

    fn folder(&self, name: &str) -> PathBuf {
        (self.0)().folder(name)
    }

    fn dedicated(&self, entries: &[(&str, &str)]) -> Box<dyn Target> {
        let settings =
            entries.iter().fold(Settings::session(), |settings, (key, value)| settings.set(key, *value));
        Box::new(Dedicated(Mutex::new(settings.start())))
    }

    fn scarce(&self) -> Box<dyn Target> {
        Box::new(Self(scarce))
    }

    fn has_ended(&self) -> bool {
        false
    }

    fn run_java(&self, main_class: &str, arguments: &[&str]) -> String {
        Environment::get().run_java(main_class, arguments)
    }
}

impl Target for Dedicated {
    fn flink(&self) -> FlinkVersion {
        SHARED.flink()
    }

    fn client(&self) -> Client {
        std::sync::Arc::new(self.rest())
    }

    fn rest(&self) -> Rest {
        connect(&self.0.lock().unwrap())
    }

    fn jobs_jar(&self) -> PathBuf {
        SHARED.jobs_jar()
    }

    fn jobs_jar_with_main(&self) -> PathBuf {
        SHARED.jobs_jar_with_main()
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.lock().unwrap().folder(name)
    }

    fn dedicated(&self, entries: &[(&str, &str)]) -> Box<dyn Target> {
        SHARED.dedicated(entries)
    }

    fn scarce(&self) -> Box<dyn Target> {
        SHARED.scarce()
    }

    fn has_ended(&self) -> bool {
        // The JobManager; standalone TaskManagers wait for another one.
        self.0.lock().unwrap().jvms()[0].has_ended()
    }

    fn run_java(&self, main_class: &str, arguments: &[&str]) -> String {
        SHARED.run_java(main_class, arguments)
    }
}

fn connect(cluster: &Cluster) -> Rest {
    contract::connect(cluster.url())
}
