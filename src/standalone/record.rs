//! What is written down of a cluster, so that another process finds it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::WorkingFolder;
use super::processes::Process;
use super::running::Running;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;

/// The name of the file in a cluster's folder.
const FILE: &str = "cluster.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Record {
    /// Where the REST API is.
    pub(super) web_interface_url: String,
    pub(super) flink_version: String,
    /// The job of an application cluster.
    pub(super) job_id: Option<JobId>,
    /// Whether the folder goes with the cluster.
    pub(super) temporary: bool,
    /// The process group of all.
    pub(super) group: u32,
    pub(super) processes: Vec<Process>,
}

impl Record {
    pub(super) fn write(&self, folder: &WorkingFolder) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::new(ErrorKind::LocalFile, format!("cannot write {FILE}: {error}")))?;
        folder.publish(FILE, &text)
    }

    /// # Errors
    /// [`ErrorKind::LocalFile`] if there is none in `folder`, or it is not one of ours.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).map_err(|error| {
            let message = format!("no cluster in {}: cannot read {FILE}: {error}", folder.display());
            Error::new(ErrorKind::LocalFile, message).with_hint(
                "the folder of a cluster that was killed is gone, unless it was made below a `working_directory`",
            )
        })?;
        serde_json::from_str(&text).map_err(|error| {
            let message = format!("{} does not describe a cluster: {error}", file.display());
            Error::new(ErrorKind::LocalFile, message)
        })
    }

    /// The processes that it tells of.
    pub(super) fn running(&self, folder: PathBuf) -> Running {
        let folder = WorkingFolder::existing(folder, self.temporary);
        Running::found(folder, self.group, self.processes.clone())
    }
}
