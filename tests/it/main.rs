//! Behaviour as a program sees it: one binary, so that it links once.

mod double;
mod exactly_once;
mod faults;
mod job_client;
mod mini;
mod pending;
mod polling;
mod provider;
mod support;
