//! Real Flink clusters for tests.
//!
//! - [`shared`]: one cluster for the whole binary, started by the first test that asks. For whatever does not disturb
//!   other tests' jobs; it has no job of its own, and tests must not count on being alone.
//! - [`scarce`]: another one, for jobs that ask for more slots than there are.
//! - [`Settings`]: a cluster of one's own, with any configuration: in one JVM ([`Settings::mini`], the cheapest, and
//!   Flink's own REST endpoint, dispatcher and TaskManagers all the same) or as JobManager and TaskManager processes
//!   ([`Settings::session`], for what happens when one of them dies or is shut down).
//! - [`HaPair`]: ZooKeeper, two JobManagers, one TaskManager.
//! - [`ChaosProxy`]: a network that loses things, in front of any of these.
//! - [`Http`]: the REST API in plain HTTP, to set a scene and to check what the client says against the cluster's word.
//!
//! Every JVM ends when the test process does, however that ends; see [`jvm`].

// Each test file uses its share of this.
#![allow(dead_code)]

mod chaos;
mod cluster;
mod environment;
mod ha;
mod http;
mod jvm;
mod tls;

pub(crate) use chaos::ChaosProxy;
pub(crate) use cluster::{Cluster, Settings, scarce, shared};
pub(crate) use environment::Environment;
pub(crate) use ha::HaPair;
pub(crate) use http::Http;
pub(crate) use tls::{ClientKeys, TlsMode};

use std::thread;
use std::time::{Duration, Instant};

/// Looks every 20 ms until `look` sees what it looks for; panics, naming `what`, if that takes longer than `limit`.
#[track_caller]
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
