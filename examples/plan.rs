//! A job's graph as a picture's source: Graphviz DOT, or Mermaid as it is drawn on GitHub.
//!
//! ```text
//! cargo run --example plan -- 5f1c2d00000000000000000000000001 | dot -Tsvg > job.svg
//! cargo run --example plan -- -m flink.acme.com -c com.acme.Etl target/etl.jar --topic orders | dot -Tsvg > etl.svg
//! cargo run --example plan -- --as mermaid 5f1c2d00000000000000000000000001
//! ```
//!
//! A jar is uploaded, asked for the graph that it would run, and removed again; nothing is run.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use flink_client::{ExecutionPlan, JobId, JobPlan, RestClusterClient, Result};

/// Prints the graph of a job, or of the job that a jar would run.
#[derive(Parser)]
struct Arguments {
    /// Where the cluster's REST API is
    #[arg(short = 'm', long, value_name = "HOST[:PORT]|URL", default_value = "localhost:8081")]
    jobmanager: String,
    /// The language of the picture
    #[arg(long = "as", value_enum, default_value_t)]
    language: Language,
    /// The class with the main method, if the jar's manifest names none
    #[arg(short, long)]
    class: Option<String>,
    /// The parallelism of operators that do not set their own
    #[arg(short, long, value_name = "N")]
    parallelism: Option<u32>,
    /// A job's id, 32 hexadecimal digits, or a jar on this machine
    #[arg(value_name = "JOB|JAR")]
    of: String,
    /// Arguments of the jar's program
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Language {
    #[default]
    Dot,
    Mermaid,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let language = arguments.language;
    match graph(arguments) {
        Ok(plan) => {
            print!("{}", picture(&plan, language));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("plan: {error}");
            ExitCode::FAILURE
        }
    }
}

fn graph(arguments: Arguments) -> Result<JobPlan> {
    let client = RestClusterClient::connect(arguments.jobmanager)?;
    if let Ok(job) = arguments.of.parse::<JobId>() {
        return client.job_plan(job).wait();
    }
    let mut plan = ExecutionPlan::jar(arguments.of).args(arguments.arguments);
    if let Some(class) = arguments.class {
        plan = plan.entry_class(class);
    }
    if let Some(parallelism) = arguments.parallelism {
        plan = plan.parallelism(parallelism);
    }
    client.jar_plan(&plan).wait()
}

fn picture(plan: &JobPlan, language: Language) -> String {
    let mut text = String::new();
    // A string takes everything that is written to it.
    let _ = match language {
        Language::Dot => dot(plan, &mut text),
        Language::Mermaid => mermaid(plan, &mut text),
    };
    text
}

fn dot(plan: &JobPlan, to: &mut String) -> std::fmt::Result {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    writeln!(to, "digraph \"{}\" {{", quoted(&plan.name))?;
    writeln!(to, "    rankdir=LR;")?;
    writeln!(to, "    node [shape=box, fontname=\"sans-serif\"];")?;
    for node in &plan.nodes {
        // `\l` ends a line and sets it to the left, so that a chain of operators keeps its indentation.
        let lines: String = node.description_text().lines().map(|line| quoted(line) + "\\l").collect();
        writeln!(to, "    \"{}\" [label=\"{lines}parallelism {}\\l\"];", node.id, node.parallelism)?;
    }
    for node in &plan.nodes {
        for input in &node.inputs {
            let how = quoted(input.ship_strategy.as_deref().unwrap_or_default());
            writeln!(to, "    \"{}\" -> \"{}\" [label=\"{how}\"];", input.id, node.id)?;
        }
    }
    writeln!(to, "}}")
}

fn mermaid(plan: &JobPlan, to: &mut String) -> std::fmt::Result {
    // Between quotes Mermaid reads HTML, and `#…;` for what would end them.
    let quoted = |text: &str| {
        let text = text.replace('&', "&amp;").replace('#', "#35;").replace('"', "#quot;");
        text.replace('<', "&lt;").replace('>', "&gt;")
    };
    writeln!(to, "flowchart LR")?;
    for node in &plan.nodes {
        let lines: Vec<_> = node.description_text().lines().map(|line| quoted(line.trim())).collect();
        writeln!(to, "    {}[\"{}<br/>parallelism {}\"]", node.id, lines.join("<br/>"), node.parallelism)?;
    }
    for node in &plan.nodes {
        for input in &node.inputs {
            let how = input.ship_strategy.as_deref().map(|how| format!("|\"{}\"|", quoted(how)));
            writeln!(to, "    {} -->{} {}", input.id, how.unwrap_or_default(), node.id)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> JobPlan {
        let json = r#"{"jid":"5f000000000000000000000000000001","name":"count \"words\"","type":"STREAMING","nodes":[
            {"id":"0a000000000000000000000000000001","description":"Source: a<br/>+- Map &lt;x&gt;<br/>","parallelism":2},
            {"id":"0a000000000000000000000000000002","description":"per key<br/>","parallelism":1,
             "inputs":[{"num":0,"id":"0a000000000000000000000000000001","ship_strategy":"HASH"}]}]}"#;
        serde_json::from_str(json).expect("a plan")
    }

    #[test]
    fn dot_has_a_box_for_each_vertex_and_an_arrow_for_each_input() {
        let expected = r#"digraph "count \"words\"" {
    rankdir=LR;
    node [shape=box, fontname="sans-serif"];
    "0a000000000000000000000000000001" [label="Source: a\l+- Map <x>\lparallelism 2\l"];
    "0a000000000000000000000000000002" [label="per key\lparallelism 1\l"];
    "0a000000000000000000000000000001" -> "0a000000000000000000000000000002" [label="HASH"];
}
"#;
        assert_eq!(picture(&plan(), Language::Dot), expected);
    }

    #[test]
    fn mermaid_has_the_same() {
        let expected = r#"flowchart LR
    0a000000000000000000000000000001["Source: a<br/>+- Map &lt;x&gt;<br/>parallelism 2"]
    0a000000000000000000000000000002["per key<br/>parallelism 1"]
    0a000000000000000000000000000001 -->|"HASH"| 0a000000000000000000000000000002
"#;
        assert_eq!(picture(&plan(), Language::Mermaid), expected);
    }

    #[test]
    fn a_job_without_a_graph_is_an_empty_picture() {
        assert_eq!(picture(&JobPlan::default(), Language::Mermaid), "flowchart LR\n");
    }
}
