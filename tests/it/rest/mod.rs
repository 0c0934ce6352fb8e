//! The REST API of a mini cluster, as it is on the wire.

mod closing;
mod fence;
mod garbage;
mod recordings;
mod savepoint_paths;
mod shape;
mod support;
mod uploads;
mod wire;
