//! Flink's REST API.

pub(crate) mod answer;
mod bearer;
pub(crate) mod client;
pub(crate) mod config;
mod connect;
pub(crate) mod endpoint;
mod follow;
mod headers;
mod inspect;
pub(crate) mod leader;
pub(crate) mod messages;
pub(crate) mod multipart;
pub(crate) mod operation;
mod own_jar;
#[cfg(feature = "tls")]
mod pem;
#[cfg(test)]
pub(crate) mod recordings;
pub(crate) mod request;
pub(crate) mod retry_after;
pub(crate) mod submit;
mod tls;
pub(crate) mod transport;
pub(crate) mod trigger;
mod unread;
#[cfg(feature = "tls")]
mod verify;
mod watch;
