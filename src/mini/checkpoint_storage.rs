//! Where the checkpoints of a job are, and which of them outlive it.

use std::path::PathBuf;

use super::exception::JavaException;
use super::savepoint_store;
use crate::config::{ConfigOption, Configuration, options};
use crate::job::JobStatus;

/// The storage of a job's own checkpoints; savepoints say for themselves where they go.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckpointStorage {
    /// Without one, checkpoints live in the cluster's memory.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) retention: Retention,
}

/// Whether the newest checkpoint outlives its job. That of a finished job never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retention {
    #[default]
    Never,
    OfFailed,
    OfFailedAndCancelled,
}

const RETENTION: ConfigOption<String> =
    ConfigOption::new("execution.checkpointing.externalized-checkpoint-retention")
        .with_default("NO_EXTERNALIZED_CHECKPOINTS");

impl CheckpointStorage {
    /// # Errors
    /// A value cannot be; the message begins with its key.
    pub(crate) fn of(configuration: &Configuration) -> Result<Self, JavaException> {
        let wrong = |key: &str, text: String| {
            JavaException::new("java.lang.IllegalArgumentException", format!("{key}: {text}"))
        };
        let directory = configuration
            .get_optional(&options::EXECUTION_CHECKPOINTING_DIR)?
            .map(|directory| savepoint_store::local_path(&directory))
            .transpose()
            .map_err(|exception| wrong(options::EXECUTION_CHECKPOINTING_DIR.key(), exception.to_string()))?;
        let retention = match configuration.get(&RETENTION)?.to_ascii_uppercase().as_str() {
            "NO_EXTERNALIZED_CHECKPOINTS" => Retention::Never,
            "DELETE_ON_CANCELLATION" => Retention::OfFailed,
            "RETAIN_ON_CANCELLATION" => Retention::OfFailedAndCancelled,
            other => {
                let known = "NO_EXTERNALIZED_CHECKPOINTS, DELETE_ON_CANCELLATION or RETAIN_ON_CANCELLATION";
                return Err(wrong(RETENTION.key(), format!("expected {known}, got {other:?}")));
            }
        };
        Ok(Self { directory, retention })
    }
}

impl Retention {
    /// Whether the checkpoint of a job that ended so is kept.
    pub(crate) fn keeps(self, ended: JobStatus) -> bool {
        match ended {
            JobStatus::Failed => self != Self::Never,
            JobStatus::Canceled => self == Self::OfFailedAndCancelled,
            _ => false,
        }
    }
}
