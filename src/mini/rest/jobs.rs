//! Jobs: listed, looked at, cancelled, and what they have come to.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Refusal;
use crate::details::{ExceptionHistory, JobPlan, JobResourceRequirements};
use crate::ids::JobId;
use crate::job::JobStatusMessage;
use crate::mini::accumulators::AccumulatorEntry;
use crate::mini::exception::JavaException;
use crate::mini::{Answer, java_writer, wording};

type Body = Result<Value, Refusal>;

/// What Flink's own types write.
pub(super) fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// An answer of a handler that reads the graph of a job: a job that is not there is not found.
pub(super) fn of_graph<T>(job: JobId, answer: Answer<T>) -> Result<T, Refusal> {
    answer.map_err(|exception| match exception.class() {
        wording::JOB_NOT_FOUND => {
            let text = format!("Job {job} not found");
            Refusal::Refused(404, JavaException::new(wording::NOT_FOUND, text).caused_by(exception))
        }
        _ => Refusal::of(404, exception),
    })
}

pub(super) fn failed(exception: JavaException) -> Refusal {
    Refusal::Failed(exception)
}

pub(super) fn ids(call: &Call<'_>) -> Body {
    let jobs = call.dispatcher().list_jobs();
    let jobs: Vec<_> = jobs.iter().map(|job| json!({"id": job.job_id, "status": job.job_state})).collect();
    Ok(json!({ "jobs": jobs }))
}

pub(super) fn overview(call: &Call<'_>) -> Body {
    let jobs = call.dispatcher().list_jobs();
    Ok(json!({ "jobs": jobs.iter().map(|job| message(call, job)).collect::<Vec<_>>() }))
}

/// One job in a list.
pub(super) fn message(call: &Call<'_>, job: &JobStatusMessage) -> Value {
    let mut message = written(job);
    if !call.endpoint.is_flink_2() {
        remove(&mut message, &["jobType", "schedulerType", "pending-operators"]);
    }
    message
}

fn remove(value: &mut Value, names: &[&str]) {
    if let Value::Object(members) = value {
        for name in names {
            members.remove(*name);
        }
    }
}

pub(super) fn details(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let details = of_graph(job, call.dispatcher().job_details(job))?;
    let mut body = written(&details);
    body["isStoppable"] = json!(false);
    body["plan"] = graph(call, &details.plan);
    if !call.endpoint.is_flink_2() {
        remove(&mut body, &["application-id", "schedulerType", "pending-operators"]);
    }
    Ok(body)
}

/// A plan with what Flink's optimizer for batch programs once said in it.
pub(super) fn graph(call: &Call<'_>, plan: &JobPlan) -> Value {
    if plan.job_id.is_none() && !call.endpoint.is_flink_2() {
        return json!({});
    }
    let mut body = written(plan);
    for node in body["nodes"].as_array_mut().into_iter().flatten() {
        node["operator"] = json!("");
        node["optimizer_properties"] = json!({});
    }
    body
}

pub(super) fn plan(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let plan = of_graph(job, call.dispatcher().job_plan(job))?;
    Ok(json!({ "plan": graph(call, &plan) }))
}

pub(super) fn config(call: &Call<'_>) -> Body {
    let job = call.job()?;
    Ok(written(&of_graph(job, call.dispatcher().job_config(job))?))
}

pub(super) fn status(call: &Call<'_>) -> Body {
    let status = call.dispatcher().job_status(call.job()?).map_err(failed)?;
    Ok(json!({ "status": status }))
}

pub(super) fn accumulators(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let entries = of_graph(job, call.dispatcher().accumulators(job))?;
    // Java's reading of a boolean: anything else is false.
    let serialized =
        call.parameter("includeSerializedValue").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    Ok(json!({
        "job-accumulators": [],
        "user-task-accumulators": texts(&entries),
        "serialized-user-task-accumulators": if serialized { self::serialized(&entries) } else { Map::new() },
    }))
}

pub(super) fn texts(entries: &[AccumulatorEntry]) -> Vec<Value> {
    let text =
        |entry: &AccumulatorEntry| json!({"name": entry.name, "type": entry.type_name, "value": entry.text});
    entries.iter().map(text).collect()
}

fn serialized(entries: &[AccumulatorEntry]) -> Map<String, Value> {
    let bytes = |entry: &AccumulatorEntry| {
        (entry.name.clone(), Value::String(BASE64_STANDARD.encode(&entry.serialized)))
    };
    entries.iter().map(bytes).collect()
}

pub(super) fn execution_result(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let dispatcher = call.dispatcher();
    let not_found = |exception: JavaException| {
        let text = exception.to_string();
        let cause = JavaException::completion(exception);
        Refusal::Refused(404, JavaException::new(wording::REST_HANDLER, text).caused_by(cause))
    };
    let Some(result) = dispatcher.job_result(job).map_err(not_found)? else {
        return Ok(json!({"status": {"id": "IN_PROGRESS"}}));
    };
    let entries = dispatcher.accumulators(job).map_err(not_found)?;
    let failure = dispatcher.job_failure(job).map_err(not_found)?;
    let mut body = json!({
        "id": job,
        "application-status": result.application_status,
        "accumulator-results": serialized(&entries),
        "net-runtime": i64::try_from(result.net_runtime.as_millis()).unwrap_or(i64::MAX),
    });
    // A job that was never set up is not known to be an application's.
    let never_set_up = failure.as_ref().is_some_and(|failure| failure.class() == wording::INITIALIZATION);
    if let Some(failure) = failure {
        body["failure-cause"] = throwable(&failure);
    }
    if call.endpoint.is_flink_2() {
        body["name"] = json!(result.job_name);
        if !never_set_up {
            body["application-id"] = json!(result.application_id);
        }
        body["start-time"] = json!(result.start_time);
        body["end-time"] = json!(result.end_time);
    }
    Ok(json!({"status": {"id": "COMPLETED"}, "job-execution-result": body}))
}

/// An exception that is part of an answer, for clients with and without Java.
pub(super) fn throwable(exception: &JavaException) -> Value {
    json!({
        "class": exception.class(),
        "stack-trace": exception.stack_trace(),
        "serialized-throwable": BASE64_STANDARD.encode(java_writer::exception(exception)),
    })
}

pub(super) fn cancel(call: &Call<'_>) -> Body {
    let job = call.job()?;
    match call.parameter("mode").map(|mode| mode.to_ascii_lowercase()).as_deref() {
        None | Some("cancel") => {}
        Some("stop") => {
            let text = "The termination mode \"stop\" has been removed. For an ungraceful shutdown, please use \
                        \"cancel\" instead. For a graceful shutdown, please use \"jobs/:jobId/stop\" instead.";
            return Err(Refusal::rest(308, text));
        }
        Some(_) => return Err(call.unresolved_parameter("mode")),
    }
    let cancelled = call.wait(call.dispatcher().cancel(job))?;
    cancelled.map_err(|exception| match exception.class() {
        wording::JOB_NOT_FOUND => Refusal::Refused(
            404,
            JavaException::new(wording::REST_HANDLER, "Job could not be found.").caused_by(exception),
        ),
        _ => Refusal::of(409, exception),
    })?;
    Ok(json!({}))
}

pub(super) fn exceptions(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let most = call.parameter_value("maxExceptions")?;
    let mut history = of_graph(job, call.dispatcher().exceptions(job, most))?;
    // No failure of a mini cluster has a label.
    if call.parameter("failureLabelFilter").is_some_and(|filter| !filter.is_empty()) {
        history.entries.clear();
    }
    let mut shown = written(&history);
    for entry in shown["entries"].as_array_mut().into_iter().flatten() {
        for concurrent in entry["concurrentExceptions"].as_array_mut().into_iter().flatten() {
            remove(concurrent, &["concurrentExceptions"]);
        }
    }
    Ok(match call.endpoint.is_flink_2() {
        true => json!({ "exceptionHistory": shown }),
        false => older_exceptions(&history, shown),
    })
}

/// Flink 1.x says the newest failure twice, and where a task ran under two names.
fn older_exceptions(history: &ExceptionHistory, mut shown: Value) -> Value {
    let mut all = Vec::new();
    for entry in shown["entries"].as_array_mut().into_iter().flatten() {
        let concurrent = entry["concurrentExceptions"].as_array_mut().into_iter().flatten();
        for with_place in concurrent {
            place(with_place);
        }
        place(entry);
    }
    let newest = history.entries.first();
    for entry in
        newest.into_iter().flat_map(|entry| std::iter::once(entry).chain(&entry.concurrent_exceptions))
    {
        let Some(task) = &entry.task_name else { continue };
        all.push(json!({
            "exception": entry.stack_trace,
            "task": task.split(" - execution #").next(),
            "location": entry.endpoint,
            "endpoint": entry.endpoint,
            "timestamp": entry.timestamp,
            "taskManagerId": entry.task_manager_id,
        }));
    }
    json!({
        "root-exception": newest.map(|entry| &entry.stack_trace),
        "timestamp": newest.map(|entry| entry.timestamp),
        "all-exceptions": all,
        "truncated": history.truncated,
        "exceptionHistory": shown,
    })
}

fn place(entry: &mut Value) {
    if let Some(endpoint) = entry.get("endpoint").cloned() {
        entry["location"] = endpoint;
    }
}

pub(super) fn requirements(call: &Call<'_>) -> Body {
    let requirements = call.dispatcher().requirements(call.job()?).map_err(failed)?;
    Ok(written(&requirements))
}

pub(super) fn set_requirements(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let wanted: JobResourceRequirements = call.body.whole()?;
    if wanted.vertices.is_empty() {
        return Err(Refusal::rest(400, "Request body does not specify resource requirements."));
    }
    let set = call.dispatcher().set_requirements(job, &wanted);
    set.map_err(|exception| Refusal::of(400, exception))?;
    Ok(json!({}))
}

pub(super) fn heartbeat(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let name = "expiredTimestamp";
    let expires = call.body.required(name, call.body.number(name)?)?;
    call.dispatcher().heartbeat(job, expires);
    Ok(json!({}))
}

pub(super) fn coordinate(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let operator = if call.endpoint.is_flink_2() {
        call.text("operator").to_owned()
    } else {
        call.argument::<crate::ids::OperatorId>("operator")?.to_string()
    };
    let name = "serializedCoordinationRequest";
    let request = call.body.text(name)?.unwrap_or_default();
    let request = call.body.required(name, BASE64_STANDARD.decode(request).ok())?;
    let answer = call.wait(call.dispatcher().coordinate(job, &operator, request))?;
    let answer = answer.map_err(|exception| match exception.class() {
        wording::NO_COORDINATOR if call.endpoint.is_flink_2() => Refusal::Refused(404, exception),
        // Earlier versions have no class for it.
        wording::NO_COORDINATOR => {
            failed(JavaException::new(wording::FLINK, exception.message().unwrap_or_default()))
        }
        _ => failed(exception),
    })?;
    Ok(json!({ "serializedCoordinationResult": BASE64_STANDARD.encode(answer) }))
}

/// Turned off in Flink for years: FLINK-12312.
pub(super) fn rescaling(call: &Call<'_>) -> Body {
    call.job()?;
    Err(Refusal::rest(503, "Rescaling is temporarily disabled. See FLINK-12312."))
}
