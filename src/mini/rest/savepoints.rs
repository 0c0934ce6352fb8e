//! Savepoints, stops, checkpoints on demand and disposals: triggered, and followed by trigger id.

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::throwable;
use super::reply::Refusal;
use crate::ids::TriggerId;
use crate::mini::exception::JavaException;
use crate::mini::{Answer, savepoint_store};
use crate::savepoint::{CheckpointType, SavepointFormatType};

type Body = Result<Value, Refusal>;

/// The answer to a trigger.
pub(super) fn triggered(trigger: TriggerId) -> Value {
    json!({ "request-id": trigger })
}

/// The caller's trigger id, or a new one.
pub(super) fn trigger_id(call: &Call<'_>) -> Result<TriggerId, Refusal> {
    Ok(call.body.value("triggerId")?.unwrap_or_else(TriggerId::random))
}

/// How far an operation is, with what it gave as `value` writes it.
pub(super) fn outcome<T>(status: Option<Answer<T>>, failure: &str, value: impl FnOnce(T) -> Value) -> Value {
    let operation = match status {
        None => return json!({"status": {"id": "IN_PROGRESS"}, "operation": null}),
        Some(Ok(done)) => value(done),
        Some(Err(exception)) => json!({ failure: throwable(&exception) }),
    };
    json!({"status": {"id": "COMPLETED"}, "operation": operation})
}

pub(super) fn trigger(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let trigger = trigger_id(call)?;
    let directory = directory(call, "target-directory")?;
    let cancel = call.body.boolean("cancel-job")?.unwrap_or(false);
    let format = format(call)?;
    let begun = call.dispatcher().trigger_savepoint(job, trigger, directory.as_deref(), format, cancel);
    begun.map_err(|exception| Refusal::of(400, exception))?;
    Ok(triggered(trigger))
}

pub(super) fn stop(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let trigger = trigger_id(call)?;
    let directory = directory(call, "targetDirectory")?;
    let drain = call.body.boolean("drain")?.unwrap_or(false);
    let format = format(call)?;
    let begun = call.dispatcher().stop(job, trigger, directory.as_deref(), format, drain);
    begun.map_err(|exception| Refusal::of(400, exception))?;
    Ok(triggered(trigger))
}

fn format(call: &Call<'_>) -> Result<SavepointFormatType, Refusal> {
    Ok(call.body.constant("formatType", SavepointFormatType::ALL)?.unwrap_or_default())
}

fn directory(call: &Call<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let directory = call.body.text(name)?;
    if let Some(directory) = &directory {
        confine(call, directory)?;
    }
    Ok(directory)
}

pub(super) fn status(call: &Call<'_>) -> Body {
    let status = call.dispatcher().savepoint_status(call.job()?, call.argument("triggerid")?);
    let status = status.map_err(|exception| Refusal::of(404, exception))?;
    Ok(outcome(status, "failure-cause", |path| json!({ "location": path })))
}

pub(super) fn dispose(call: &Call<'_>) -> Body {
    let path = call.body.text("savepoint-path")?;
    let path =
        path.ok_or_else(|| Refusal::rest(400, "Field savepoint-path must not be omitted or be null."))?;
    confine(call, &path)?;
    let trigger = trigger_id(call)?;
    call.dispatcher().dispose_savepoint(&path, trigger);
    Ok(triggered(trigger))
}

pub(super) fn disposal_status(call: &Call<'_>) -> Body {
    let status = call.dispatcher().disposal_status(call.argument("triggerid")?);
    let status = status.map_err(|exception| Refusal::of(404, exception))?;
    Ok(outcome(status, "failure-cause", |()| json!({})))
}

pub(super) fn trigger_checkpoint(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let trigger = trigger_id(call)?;
    let kind = call.body.constant("checkpointType", CheckpointType::ALL)?.unwrap_or_default();
    call.dispatcher().trigger_checkpoint(job, trigger, kind).map_err(Refusal::Failed)?;
    Ok(triggered(trigger))
}

pub(super) fn checkpoint_status(call: &Call<'_>) -> Body {
    let status = call.dispatcher().checkpoint_status(call.job()?, call.argument("triggerid")?);
    let status = status.map_err(|exception| Refusal::of(404, exception))?;
    Ok(outcome(status, "failureCause", |id| json!({ "checkpointId": id })))
}

/// Refuses a path outside of the one directory that requests may name, if there is one.
///
/// What cannot be a local path at all is left to those who will say so.
pub(super) fn confine(call: &Call<'_>, location: &str) -> Result<(), Refusal> {
    let Some(allowed) = &call.endpoint.settings.savepoints_below else { return Ok(()) };
    let Ok(path) = savepoint_store::local_path(location) else { return Ok(()) };
    if resolved(&path).starts_with(resolved(allowed)) {
        return Ok(());
    }
    let text = format!("{location} is not below {}, where this cluster keeps savepoints.", allowed.display());
    Err(Refusal::Refused(403, JavaException::new("java.nio.file.AccessDeniedException", text)))
}

/// Where a path leads that need not be there yet: links of what is there are followed.
fn resolved(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => {
                plain.push(other);
                if let Ok(real) = plain.canonicalize() {
                    plain = real;
                }
            }
        }
    }
    plain
}
