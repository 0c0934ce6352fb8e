//! How a job came to its parallelism, as Flink 2.3 tells of jobs under the adaptive scheduler.
//!
//! A mini cluster does not keep a history of that: what changed is seen in the job's vertices.

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::of_graph;
use super::reply::Refusal;

type Body = Result<Value, Refusal>;

fn of_job(call: &Call<'_>) -> Result<(), Refusal> {
    let job = call.job()?;
    of_graph(job, call.dispatcher().job_status(job)).map(drop)
}

fn none() -> Value {
    json!({"ignored": 0, "inProgress": 0, "completed": 0, "failed": 0})
}

pub(super) fn overview(call: &Call<'_>) -> Body {
    of_job(call)?;
    Ok(json!({"rescalesCounts": none(), "latest": {"completed": null, "failed": null, "ignored": null}}))
}

pub(super) fn history(call: &Call<'_>) -> Body {
    of_job(call)?;
    Ok(json!([]))
}

pub(super) fn summary(call: &Call<'_>) -> Body {
    of_job(call)?;
    let never = json!({"min": 0, "max": 0, "avg": 0, "p50": "NaN", "p90": "NaN", "p95": "NaN", "p99": "NaN", "p999": "NaN"});
    Ok(json!({
        "rescalesCounts": none(),
        "rescalesDurationStatsInMillis": never,
        "completedRescalesDurationStatsInMillis": never,
        "ignoredRescalesDurationStatsInMillis": never,
        "failedRescalesDurationStatsInMillis": never,
    }))
}
