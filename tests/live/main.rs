//! Tests against a real Flink: one binary, run once for each Flink version by `tests/all.sh`.
//!
//! By hand: `tests/flink.sh 2.3.0 cargo test --test live`. Plain `cargo test` leaves this target out (`test = false` in
//! the manifest), and without the environment that `tests/flink.sh` sets each test here fails and says so.

mod chaos;
mod cli;
mod clusters;
#[path = "../it/contract/mod.rs"]
mod contract;
mod failover;
mod flink;
mod flinks_own_cli;
mod jobs;
mod leader;
mod shapes;
mod standalone;
mod support;
mod tls;
mod upgrade;
