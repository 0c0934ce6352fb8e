//! Applications of Flink 2.3: a main program and the jobs that it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::ApplicationId;
use crate::job::{JobStatus, JobStatusMessage};
use crate::wire::{self, java_enum};

java_enum! {
    /// The state of an application.
    ApplicationState, "an application state" {
        /// Accepted; its main program has not begun.
        Created = "CREATED",
        /// Its main program or one of its jobs runs.
        Running = "RUNNING",
        /// Failed and ending its jobs.
        Failing = "FAILING",
        /// Failed.
        Failed = "FAILED",
        /// Being cancelled.
        Canceling = "CANCELING",
        /// Cancelled.
        Canceled = "CANCELED",
        /// Ended well.
        Finished = "FINISHED",
    }
}

impl ApplicationState {
    /// Whether it has ended: failed, cancelled or finished.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }
}

/// One application in the list of a cluster's applications.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ApplicationOverview {
    /// Names the application.
    pub id: ApplicationId,
    /// Its name: the class of its main program, or one made from the name of the job that was submitted.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// Its state.
    pub status: ApplicationState,
    /// When it was accepted.
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// When it ended, if it has.
    #[serde(
        rename = "end-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub end_time: Option<i64>,
    /// How long it has been there, or was until it ended.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub duration: Duration,
    /// How many of its jobs are in which state.
    #[serde(default, deserialize_with = "wire::by_state")]
    pub jobs: BTreeMap<JobStatus, u32>,
}

/// One application in detail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ApplicationDetails {
    /// Names the application.
    pub id: ApplicationId,
    /// Its name: the class of its main program, or one made from the name of the job that was submitted.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// Its state.
    pub status: ApplicationState,
    /// When it was accepted.
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// When it ended, if it has.
    #[serde(
        rename = "end-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub end_time: Option<i64>,
    /// How long it has been there, or was until it ended.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub duration: Duration,
    /// When it entered which state.
    #[serde(default, deserialize_with = "wire::times_by_state", serialize_with = "times")]
    pub timestamps: BTreeMap<ApplicationState, i64>,
    /// Its jobs.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub jobs: Vec<JobStatusMessage>,
}

fn times<S: Serializer>(times: &BTreeMap<ApplicationState, i64>, serializer: S) -> Result<S::Ok, S::Error> {
    wire::write::times(ApplicationState::ALL, times, serializer)
}
