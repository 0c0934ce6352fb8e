//! Flink's REST API.

pub(crate) mod answer;
pub(crate) mod classify;
pub(crate) mod messages;
pub(crate) mod operation;
#[cfg(test)]
mod recordings;
pub(crate) mod retry_after;
