//! Operations that go on in the cluster, followed until they have ended.
//!
//! # Operations that do not end
//! Flink leaves a savepoint going on for minutes, or for good, when its job is cancelled at a bad moment (seen on 1.20.5 and
//! 2.3.0). So one that has taken [`A_WHILE`] has its job looked at too, once in [`LOOKS`] looks. That the job has ended is
//! not the end of the operation yet: Flink tells a stop's savepoint after it has finished the job. Only if the cluster still
//! says that it goes on when it is asked [`GRACE`] later is the operation given up, as lost; whoever followed it can then see
//! in the job's history what came of it.

use std::future::Future;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::classify::AsyncOperation;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{JobId, TriggerId};
use crate::job::{Acknowledge, JobStatus};
use crate::pending::operation::Operating;
use crate::rest::endpoint::Endpoint;
use crate::rest::messages::AsynchronousOperationInfo;
use crate::rest::operation::{AsynchronousOperationResult, QueueStatusId};
use crate::rest::request::{Api, Call, unknown};
use crate::savepoint::OperationStatus;

/// An operation that is done sooner costs no look at its job.
const A_WHILE: Duration = Duration::from_secs(2);

/// From then on this many looks at an operation have one at its job with them.
const LOOKS: u32 = 4;

/// How long an operation may go on after its job has been seen to have ended.
const GRACE: Duration = Duration::from_secs(5);

/// A job was seen to have ended, at this time; without a state, if the cluster does not know it any more.
struct End {
    seen: Instant,
    status: Option<JobStatus>,
}

impl Api {
    /// Follows an operation on a job, of which `look` tells how far it is.
    pub(crate) async fn follow<T, F>(
        &self,
        operating: &Operating,
        job_id: JobId,
        look: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<OperationStatus<T>>>,
    {
        let began = Instant::now();
        let mut looks = 0;
        let mut end: Option<End> = None;
        loop {
            let asked = Instant::now();
            if let Some(value) = ended(look().await.map_err(lost_sight)?)? {
                return Ok(value);
            }
            if let Some(end) = end.as_ref().filter(|end| asked >= end.seen + GRACE) {
                return Err(abandoned(end));
            }
            self.between_looks(operating, &mut looks).await;
            if end.is_none() && began.elapsed() >= A_WHILE && looks.is_multiple_of(LOOKS) {
                end = self.end_of(operating, job_id).await;
            }
        }
    }

    async fn end_of(&self, operating: &Operating, job_id: JobId) -> Option<End> {
        let status = match self.job_status(operating, job_id).await {
            Ok(status) => {
                operating.saw(status);
                Some(status).filter(|status| status.is_globally_terminal())?;
                Some(status)
            }
            Err(error) if error.kind() == ErrorKind::JobNotFound => None,
            // The looks at the operation meet the same trouble, and tell it.
            Err(_) => return None,
        };
        Some(End { seen: Instant::now(), status })
    }

    /// Follows an operation that belongs to no job.
    pub(crate) async fn follow_operation(
        &self,
        operating: &Operating,
        status: &'static Endpoint,
        trigger_id: TriggerId,
        kind: AsyncOperation,
    ) -> Result<Acknowledge> {
        let mut looks = 0;
        loop {
            let call = Call::new(status, &[&trigger_id], "the status of an operation");
            let answer =
                self.result_of::<AsynchronousOperationInfo>(operating, call).await.map_err(lost_sight)?;
            if let Some(done) = ended(answer.into_status(kind)?)? {
                return Ok(done);
            }
            self.between_looks(operating, &mut looks).await;
        }
    }

    /// How far an operation is. Once that was told, a cluster that is to end waits for it no longer.
    pub(crate) async fn result_of<T: DeserializeOwned>(
        &self,
        operating: &Operating,
        call: Call<'_>,
    ) -> Result<AsynchronousOperationResult<T>> {
        let path = call.path.clone();
        let answer = self.get::<AsynchronousOperationResult<T>>(operating, call).await;
        let told = match &answer {
            Ok(answer) => answer.status.id == QueueStatusId::Completed,
            Err(error) => error.kind() == ErrorKind::OperationLost,
        };
        if told {
            self.unread.forget(&path);
        }
        answer
    }
}

fn abandoned(end: &End) -> Error {
    let what = match end.status {
        Some(status) => format!("the job is {status}"),
        None => "the cluster does not know the job any more".into(),
    };
    let message = format!("{what}, yet the cluster says that this goes on, and does not end it");
    let error = Error::new(ErrorKind::OperationLost, message);
    match end.status {
        Some(status) => error.with_job_status(status),
        None => error,
    }
}

/// The end of an operation, if it has come.
fn ended<T>(status: OperationStatus<T>) -> Result<Option<T>> {
    match status {
        OperationStatus::InProgress => Ok(None),
        OperationStatus::Completed(value) => Ok(Some(value)),
        OperationStatus::Failed(error) => Err(error),
    }
}

/// The cluster took the operation, and then did not say what became of it.
fn lost_sight(error: Error) -> Error {
    match error.kind() {
        ErrorKind::OperationLost => error,
        _ => unknown("the cluster has taken this, and it is not known what became of it", error),
    }
}
