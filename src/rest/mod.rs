//! Flink's REST API.

pub(crate) mod answer;
pub(crate) mod classify;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod endpoint;
mod inspect;
pub(crate) mod leader;
pub(crate) mod messages;
pub(crate) mod multipart;
pub(crate) mod operation;
#[cfg(test)]
mod recordings;
pub(crate) mod request;
pub(crate) mod retry_after;
mod submit;
mod tls;
pub(crate) mod transport;
mod trigger;
mod watch;
