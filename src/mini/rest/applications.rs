//! Applications, of Flink 2.x: main programs and the jobs that they run.

use serde_json::{Value, json};

use super::call::Call;
use super::cluster;
use super::jobs::{failed, message, written};
use super::reply::Refusal;
use crate::details::ApplicationDetails;
use crate::ids::ApplicationId;
use crate::mini::exception::JavaException;
use crate::mini::wording;

type Body = Result<Value, Refusal>;

pub(super) fn overview(call: &Call<'_>) -> Body {
    Ok(json!({ "applications": written(&call.dispatcher().applications()) }))
}

fn found(call: &Call<'_>) -> Result<ApplicationDetails, Refusal> {
    call.dispatcher().application(call.argument("applicationid")?).map_err(failed)
}

pub(super) fn details(call: &Call<'_>) -> Body {
    let details = found(call)?;
    let mut body = written(&details);
    body["jobs"] = details.jobs.iter().map(|job| message(call, job)).collect();
    Ok(body)
}

/// What its `main` threw, and the failures of its jobs.
pub(super) fn exceptions(call: &Call<'_>) -> Body {
    let application = found(call)?;
    let thrown = call.dispatcher().application_failure(application.id).map_err(failed)?;
    let mut entries: Vec<Value> = Vec::new();
    entries.extend(thrown.map(|(exception, at)| {
        json!({
            "exceptionName": exception.class(),
            "stacktrace": exception.stack_trace(),
            "timestamp": at,
        })
    }));
    for job in application.jobs {
        // Only what a job has failed of for good is its application's.
        if job.job_state != crate::JobStatus::Failed {
            continue;
        }
        // One that is forgotten meanwhile has nothing more to say.
        let Ok(history) = call.dispatcher().exceptions(job.job_id, Some(1)) else { continue };
        entries.extend(history.entries.iter().map(|entry| {
            json!({
                "exceptionName": entry.exception_name,
                "stacktrace": entry.stack_trace,
                "timestamp": entry.timestamp,
                "jobId": job.job_id,
            })
        }));
    }
    Ok(json!({"exceptionHistory": {"entries": entries}}))
}

pub(super) fn cancel(call: &Call<'_>) -> Body {
    let cancelled = call.dispatcher().cancel_application(call.argument("applicationid")?);
    cancelled.map_err(|exception| {
        let text = "Application could not be found.";
        Refusal::Refused(404, JavaException::new(wording::REST_HANDLER, text).caused_by(exception))
    })?;
    Ok(json!({}))
}

pub(super) fn configuration(call: &Call<'_>) -> Body {
    // Nobody looks whether there is such an application.
    call.argument::<ApplicationId>("applicationid")?;
    cluster::configuration(call)
}
