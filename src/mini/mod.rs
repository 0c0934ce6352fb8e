//! A Flink cluster in this process: [`MiniCluster`].
//!
//! It answers as Flink does, with the same states, refusals and error texts, and runs stand-ins, written in Rust, for
//! the programs of the real cluster. So a tool that deploys, watches, stops and restores jobs can be tested as it is,
//! in milliseconds and without a JVM.
//!
//! # Stand-ins
//! A program is a function registered under the entry class of the real one; it is given the arguments of its run
//! ([`MiniProgram`]) and builds a [`MiniJob`] of vertices. Each task of a vertex is a call of the vertex's function
//! with a [`TaskContext`], on a thread of its own. No records flow between vertices: what a client can see of a job is
//! its states, its state, its accumulators, its failures and its answers, and these a stand-in makes by itself.
//!
//! ```
//! use std::time::Duration;
//! use flink_client::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
//! use flink_client::prelude::*;
//! use flink_client::SavepointFormatType;
//!
//! let savepoints = std::env::temp_dir().join(format!("flink-client-doc-{}", std::process::id()));
//! let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(2))?;
//! let counting = || MiniJob::new("counting").vertex("source", 1, |task| {
//!     let seen = task.value_state("source", "seen", 0_i64)?;
//!     while task.keep_running()? {
//!         seen.update(|seen| *seen += 1);
//!         task.long_maximum("seen").add(seen.get());
//!         task.sleep(Duration::from_millis(1))?;
//!     }
//!     Ok(())
//! });
//! let client = cluster.client();
//! let job = cluster.submit(counting()).wait()?;
//! client.wait_until_running(job).wait()?; // a savepoint is refused until then
//! let path = savepoints.to_string_lossy();
//! let stopped = client.stop_and_wait(job, Some(&path), SavepointFormatType::Canonical).wait()?;
//! assert!(stopped.starts_with("file:/"));
//! client.dispose_savepoint(&stopped).wait()?;
//! # std::fs::remove_dir_all(&savepoints).unwrap();
//! # Ok::<(), flink_client::Error>(())
//! ```
//!
//! # Over REST
//! With [`rest_port`](MiniClusterConfiguration::rest_port) the cluster serves Flink's REST API, on loopback: Flink's own
//! command line, a [`RestClusterClient`](crate::RestClusterClient), a client in another language or curl work against it.
//! `cargo run --example mini_cluster -- --port 8081` is such a cluster.
//!
//! # Threads
//! A slot runs one task of each vertex of its job, each on its own thread; threads are kept for 2 s for the next task.
//! Besides there are one timer, up to 16 threads for `main` of programs and the initialisation of jobs, and up to 4 for
//! files. A job that waits for slots, a delay or a savepoint holds none. REST costs one for the port and one for each
//! connection, 256 at most.
//!
//! # What is not as in Flink
//! - Over REST: there is no dashboard, no log and no profiler, nothing is cached, and a serialised graph (`POST /jobs`,
//!   `flink run`) is refused: what runs is a jar's stand-in.
//! - A failure restarts the whole job, as Flink does when all tasks are connected; there is no failover by region.
//! - State is written as JSON, in a format of its own: a savepoint of a mini cluster is for mini clusters only.
//! - Slots are given to a job all at once, in the order in which jobs ask; a job that is small enough may overtake.
//! - Restart strategies are `none` and `fixed-delay`.

mod accumulators;
mod applications;
mod checkpoint_storage;
mod client;
mod clock;
mod cluster;
mod configuration;
mod core;
mod descriptor;
pub(crate) mod dispatcher;
mod exception;
mod graph;
mod hash;
mod inspect;
mod jars;
pub(crate) mod java_writer;
mod job;
mod operations;
mod program;
mod requirements;
mod rest;
mod savepoint_store;
mod slots;
mod task;
#[cfg(test)]
mod tests;
mod threads;
mod timer;
mod wording;
mod zip;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::client::{MiniClusterClient, MiniClusterId};
pub use self::clock::MiniClock;
pub use self::cluster::MiniCluster;
pub use self::configuration::MiniClusterConfiguration;
pub use self::descriptor::MiniClusterDescriptor;
pub use self::exception::{JavaException, TaskResult};
pub use self::jars::EMPTY_JAR;
pub use self::program::{Checkpointing, IntoJobs, MiniJob, MiniProgram, RestartStrategy};
pub use self::task::{
    AverageAccumulator, CoordinationRequest, DoubleCounter, DoubleMaximum, DoubleMinimum,
    HistogramAccumulator, IntCounter, IntMaximum, IntMinimum, KeyedState, ListAccumulator, ListState,
    LongCounter, LongMaximum, LongMinimum, OwnAccumulator, TaskContext, ValueState,
};
use crate::ids::JobId;
use crate::job::JobStatus;

/// What a cluster answers: a value, or the exception that Flink would throw.
pub(crate) type Answer<T> = Result<T, JavaException>;

/// A job's move from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatusChange {
    /// Names the job.
    pub job_id: JobId,
    /// The state it was in.
    pub from: JobStatus,
    /// The state it is in now.
    pub to: JobStatus,
}

/// No code of a caller runs under a lock of this module, so a poisoned one means a panic between two complete states.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
