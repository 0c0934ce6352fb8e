//! Actions that bring a program along: run and info.

use std::io::Write;

use flink_client::prelude::*;
use flink_client::{Configuration, ExecutionPlan, JobPlan};
use serde_json::{Value, json};

use super::arguments::{Program, Run, Target};
use super::jobs::print_result;
use super::output::Output;
use super::{Client, Failure, Outcome, progress};

pub(crate) fn run(client: &Client, run: &Run, target: &Target, out: &mut Output<impl Write>) -> Outcome {
    let job = progress::uploading(&run.program.jar, plan(run, target)?, |plan| client.submit_job(plan))?;
    out.line(format_args!("Job has been submitted with JobID {job}"))?;
    if run.detached {
        out.document(|| json!({"job_id": job}))?;
        return Ok(());
    }
    let result = progress::wait(client.job_result(job))?;
    print_result(result, out)
}

fn plan(run: &Run, target: &Target) -> Result<ExecutionPlan, Failure> {
    let mut plan = with_program(ExecutionPlan::jar(&run.program.jar), &run.program);
    if let Some(path) = &run.from_savepoint {
        plan = plan.savepoint(path);
    }
    if let Some(mode) = run.claim_mode {
        plan = plan.claim_mode(mode);
    }
    if run.allow_non_restored_state {
        plan = plan.allow_non_restored_state(true);
    }
    if let Some(id) = run.job_id {
        plan = plan.job_id(id);
    }
    let properties = Configuration::from_dynamic_properties(&target.properties)?;
    for (key, value) in properties.iter().filter(|(key, _)| !is_the_clients(key)) {
        plan = plan.configuration(key, value);
    }
    Ok(plan)
}

fn with_program(mut plan: ExecutionPlan, program: &Program) -> ExecutionPlan {
    if let Some(class) = &program.class {
        plan = plan.entry_class(class);
    }
    if let Some(parallelism) = program.parallelism {
        plan = plan.parallelism(parallelism);
    }
    plan.args(&program.arguments)
}

/// Whether the key is about reaching the cluster, where secrets may be, and not about the job.
fn is_the_clients(key: &str) -> bool {
    ["rest.", "client.", "security.", "high-availability", "jobmanager."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

pub(crate) fn info(client: &Client, program: &Program, out: &mut Output<impl Write>) -> Outcome {
    let plan = with_program(ExecutionPlan::jar(&program.jar), program);
    let plan = progress::uploading(&program.jar, plan, |plan| client.jar_plan(&plan))?;

    out.line("----------------------- Execution Plan -----------------------")?;
    out.line(format_args!("{} ({})", plan.name, plan.job_type))?;
    for node in &plan.nodes {
        out.line(format_args!("{}  {} x {}", node.id, node.parallelism, one_line(&node.description_text())))?;
        for input in &node.inputs {
            let strategy = input.ship_strategy.as_deref().unwrap_or("FORWARD");
            out.line(format_args!("    from {} by {strategy}", input.id))?;
        }
    }
    out.line("--------------------------------------------------------------")?;
    out.document(|| plan_document(&plan))?;
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plan_document(plan: &JobPlan) -> Value {
    let nodes: Vec<_> = plan
        .nodes
        .iter()
        .map(|node| {
            let inputs: Vec<_> = node
                .inputs
                .iter()
                .map(|input| json!({"id": input.id, "ship_strategy": input.ship_strategy, "exchange": input.exchange}))
                .collect();
            let description = one_line(&node.description_text());
            json!({"id": node.id, "description": description, "parallelism": node.parallelism, "inputs": inputs})
        })
        .collect();
    json!({"name": plan.name, "type": plan.job_type, "nodes": nodes})
}
