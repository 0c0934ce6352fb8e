//! Savepoints and checkpoints: triggered, followed, looked at, removed.

use super::Dispatcher;
use crate::details::{CheckpointConfig, CheckpointStatistics, CheckpointingStatistics};
use crate::ids::{JobId, TriggerId};
use crate::mini::exception::JavaException;
use crate::mini::job::checkpoint::{self, Purpose};
use crate::mini::{Answer, savepoint_store, wording};
use crate::pending::Pending;
use crate::savepoint::{CheckpointType, SavepointFormatType};

impl Dispatcher {
    /// Begins a savepoint under a trigger id; one that is known already is not begun again.
    ///
    /// # Errors
    /// Only that there is no directory. All else is the operation's outcome.
    pub(crate) fn trigger_savepoint(
        &self,
        id: JobId,
        trigger: TriggerId,
        directory: Option<&str>,
        format: SavepointFormatType,
        cancel: bool,
    ) -> Answer<()> {
        let directory = self.savepoint_directory(directory, "target-directory")?;
        self.begin(id, trigger, Purpose::Savepoint { trigger, format, cancel }, &directory);
        Ok(())
    }

    /// Begins a stop; as [`trigger_savepoint`](Self::trigger_savepoint), with which it shares its trigger ids.
    pub(crate) fn stop(
        &self,
        id: JobId,
        trigger: TriggerId,
        directory: Option<&str>,
        format: SavepointFormatType,
        drain: bool,
    ) -> Answer<()> {
        let directory = self.savepoint_directory(directory, "targetDirectory")?;
        self.begin(id, trigger, Purpose::Stop { trigger, format, drain }, &directory);
        Ok(())
    }

    fn savepoint_directory(&self, given: Option<&str>, field: &str) -> Answer<String> {
        let configured = || self.core.settings.savepoint_directory.as_deref();
        given
            .or_else(configured)
            .map(str::to_owned)
            .ok_or_else(|| wording::savepoint_directory_missing(field))
    }

    fn begin(&self, id: JobId, trigger: TriggerId, purpose: Purpose, directory: &str) {
        let local = savepoint_store::local_path(directory).map_err(wording::checkpoint_io);
        self.core.act(|state, effects| {
            if !state.operations.savepoints.begin(
                (id, trigger),
                effects.now,
                state.settings.async_store_millis,
            ) {
                return;
            }
            // A job that is not there matters more than where its savepoint should have been.
            let begun = match local {
                Ok(local) => checkpoint::trigger(state, effects, id, purpose, Some(local)),
                Err(_) if state.jobs.get(&id).is_none_or(|job| job.status.is_terminal()) => {
                    Err(wording::job_not_found(id))
                }
                Err(exception) => Err(exception),
            };
            if let Err(exception) = begun {
                let outcome = Err(JavaException::completion(exception));
                state.operations.savepoints.end((id, trigger), outcome, effects.now);
            }
        });
    }

    /// How far a savepoint or stop is: `None` while it goes on.
    ///
    /// # Errors
    /// There is no such operation.
    pub(crate) fn savepoint_status(&self, id: JobId, trigger: TriggerId) -> Answer<Option<Answer<String>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state
                .operations
                .savepoints
                .look((id, trigger), effects.now, kept)
                .ok_or_else(|| wording::no_such_operation("savepoint", id, trigger))
        })
    }

    /// The outcome of a savepoint or stop when there is one.
    pub(crate) fn await_savepoint(&self, id: JobId, trigger: TriggerId) -> Pending<Answer<String>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, _| {
            let unknown = || wording::no_such_operation("savepoint", id, trigger);
            state.operations.savepoints.wait((id, trigger), promise, unknown);
        });
        pending
    }

    /// Begins a checkpoint under a trigger id.
    ///
    /// # Errors
    /// Only that there is no such kind.
    pub(crate) fn trigger_checkpoint(
        &self,
        id: JobId,
        trigger: TriggerId,
        kind: CheckpointType,
    ) -> Answer<()> {
        if kind == CheckpointType::Incremental {
            return Err(wording::incremental_unsupported());
        }
        self.core.act(|state, effects| {
            if !state.operations.checkpoints.begin(
                (id, trigger),
                effects.now,
                state.settings.async_store_millis,
            ) {
                return;
            }
            let begun = checkpoint::trigger(state, effects, id, Purpose::Asked(trigger), None);
            if let Err(exception) = begun {
                let outcome = Err(JavaException::completion(exception));
                state.operations.checkpoints.end((id, trigger), outcome, effects.now);
            }
        });
        Ok(())
    }

    /// As [`savepoint_status`](Self::savepoint_status), for checkpoints.
    pub(crate) fn checkpoint_status(&self, id: JobId, trigger: TriggerId) -> Answer<Option<Answer<u64>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state
                .operations
                .checkpoints
                .look((id, trigger), effects.now, kept)
                .ok_or_else(|| wording::no_such_operation("checkpoint", id, trigger))
        })
    }

    /// The outcome of a checkpoint when there is one.
    pub(crate) fn await_checkpoint(&self, id: JobId, trigger: TriggerId) -> Pending<Answer<u64>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, _| {
            let unknown = || wording::no_such_operation("checkpoint", id, trigger);
            state.operations.checkpoints.wait((id, trigger), promise, unknown);
        });
        pending
    }

    pub(crate) fn checkpoints(&self, id: JobId) -> Answer<CheckpointingStatistics> {
        self.look(id, |job, _| {
            if job.initialized {
                Ok(job.checkpoints.statistics.overview())
            } else {
                Err(wording::initializing())
            }
        })?
    }

    /// With the part of each vertex.
    pub(crate) fn checkpoint_details(&self, id: JobId, checkpoint: u64) -> Answer<CheckpointStatistics> {
        self.look(id, |job, _| {
            let details = job.checkpoints.statistics.details(checkpoint);
            details.ok_or_else(|| wording::no_such_checkpoint(checkpoint))
        })?
    }

    pub(crate) fn checkpoint_config(&self, id: JobId) -> Answer<CheckpointConfig> {
        self.look(id, |job, _| job.checkpoint_config())
    }

    /// Begins to remove a savepoint.
    pub(crate) fn dispose_savepoint(&self, path: &str, trigger: TriggerId) {
        let path = path.to_owned();
        self.core.act(|state, effects| {
            if !state.operations.disposals.begin(trigger, effects.now, state.settings.async_store_millis) {
                return;
            }
            effects.with_files(move |core| {
                let disposed =
                    savepoint_store::dispose(&path).map_err(|cause| wording::disposal_failed(&path, cause));
                core.act(|state, effects| state.operations.disposals.end(trigger, disposed, effects.now));
            });
        });
    }

    pub(crate) fn disposal_status(&self, trigger: TriggerId) -> Answer<Option<Answer<()>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state.operations.disposals.look(trigger, effects.now, kept).ok_or_else(wording::no_such_key)
        })
    }

    pub(crate) fn await_disposal(&self, trigger: TriggerId) -> Pending<Answer<()>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, _| state.operations.disposals.wait(trigger, promise, wording::no_such_key));
        pending
    }
}
