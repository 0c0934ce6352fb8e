//! Uploaded jars: stored, listed, planned, run, removed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::{graph, written};
use super::reply::Refusal;
use super::savepoints;
use crate::config::{Configuration, options};
use crate::ids::JobId;
use crate::mini::dispatcher::RunRequest;
use crate::savepoint::ClaimMode;

type Body = Result<Value, Refusal>;

pub(super) fn list(call: &Call<'_>) -> Body {
    Ok(json!({"address": call.endpoint.url, "files": written(&call.dispatcher().list_jars())}))
}

pub(super) fn upload(call: &Call<'_>) -> Body {
    let [file] = &call.files[..] else {
        let text = format!("Exactly 1 file must be sent, received {}.", call.files.len());
        return Err(Refusal::rest(400, text));
    };
    let stored = call.dispatcher().adopt_jar(&file.name, file.path());
    let path = stored.map_err(|exception| Refusal::of(400, exception))?;
    Ok(json!({"filename": path.to_string_lossy(), "status": "success"}))
}

pub(super) fn delete(call: &Call<'_>) -> Body {
    let deleted = call.dispatcher().delete_jar(call.text("jarid"));
    deleted.map_err(|exception| Refusal::of(400, exception))?;
    Ok(json!({}))
}

pub(super) fn run(call: &Call<'_>) -> Body {
    let request = request(call)?;
    let run = call.wait(call.dispatcher().run_jar(call.text("jarid"), &request))?;
    let job = run.map_err(|exception| Refusal::of(400, exception))?;
    Ok(if call.endpoint.is_flink_2() {
        json!({"jobid": job, "applicationId": job})
    } else {
        json!({ "jobid": job })
    })
}

pub(super) fn run_application(call: &Call<'_>) -> Body {
    let request = request(call)?;
    let id = call.body.value("applicationId")?;
    let begun = call.dispatcher().run_application(call.text("jarid"), &request, id);
    let id = begun.map_err(|exception| Refusal::of(400, exception))?;
    Ok(json!({ "applicationid": id }))
}

pub(super) fn plan(call: &Call<'_>) -> Body {
    let request = request(call)?;
    let plan = call.wait(call.dispatcher().jar_plan(call.text("jarid"), &request))?;
    let plan = plan.map_err(|exception| Refusal::of(400, exception))?;
    Ok(json!({ "plan": graph(call, &plan) }))
}

/// How the program is to be run: the body says so, else the query.
fn request(call: &Call<'_>) -> Result<RunRequest, Refusal> {
    let body = &call.body;
    let text = |member: &str, parameter: &str| -> Result<Option<String>, Refusal> {
        let given = body.text(member)?.filter(|text| !text.is_empty());
        Ok(given.or_else(|| call.parameter(parameter).filter(|text| !text.is_empty())))
    };
    let parallelism = match body.number("parallelism")? {
        None => call.parameter_value::<i64>("parallelism")?,
        given => given,
    };
    let savepoint = text("savepointPath", "savepointPath")?;
    if let Some(path) = &savepoint {
        savepoints::confine(call, path)?;
    }
    let configuration: BTreeMap<_, _> = body.map("flinkConfiguration")?.into_iter().collect();
    confine_directories(call, &configuration)?;
    let claim_mode = match body.constant("claimMode", ClaimMode::ALL)? {
        None => body.constant("restoreMode", ClaimMode::ALL)?,
        given => given,
    };
    Ok(RunRequest {
        entry_class: text("entryClass", "entry-class")?,
        args: arguments(call)?,
        // -1 is Flink's for "the default"; of others `main` says that they cannot be.
        parallelism: parallelism.filter(|given| *given != -1).map(|given| u32::try_from(given).unwrap_or(0)),
        job_id: body.value::<JobId>("jobId")?,
        savepoint,
        claim_mode,
        allow_non_restored_state: match body.boolean("allowNonRestoredState")? {
            None => call.parameter("allowNonRestoredState").map(|text| text.eq_ignore_ascii_case("true")),
            given => given,
        },
        configuration,
    })
}

/// A job's own configuration may not name what its request may not. Looked up as the job looks it up, under older keys
/// too: whichever of them counts over the cluster's is the first of them here.
fn confine_directories(call: &Call<'_>, configuration: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let mut given = Configuration::new();
    for (key, value) in configuration {
        given.set_raw(key, value);
    }
    for option in [&options::EXECUTION_CHECKPOINTING_DIR, &options::EXECUTION_CHECKPOINTING_SAVEPOINT_DIR] {
        // A text is never malformed.
        if let Ok(Some(directory)) = given.get_optional(option) {
            savepoints::confine(call, &directory)?;
        }
    }
    Ok(())
}

/// Flink 2.x takes a list only; before, one text was an older form of it.
fn arguments(call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    let list = call.body.texts("programArgsList")?;
    if !call.endpoint.is_flink_2() {
        let text = match call.body.text("programArgs")? {
            None => call.parameter("program-args"),
            given => given,
        };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if list.is_some() {
                let text = "Confusing request: programArgs and programArgsList are specified, please, use only \
                            programArgsList";
                return Err(Refusal::rest(400, text));
            }
            return Ok(tokens(&text));
        }
    }
    Ok(list.or_else(|| call.list("programArg")).unwrap_or_default())
}

/// Words between blanks; what is in quotes is one, without them.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let (mut token, mut began, mut quote) = (String::new(), false, None);
    for character in text.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => token.push(character),
            None if matches!(character, '"' | '\'') => (quote, began) = (Some(character), true),
            None if character.is_whitespace() => {
                if std::mem::take(&mut began) {
                    tokens.push(std::mem::take(&mut token));
                }
            }
            None => {
                token.push(character);
                began = true;
            }
        }
    }
    if began {
        tokens.push(token);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_of_arguments_is_cut_at_blanks_outside_of_quotes() {
        assert_eq!(
            tokens("  --a 1\t--b 'two words' \"\" x\"y z\"'' "),
            ["--a", "1", "--b", "two words", "", "xy z"]
        );
        assert!(tokens(" ").is_empty());
        assert_eq!(tokens("'open"), ["open"]);
    }
}
