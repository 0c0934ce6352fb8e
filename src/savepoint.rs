//! Savepoints and checkpoints as a caller asks for them and is told about them.

use crate::error::Error;
use crate::wire::java_enum;

java_enum! {
    /// How a savepoint is written.
    #[derive(Default)]
    SavepointFormatType, "a savepoint format" {
        /// The same for every state backend, so that a job can change its backend.
        #[default]
        Canonical = "CANONICAL",
        /// The state backend's own: quicker to write and to restore, for the same backend only.
        Native = "NATIVE",
    }
}

java_enum! {
    /// What a checkpoint that was asked for holds.
    #[derive(Default)]
    CheckpointType, "a checkpoint type" {
        /// What the job is configured for.
        #[default]
        Configured = "CONFIGURED",
        /// All state.
        Full = "FULL",
        /// The changes since the last one. Flink (up to 2.3 at least) has this value and refuses it:
        /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
        Incremental = "INCREMENTAL",
    }
}

java_enum! {
    /// Whose files a savepoint's are once a job was restored from it.
    ClaimMode, "a claim mode" {
        /// The new job's, which removes them when it no longer needs them.
        Claim = "CLAIM",
        /// The caller's. The new job makes a full checkpoint first, and then never needs the savepoint again.
        /// Flink's default.
        NoClaim = "NO_CLAIM",
        /// Nobody's: the new job may go on needing files that it will not remove. Deprecated by Flink.
        Legacy = "LEGACY",
    }
}

/// How far an operation is that was started by a trigger and goes on in the cluster.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OperationStatus<T> {
    /// It goes on.
    InProgress,
    /// It is done.
    Completed(T),
    /// It failed, and will not be tried again under its trigger id.
    Failed(Error),
}

/// How far a savepoint, or a stop with one, is; its path when it is done.
pub type SavepointStatus = OperationStatus<String>;

/// How far a checkpoint that was asked for is; its number when it is done.
pub type CheckpointStatus = OperationStatus<u64>;

impl<T> OperationStatus<T> {
    /// Whether it goes on.
    pub fn is_in_progress(&self) -> bool {
        matches!(self, Self::InProgress)
    }

    /// The result so far: `None` while it goes on.
    pub fn into_result(self) -> Option<crate::Result<T>> {
        match self {
            Self::InProgress => None,
            Self::Completed(value) => Some(Ok(value)),
            Self::Failed(error) => Some(Err(error)),
        }
    }

    /// Changes the result of an operation that is done.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> OperationStatus<U> {
        match self {
            Self::InProgress => OperationStatus::InProgress,
            Self::Completed(value) => OperationStatus::Completed(change(value)),
            Self::Failed(error) => OperationStatus::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_flinks() {
        assert_eq!(SavepointFormatType::default().to_string(), "CANONICAL");
        assert_eq!("NATIVE".parse::<SavepointFormatType>().unwrap(), SavepointFormatType::Native);
        assert_eq!(CheckpointType::default().to_string(), "CONFIGURED");
        let claim_modes: Vec<_> = ClaimMode::ALL.iter().map(|mode| mode.as_str()).collect();
        assert_eq!(claim_modes, ["CLAIM", "NO_CLAIM", "LEGACY"]);
        for text in ["NO_CLAIM", "no_claim", "No-Claim"] {
            assert_eq!(text.parse::<ClaimMode>().unwrap(), ClaimMode::NoClaim);
        }
        assert!("no claim".parse::<ClaimMode>().is_err());
        let error = "FANCY".parse::<SavepointFormatType>().unwrap_err();
        assert_eq!(error.to_string(), "\"FANCY\" is not a savepoint format; known are CANONICAL, NATIVE");
    }

    #[test]
    fn a_result_exists_when_the_operation_has_ended() {
        assert!(CheckpointStatus::InProgress.into_result().is_none());
        assert_eq!(CheckpointStatus::Completed(7).map(|id| id + 1).into_result().unwrap().unwrap(), 8);
        let failed = SavepointStatus::Failed(Error::new(crate::ErrorKind::SavepointFailed, "no"));
        assert!(failed.into_result().unwrap().unwrap_err().is_job());
    }
}
