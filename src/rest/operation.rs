//! Operations that go on in the server after their trigger was accepted.

use serde::Deserialize;

use crate::classify::{AsyncOperation, operation_failure};
use crate::error::{Error, ErrorKind, Result};
use crate::failure::FailureCause;
use crate::savepoint::OperationStatus;

/// The state of an operation that goes on in the server.
#[derive(Debug, Deserialize)]
pub(crate) struct AsynchronousOperationResult<T> {
    pub(crate) status: QueueStatus,
    #[serde(default = "Option::default")]
    pub(crate) operation: Option<T>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct QueueStatus {
    pub(crate) id: QueueStatusId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum QueueStatusId {
    InProgress,
    Completed,
}

/// An exception of the server's, of which only the texts are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SerializedThrowable {
    #[serde(default)]
    pub(crate) class: String,
    #[serde(default)]
    pub(crate) stack_trace: String,
}

impl SerializedThrowable {
    pub(crate) fn cause(&self) -> FailureCause {
        FailureCause::read(&self.class, &self.stack_trace)
    }
}

/// What an operation gives when it is done, or why it failed.
pub(crate) trait Operation {
    type Value;

    fn failure_cause(&self) -> Option<&SerializedThrowable>;

    /// `None` if there is neither a value nor a failure.
    fn into_value(self) -> Option<Self::Value>;
}

impl<T: Operation> AsynchronousOperationResult<T> {
    /// How far the operation is.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if it is done and there is neither a value nor a failure.
    pub(crate) fn into_status(self, operation: AsyncOperation) -> Result<OperationStatus<T::Value>> {
        if self.status.id == QueueStatusId::InProgress {
            return Ok(OperationStatus::InProgress);
        }
        if let Some(failure) = self.operation.as_ref().and_then(Operation::failure_cause) {
            return Ok(OperationStatus::Failed(operation_failure(
                operation,
                &failure.class,
                &failure.stack_trace,
            )));
        }
        match self.operation.and_then(Operation::into_value) {
            Some(value) => Ok(OperationStatus::Completed(value)),
            None => {
                let message =
                    "the operation is done, but the server says neither what it gave nor why it failed";
                Err(Error::new(ErrorKind::Decode, message))
            }
        }
    }
}
