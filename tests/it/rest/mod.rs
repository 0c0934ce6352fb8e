//! The REST API of a mini cluster, as it is on the wire.

mod closing;
mod savepoint_paths;
mod support;
mod uploads;
mod wire;
