//! Behaviour as a program sees it: one binary, so that it links once.

mod double;
mod faults;
mod job_client;
mod pending;
mod provider;
mod support;
