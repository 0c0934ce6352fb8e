//! Real clusters on this machine: started from a Flink distribution, found again, killed.
//!
//! [`start`](mod@start) says how one comes up, [`running`] how it ends, `supervisor.sh` why it never outlives its owner.

mod cluster;
mod descriptor;
mod distribution;
mod folder;
mod java;
mod memory;
mod processes;
mod record;
mod running;
mod settings;
mod start;

pub use self::cluster::{LocalClusterId, StandaloneCluster};
pub use self::descriptor::StandaloneClusterDescriptor;
