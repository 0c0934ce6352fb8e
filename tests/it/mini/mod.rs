//! The cluster in this process, as a program and its tests use it.

mod cluster;
mod jobs;
mod machine;
mod savepoints;
mod stops;
mod submit;
pub(crate) mod support;
