//! What every deployment target promises, each behaviour stated once.
//!
//! A behaviour is a function of a [`Target`]; its name is the statement. A target makes tests of them with
//! [`contract_tests!`], which names them in three lists:
//!
//! - `every`: what any [`ClusterClient`] does;
//! - `rest`: what only the REST client offers, or what is seen through it;
//! - `java`: what needs Java to make the request: serialised graphs.
//!
//! A behaviour that no list names is dead code, which the build refuses.
//!
//! Tests of one target run at the same time on one cluster, so a behaviour works with jobs of its own and looks at
//! nobody else's; one that changes the cluster itself asks for a [`dedicated`](Target::dedicated) one.

pub(crate) mod accumulators;
pub(crate) mod applications;
pub(crate) mod cancelling;
pub(crate) mod checkpoints;
pub(crate) mod cluster;
pub(crate) mod coordination;
pub(crate) mod data_sets;
pub(crate) mod graphs;
pub(crate) mod jars;
pub(crate) mod listing;
mod lists;
mod lossy;
pub(crate) mod metrics;
pub(crate) mod one_job;
pub(crate) mod repeated_triggers;
pub(crate) mod rescaling;
pub(crate) mod restoring;
pub(crate) mod results;
pub(crate) mod retention;
pub(crate) mod running;
pub(crate) mod savepoints;
mod scene;
pub(crate) mod shutting_down;
pub(crate) mod stopping;
pub(crate) mod submitting;
pub(crate) mod unknown_jobs;

pub(crate) use lists::contract_tests;

use std::path::PathBuf;
use std::sync::Arc;

use flink_client::mini::MiniClusterId;
use flink_client::{ClusterClient, FlinkVersion, RestClusterClient, RestClusterClientConfiguration};

/// Any client. The cluster's name does not matter to a behaviour; it is the one that a mini cluster's client has.
pub(crate) type Client = Arc<dyn ClusterClient<ClusterId = MiniClusterId>>;

/// The REST client.
pub(crate) type Rest = RestClusterClient<MiniClusterId>;

/// A REST client of the cluster at this address.
pub(crate) fn connect(address: &str) -> Rest {
    let configuration = RestClusterClientConfiguration::builder().address(address).build();
    RestClusterClient::new(configuration.unwrap(), MiniClusterId).expect("nothing to go wrong")
}

/// The first version of the second line.
pub(crate) const FLINK_2: FlinkVersion = FlinkVersion::new(2, 0, 0);

/// The first version in which every job runs in an application, which shows in many answers.
pub(crate) const APPLICATIONS: FlinkVersion = FlinkVersion::new(2, 3, 0);

/// A cluster of which behaviours are expected: at least 16 free slots, no savepoint directory of its own.
pub(crate) trait Target: Send + Sync {
    /// Whose answers it gives: a few differ.
    fn flink(&self) -> FlinkVersion;

    /// A client of its own for the caller, who may close it.
    fn client(&self) -> Client;

    /// A REST client of its own for the caller, who may close it. Panics for a target without a REST API.
    fn rest(&self) -> Rest;

    /// The jar of the test jobs, whose classes are `jobs.Stateful`, `jobs.Failing` and so on (`tests/jobs`), or a
    /// stand-in for it; its manifest names no main class.
    fn jobs_jar(&self) -> PathBuf;

    /// The same with `jobs.Accumulators` as its main class.
    fn jobs_jar_with_main(&self) -> PathBuf;

    /// A folder that cluster and test both reach, under this name or one made from it; made if it is not there.
    fn folder(&self, name: &str) -> PathBuf;

    /// Another cluster of this kind, of four slots, with these entries on top of its configuration. It ends when it is
    /// dropped.
    fn dedicated(&self, entries: &[(&str, &str)]) -> Box<dyn Target>;

    /// A cluster of this kind that jobs may ask for more slots than it has, and that lets them wait for some seconds only.
    /// They take what there is: elsewhere, another test's job that begins meanwhile would fail for want of slots.
    fn scarce(&self) -> Box<dyn Target>;

    /// Whether the cluster's own process, or what stands for it, has ended.
    fn has_ended(&self) -> bool;

    /// Runs a main class of the test jobs outside of the cluster and gives what it prints. A target without Java has
    /// `jobs.EchoRequest` and panics for all others.
    fn run_java(&self, main_class: &str, arguments: &[&str]) -> String;
}
