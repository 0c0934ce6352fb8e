//! Behaviour as a program sees it: one binary, so that it links once.

mod api;
// What needs Java is left to the tests against a real Flink.
#[allow(dead_code)]
mod contract;
mod contract_targets;
mod double;
mod exactly_once;
mod faults;
mod job_client;
mod leader;
mod mini;
mod pending;
mod polling;
mod provider;
mod rest;
#[cfg(unix)]
mod standalone;
mod support;
mod targets;
