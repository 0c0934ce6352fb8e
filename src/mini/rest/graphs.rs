//! Serialised graphs of Java programs, which a mini cluster cannot run: refused as Flink refuses those that it cannot
//! read, and not before all is there that a client has to send.

use serde_json::Value;

use super::call::Call;
use super::reply::Refusal;
use crate::mini::exception::JavaException;
use crate::mini::wording;

pub(super) fn submit(call: &Call<'_>) -> Result<Value, Refusal> {
    let body = &call.body;
    let older = body.text("jobGraphFileName")?;
    let (file, kind) = if call.endpoint.is_flink_2() {
        (body.text("executionPlanFileName")?.or(older), "ExecutionPlan")
    } else {
        (older, "JobGraph")
    };
    let file =
        file.ok_or_else(|| Refusal::rest(400, "The jobGraphFileName field must not be omitted or be null."))?;
    there(call, &file, &format!("{kind} file"))?;
    for jar in body.texts("jobJarFileNames")?.unwrap_or_default() {
        there(call, &jar, "Jar file")?;
    }
    let unreadable = wording::graph_unreadable(kind);
    Err(Refusal::Refused(400, unreadable))
}

fn there(call: &Call<'_>, name: &str, what: &str) -> Result<(), Refusal> {
    if call.files.iter().any(|file| file.name == name) {
        return Ok(());
    }
    let class = "org.apache.flink.runtime.rest.handler.job.JobSubmitHandler$MissingFileException";
    let text = format!("{what} {name} could not be found on the server.");
    Err(Refusal::Refused(400, JavaException::new(class, text)))
}
