//! Data sets that finished jobs have left in the cluster.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::Refusal;
use super::savepoints::{outcome, triggered};
use crate::ids::TriggerId;

type Body = Result<Value, Refusal>;

pub(super) fn list(call: &Call<'_>) -> Body {
    let sets = call.dispatcher().data_sets();
    let sets: Vec<_> = sets.iter().map(|id| json!({"id": id, "isComplete": true})).collect();
    Ok(json!({ "dataSets": sets }))
}

pub(super) fn delete(call: &Call<'_>) -> Body {
    let trigger = TriggerId::random();
    call.dispatcher().invalidate_data_set(call.argument("datasetid")?, trigger);
    Ok(triggered(trigger))
}

pub(super) fn deletion(call: &Call<'_>) -> Body {
    let status = call.dispatcher().data_set_status(call.argument("triggerid")?);
    let status = status.map_err(|exception| Refusal::of(404, exception))?;
    Ok(outcome(status, "failure-cause", |()| json!({})))
}
